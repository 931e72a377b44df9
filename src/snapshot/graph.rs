//! What builds on what, and where one instance stands in it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{Joined, Snapshot, SnapshotId, TAG_OURS, world_digest};
use crate::paths::{world_at, world_of};

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
