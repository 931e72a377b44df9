use proptest::prelude::*;
use valence_nbt::{Value, compound};

use super::*;
use crate::content::settings::Settings;
use crate::content::settings::testing::{Changes, applied, between, try_all};
use crate::model::Unit;

fn unit(address: &str) -> Unit {
    Unit::Server(address.to_owned())
}

fn server(address: &str, name: &str) -> Compound {
    compound! { "name" => name, "ip" => address }
}

fn rooted(tag: Compound) -> Vec<u8> {
    Root { name: String::new(), tag }.write().unwrap()
}

fn file(servers: Vec<Compound>) -> Vec<u8> {
    rooted(compound! { "servers" => List::Compound(servers) })
}

/// A server for each letter, named by the number after it, with an icon if it ends in an i.
fn servers(text: &str) -> Vec<Compound> {
    let one = |text: &str| {
        let mut server = server(&text[..1], text[1..].trim_end_matches('i'));
        if text.ends_with('i') {
            server.insert("icon", "iVBORw0KGgo=");
        }
        server
    };
    text.split_whitespace().map(one).collect()
}

fn list(text: &str) -> Vec<u8> {
    file(servers(text))
}

/// The value of these servers.
fn value(text: &str) -> String {
    encode(&servers(text).iter().collect::<Vec<_>>()).unwrap()
}

fn told(content: &[u8]) -> String {
    let text = |server: &Compound, key| match server.get(key) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let icon = |server: &Compound| if server.contains_key("icon") { "i" } else { "" };
    let one = |server: &Compound| text(server, "ip") + &text(server, "name") + icon(server);
    Servers::parse(content).unwrap().list.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Sets the servers of each address that is named, and removes those of a letter after a minus.
fn changes(texts: &[&str]) -> Changes {
    let change = |text: &&str| match text.strip_prefix('-') {
        Some(address) => (unit(address), None),
        None => (unit(&text[..1]), Some(value(text))),
    };
    texts.iter().map(change).collect()
}

fn written(content: &[u8], changes: &Changes) -> Vec<u8> {
    Settings::Servers.write(content, changes).unwrap()
}

fn one(address: &str, value: String) -> Changes {
    BTreeMap::from([(unit(address), Some(value))])
}

#[test]
fn the_servers_with_one_address_are_a_unit() {
    let units = Settings::Servers.read(&list("b a1i b2")).unwrap();
    assert_eq!(units, BTreeMap::from([(unit("a"), value("a1")), (unit("b"), value("b b2"))]));
    let nameless = Settings::Servers.read(&file(vec![compound! { "ip" => 1_i8 }, Compound::new()])).unwrap();
    assert_eq!(nameless.into_keys().collect::<Vec<_>>(), [unit("")]);
}

#[test]
fn servers_change_in_their_places_and_new_ones_follow() {
    for (content, made, expected) in [
        ("a b c", &["b1"][..], "a b1 c"),
        ("a b c", &["-b", "-x"], "a c"),
        ("b", &["d", "a1"], "b a1 d"),
        ("a b a1", &["a2"], "a2 b"),
        ("a b", &["a1 a2 a3"], "a1 b a2 a3"),
        ("a1i bi a2i", &["a3 a2", "b"], "a3i bi a2i"),
        ("a", &["-a"], ""),
    ] {
        assert_eq!(told(&written(&list(content), &changes(made))), expected, "{content} {made:?}");
    }
}

#[test]
fn a_picture_is_no_change() {
    let units = |text| Settings::Servers.read(&list(text)).unwrap();
    assert_eq!(units("a1"), units("a1i"));
    assert_eq!(written(&list("a1i"), &changes(&["a1"])), list("a1i"));
    assert_eq!(told(&written(&list(""), &changes(&["a1i"]))), "a1");
}

#[test]
fn the_order_of_keys_is_no_change_and_stays() {
    let odd = |name: &str| compound! { "ip" => "a", "hidden" => 0_i8, "icon" => "x", "name" => name };
    let other = |name: &str| compound! { "name" => name, "ip" => "a", "hidden" => 0_i8 };
    let units = |server| Settings::Servers.read(&file(vec![server])).unwrap();
    assert_eq!(units(odd("1")), units(other("1")));
    let changes = between(&units(odd("1")), &units(other("2")));
    assert_eq!(written(&file(vec![odd("1")]), &changes), file(vec![odd("2")]));
}

#[test]
fn what_nobody_knows_survives() {
    let rich = |name: &str, number: i32| {
        let mut server = server("a", name);
        server.insert("acceptTextures", 1_i8);
        server.insert("mod:data", compound! { "list" => List::Int(vec![number]), "empty" => List::Compound(vec![]) });
        let tag = compound! { "mod:first" => "x", "servers" => List::Compound(vec![server]), "mod:last" => 7_i64 };
        Root { name: "root".to_owned(), tag }.write().unwrap()
    };
    let units = |content: &[u8]| Settings::Servers.read(content).unwrap();
    let changes = between(&units(&rich("0", 1)), &units(&rich("1", 2)));
    assert_eq!(written(&rich("0", 1), &changes), rich("1", 2));
}

#[test]
fn an_empty_list_is_a_list_and_anything_else_is_none() {
    for none in [rooted(compound! {}), rooted(compound! { "servers" => List::<String>::End }), list("")] {
        assert_eq!(Settings::Servers.read(&none), Some(BTreeMap::new()));
        assert_eq!(told(&written(&none, &changes(&["a"]))), "a");
        assert_eq!(written(&none, &changes(&["-a"])), none);
    }
    let strings = rooted(compound! { "servers" => List::String(vec!["a".to_owned()]) });
    for broken in [vec![], vec![0; 9], strings, rooted(compound! { "servers" => 1_i32 }), list("a b")[..20].to_vec()] {
        assert_eq!(Settings::Servers.read(&broken), None);
        assert_eq!(Settings::Servers.write(&broken, &changes(&["a"])), None);
    }
}

#[test]
fn a_value_made_to_do_harm_is_ignored() {
    let many = |number| file(vec![server("a", ""); number]);
    let deep = [&[10, 0, 0, 9, 0, 7][..], b"servers", &[9, 0, 0, 0, 1].repeat(2000)].concat();
    let unsorted = file(vec![server("a", "1")]);
    let pictured = file(vec![compound! { "icon" => "x", "ip" => "a" }]);
    let trailing = [&file(vec![compound! { "ip" => "a" }])[..], b"x"].concat();
    let beside = rooted(compound! { "servers" => List::Compound(vec![compound! { "ip" => "a" }]), "x" => 1_i8 });
    let other = [file(vec![compound! { "ip" => "a" }, compound! { "ip" => "b" }]), list(""), rooted(compound! {})];
    let odd = [many(1001), deep, unsorted, pictured, trailing, beside, b"NBT".to_vec(), vec![]];
    let encoded = odd.iter().chain(&other).map(|content| STANDARD.encode(content));
    let texts = ["", "a", "=", "Cg==\n", "\0"].map(str::to_owned);
    for value in encoded.chain(texts).chain([value("b"), "A".repeat(MAX_VALUE + 4)]) {
        assert_eq!(written(&list("a1"), &one("a", value.clone())), list("a1"), "{value}");
        let created = Settings::Servers.create(&BTreeMap::from([(unit("a"), value)]));
        assert_eq!(told(&created), "");
    }
}

#[test]
fn servers_that_cannot_travel_stay() {
    let long = file(vec![server("a", &"x".repeat(MAX_VALUE)), server("b", "1")]);
    let units = Settings::Servers.read(&long).unwrap();
    assert_eq!(units.keys().collect::<Vec<_>>(), [&unit("b")]);
    assert_eq!(written(&long, &changes(&["-a"])), long);
    let many = file(vec![Compound::new(); 50_000]);
    assert_eq!(Settings::Servers.read(&many), Some(BTreeMap::new()));
    assert_eq!(Settings::Servers.read(&file(vec![Compound::new(); 1000])).unwrap().len(), 1);
}

#[test]
fn a_list_never_becomes_too_large_to_be_read() {
    let beside = vec![0_i8; nbt::MAX_SIZE - 20_000];
    let content = rooted(compound! { "servers" => List::Compound(servers("a")), "mod:data" => beside });
    let large = |address| (unit(address), encode(&[&server(address, &"x".repeat(12_000))]));
    let changes = ["b", "c", "d"].map(large).into_iter().chain(changes(&["e1"])).collect();
    let units = Settings::Servers.read(&written(&content, &changes)).unwrap();
    assert_eq!(units.into_keys().collect::<Vec<_>>(), ["a", "b", "e"].map(unit));
}

fn any_list() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-e][0-2]i?", 0..8).prop_map(|servers| servers.join(" "))
}

