//! The files of an instance whose two versions can be merged, key by key: what they mean to the
//! player, and how the two become one.

mod options;
mod servers;

use std::collections::HashMap;
use std::hash::Hash;

use sha2::{Digest as _, Sha256};

/// A file whose two versions can be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// `options.txt`.
    Options,
    /// `servers.dat`, the list of servers.
    Servers,
}

/// The versions that a merge knows of.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What both sides began with, if it is known and can be read.
    pub ancestor: Option<&'a [u8]>,
    /// This PC's file.
    pub local: &'a [u8],
    /// The cloud's file.
    pub cloud: &'a [u8],
    /// Whose value holds where both changed the same.
    pub winner: Winner,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// This PC.
    Local,
    /// The cloud.
    Cloud,
}

impl Settings {
    /// Which of them the file at `path` in the instance is.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "options.txt" => Some(Self::Options),
            "servers.dat" => Some(Self::Servers),
            _ => None,
        }
    }

    /// A digest of what the file means to the player on every PC: `options.txt` without the keys
    /// that are the machine's own or nobody's, whatever the order of the lines is; `servers.dat`
    /// without the servers' icons, which the game fetches again. Of a file that cannot be parsed
    /// it is the digest of its bytes.
    pub fn meaning(self, content: &[u8]) -> [u8; 32] {
        self.parsed(content).unwrap_or_else(|| Sha256::digest(content).into())
    }

    /// This PC's file brought up to the cloud's. What only one side changed is that side's; what
    /// one side removed and the other changed stays. Where nothing changes, this PC's bytes come
    /// back as they are. None where one of the two cannot be parsed: then a file can only be taken
    /// whole.
    pub fn merge(self, sides: &Sides<'_>) -> Option<Vec<u8>> {
        let local = self.parsed(sides.local)?;
        let cloud = self.parsed(sides.cloud)?;
        let ancestor = sides.ancestor.and_then(|content| self.parsed(content));
        if local == cloud || ancestor == Some(cloud) {
            Some(sides.local.to_vec())
        } else if ancestor == Some(local) {
            self.follow(sides.local, sides.cloud)
        } else {
            match self {
                Self::Options => options::merge(sides),
                Self::Servers => servers::merge(sides),
            }
        }
    }

    /// The cloud's file for a PC that edited nothing: with the machine's own keys as this PC has
    /// them, in this PC's order. None where one of the two cannot be parsed.
    pub fn follow(self, local: &[u8], cloud: &[u8]) -> Option<Vec<u8>> {
        let same = self.parsed(local)? == self.parsed(cloud)?;
        match self {
            Self::Options if same => Some(local.to_vec()),
            Self::Options => options::merge(&Sides { ancestor: Some(local), local, cloud, winner: Winner::Cloud }),
            Self::Servers => Some(cloud.to_vec()),
        }
    }

    fn parsed(self, content: &[u8]) -> Option<[u8; 32]> {
        match self {
            Self::Options => options::meaning(content),
            Self::Servers => servers::meaning(content),
        }
    }
}

/// Whose value of one key holds. Without a common ancestor nothing was removed by anyone.
fn whose<T: Copy + PartialEq>(ancestor: Option<T>, local: Option<T>, cloud: Option<T>, winner: Winner) -> Winner {
    if local == cloud || cloud == ancestor {
        Winner::Local
    } else if local == ancestor || local.is_none() {
        Winner::Cloud
    } else if cloud.is_none() {
        Winner::Local
    } else {
        winner
    }
}

/// What only the cloud has and `stays`, by what precedes it in the cloud's order and is here, too.
fn additions<K: Copy + Eq + Hash>(
    cloud: impl IntoIterator<Item = K>,
    is_local: impl Fn(K) -> bool,
    stays: impl Fn(K) -> bool,
) -> HashMap<Option<K>, Vec<K>> {
    let mut added: HashMap<_, Vec<K>> = HashMap::new();
    let mut before = None;
    for key in cloud.into_iter().filter(|key| stays(*key)) {
        if is_local(key) {
            before = Some(key);
        } else {
            added.entry(before).or_default().push(key);
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_files_of_the_instance_itself_are_merged() {
        assert_eq!(Settings::of("options.txt"), Some(Settings::Options));
        assert_eq!(Settings::of("servers.dat"), Some(Settings::Servers));
        for path in ["saves/World/options.txt", "Options.txt", "servers.dat_old", "optionsof.txt", ""] {
            assert_eq!(Settings::of(path), None, "{path}");
        }
    }

    #[test]
    fn whose_value_holds() {
        use Winner::{Cloud, Local};
        for (ancestor, local, cloud, holds) in [
            (Some(1), Some(1), Some(2), Cloud),
            (Some(1), Some(2), Some(1), Local),
            (Some(1), Some(1), None, Cloud),
            (Some(1), None, Some(1), Local),
            (Some(1), None, Some(2), Cloud),
            (Some(1), Some(2), None, Local),
            (None, Some(1), None, Local),
            (None, None, Some(1), Cloud),
        ] {
            for winner in [Local, Cloud] {
                assert_eq!(whose(ancestor, local, cloud, winner), holds, "{ancestor:?} {local:?} {cloud:?}");
            }
        }
        for winner in [Local, Cloud] {
            assert_eq!(whose(Some(1), Some(2), Some(3), winner), winner);
            assert_eq!(whose(None, Some(2), Some(3), winner), winner);
        }
    }
}
