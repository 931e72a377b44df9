//! What two versions have in common, and what this PC has changed since.

use std::collections::{BTreeMap, BTreeSet};

use super::{Files, Restore};
use crate::error::Result;
use crate::paths::world_of;
use crate::snapshot::{Matter, Snapshot, SnapshotId};
use crate::sync::decide::Divergence;
use crate::sync::observe::Observation;
use crate::sync::plan::same_time;
use crate::sync::units::{self, Unit};
use crate::tree::Stat;

/// How far back versions are joined that have no single common ancestor.
const MAX_DEPTH: usize = 4;

/// The files of snapshots that were looked at.
pub(super) type Known = BTreeMap<SnapshotId, Files>;

impl Restore<'_> {
    /// The files of the last version that both sides are built on. What it read on the way is
    /// `known` then.
    pub(super) fn ancestor(&self, known: &mut Known) -> Result<Files> {
        let Observation { state, tree, divergence, .. } = self.seen;
        // An instance that lost its files did not delete them.
        if *divergence == Divergence::LocalLost {
            return Ok(Files::new());
        }
        // Nobody went on from it but this PC. The graph may be empty then, as nothing is new.
        if let Some(base) = state.base.as_ref().filter(|base| **base == self.listing.snapshot.id) {
            let files = self.files_of(base, known, MAX_DEPTH)?;
            known.insert(base.clone(), files.clone());
            return Ok(files);
        }
        let mut ancestor = self.ancestor_of(Matter::Rest, known)?;
        let worlds = || tree.files.keys().chain(self.listing.files.keys()).filter_map(|path| world_of(path));
        let mut put_off = self.graph.put_off(worlds());
        let here: BTreeSet<_> = state.joined.values().flatten().map(String::as_str).collect();
        put_off.extend(worlds().filter(|world| here.contains(world)));
        for world in put_off {
            let own = self.ancestor_of(Matter::World(world), known)?;
            ancestor.retain(|path, _| world_of(path) != Some(world));
            ancestor.extend(own.into_iter().filter(|(path, _)| world_of(path) == Some(world)));
        }
        Ok(ancestor)
    }

    fn ancestor_of(&self, matter: Matter<'_>, known: &mut Known) -> Result<Files> {
        let Observation { state, view, .. } = self.seen;
        let is_joined = |open: &BTreeSet<String>| match matter {
            Matter::Rest => true,
            Matter::World(world) => !open.contains(world),
        };
        let joined = state.joined.iter().filter(|(_, open)| is_joined(open)).map(|(head, _)| head);
        // A base that is gone from the repository has no history, and so no ancestor.
        let ours = state.base.iter().chain(&state.taken_in).chain(&view.taken_in).chain(joined);
        let common = self.graph.common(&self.listing.snapshot.id, ours, matter);
        let mut ancestor = self.joined(&common, matter, known, MAX_DEPTH)?;
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
    pub(super) fn joined(
        &self,
        snapshots: &BTreeSet<SnapshotId>,
        matter: Matter<'_>,
        known: &mut Known,
        depth: usize,
    ) -> Result<Files> {
        let graph = &self.graph;
        let mut open = snapshots.clone();
        let mut done = Vec::<SnapshotId>::new();
        let mut joined = Files::new();
        while let Some(id) = graph.newest(&open).map(|newest| newest.id.clone()) {
            if !known.contains_key(&id) {
                let files = self.files_of(&id, known, depth)?;
                known.insert(id.clone(), files);
            }
            if done.is_empty() {
                joined.clone_from(&known[&id]);
            } else if depth > 0 {
                let older = self.joined(&graph.common(&id, done.iter(), matter), matter, known, depth - 1)?;
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

    /// The files in scope of a snapshot, with what it left out.
    fn files_of(&self, id: &SnapshotId, known: &mut Known, depth: usize) -> Result<Files> {
        let Observation { state, scope, .. } = self.seen;
        if state.base.as_ref() == Some(id) {
            return Ok(state.manifest.iter().map(|(path, entry)| (path.clone(), entry.in_cloud())).collect());
        }
        let mut files: Files = if *id == self.listing.snapshot.id {
            self.cloud_in_scope()
        } else {
            let listing = self.restic.ls(id)?;
            listing.files.into_iter().filter(|(path, _)| scope.contains(path)).collect()
        };
        let left_out = self.left_out_of(id, &files, known, depth)?.files;
        if !left_out.is_empty() && self.graph.get(id).is_some_and(Snapshot::is_broken) {
            files.clear();
        }
        files.extend(left_out);
        Ok(files)
    }

    /// The units, by their paths, that this PC and the cloud both have otherwise than `version`.
    fn changed_on_both(&self, version: &Files) -> BTreeSet<String> {
        let here: BTreeSet<_> = self.changed_here(version).iter().map(|path| Unit::of(path).path()).collect();
        &here & &units::that_differ(version, &self.cloud_in_scope())
    }

    /// The files that this PC added, changed or removed since `ancestor`.
    pub(super) fn changed_here(&self, ancestor: &Files) -> BTreeSet<String> {
        let Observation { state, tree, edits, scope, .. } = self.seen;
        let graph = &self.graph;
        let touched: BTreeSet<_> = edits.touched.iter().map(|(path, _)| path.as_str()).collect();
        let is_changed = |path: &str, local: &Stat, old: &Stat| match state.manifest.get(path) {
            Some(entry) if entry.here == *local || touched.contains(path) => entry.in_cloud() != *old,
            _ => local.size != old.size || !same_time(local.mtime, old.mtime),
        };
        let here = tree.files.iter().filter(|(path, local)| match ancestor.get(*path) {
            _ if edits.reset.contains(*path) => false,
            Some(old) => is_changed(path, local, old),
            None => true,
        });
        // What this PC saved under another scope may lack what nobody deleted.
        let theirs = graph.history(&self.listing.snapshot.id);
        let ours = state.base.as_ref().map(|base| graph.history(base)).unwrap_or_default();
        let digest = scope.digest();
        let is_told =
            !ours.difference(&theirs).filter_map(|id| graph.get(id)).any(|one| one.is_of_another_scope(&digest));
        let is_known = |path: &&String| is_told || state.manifest.contains_key(*path);
        let gone = ancestor.keys().filter(|path| !tree.files.contains_key(*path) && !tree.hides(path)).filter(is_known);
        here.map(|(path, _)| path).chain(gone).cloned().collect()
    }
}
