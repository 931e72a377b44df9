//! `servers.dat`: a list of servers in NBT.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};
use valence_nbt::{Compound, List, Value};

use super::{Sides, Winner, additions, whose};
use crate::nbt::{self, Root};

/// The key of the list.
const SERVERS: &str = "servers";

/// A server's picture. The game fetches it from the server.
const ICON: &str = "icon";

/// A server is known by its address, and by how many there are before it with the same.
type Id<'a> = (&'a str, usize);

/// The file as it was parsed, with what each part of it means.
struct Servers {
    /// What is there beside the list, which is empty in it.
    root: Root,
    /// The digest of that.
    rest: [u8; 32],
    list: Vec<Compound>,
    meanings: Vec<[u8; 32]>,
}

impl Servers {
    fn parse(content: &[u8]) -> Option<Self> {
        let mut root = Root::read(content).ok()?;
        let list = match root.tag.get_mut(SERVERS) {
            Some(Value::List(list)) => match std::mem::take(list) {
                List::Compound(list) => list,
                list if list.is_empty() => Vec::new(),
                _ => return None,
            },
            None => Vec::new(),
            Some(_) => return None,
        };
        Self::of(root, list)
    }

    fn of(root: Root, list: Vec<Compound>) -> Option<Self> {
        let rest = digest(&root.tag, SERVERS)?;
        let meanings = list.iter().map(|server| digest(server, ICON)).collect::<Option<_>>()?;
        Some(Self { root, rest, list, meanings })
    }

    fn meaning(&self) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(self.rest);
        self.meanings.iter().for_each(|meaning| digest.update(meaning));
        digest.finalize().into()
    }

    /// The servers by address. Those with the same address, which are few, are merged as one.
    fn by_address(&self) -> HashMap<&str, Same<'_>> {
        let mut groups: HashMap<&str, Same<'_>> = HashMap::new();
        for (server, meaning) in self.list.iter().zip(&self.meanings) {
            groups.entry(address(server)).or_default().0.push((server, meaning));
        }
        groups
    }

    fn ids(&self) -> Vec<Id<'_>> {
        numbered(self.list.iter().map(address))
    }
}

/// The ids of servers at these addresses.
fn numbered<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<Id<'a>> {
    let mut count: HashMap<&str, usize> = HashMap::new();
    let id = |address| {
        let before = count.entry(address).or_default();
        *before += 1;
        (address, *before - 1)
    };
    addresses.map(id).collect()
}

/// The servers with one address, in their order, and what each means.
#[derive(Default)]
struct Same<'a>(Vec<(&'a Compound, &'a [u8; 32])>);

impl PartialEq for Same<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|(_, meaning)| meaning).eq(other.0.iter().map(|(_, meaning)| meaning))
    }
}

/// What the list means to the player.
pub(super) fn meaning(content: &[u8]) -> Option<[u8; 32]> {
    Servers::parse(content).map(|servers| servers.meaning())
}

/// This PC's list with the cloud's changes, in this PC's order; a server that comes from the cloud
/// follows the one that it follows there.
pub(super) fn merge(sides: &Sides<'_>) -> Option<Vec<u8>> {
    let ancestor = sides.ancestor.and_then(Servers::parse);
    let local = Servers::parse(sides.local)?;
    let cloud = Servers::parse(sides.cloud)?;

    let base = ancestor.as_ref().map(Servers::by_address).unwrap_or_default();
    let (ours, theirs) = (local.by_address(), cloud.by_address());
    let holds = |address| {
        let (old, ours, theirs) = (base.get(address), ours.get(address), theirs.get(address));
        match whose(old, ours, theirs, sides.winner) {
            Winner::Local => ours,
            Winner::Cloud => theirs,
        }
    };
    let merged: HashMap<&str, &Same<'_>> =
        ours.keys().chain(theirs.keys()).filter_map(|address| Some((*address, holds(*address)?))).collect();
    let merged = |(address, number): Id<'_>| merged.get(address)?.0.get(number).map(|(server, _)| *server);
    let mut added = additions(
        cloud.ids(),
        |(address, number)| ours.get(address).is_some_and(|same| number < same.0.len()),
        |id| merged(id).is_some(),
    );
    let mut order = added.remove(&None).unwrap_or_default();
    for id in local.ids() {
        order.push(id);
        order.extend(added.remove(&Some(id)).unwrap_or_default());
    }
    // Those with one address keep their order among themselves.
    let order = numbered(order.into_iter().filter(|id| merged(*id).is_some()).map(|(address, _)| address));
    let list: Vec<_> = order.into_iter().filter_map(merged).cloned().collect();

    let root = merged_root(ancestor.as_ref().map(|ancestor| &ancestor.root), &local.root, &cloud.root, sides.winner);
    let result = Servers::of(root, list)?;
    if result.meaning() == local.meaning() {
        return Some(sides.local.to_vec());
    }
    let Servers { mut root, list, .. } = result;
    // The game writes an empty list without the type of its elements, too.
    let list = if list.is_empty() { List::End } else { List::Compound(list) };
    root.tag.insert(SERVERS, list);
    root.write().ok()
}

