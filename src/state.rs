//! `state.json`: what this instance last agreed on with its repository. One file, replaced
//! as a whole, so that base and manifest can never contradict each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::reading::read_if_there;
use crate::snapshot::{Joined, SnapshotId};
use crate::tree::Stat;

const VERSION: u64 = 3;

/// What a file looked like when the instance last equalled its base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Size and time on this disk.
    pub here: Stat,
    /// What the snapshot has, where that is something else: this disk could not keep the
    /// time, or settings of this PC alone are in the file.
    pub cloud: Option<Stat>,
    /// A digest of a small file's content, or of what the settings in it mean.
    pub sha256: Option<[u8; 32]>,
}

impl Entry {
    /// A file that is `here` on this disk and `cloud` in the snapshot.
    pub fn new(here: Stat, cloud: Stat, sha256: Option<[u8; 32]>) -> Self {
        Self { here, cloud: (cloud != here).then_some(cloud), sha256 }
    }

    /// A file that is `cloud` in what the base is built on, and that the base left out. However it
    /// is on this disk, it is still to be saved.
    pub fn unsaved(cloud: Stat) -> Self {
        Self { here: Stat { size: u64::MAX, mtime: i64::MIN }, cloud: Some(cloud), sha256: None }
    }

    /// Size and time in the snapshot.
    pub fn in_cloud(&self) -> Stat {
        self.cloud.unwrap_or(self.here)
    }
}

/// The files that the instance and its base agree on, by path.
pub type Manifest = BTreeMap<String, Entry>;

/// The state of one instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The version of the form, as it is on disk.
    pub(crate) version: u64,
    /// Where the repository is, without any secret.
    pub repository: Option<String>,
    /// The snapshot that the instance's files last equalled.
    pub base: Option<SnapshotId>,
    /// When the base was made, by its machine's clock.
    pub base_time: Option<DateTime<Utc>>,
    /// Heads that were settled here and that no push has superseded yet.
    #[serde(default)]
    pub taken_in: BTreeSet<SnapshotId>,
    /// Heads of which all is in place here but these worlds, about which the player has put off
    /// the decision, and of which no push has told yet.
    #[serde(default)]
    pub joined: Joined,
    /// Worlds that came with these heads, of which the manifest knows nothing.
    #[serde(default)]
    pub came: BTreeSet<String>,
    /// Every snapshot that this instance has settled: all that there were when there was
    /// nothing new, and what it brought since.
    #[serde(default)]
    pub seen: BTreeSet<SnapshotId>,
    /// A push whose end is not known.
    #[serde(default)]
    pub pending: Option<PendingPush>,
    /// What the cloud has and this disk cannot hold: names that it refuses, or takes for another's.
    /// It must not look deleted.
    #[serde(default)]
    pub refused: BTreeSet<String>,
    /// The digest of the scope under which the manifest was made.
    #[serde(default)]
    pub scope: Option<String>,
    /// The files that instance and base agree on.
    #[serde(with = "rows")]
    pub manifest: Manifest,
    /// In a state of the original client, which has no manifest: when it last synced.
    #[serde(skip)]
    pub legacy_time: Option<DateTime<Utc>>,
}

/// What a push was about to make the state, should its snapshot turn up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingPush {
    /// The mark among the snapshot's tags.
    pub mark: String,
    /// The manifest of what was saved.
    #[serde(with = "rows")]
    pub manifest: Manifest,
}

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
        struct Form {
            #[serde(default)]
            version: serde_json::Value,
        }
        let form: Form = serde_json::from_slice(text).context("it is damaged")?;
        match form.version.as_u64() {
            Some(VERSION) => serde_json::from_slice(text).context("it is damaged"),
            Some(newer) if newer > VERSION => Err(anyhow!("it was written by a newer cloud-sync (version {newer})")),
            _ => legacy(&serde_json::from_slice(text)?),
        }
    }

    /// Replaces the file as a whole.
    pub fn save(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec(&Self { version: VERSION, ..self.clone() })?;
        durable::replace(file, &text)
    }
}

