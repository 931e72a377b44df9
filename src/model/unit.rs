//! What is kept or replaced as a whole.

use serde::{Deserialize, Serialize};

use crate::paths::{folder_of, in_world, is_plain, world_of};

/// What is kept or replaced as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Unit {
    /// Any file that is no other unit, by its path in the instance.
    File(String),
    /// A line of `options.txt`, by its key.
    Option(String),
    /// The servers of `servers.dat` with this address.
    Server(String),
    /// A world, by the name of its folder in `saves`.
    World(String),
}

impl Unit {
    /// The unit that the file at `path` belongs to, if it is not one whose settings are units.
    pub fn of(path: &str) -> Self {
        match world_of(path) {
            Some(world) => Self::World(world.to_owned()),
            None => Self::File(path.to_owned()),
        }
    }

    /// Whether it is a world.
    pub fn is_world(&self) -> bool {
        matches!(self, Self::World(_))
    }

    /// Whether of two versions one can stand beside the other under a name of its own: worlds and
    /// screenshots.
    pub fn has_copies(&self) -> bool {
        match self {
            Self::World(_) => true,
            Self::File(path) => path.starts_with("screenshots/"),
            Self::Option(_) | Self::Server(_) => false,
        }
    }

    /// The world's name.
    pub fn world(&self) -> Option<&str> {
        match self {
            Self::World(world) => Some(world),
            _ => None,
        }
    }

    /// Whether the file at `path` is it, or in it.
    pub fn holds(&self, path: &str) -> bool {
        match self {
            Self::World(world) => in_world(path).is_some_and(|(name, _)| name == world),
            Self::File(file) => file == path,
            Self::Option(_) | Self::Server(_) => false,
        }
    }

    /// Where it is in the instance: its folder or file, if it has one of its own.
    pub fn path(&self) -> Option<String> {
        match self {
            Self::World(world) => Some(folder_of(world)),
            Self::File(path) => Some(path.clone()),
            Self::Option(_) | Self::Server(_) => None,
        }
    }

    /// What it is called before a player.
    pub fn name(&self) -> String {
        match self {
            Self::World(name) | Self::File(name) => name.clone(),
            Self::Option(key) => format!("the setting {key}"),
            Self::Server(address) => format!("the server {address}"),
        }
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::File(path) => format!("f/{path}"),
            Unit::Option(key) => format!("o/{key}"),
            Unit::Server(address) => format!("s/{address}"),
            Unit::World(world) => format!("w/{world}"),
        }
    }
}

impl TryFrom<String> for Unit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let unit = text.split_once('/').and_then(|(kind, name)| {
            let name = name.to_owned();
            match kind {
                "f" if is_plain(&name) && world_of(&name).is_none() => Some(Self::File(name)),
                "o" => Some(Self::Option(name)),
                "s" => Some(Self::Server(name)),
                "w" if is_plain(&name) && !name.contains('/') => Some(Self::World(name)),
                _ => None,
            }
        });
        unit.ok_or_else(|| format!("{text:?} is no unit"))
    }
}
