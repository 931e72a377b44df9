//! Snapshots and the graph they form. Clocks decide nothing here: only what a
//! snapshot says it was built on.

mod graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::paths::{is_within, parent};
pub use graph::{Graph, Lineage, Matter, View};

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
/// The tag of a snapshot that leaves out something of its scope.
pub const TAG_PARTIAL: &str = "partial";
/// The tag of a snapshot that is kept for people and is never a head.
pub const TAG_RESCUE: &str = "rescue";
const TAG_MERGES: &str = "merges=";
const TAG_FILES: &str = "files=";
const TAG_SCOPE: &str = "scope=";
const TAG_PUSH: &str = "push=";
const TAG_WITHOUT: &str = "without=";
const TAG_JOINS: &str = "joins=";
const TAG_OPEN: &str = "open=";
/// If more than this is left out, it is told by its folders.
const MAX_WITHOUT: usize = 40;
/// With more worlds than this put off, it is not told that the rest was taken in.
const MAX_OPEN: usize = 100;

/// Heads that were taken in but for some worlds, about which the player had not decided yet.
pub type Joined = BTreeMap<SnapshotId, BTreeSet<String>>;

/// A snapshot as restic tells it, reduced to what decisions need.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Its full id.
    pub id: SnapshotId,
    /// The snapshot it was built on.
    #[serde(default)]
    pub parent: Option<SnapshotId>,
    /// When it was made, by the clock of the machine that made it.
    pub time: DateTime<Utc>,
    /// The machine that made it.
    #[serde(default)]
    pub hostname: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What was saved, by its path on the machine that saved it.
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    summary: Option<Summary>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Summary {
    #[serde(default)]
    total_files_processed: u64,
}

impl Snapshot {
    fn tag(&self, prefix: &str) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(prefix))
    }

    fn has_tag(&self, name: &str) -> bool {
        self.tags.iter().any(|tag| tag == name)
    }

    /// Whether it is kept for people only.
    pub fn is_rescue(&self) -> bool {
        self.has_tag(TAG_RESCUE)
    }

    /// The snapshots it builds on: its parent and the heads it took in.
    pub fn builds_on(&self) -> impl Iterator<Item = SnapshotId> + '_ {
        let merges = self.tags.iter().filter_map(|tag| SnapshotId::parse(tag.strip_prefix(TAG_MERGES)?));
        self.parent.iter().cloned().chain(merges)
    }

    /// The heads that it took in but for some worlds, which are told as digests.
    fn joins(&self) -> Joined {
        let heads = self.tags.iter().filter_map(|tag| SnapshotId::parse(tag.strip_prefix(TAG_JOINS)?));
        let mut joined: Joined = heads.map(|head| (head, BTreeSet::new())).collect();
        for (head, world) in self.tags.iter().filter_map(|tag| tag.strip_prefix(TAG_OPEN)?.split_once('-')) {
            if let Some(open) = SnapshotId::parse(head).and_then(|head| joined.get_mut(&head)) {
                open.insert(world.to_owned());
            }
        }
        joined
    }

    /// The mark of the push that made it.
    pub fn push_mark(&self) -> Option<&str> {
        self.tag(TAG_PUSH)
    }

    /// Whether it lacks files that its push saw, and nothing in it tells which.
    pub fn is_broken(&self) -> bool {
        self.tag(TAG_FILES).is_some() && !self.holds_what_it_promised()
    }

    /// Whether it holds as many files as its push saw; as far as counting goes, its push
    /// went well.
    pub fn holds_what_it_promised(&self) -> bool {
        let promised = self.tag(TAG_FILES).and_then(|tag| tag.split('-').next()?.parse().ok());
        let held = self.summary.as_ref().map(|summary| summary.total_files_processed);
        promised.is_some() && promised == held
    }

    /// Whether what it lacks may be removed elsewhere, as far as this can be told without its
    /// listing: it is whole, left nothing out, and was made under the scope with this digest.
    pub fn is_complete(&self, scope: &str) -> bool {
        self.is_complete_in("", scope) && !self.has_tag(TAG_PARTIAL)
    }

    /// The same for one `unit`, a world's folder or a file, of which nothing was left out.
    pub fn is_complete_in(&self, unit: &str, scope: &str) -> bool {
        self.holds_what_it_promised() && self.tag(TAG_SCOPE) == Some(scope) && !self.leaves_out(unit)
    }

    /// Whether it was made under another scope than the one with this digest.
    pub fn is_of_another_scope(&self, scope: &str) -> bool {
        self.tag(TAG_SCOPE).is_some_and(|own| own != scope)
    }

    /// Whether it left out something of `unit`, or anything at all if that is empty.
    pub fn leaves_out(&self, unit: &str) -> bool {
        self.left_out().iter().any(|path| is_within(unit, path) || is_within(path, unit))
    }

    /// The files and folders that it left out; an empty path is anything, where that is not told.
    pub fn left_out(&self) -> BTreeSet<String> {
        if !self.has_tag(TAG_PARTIAL) {
            return BTreeSet::new();
        }
        let told = self.tags.iter().filter_map(|tag| hex::decode(tag.strip_prefix(TAG_WITHOUT)?).ok());
        let told: BTreeSet<_> = told.map(|path| String::from_utf8_lossy(&path).into_owned()).collect();
        if told.is_empty() { BTreeSet::from([String::new()]) } else { told }
    }

    /// Whether all that keeps it from being complete in `unit` is that it says so itself, and nothing
    /// was deleted by it.
    pub fn merely_leaves_out(&self, unit: &str, scope: &str) -> bool {
        let is_told = !self.left_out().contains("");
        is_told && self.leaves_out(unit) && self.holds_what_it_promised() && self.tag(TAG_SCOPE) == Some(scope)
    }

    /// Whether this is a later snapshot of the same folders, both made by another tool.
    fn follows(&self, older: &Self) -> bool {
        let names = |snapshot: &Self| -> BTreeSet<String> {
            let last = |path: &String| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            snapshot.paths.iter().map(last).collect()
        };
        let untagged = !self.has_tag(TAG_OURS) && !older.has_tag(TAG_OURS);
        untagged && (self.time, &self.id) > (older.time, &older.id) && names(self).is_superset(&names(older))
    }

    /// Whether `paths`, its listing's files in order, are the very ones its push saw.
    pub fn matches_listing<'a>(&self, paths: impl Iterator<Item = &'a str>) -> bool {
        self.tag(TAG_FILES) == Some(files_digest(paths).as_str())
    }
}

