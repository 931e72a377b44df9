//! `servers.dat`: a list of servers in NBT.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use valence_nbt::{Compound, List, Value, compound};

use super::changes::{Changes, MAX_VALUE};
use crate::content::nbt::{self, Root};

/// The key of the list.
const SERVERS: &str = "servers";

/// A server's picture. The game fetches it from the server.
const ICON: &str = "icon";

/// The most servers with one address. Nobody has two.
const MAX_SAME: usize = 1000;

/// The file as it was parsed.
struct Servers {
    /// What is there beside the list, which is empty in it.
    root: Root,
    list: Vec<Compound>,
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
        Some(Self { root, list })
    }

    fn write(self) -> Option<Vec<u8>> {
        let Self { mut root, list } = self;
        // The game writes an empty list without the type of its elements, too.
        let list = if list.is_empty() { List::End } else { List::Compound(list) };
        root.tag.insert(SERVERS, list);
        root.write().ok()
    }

    /// The values by their addresses.
    fn values(&self) -> BTreeMap<&str, String> {
        let mut same: BTreeMap<&str, Vec<&Compound>> = BTreeMap::new();
        for server in &self.list {
            same.entry(address(server)).or_default().push(server);
        }
        same.into_iter().filter_map(|(address, servers)| Some((address, encode(&servers)?))).collect()
    }

    /// What is to be done of `changes` to a file of `size` bytes: the new servers by their address,
    /// none where they go. It stays a file that can be read again.
    fn accept<'a>(&self, changes: &Changes<'a>, size: usize) -> BTreeMap<&'a str, Vec<Compound>> {
        let values = self.values();
        let mut room = nbt::MAX_SIZE.saturating_sub(size);
        let mut accepted = BTreeMap::new();
        for (address, value) in changes {
            if values.get(address).map(String::as_str) == *value {
                continue;
            }
            // The text of a value is longer than its NBT.
            let left = room.checked_sub(value.map_or(0, str::len));
            let servers = value.map_or_else(|| Some(Vec::new()), |value| decode(address, value));
            if let (Some(left), Some(servers)) = (left, servers) {
                room = left;
                accepted.insert(*address, servers);
            }
        }
        accepted
    }

    /// Puts the new servers in the places of those with their addresses, and the others at the end.
    fn change(&mut self, changes: BTreeMap<&str, Vec<Compound>>) {
        let mut changes: BTreeMap<_, _> =
            changes.into_iter().map(|(address, servers)| (address, servers.into_iter())).collect();
        for server in std::mem::take(&mut self.list) {
            match changes.get_mut(address(&server)) {
                Some(new) => self.list.extend(new.next().map(|new| updated(server, new))),
                None => self.list.push(server),
            }
        }
        self.list.extend(changes.into_values().flatten());
    }
}

fn address(server: &Compound) -> &str {
    match server.get("ip") {
        Some(Value::String(address)) => address,
        _ => "",
    }
}

/// `server` with everything as in `new`, but with its picture and the order of its keys.
fn updated(mut server: Compound, new: Compound) -> Compound {
    server.retain(|key, _| key == ICON || new.contains_key(key));
    for (key, value) in new {
        server.insert(key, value);
    }
    server
}

/// Servers as a value: a file of its own, so that what can be nested there can be nested here.
fn encode(servers: &[&Compound]) -> Option<String> {
    if servers.len() > MAX_SAME {
        return None;
    }
    let sorted = |server: &&Compound| nbt::canonical(server, ICON).and_then(|content| Root::read(&content)).ok();
    let list = servers.iter().map(|server| sorted(server).map(|root| root.tag)).collect::<Option<_>>()?;
    let root = Root { name: String::new(), tag: compound! { SERVERS => List::Compound(list) } };
    let value = STANDARD.encode(root.write().ok()?);
    (value.len() <= MAX_VALUE).then_some(value)
}

/// The servers in a value, if it is one of this address and in the only form that `encode` gives it.
fn decode(at: &str, value: &str) -> Option<Vec<Compound>> {
    if value.len() > MAX_VALUE {
        return None;
    }
    let servers = Servers::parse(&STANDARD.decode(value).ok()?)?.list;
    let is_its_own = !servers.is_empty() && servers.iter().all(|server| address(server) == at);
    let is_value = is_its_own && encode(&servers.iter().collect::<Vec<_>>()).as_deref() == Some(value);
    is_value.then_some(servers)
}

/// The values by their addresses.
pub(super) fn read(content: &[u8]) -> Option<BTreeMap<String, String>> {
    let servers = Servers::parse(content)?;
    Some(servers.values().into_iter().map(|(address, value)| (address.to_owned(), value)).collect())
}

/// The file with these changes.
pub(super) fn write(content: &[u8], changes: &Changes<'_>) -> Option<Vec<u8>> {
    let mut servers = Servers::parse(content)?;
    let changes = servers.accept(changes, content.len());
    if changes.is_empty() {
        return Some(content.to_vec());
    }
    servers.change(changes);
    servers.write()
}

/// A file with these values.
pub(super) fn create(values: &Changes<'_>) -> Vec<u8> {
    let root = Root { name: String::new(), tag: Compound::new() };
    let mut servers = Servers { root, list: Vec::new() };
    servers.change(servers.accept(values, 0));
    servers.write().unwrap_or_default()
}

#[cfg(test)]
mod tests;
