//! A version of a world as people know it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::icon;

/// One version of a world, in what a player knows it by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Files.
    pub files: usize,
    /// Bytes.
    pub bytes: u64,
    /// What the world says about itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub world: World,
    /// The picture that the game shows beside it: a PNG file.
    #[serde(default, with = "icon", skip_serializing_if = "Option::is_none")]
    pub icon: Option<Vec<u8>>,
}

/// What a version of a world says about itself. All of it may be missing: versions of the game
/// differ in what they write and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// The name that the game shows, which need not be the folder's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was last played, by the clock of the PC that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_played: Option<DateTime<Utc>>,
    /// The day in the game.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u64>,
    /// How long it was played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub played: Option<Played>,
    /// The version of the game that wrote it; since 1.9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it is played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whether it ends with the player's death.
    #[serde(skip_serializing_if = "is_default")]
    pub hardcore: bool,
    /// Why little is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How long a world was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// The time.
    pub time: Duration,
    /// Where it is from.
    pub source: Source,
}

/// Where a play time is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// The statistics: how long all its players played it.
    Statistics,
    /// There are no statistics; it is how long the world has run.
    Age,
}

/// How a world is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Survival.
    Survival,
    /// Creative.
    Creative,
    /// Adventure.
    Adventure,
    /// Spectator.
    Spectator,
}

impl Mode {
    /// The mode with this number in the game's files.
    pub fn of(game_type: i64) -> Option<Self> {
        match game_type {
            0 => Some(Self::Survival),
            1 => Some(Self::Creative),
            2 => Some(Self::Adventure),
            3 => Some(Self::Spectator),
            _ => None,
        }
    }

    /// The mode in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Survival => "survival",
            Self::Creative => "creative",
            Self::Adventure => "adventure",
            Self::Spectator => "spectator",
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
