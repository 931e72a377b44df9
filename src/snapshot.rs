//! Snapshots and the graph they form. Clocks decide nothing here: only what a
//! snapshot says it was built on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::paths::{is_within, parent, world_at, world_of};

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

/// Every snapshot of the repository, and what builds on what.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    snapshots: BTreeMap<SnapshotId, Snapshot>,
    builds_on: BTreeMap<SnapshotId, BTreeSet<SnapshotId>>,
    /// With digests of the worlds that were put off.
    joins: BTreeMap<SnapshotId, Joined>,
}

impl Graph {
    /// The graph of these snapshots; rescue snapshots have no place in it.
    ///
    /// Snapshots of other tools, the original client above all, do not name what they build on
    /// across machines. Among them, and of the same folders, the later one follows the earlier.
    pub fn new(snapshots: impl IntoIterator<Item = Snapshot>) -> Self {
        let known = snapshots.into_iter().filter(|snapshot| !snapshot.is_rescue());
        let snapshots: BTreeMap<_, _> = known.map(|snapshot| (snapshot.id.clone(), snapshot)).collect();
        let builds_on = |snapshot: &Snapshot| {
            let followed = snapshots.values().filter(|older| snapshot.follows(older)).map(|older| older.id.clone());
            (snapshot.id.clone(), snapshot.builds_on().chain(followed).collect())
        };
        let builds_on = snapshots.values().map(builds_on).collect();
        let joins = snapshots.values().map(|snapshot| (snapshot.id.clone(), snapshot.joins())).collect();
        Self { snapshots, builds_on, joins }
    }

    /// The graph of `base`, which was made at `time`, and the one snapshot that came since; none
    /// unless that is built on the base alone, because then it takes the others to understand it.
    pub fn of_step(base: &SnapshotId, time: DateTime<Utc>, next: &Snapshot) -> Option<Self> {
        let is_whole = next.joins().is_empty() && !next.leaves_out("");
        let is_step = next.has_tag(TAG_OURS) && next.builds_on().eq([base.clone()]) && is_whole;
        let base = Snapshot {
            id: base.clone(),
            parent: None,
            time,
            hostname: String::new(),
            tags: vec![TAG_OURS.to_owned()],
            paths: Vec::new(),
            summary: None,
        };
        (is_step && !next.is_rescue()).then(|| Self::new([base, next.clone()]))
    }

    /// The snapshot with this id.
    pub fn get(&self, id: &SnapshotId) -> Option<&Snapshot> {
        self.snapshots.get(id)
    }

    /// All snapshots.
    pub fn iter(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.values()
    }

    /// The snapshots that no other snapshot builds on.
    pub fn heads(&self) -> BTreeSet<SnapshotId> {
        let inner: BTreeSet<_> = self.builds_on.values().flatten().collect();
        self.snapshots.keys().filter(|id| !inner.contains(id)).cloned().collect()
    }

    /// `id` and everything it builds on, as far as the repository still has it.
    pub fn history(&self, id: &SnapshotId) -> BTreeSet<SnapshotId> {
        let mut seen = BTreeSet::new();
        let mut open = vec![id.clone()];
        while let Some(id) = open.pop() {
            if let Some(older) = self.builds_on.get(&id)
                && seen.insert(id)
            {
                open.extend(older.iter().cloned());
            }
        }
        seen
    }

    /// The nearest snapshots that `id` is built on, are whole, and did not leave out `path`: by way
    /// of its parent, and by way of what it took in.
    pub fn holders(&self, id: &SnapshotId, path: &str) -> [BTreeSet<SnapshotId>; 2] {
        let matter = world_of(path).or_else(|| world_at(path)).map_or(Matter::Rest, Matter::World);
        let parent = self.get(id).and_then(|snapshot| snapshot.parent.as_ref());
        let (by_parent, by_others) = self.below(id, matter).cloned().partition(|below| Some(below) == parent);
        [by_parent, by_others].map(|open| self.nearest_with(open, path, matter))
    }