/// `<n>-<digest>` of the in-scope paths, which must come sorted.
pub fn files_digest<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    let mut count = 0_u64;
    for path in paths {
        hash.update(path.as_bytes());
        hash.update([0]);
        count += 1;
    }
    format!("{count}-{}", hex::encode(&hash.finalize()[..8]))
}

/// A world's name as it is told in a tag: short, and without commas, at which restic splits.
fn world_digest(world: &str) -> String {
    hex::encode(&Sha256::digest(world)[..8])
}

/// What a push says about itself in its tags.
pub struct PushTags<'a> {
    /// The [`files_digest`] of what it saw.
    pub files: &'a str,
    /// The digest of its scope.
    pub scope: &'a str,
    /// Its random mark.
    pub mark: &'a str,
    /// The heads that it takes in.
    pub merges: &'a BTreeSet<SnapshotId>,
    /// The heads that it takes in but for some worlds, by their names.
    pub joined: &'a Joined,
    /// The paths that were left out and may be synced elsewhere.
    pub without: &'a BTreeSet<&'a str>,
}

impl PushTags<'_> {
    /// The tags, as restic is given them.
    pub fn list(&self) -> Vec<String> {
        let mut tags = vec![
            TAG_OURS.to_owned(),
            format!("{TAG_FILES}{}", self.files),
            format!("{TAG_SCOPE}{}", self.scope),
            format!("{TAG_PUSH}{}", self.mark),
        ];
        tags.extend(self.merges.iter().map(|id| format!("{TAG_MERGES}{id}")));
        for (head, open) in self.joined.iter().filter(|(_, open)| open.len() <= MAX_OPEN) {
            tags.push(format!("{TAG_JOINS}{head}"));
            tags.extend(open.iter().map(|world| format!("{TAG_OPEN}{head}-{}", world_digest(world))));
        }
        if !self.without.is_empty() {
            tags.push(TAG_PARTIAL.to_owned());
        }
        // In hex, because restic takes a comma for the end of a tag.
        tags.extend(few(self.without).iter().map(|path| format!("{TAG_WITHOUT}{}", hex::encode(path))));
        tags
    }
}

/// At most so many paths as fit into tags: where there are more, the deepest give way to their
/// folders.
fn few<'a>(paths: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let depth_of = |path: &str| path.matches('/').count();
    let mut few = paths.clone();
    while few.len() > MAX_WITHOUT {
        let depth = few.iter().map(|path| depth_of(path)).max().unwrap_or_default();
        if depth == 0 {
            break;
        }
        few = few.iter().map(|path| if depth_of(path) == depth { parent(path) } else { path }).collect();
    }
    few
}
