//! What goes where.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{copies, staging};
use crate::error::Result;
use crate::instance::Instance;
use crate::model::Stat;

/// Where the files come from that are put in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The staging folder.
    Staging,
    /// The undo copy of this name.
    Undo(String),
}

/// The moves of a journal.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Moves {
    /// Files that go to the undo copy and are not replaced.
    pub remove: Vec<String>,
    /// Files that are put in place, and what they are then.
    pub place: BTreeMap<String, Stat>,
    /// Worlds of which nothing is to remain.
    pub gone_worlds: Vec<String>,
}

impl Source {
    /// The folder that the files are in.
    pub fn folder(&self, instance: &Instance) -> PathBuf {
        match self {
            Self::Staging => staging::files(instance),
            Self::Undo(copy) => copies::files(&instance.undo_copy(copy)),
        }
    }

    /// Removes what is left of it.
    pub fn clear(&self, instance: &Instance) -> Result<()> {
        match self {
            Self::Staging => staging::clear(&instance.staging()),
            Self::Undo(copy) => copies::remove(&instance.undo_copy(copy)),
        }
    }
}
