//! Which names a disk can hold, and which it takes for the same: what comes from another system
//! may have names that this one refuses, or two that are one here.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;

use super::folder::Instance;
use crate::{paths, platform};

/// A disk, as far as names matter.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// Whether a file or folder may have this name.
    can_hold: fn(&str) -> bool,
    /// Whether the file system ignores case.
    is_case_insensitive: bool,
}

/// Why something cannot be on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No file has such a name here.
    Name,
    /// The disk takes it for this one, which is here or comes.
    SameAs(String),
}

impl Refusal {
    /// The reason, and what helps, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Name => "this system can hold no file of that name; rename it on another PC".to_owned(),
            Self::SameAs(other) => {
                format!("this disk cannot tell its name from {other}; rename one of them on another PC")
            }
        }
    }
}

impl Disk {
    /// The disk of `instance`. A case-insensitive one finds our own folder under its name in capitals, too.
    pub fn of(instance: &Instance) -> Self {
        let ours = instance.ours();
        let capitals = ours.file_name().map(OsStr::to_ascii_uppercase).unwrap_or_default();
        let is_case_insensitive = fs::symlink_metadata(instance.root().join(capitals)).is_ok();
        Self { can_hold: platform::can_hold, is_case_insensitive }
    }

    /// A disk that holds everything and tells everything apart.
    #[cfg(test)]
    pub fn of_linux() -> Self {
        Self { can_hold: |_| true, is_case_insensitive: false }
    }

    /// A disk of Windows.
    #[cfg(test)]
    pub fn of_windows() -> Self {
        Self { can_hold: platform::can_be_on_windows, is_case_insensitive: true }
    }

    /// Whether the file system ignores case.
    pub fn is_case_insensitive(self) -> bool {
        self.is_case_insensitive
    }

    /// The path as this disk compares it: equal for two spellings of one file.
    pub fn folded(self, path: &str) -> String {
        if self.is_case_insensitive { fold(path) } else { path.to_owned() }
    }

    /// Which of `paths` it cannot hold beside those in `here`, which it does hold: the topmost
    /// file or folder of each. Of two that are one to it, the one that is here comes first, else
    /// the first.
    pub fn refused<'a>(
        self,
        here: impl Iterator<Item = &'a str>,
        paths: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, Refusal> {
        let mut spellings = Spellings::default();
        if self.is_case_insensitive {
            here.for_each(|path| {
                spellings.clash(path);
            });
        }
        let mut refused = BTreeMap::new();
        for path in paths {
            let bad_name = paths::with_ancestors(path).find(|prefix| !(self.can_hold)(paths::name(prefix)));
            let refusal = match bad_name {
                Some(prefix) => Some((prefix, Refusal::Name)),
                None if self.is_case_insensitive => {
                    spellings.clash(path).map(|(prefix, other)| (prefix, Refusal::SameAs(other)))
                }
                None => None,
            };
            if let Some((prefix, refusal)) = refusal {
                refused.entry(prefix.to_owned()).or_insert(refusal);
            }
        }
        refused
    }
}

/// How each path was spelled first, by what it is without regard to case.
#[derive(Default)]
struct Spellings {
    known: HashMap<String, String>,
}

impl Spellings {
    /// The topmost part of `path` that is spelled otherwise than before, and how that was. If there
    /// is none, all of it is known from now on.
    fn clash<'a>(&mut self, path: &'a str) -> Option<(&'a str, String)> {
        let parts: Vec<_> = paths::with_ancestors(path).map(|prefix| (prefix, fold(prefix))).collect();
        for (prefix, folded) in &parts {
            if let Some(known) = self.known.get(folded).filter(|known| known != prefix) {
                return Some((prefix, known.clone()));
            }
        }
        for (prefix, folded) in parts {
            self.known.entry(folded).or_insert_with(|| prefix.to_owned());
        }
        None
    }
}

fn fold(path: &str) -> String {
    path.chars().flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(disk: Disk, here: &[&str], paths: &[&str]) -> Vec<(String, Option<String>)> {
        let refused = disk.refused(here.iter().copied(), paths.iter().copied());
        let other = |refusal| match refusal {
            Refusal::Name => None,
            Refusal::SameAs(other) => Some(other),
        };
        refused.into_iter().map(|(path, refusal)| (path, other(refusal))).collect()
    }

    #[test]
    fn what_cannot_be_held_is_named_by_its_topmost_folder() {
        let paths = ["saves/A/level.dat", "saves/a:b/level.dat", "saves/a:b/region/r.mca", "saves/A/data/aux.dat"];
        let expected = [("saves/A/data/aux.dat".to_owned(), None), ("saves/a:b".to_owned(), None)];
        assert_eq!(refused(Disk::of_windows(), &[], &paths), expected);
    }

    #[test]
    fn of_two_names_that_differ_in_case_the_one_that_is_here_wins() {
        let paths = ["saves/WORLD/level.dat", "saves/World/level.dat", "saves/World/region/r.mca"];
        let same_as = |name: &str, other: &str| (name.to_owned(), Some(other.to_owned()));
        assert_eq!(refused(Disk::of_windows(), &[], &paths), [same_as("saves/World", "saves/WORLD")]);
        assert_eq!(
            refused(Disk::of_windows(), &["saves/World/level.dat"], &paths),
            [same_as("saves/WORLD", "saves/World")]
        );
        // Both go where another is already.
        assert_eq!(
            refused(Disk::of_windows(), &["saves/world/level.dat"], &paths),
            [same_as("saves/WORLD", "saves/world"), same_as("saves/World", "saves/world")]
        );
    }

    #[test]
    fn a_disk_that_tells_them_apart_holds_both() {
        let paths = ["saves/WORLD/level.dat", "saves/World/level.dat", "saves/a:b/level.dat"];
        assert_eq!(refused(Disk::of_linux(), &["saves/world/x"], &paths), []);
    }
}