    fn nearest_with(&self, mut open: Vec<SnapshotId>, path: &str, matter: Matter<'_>) -> BTreeSet<SnapshotId> {
        let mut holders = BTreeSet::new();
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let Some(snapshot) = self.get(&id).filter(|_| seen.insert(id.clone())) else { continue };
            if snapshot.leaves_out(path) || snapshot.is_broken() {
                open.extend(self.below(&id, matter).cloned());
            } else {
                holders.insert(id);
            }
        }
        holders
    }

    /// The last snapshots that are in the history of `id` and of one of `others`: those that no
    /// other such snapshot builds on. It is the history of `matter`, since a head that was taken
    /// in but for some worlds is history for the rest.
    pub fn common<'a>(
        &self,
        id: &SnapshotId,
        others: impl Iterator<Item = &'a SnapshotId>,
        matter: Matter<'_>,
    ) -> BTreeSet<SnapshotId> {
        let history = self.history_of(id, matter);
        let mut common: BTreeSet<_> = others.flat_map(|other| self.history_of(other, matter)).collect();
        common.retain(|id| history.contains(id));
        let inner: BTreeSet<_> = common.iter().flat_map(|id| self.below(id, matter)).cloned().collect();
        common.difference(&inner).cloned().collect()
    }

    /// Whether all of `head` but some worlds has gone into `base`.
    pub fn has_joined(&self, base: &SnapshotId, head: &SnapshotId) -> bool {
        self.history_of(base, Matter::Rest).contains(head)
    }

    /// The worlds of `names` about which some decision was put off.
    pub fn put_off<'a>(&self, names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let open: BTreeSet<_> = self.joins.values().flat_map(Joined::values).flatten().map(String::as_str).collect();
        names.filter(|world| open.contains(world_digest(world).as_str())).collect()
    }

    fn history_of(&self, id: &SnapshotId, matter: Matter<'_>) -> BTreeSet<SnapshotId> {
        let mut seen = BTreeSet::new();
        let mut open = vec![id.clone()];
        while let Some(id) = open.pop() {
            if self.snapshots.contains_key(&id) && !seen.contains(&id) {
                open.extend(self.below(&id, matter).cloned());
                seen.insert(id);
            }
        }
        seen
    }

    /// What `id` builds on directly, as far as `matter` goes.
    fn below<'a>(&'a self, id: &SnapshotId, matter: Matter<'_>) -> impl Iterator<Item = &'a SnapshotId> + use<'a> {
        let world = match matter {
            Matter::World(world) => Some(world_digest(world)),
            Matter::Rest => None,
        };
        let joined = self.joins.get(id).into_iter().flatten();
        let joined = joined.filter(move |(_, open)| world.as_ref().is_none_or(|world| !open.contains(world)));
        self.builds_on.get(id).into_iter().flatten().chain(joined.map(|(head, _)| head))
    }

    /// Whether `id` builds on something that the repository does not have any more.
    pub fn is_cut_off(&self, id: &SnapshotId) -> bool {
        let history = self.history(id);
        let mut named = history.iter().filter_map(|id| self.builds_on.get(id)).flatten();
        named.any(|older| !self.snapshots.contains_key(older))
    }

    /// The newest of `ids`; ties go to the greater id, so that every PC picks the same.
    pub fn newest<'a>(&self, ids: impl IntoIterator<Item = &'a SnapshotId>) -> Option<&Snapshot> {
        ids.into_iter().filter_map(|id| self.get(id)).max_by_key(|snapshot| (snapshot.time, &snapshot.id))
    }

    /// What the repository holds, seen from an instance with this `base` that has already
    /// settled these snapshots: taken them in, or seen them when there was nothing new.
    pub fn view(&self, base: Option<&SnapshotId>, settled: &BTreeSet<SnapshotId>) -> View {
        let known = base.map(|base| self.history(base)).unwrap_or_default();
        let beside: BTreeSet<_> = self.heads().difference(&known).cloned().collect();
        let (taken_in, others): (BTreeSet<_>, BTreeSet<_>) = beside.into_iter().partition(|id| settled.contains(id));
        let lineage = if self.snapshots.is_empty() {
            if base.is_some() { Lineage::BaseOnly } else { Lineage::Neither }
        } else if base.is_none() && taken_in.is_empty() {
            Lineage::HeadOnly
        } else if others.is_empty() {
            Lineage::Same
        } else {
            match (others.first(), base) {
                (Some(head), Some(base)) if others.len() == 1 && self.history(head).contains(base) => Lineage::Moved,
                (Some(head), Some(base)) if others.len() == 1 && self.get(base).is_none() && self.is_cut_off(head) => {
                    Lineage::BaseRemoved
                }
                _ => Lineage::Forked,
            }
        };
        View { lineage, others, taken_in }
    }
}

/// What a history is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter<'a> {
    /// Everything but the worlds that were put off somewhere.
    Rest,
    /// This world.
    World(&'a str),
}

/// Where the repository stands against one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// How base and heads relate.
    pub lineage: Lineage,
    /// The heads this instance has not taken in.
    pub others: BTreeSet<SnapshotId>,
    /// Heads that it has settled, and that no push has superseded yet: the next one does.
    pub taken_in: BTreeSet<SnapshotId>,
}

/// How the base of an instance and the heads of the repository relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// No base, and the repository is empty.
    Neither,
    /// No base, but the repository has snapshots.
    HeadOnly,
    /// A base, but the repository is empty.
    BaseOnly,
    /// The repository has nothing that this instance has not seen.
    Same,
    /// One head, built on the base.
    Moved,
    /// One head, and the base is gone from the repository, as is something that the head was
    /// built on: retention removed them. The head counts as built on the base if there are no
    /// local edits, and as a fork of it if there are.
    BaseRemoved,
    /// Several heads, or a head that is not built on the base.
    Forked,
}
