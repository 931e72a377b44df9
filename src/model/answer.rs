//! What a player says about a world with two versions.

use serde::{Deserialize, Serialize};

/// What to do about one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Play this PC's version.
    KeepLocal,
    /// Play the cloud's version.
    UseRemote,
    /// Play this PC's version, with the cloud's beside it as a second world.
    KeepBoth,
    /// Play this PC's version, and decide later.
    Later,
}
