//! `state.json`: what this instance knows, and what of it lies on its disk. One file, replaced as a
//! whole, so that its parts can never contradict each other.
//!
//! A state file that cannot be read stops everything (exit 5). To take it for "never synced" would be
//! safe for the files, but would ask questions that the player did not cause.

mod older;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::model::{Dot, Hash, Memory, SnapshotId, Stat, Unit, form};
use crate::reading::read_if_there;
pub use older::{Older, Recorded};

const VERSION: u64 = 4;

/// A file as it was when it last was the version that is known of its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Size and time on this disk.
    pub here: Stat,
    /// What the snapshots have, where that is something else: this disk could not keep the time, or
    /// settings of this PC alone are in the file.
    pub cloud: Option<Stat>,
    /// Its content.
    pub hash: Hash,
    /// Whether no snapshot has it yet, as far as known.
    pub is_unsaved: bool,
}

impl Entry {
    /// A file that is `here` on this disk and `cloud` in the snapshots.
    pub fn new(here: Stat, cloud: Stat, hash: Hash) -> Self {
        Self { here, cloud: (cloud != here).then_some(cloud), hash, is_unsaved: false }
    }

    /// Size and time in the snapshots.
    pub fn in_cloud(&self) -> Stat {
        self.cloud.unwrap_or(self.here)
    }
}

/// The files that were synced, by path.
pub type Manifest = BTreeMap<String, Entry>;

/// The state of one instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// What is known of each repository, by its address without any secret.
    pub repositories: BTreeMap<String, Place>,
    /// What is known of the units.
    pub memory: Memory,
    /// The files that were synced.
    pub files: Manifest,
    /// Files of the versions in place that this disk cannot hold.
    pub impossible: BTreeMap<Unit, BTreeSet<String>>,
    /// A state of an older form, which the repository has a say in.
    pub older: Option<Older>,
}

/// What is known of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The snapshot that the files here most resemble.
    pub base: Option<SnapshotId>,
    /// When it was made, by its machine's clock.
    pub base_time: Option<DateTime<Utc>>,
    /// The snapshots that were taken in, and the pushes that made them; without one if it counts for
    /// nothing: it lacks files that its push saw, is damaged, or is kept for people.
    pub seen: BTreeMap<SnapshotId, Option<Dot>>,
    /// Snapshots of which the ledger was found damaged once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub doubted: BTreeSet<SnapshotId>,
    /// Snapshots that together know of every push that is known here. None if there are none.
    pub told_by: Option<BTreeSet<SnapshotId>>,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u64,
    repositories: BTreeMap<String, Place>,
    #[serde(with = "form::compact")]
    ledger: crate::model::Ledger,
    known: Vec<(Unit, crate::model::Known)>,
    impossible: BTreeMap<Unit, BTreeSet<String>>,
    files: Vec<Row>,
}

/// A file: its path, size, time, size and time in the snapshots, content, and whether it is unsaved.
#[derive(Serialize, Deserialize)]
struct Row(String, u64, i64, Option<(u64, i64)>, String, u8);

impl State {
    /// Reads the state, or the empty one where there is none.
    pub fn load(file: &Path) -> Result<Self> {
        let Some(text) = read_if_there(file)? else { return Ok(Self::default()) };
        Self::parse(&text).map_err(|error| {
            Error::caused(Kind::Stopped, error.context(format!("{} cannot be used", file.display()))).hint(
                "rename that file and pull again: nothing is lost, what differs from the cloud is kept and you are asked; if a newer cloud-sync wrote it, update this one",
            )
        })
    }

    fn parse(text: &[u8]) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Any {
            #[serde(default)]
            version: serde_json::Value,
        }
        let any: Any = serde_json::from_slice(text).context("it is damaged")?;
        match any.version.as_u64() {
            Some(VERSION) => serde_json::from_slice::<Form>(text).context("it is damaged")?.try_into(),
            Some(newer) if newer > VERSION => Err(anyhow!("it was written by a newer cloud-sync (version {newer})")),
            _ => Ok(Self { older: Some(Older::parse(text)?), ..Self::default() }),
        }
    }

    /// Replaces the file as a whole.
    pub fn save(&self, file: &Path) -> anyhow::Result<()> {
        durable::replace(file, &serde_json::to_vec(self)?)
    }

    fn form(&self) -> Form {
        let row = |(path, entry): (&String, &Entry)| {
            let cloud = entry.cloud.map(|cloud| (cloud.size, cloud.mtime));
            let Stat { size, mtime } = entry.here;
            Row(path.clone(), size, mtime, cloud, hex::encode(entry.hash), u8::from(entry.is_unsaved))
        };
        Form {
            version: VERSION,
            repositories: self.repositories.clone(),
            ledger: self.memory.ledger.clone(),
            known: self.memory.known.iter().map(|(unit, known)| (unit.clone(), known.clone())).collect(),
            impossible: self.impossible.clone(),
            files: self.files.iter().map(row).collect(),
        }
    }

    /// Whether this instance was ever synced.
    pub fn is_new(&self) -> bool {
        self.memory.ledger.pushes.is_empty() && self.older.is_none()
    }
}

impl TryFrom<Form> for State {
    type Error = anyhow::Error;

    fn try_from(form: Form) -> anyhow::Result<Self> {
        let file = |Row(path, size, mtime, cloud, hash, unsaved): Row| {
            let mut bytes = [0; 16];
            hex::decode_to_slice(&hash, &mut bytes).context("it is damaged")?;
            let cloud = cloud.map(|(size, mtime)| Stat { size, mtime });
            Ok((path, Entry { here: Stat { size, mtime }, cloud, hash: bytes, is_unsaved: unsaved != 0 }))
        };
        Ok(Self {
            repositories: form.repositories,
            memory: Memory { ledger: form.ledger, known: form.known.into_iter().collect() },
            files: form.files.into_iter().map(file).collect::<anyhow::Result<_>>()?,
            impossible: form.impossible,
            older: None,
        })
    }
}

/// The state is part of a journal, too.
impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.form().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Form::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}
