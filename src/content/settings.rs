//! The files of an instance whose lines or entries are units of their own: which units are in them
//! with which values, and how changed values come into them.

mod changes;
mod options;
mod servers;

use std::collections::BTreeMap;

use crate::model::Unit;
use changes::Changes;

/// A file whose lines or entries are units of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// `options.txt`.
    Options,
    /// `servers.dat`, the list of servers.
    Servers,
}

impl Settings {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Options, Self::Servers];

    /// Which of them the file at `path` in the instance is.
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|settings| settings.path() == path)
    }

    /// Where it is in the instance.
    pub fn path(self) -> &'static str {
        match self {
            Self::Options => "options.txt",
            Self::Servers => "servers.dat",
        }
    }

    /// The file that `unit` is in, if it is a part of one.
    pub fn of_unit(unit: &Unit) -> Option<Self> {
        match unit {
            Unit::Option(_) => Some(Self::Options),
            Unit::Server(_) => Some(Self::Servers),
            Unit::File(_) | Unit::World(_) => None,
        }
    }

    /// The units in the file and their values, without what is the machine's own or too long to
    /// travel. None if it cannot be parsed: a file that a crash left empty or full of zeros says
    /// nothing about what the player wants.
    pub fn read(self, content: &[u8]) -> Option<BTreeMap<Unit, String>> {
        let (values, unit): (_, fn(String) -> Unit) = match self {
            Self::Options => (options::read(content)?, Unit::Option),
            Self::Servers => (servers::read(content)?, Unit::Server),
        };
        Some(values.into_iter().map(|(name, value)| (unit(name), value)).collect())
    }

    /// The file with these values set, added, or removed where there is none. Everything else stays
    /// as it is, and where nothing changes, so does every byte. A change that cannot have come from
    /// `read` is ignored. None if the file cannot be parsed.
    ///
    /// Options of which no line with a colon is left cannot be parsed again.
    pub fn write(self, content: &[u8], changes: &BTreeMap<Unit, Option<String>>) -> Option<Vec<u8>> {
        let changes = self.named(changes.iter().map(|(unit, value)| (unit, value.as_deref())));
        match self {
            Self::Options => options::write(content, &changes),
            Self::Servers => servers::write(content, &changes),
        }
    }

    /// A new file with these values, for a PC that has none.
    pub fn create(self, values: &BTreeMap<Unit, String>) -> Vec<u8> {
        let values = self.named(values.iter().map(|(unit, value)| (unit, Some(value.as_str()))));
        match self {
            Self::Options => options::create(&values),
            Self::Servers => servers::create(&values),
        }
    }

    /// The changes of this file's units, by their keys or addresses.
    fn named<'a>(self, changes: impl Iterator<Item = (&'a Unit, Option<&'a str>)>) -> Changes<'a> {
        let named = changes.filter_map(|(unit, value)| match (self, unit) {
            (Self::Options, Unit::Option(name)) | (Self::Servers, Unit::Server(name)) => Some((name.as_str(), value)),
            _ => None,
        });
        named.collect()
    }
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_files_of_the_instance_itself_have_units() {
        for settings in Settings::ALL {
            assert_eq!(Settings::of(settings.path()), Some(settings));
        }
        for path in ["saves/World/options.txt", "Options.txt", "servers.dat_old", "optionsof.txt", ""] {
            assert_eq!(Settings::of(path), None, "{path}");
        }
    }

    #[test]
    fn a_unit_is_in_one_file_or_in_none() {
        assert_eq!(Settings::of_unit(&Unit::Option("fov".to_owned())), Some(Settings::Options));
        assert_eq!(Settings::of_unit(&Unit::Server("a".to_owned())), Some(Settings::Servers));
        for unit in [Unit::File("options.txt".to_owned()), Unit::World("World".to_owned())] {
            assert_eq!(Settings::of_unit(&unit), None);
        }
    }

    #[test]
    fn units_of_other_files_are_not_written() {
        let values = BTreeMap::from([
            (Unit::File("options.txt".to_owned()), "fov:1".to_owned()),
            (Unit::Server("fov".to_owned()), "fov:1".to_owned()),
        ]);
        assert_eq!(Settings::Options.create(&values), b"");
        let none = Settings::Servers.create(&values);
        assert_eq!(Settings::Servers.read(&none), Some(BTreeMap::new()));
    }
}