/// What is there beside the list, which mods may put there.
fn merged_root(ancestor: Option<&Root>, local: &Root, cloud: &Root, winner: Winner) -> Root {
    let mut root = local.clone();
    for key in cloud.tag.keys().chain(local.tag.keys()).filter(|key| *key != SERVERS) {
        let old = ancestor.and_then(|ancestor| ancestor.tag.get(key));
        let (ours, theirs) = (local.tag.get(key), cloud.tag.get(key));
        match (whose(old, ours, theirs, winner), theirs) {
            (Winner::Local, _) => {}
            (Winner::Cloud, Some(value)) => {
                root.tag.insert(key.clone(), value.clone());
            }
            (Winner::Cloud, None) => {
                root.tag.remove(key);
            }
        }
    }
    root
}

fn address(server: &Compound) -> &str {
    match server.get("ip") {
        Some(Value::String(address)) => address,
        _ => "",
    }
}

fn digest(tag: &Compound, except: &str) -> Option<[u8; 32]> {
    nbt::canonical(tag, except).ok().map(|content| Sha256::digest(&content).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use valence_nbt::{Compound, List, Value, compound};

    use crate::nbt::Root;
    use crate::settings::{Settings, Sides, Winner};

    fn server(address: &str, name: &str) -> Compound {
        compound! { "name" => name, "ip" => address }
    }

    fn file(servers: Vec<Compound>) -> Vec<u8> {
        Root { name: String::new(), tag: compound! { "servers" => List::Compound(servers) } }.write().unwrap()
    }

    /// A file with a server for each letter, named by the number after it, with an icon if it ends
    /// in an i.
    fn list(text: &str) -> Vec<u8> {
        let one = |text: &str| {
            let mut server = server(&text[..1], text[1..].trim_end_matches('i'));
            if text.ends_with('i') {
                server.insert("icon", "iVBORw0KGgo=");
            }
            server
        };
        file(text.split_whitespace().map(one).collect())
    }

    fn told(content: &[u8]) -> String {
        let root = Root::read(content).unwrap();
        let text = |server: &Compound, key| match server.get(key) {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        match root.tag.get("servers") {
            Some(Value::List(List::Compound(servers))) => {
                let names: Vec<_> = servers.iter().map(|one| text(one, "ip") + &text(one, "name")).collect();
                names.join(" ")
            }
            _ => String::new(),
        }
    }

    fn merged(ancestor: Option<&str>, local: &str, cloud: &str, winner: Winner) -> String {
        let ancestor = ancestor.map(list);
        let sides = Sides { ancestor: ancestor.as_deref(), local: &list(local), cloud: &list(cloud), winner };
        told(&Settings::Servers.merge(&sides).unwrap())
    }

    #[test]
    fn what_each_pc_did_to_the_list_is_done() {
        for (ancestor, local, cloud, by_local, by_cloud) in [
            (Some("a b"), "a b c", "d a e b", "d a e b c", "d a e b c"),
            (Some("a b c"), "a c", "a b c d", "a c d", "a c d"),
            (Some("a b c"), "a b1 c", "a c", "a b1 c", "a b1 c"),
            (Some("a b c"), "a c", "a b1 c", "a b1 c", "a b1 c"),
            (Some("a b c"), "a1 b c", "a b2 c", "a1 b2 c", "a1 b2 c"),
            (Some("a b"), "a1 b", "a2 b", "a1 b", "a2 b"),
            (Some("a a1"), "a a1 b", "a a2", "a a2 b", "a a2 b"),
            (Some("a a1"), "a1 b", "a a1 c", "a1 c b", "a1 c b"),
            (Some("a"), "a b", "", "b", "b"),
            (None, "a b1", "c a b2", "c a b1", "c a b2"),
            (None, "", "a b", "a b", "a b"),
        ] {
            assert_eq!(merged(ancestor, local, cloud, Winner::Local), by_local, "{ancestor:?} {local} {cloud}");
            assert_eq!(merged(ancestor, local, cloud, Winner::Cloud), by_cloud, "{ancestor:?} {local} {cloud}");
        }
    }

    #[test]
    fn a_picture_is_no_change() {
        let (plain, pictured) = (list("a1"), list("a1i"));
        assert_ne!(plain, pictured);
        assert_eq!(Settings::Servers.meaning(&plain), Settings::Servers.meaning(&pictured));
        for (local, cloud) in [(&plain, &pictured), (&pictured, &plain)] {
            let sides = Sides { ancestor: None, local, cloud, winner: Winner::Cloud };
            assert_eq!(Settings::Servers.merge(&sides).as_ref(), Some(local));
        }
    }

    #[test]
    fn what_nobody_knows_survives() {
        let rich = |name: &str, root: &str| {
            let mut server = server("a", name);
            server.insert("acceptTextures", 1_i8);
            server.insert("mod:data", compound! { "list" => List::Int(vec![1, 2]), "empty" => List::Compound(vec![]) });
            let tag = compound! { "mod:first" => root, "servers" => List::Compound(vec![server]), "mod:last" => 7_i64 };
            Root { name: "root".to_owned(), tag }
        };
        let (ancestor, local, cloud) = (rich("0", "x"), rich("1", "x"), rich("0", "y"));
        let bytes = [&ancestor, &local, &cloud].map(|root| root.write().unwrap());
        let sides = Sides { ancestor: Some(&bytes[0]), local: &bytes[1], cloud: &bytes[2], winner: Winner::Cloud };
        assert_eq!(Settings::Servers.merge(&sides), rich("1", "y").write().ok());
    }

    #[test]
    fn an_empty_list_is_a_list_and_anything_else_is_none() {
        let empty = |tag| Root { name: String::new(), tag }.write().unwrap();
        for none in [empty(compound! {}), empty(compound! { "servers" => List::<String>::End }), list("")] {
            let sides = Sides { ancestor: None, local: &none, cloud: &list("a"), winner: Winner::Cloud };
            assert_eq!(Settings::Servers.merge(&sides).map(|content| told(&content)).as_deref(), Some("a"));
            let sides = Sides { ancestor: None, local: &list("a"), cloud: &none, winner: Winner::Cloud };
            assert_eq!(Settings::Servers.merge(&sides), Some(list("a")));
        }
        for broken in [vec![], b"servers".to_vec(), empty(compound! { "servers" => 1_i32 }), list("a b")[..20].to_vec()]
        {
            let sides = Sides { ancestor: None, local: &broken, cloud: &list("a"), winner: Winner::Cloud };
            assert_eq!(Settings::Servers.merge(&sides), None);
            assert_eq!(Settings::Servers.follow(&list("a"), &broken), None);
        }
    }

    #[test]
    fn a_list_made_to_take_long_does_not() {
        let (local, cloud) = (file(vec![Compound::new(); 50_000]), file(vec![server("", ""); 50_000]));
        let sides = Sides { ancestor: None, local: &local, cloud: &cloud, winner: Winner::Cloud };
        assert_eq!(Settings::Servers.merge(&sides), Some(cloud));
    }

    #[test]
    fn a_list_that_was_not_edited_here_is_the_clouds() {
        assert_eq!(Settings::Servers.follow(&list("a b"), &list("b c1")), Some(list("b c1")));
    }

    fn any_list() -> impl Strategy<Value = String> {
        prop::collection::vec("[a-e][0-2]i?", 0..8).prop_map(|servers| servers.join(" "))
    }

    fn winner() -> impl Strategy<Value = Winner> {
        prop_oneof![Just(Winner::Local), Just(Winner::Cloud)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn merging_again_changes_nothing(
            ancestor in prop::option::of(any_list()), local in any_list(), cloud in any_list(), winner in winner(),
        ) {
            let (ancestor, local, cloud) = (ancestor.as_deref().map(list), list(&local), list(&cloud));
            let sides = Sides { ancestor: ancestor.as_deref(), local: &local, cloud: &cloud, winner };
            let once = Settings::Servers.merge(&sides).unwrap();
            let again = Settings::Servers.merge(&Sides { local: &once, ..sides });
            prop_assert_eq!(again.as_ref(), Some(&once));
            let settled = Sides { ancestor: Some(&cloud), local: &once, ..sides };
            prop_assert_eq!(Settings::Servers.merge(&settled), Some(once));
        }

        #[test]
        fn who_edited_nothing_gets_what_the_other_means(local in any_list(), cloud in any_list(), winner in winner()) {
            let (local, cloud) = (list(&local), list(&cloud));
            let sides = Sides { ancestor: Some(&local), local: &local, cloud: &cloud, winner };
            let merged = Settings::Servers.merge(&sides).unwrap();
            prop_assert_eq!(Settings::Servers.meaning(&merged), Settings::Servers.meaning(&cloud));
            let sides = Sides { ancestor: Some(&cloud), ..sides };
            prop_assert_eq!(Settings::Servers.merge(&sides), Some(local));
        }

        #[test]
        fn damage_is_noticed_or_harmless(
            local in any_list(), cloud in any_list(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let (local, cloud) = (list(&local), list(&cloud));
            let mut damaged = cloud.clone();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            for damaged in [&damaged[..], &cloud[..cut.index(cloud.len())]] {
                Settings::Servers.meaning(damaged);
                Settings::Servers.merge(&Sides { ancestor: None, local: &local, cloud: damaged, winner: Winner::Cloud });
                Settings::Servers.merge(&Sides { ancestor: None, local: damaged, cloud: &local, winner: Winner::Cloud });
            }
        }

        #[test]
        fn no_bytes_are_too_odd(local in any::<Vec<u8>>(), cloud in any::<Vec<u8>>()) {
            Settings::Servers.meaning(&local);
            Settings::Servers.follow(&local, &cloud);
            Settings::Servers.merge(&Sides { ancestor: None, local: &local, cloud: &cloud, winner: Winner::Cloud });
        }
    }
}
