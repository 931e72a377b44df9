//! The states of older versions, and of the original client, which had no ledger.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::model::{SnapshotId, Stat};

/// What an older state says.
#[derive(Clone, Debug, PartialEq)]
pub struct Older {
    /// Where the repository is, if it says so.
    pub repository: Option<String>,
    /// The snapshot that the instance's files last equalled.
    pub base: Option<SnapshotId>,
    /// Every snapshot that was taken in.
    pub seen: BTreeSet<SnapshotId>,
    /// How it tells what was synced.
    pub files: Recorded,
}

/// How an older state tells what was synced.
#[derive(Clone, Debug, PartialEq)]
pub enum Recorded {
    /// The files, as they were here and in the snapshot.
    Files(BTreeMap<String, (Stat, Stat)>),
    /// The original client noted only when it last synced.
    Since(DateTime<Utc>),
}

/// Version 0.1.
#[derive(Deserialize)]
struct Version3 {
    repository: Option<String>,
    base: Option<SnapshotId>,
    #[serde(default)]
    taken_in: BTreeSet<SnapshotId>,
    #[serde(default)]
    seen: BTreeSet<SnapshotId>,
    manifest: Vec<Row>,
}

#[derive(Deserialize)]
struct Row(
    String,
    u64,
    i64,
    Option<(u64, i64)>,
    #[expect(dead_code, reason = "a digest of another kind")] Option<String>,
);

impl Older {
    /// Reads it.
    pub fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let value: serde_json::Value = serde_json::from_slice(text)?;
        if value.get("version").and_then(serde_json::Value::as_u64) == Some(3) {
            let state: Version3 = serde_json::from_value(value)?;
            let file = |Row(path, size, mtime, cloud, _): Row| {
                let here = Stat { size, mtime };
                (path, (here, cloud.map_or(here, |(size, mtime)| Stat { size, mtime })))
            };
            return Ok(Self {
                repository: state.repository,
                seen: state.seen.into_iter().chain(state.taken_in).chain(state.base.clone()).collect(),
                base: state.base,
                files: Recorded::Files(state.manifest.into_iter().map(file).collect()),
            });
        }
        original(&value)
    }
}

/// The state of the original client: an id and a time, under names that varied.
fn original(value: &serde_json::Value) -> anyhow::Result<Older> {
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
    Ok(Older { repository: None, seen: BTreeSet::from([base.clone()]), base: Some(base), files: Recorded::Since(time) })
}
