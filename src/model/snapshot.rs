//! Snapshots, as restic tells of them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::dot::Dot;

/// The full id of a snapshot: 64 hex digits, checked once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotId(String);

impl SnapshotId {
    /// The id, if `text` is one.
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Self(text.to_owned()))
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first eight digits, as people and restic write ids.
    pub fn short(&self) -> &str {
        &self.0[..8]
    }

    /// The dot that stands for the push of a snapshot without a ledger.
    pub fn dot(&self) -> Dot {
        let mut bytes = [0; 8];
        // The id has 64 hex digits.
        let _ = hex::decode_to_slice(&self.0[..16], &mut bytes);
        Dot::new(bytes)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SnapshotId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a snapshot id"))
    }
}

impl From<SnapshotId> for String {
    fn from(id: SnapshotId) -> Self {
        id.0
    }
}

/// The tag that marks every snapshot of ours.
pub const TAG_OURS: &str = "cloud-sync";
/// The tag of a snapshot that is kept for people, and is no push.
const TAG_RESCUE: &str = "rescue";
const TAG_PUSH: &str = "push=";

/// A snapshot as restic tells it, reduced to what is needed of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Its full id.
    pub id: SnapshotId,
    /// When it was made, by the clock of the machine that made it.
    pub time: DateTime<Utc>,
    /// The machine that made it.
    #[serde(default)]
    pub hostname: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    summary: Option<Summary>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Summary {
    #[serde(default)]
    total_files_processed: u64,
}

impl Snapshot {
    /// The push that made it, if it was one of ours.
    pub fn push(&self) -> Option<Dot> {
        self.tags.iter().find_map(|tag| Dot::parse(tag.strip_prefix(TAG_PUSH)?))
    }

    /// The same; of a snapshot that is none of ours, the dot that stands for it.
    pub fn dot(&self) -> Dot {
        self.push().unwrap_or_else(|| self.id.dot())
    }

    /// Whether it is kept for people only.
    pub fn is_rescue(&self) -> bool {
        self.tags.iter().any(|tag| tag == TAG_RESCUE)
    }

    /// How many files it holds, if restic told.
    pub fn files(&self) -> Option<u64> {
        self.summary.as_ref().map(|summary| summary.total_files_processed)
    }
}

/// The tags of a push.
pub fn tags(push: Dot) -> [String; 2] {
    [TAG_OURS.to_owned(), format!("{TAG_PUSH}{push}")]
}
