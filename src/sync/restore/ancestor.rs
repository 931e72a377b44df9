//! What two versions have in common, and what this PC has changed since.

use std::collections::{BTreeMap, BTreeSet};

use super::{Files, Restore};
use crate::error::Result;
use crate::snapshot::SnapshotId;
use crate::state::Entry;
use crate::sync::decide::Divergence;
use crate::sync::observe::Observation;
use crate::sync::plan::same_time;
use crate::sync::units::{self, Unit};
use crate::tree::Stat;

/// How far back versions are joined that have no single common ancestor.
const MAX_DEPTH: usize = 4;

impl Restore<'_> {
    /// The files of the last version that both sides are built on.
    pub(super) fn ancestor(&self) -> Result<Files> {
        let Observation { state, graph, view, divergence, .. } = self.seen;
        // An instance that lost its files did not delete them.
        if *divergence == Divergence::LocalLost {
            return Ok(Files::new());
        }
        // A base that is gone from the repository has no history, and so no ancestor.
        let ours = state.base.iter().chain(&state.taken_in).chain(&view.taken_in);
        let common = graph.common(&self.listing.snapshot.id, ours);
        let mut known = BTreeMap::new();
        let mut ancestor = self.joined(&common, &mut known, MAX_DEPTH)?;
        // Of versions that were in conflict, one that a side has left alone since is the one that
        // this side had decided for.
        for id in common.iter().filter(|_| common.len() > 1) {
            let better = &self.changed_on_both(&ancestor) - &self.changed_on_both(&known[id]);
            let is_better = |path: &str| better.contains(&Unit::of(path).path());
            ancestor.retain(|path, _| !is_better(path));
            ancestor
                .extend(known[id].iter().filter(|(path, _)| is_better(path)).map(|(path, stat)| (path.clone(), *stat)));
        }
        Ok(ancestor)
    }

    /// The files of these snapshots together. Both sides can be built on several, each of which
    /// has what the others lack, after two PCs took in each other's versions.
    fn joined(
        &self,
        snapshots: &BTreeSet<SnapshotId>,
        known: &mut BTreeMap<SnapshotId, Files>,
        depth: usize,
    ) -> Result<Files> {
        let graph = &self.seen.graph;
        let mut open = snapshots.clone();
        let mut done = Vec::<SnapshotId>::new();
        let mut joined = Files::new();
        while let Some(id) = graph.newest(&open).map(|newest| newest.id.clone()) {
            if !known.contains_key(&id) {
                known.insert(id.clone(), self.files_of(&id)?);
            }
            if done.is_empty() {
                joined.clone_from(&known[&id]);
            } else if depth > 0 {
                let older = self.joined(&graph.common(&id, done.iter()), known, depth - 1)?;
                let mut keep = units::that_differ(&older, &joined);
                let present: BTreeSet<_> = joined.keys().map(|path| Unit::of(path).path()).collect();
                // What was deleted in one and changed in the other had stayed.
                let changed = units::that_differ(&older, &known[&id]);
                keep.retain(|unit| present.contains(unit) || !changed.contains(unit));
                let keeps = |path: &str| keep.contains(&Unit::of(path).path());
                joined.retain(|path, _| keeps(path));
                joined.extend(
                    known[&id].iter().filter(|(path, _)| !keeps(path)).map(|(path, stat)| (path.clone(), *stat)),
                );
            }
            open.remove(&id);
            done.push(id);
        }
        Ok(joined)
    }

    /// The files in scope of a snapshot.
    fn files_of(&self, id: &SnapshotId) -> Result<Files> {
        let Observation { state, scope, .. } = self.seen;
        if state.base.as_ref() == Some(id) {
            let stat = |entry: &Entry| Stat { size: entry.size, mtime: entry.time_in_cloud() };
            return Ok(state.manifest.iter().map(|(path, entry)| (path.clone(), stat(entry))).collect());
        }
        let listing = self.restic.ls(id)?;
        Ok(listing.files.into_iter().filter(|(path, _)| scope.contains(path)).collect())
    }

    /// The units, by their paths, that this PC and the cloud both have otherwise than `version`.
    fn changed_on_both(&self, version: &Files) -> BTreeSet<String> {
        let cloud: Files = self.sides().cloud_in_scope().map(|(path, stat)| (path.to_owned(), stat)).collect();
        let here: BTreeSet<_> = self.changed_here(version).iter().map(|path| Unit::of(path).path()).collect();
        &here & &units::that_differ(version, &cloud)
    }

    /// The files that this PC added, changed or removed since `ancestor`.
    pub(super) fn changed_here(&self, ancestor: &Files) -> BTreeSet<String> {
        let Observation { state, tree, edits, .. } = self.seen;
        let touched: BTreeSet<_> = edits.touched.iter().map(|(path, _)| path.as_str()).collect();
        let is_changed = |path: &str, local: &Stat, old: &Stat| match state.manifest.get(path) {
            Some(entry) if (entry.size, entry.mtime) == (local.size, local.mtime) || touched.contains(path) => {
                (entry.size, entry.time_in_cloud()) != (old.size, old.mtime)
            }
            _ => local.size != old.size || !same_time(local.mtime, old.mtime),
        };
        let here = tree.files.iter().filter(|(path, local)| match ancestor.get(*path) {
            Some(old) => is_changed(path, local, old),
            None => true,
        });
        let gone = ancestor.keys().filter(|path| !tree.files.contains_key(*path) && !tree.hides(path));
        here.map(|(path, _)| path).chain(gone).cloned().collect()
    }
}