fn some_changes() -> impl Strategy<Value = Changes> {
    let set = ("[a-g]", prop::collection::vec("[0-3]", 1..4)).prop_map(|(address, names)| {
        let servers: Vec<_> = names.iter().map(|name| format!("{address}{name}")).collect();
        changes(&[&servers.join(" ")])
    });
    let removed = "-[a-g]".prop_map(|text| changes(&[&text]));
    prop::collection::vec(prop_oneof![set, removed], 0..5).prop_map(|all| all.into_iter().flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_is_read_and_written_again_changes_nothing(content in any_list(), changes in some_changes()) {
        let content = list(&content);
        let before = Settings::Servers.read(&content).unwrap();
        let written = written(&content, &changes);
        let after = applied(before.clone(), &changes);
        prop_assert_eq!(Settings::Servers.read(&written), Some(after.clone()));
        prop_assert_eq!(Settings::Servers.write(&written, &changes), Some(written.clone()));
        if after == before {
            prop_assert_eq!(written, content);
        }
    }

    #[test]
    fn another_pcs_list_comes_over_whole(local in any_list(), cloud in any_list()) {
        let (local, cloud) = (list(&local), list(&cloud));
        let (ours, theirs) = (Settings::Servers.read(&local).unwrap(), Settings::Servers.read(&cloud).unwrap());
        let written = written(&local, &between(&ours, &theirs));
        prop_assert_eq!(Settings::Servers.read(&written), Some(theirs.clone()));
        prop_assert_eq!(Settings::Servers.read(&Settings::Servers.create(&theirs)), Some(theirs));
    }

    #[test]
    fn damage_is_noticed_or_harmless(
        local in any_list(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let content = list(&local);
        let mut damaged = content.clone();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        for damaged in [&damaged[..], &content[..cut.index(content.len())]] {
            try_all(Settings::Servers, damaged, &changes(&["a2 a1", "-b", "f"]));
            let written = written(&content, &one("a", STANDARD.encode(damaged)));
            prop_assert!(Settings::Servers.read(&written).is_some());
        }
    }

    #[test]
    fn no_bytes_are_too_odd(content in any::<Vec<u8>>(), value in ".*") {
        try_all(Settings::Servers, &content, &one("a", value));
        written(&list("a b"), &one("a", STANDARD.encode(content)));
    }
}
