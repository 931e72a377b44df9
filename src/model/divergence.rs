//! The table: what an instance and its repository are to each other.

use serde::Serialize;

/// What is on this PC's disk, against what was last synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// No file, and nothing was ever synced.
    Empty,
    /// Files, and nothing was ever synced.
    Unsynced,
    /// Every unit is as it was synced.
    Clean,
    /// A unit was edited, or is owed.
    Edited,
    /// No file is left of what was synced.
    Lost,
}

/// What the repository has, against what was last taken in from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Nothing at all.
    Empty,
    /// Nothing new.
    Same,
    /// Something new, or a question that is still open.
    New,
}

/// How this PC and the cloud compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// There is no token, or the cloud does not take it.
    SignedOut,
    /// The cloud could not be asked.
    Unknown,
    /// Nothing here, nothing there.
    Blank,
    /// Both are the same.
    InSync,
    /// This PC has something the cloud lacks.
    Ahead,
    /// The cloud has something this PC lacks.
    Behind,
    /// Both have files, and this PC has never synced with this cloud.
    FirstLink,
    /// Both went on from where they last agreed.
    Diverged,
    /// The cloud lost what it had.
    RemoteEmptied,
    /// This PC lost what it had.
    LocalLost,
}

impl Divergence {
    /// The table.
    #[expect(clippy::match_same_arms, reason = "one arm per row and column, to be read beside the table in DESIGN.md")]
    pub fn of(here: Here, cloud: Cloud) -> Self {
        match (here, cloud) {
            (Here::Empty, Cloud::Empty | Cloud::Same) => Self::Blank,
            (Here::Empty, Cloud::New) => Self::Behind,
            (Here::Unsynced, Cloud::Empty | Cloud::Same) => Self::Ahead,
            (Here::Unsynced, Cloud::New) => Self::FirstLink,
            (Here::Clean, Cloud::Empty) => Self::RemoteEmptied,
            (Here::Clean, Cloud::Same) => Self::InSync,
            (Here::Clean, Cloud::New) => Self::Behind,
            (Here::Edited, Cloud::Empty) => Self::RemoteEmptied,
            (Here::Edited, Cloud::Same) => Self::Ahead,
            (Here::Edited, Cloud::New) => Self::Diverged,
            (Here::Lost, Cloud::Empty) => Self::RemoteEmptied,
            (Here::Lost, Cloud::Same | Cloud::New) => Self::LocalLost,
        }
    }
}