/// The state of the original client: an id and a time, under names that varied.
fn legacy(value: &serde_json::Value) -> anyhow::Result<State> {
    let text = |names: &[&str]| names.iter().find_map(|name| value.get(name)?.as_str());
    let base = text(&["snapshot_id", "base", "last_snapshot_id", "last_snapshot", "snapshot", "id"])
        .and_then(SnapshotId::parse)
        .ok_or_else(|| anyhow!("it is damaged: it names no snapshot"))?;
    let names = ["time", "timestamp", "synced_at", "last_sync", "updated_at"];
    let time = text(&names)
        .and_then(|time| DateTime::parse_from_rfc3339(time).ok())
        .map(|time| time.with_timezone(&Utc))
        .or_else(|| {
            let seconds = names.iter().find_map(|name| value.get(name)?.as_f64())?;
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit")]
            DateTime::from_timestamp_millis((seconds * 1000.0) as i64)
        })
        .ok_or_else(|| anyhow!("it is damaged: it names no time"))?;
    Ok(State { base: Some(base), legacy_time: Some(time), ..State::default() })
}

/// A manifest as an array of rows, which is small and loads fast.
mod rows {
    use std::borrow::Cow;

    use super::{Deserialize, Deserializer, Entry, Manifest, Serialize, Serializer, Stat};

    #[derive(Serialize, Deserialize)]
    struct Row<'a>(#[serde(borrow)] Cow<'a, str>, u64, i64, Option<(u64, i64)>, #[serde(borrow)] Option<Cow<'a, str>>);

    pub fn serialize<S: Serializer>(manifest: &Manifest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(manifest.iter().map(|(path, entry)| {
            let cloud = entry.cloud.map(|cloud| (cloud.size, cloud.mtime));
            let sha256 = entry.sha256.map(|hash| hex::encode(hash).into());
            Row(path.into(), entry.here.size, entry.here.mtime, cloud, sha256)
        }))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Manifest, D::Error> {
        let rows = Vec::<Row<'de>>::deserialize(deserializer)?;
        rows.into_iter()
            .map(|Row(path, size, mtime, cloud, sha256)| {
                let sha256 = sha256.map(|text| {
                    let mut hash = [0; 32];
                    hex::decode_to_slice(&*text, &mut hash).map(|()| hash).map_err(serde::de::Error::custom)
                });
                let cloud = cloud.map(|(size, mtime)| Stat { size, mtime });
                Ok((path.into_owned(), Entry { here: Stat { size, mtime }, cloud, sha256: sha256.transpose()? }))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let here = Stat { size: 3, mtime: -5 };
        let entry = Entry { here, cloud: Some(Stat { size: 4, mtime: 7 }), sha256: Some([9; 32]) };
        let manifest = Manifest::from([("saves/W/level.dat".to_owned(), entry)]);
        let state = State {
            version: VERSION,
            base: SnapshotId::parse(ID),
            manifest: manifest.clone(),
            pending: Some(PendingPush { mark: "m".to_owned(), manifest }),
            ..State::default()
        };
        state.save(&file).unwrap();
        assert_eq!(State::load(&file).unwrap(), state);
    }

    #[test]
    fn no_file_is_the_empty_state() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(State::load(&folder.path().join("state.json")).unwrap(), State::default());
    }

    #[test]
    fn a_damaged_or_newer_file_stops_everything() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        for text in [
            "",
            "{",
            "\0\u{1}\u{2}",
            "[]",
            "{\"version\": 4}",
            "{\"version\": 3}",
            "{\"version\": 3, \"manifest\": [[1]]}",
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(State::load(&file).unwrap_err().kind, Kind::Stopped, "{text}");
        }
    }

    #[test]
    fn a_state_of_the_original_client_is_read() {
        for time in ["\"2025-01-02T03:04:05Z\"", "1735787045"] {
            let state = State::parse(format!("{{\"snapshot_id\": \"{ID}\", \"time\": {time}}}").as_bytes()).unwrap();
            assert_eq!(state.base, SnapshotId::parse(ID));
            assert_eq!(state.legacy_time.unwrap().timestamp(), 1_735_787_045);
        }
    }
}
