//! What a snapshot left out: a world that was open, what its PC could not read or hold. It is as it
//! was in what the snapshot is built on, and comes from there.

use std::collections::{BTreeMap, BTreeSet};

use super::ancestor::Known;
use super::{Files, Restore};
use crate::error::Result;
use crate::paths::{is_within, world_of};
use crate::snapshot::{Matter, SnapshotId, holds};
use crate::sync::units::Unit;

/// How far back it is looked for where versions were joined.
const MAX_DEPTH: usize = 4;

impl Restore<'_> {
    /// Adds to the listing what the snapshot left out. What no other snapshot tells of, but one may
    /// have that is gone, is remembered: it is on some PC, and must not look deleted.
    pub(super) fn fill_in(&mut self) -> Result<()> {
        let left_out = self.listing.snapshot.left_out();
        if left_out.is_empty() {
            return Ok(());
        }
        let mut known = Known::new();
        let target = self.listing.snapshot.id.clone();
        let older = self.left_out_of(&target, &self.listing.files, &mut known, MAX_DEPTH)?;
        self.ctx.log.line(&format!("{} left out {left_out:?}: {} files of it are known", target.short(), older.len()));
        let digest = self.seen.scope.digest();
        for world in older.keys().filter_map(|path| world_of(path)).collect::<BTreeSet<_>>() {
            let unit = Unit::World(world).path();
            let is_whole = |id: &SnapshotId| self.graph.get(id).is_some_and(|one| one.is_complete_in(&unit, &digest));
            if left_out.contains(&unit) && self.graph.holders(&target, &unit).iter().all(is_whole) {
                self.gaps.whole.insert(unit);
            }
        }
        for (path, stat) in &older {
            let holder = known.iter().find(|(_, files)| files.get(path) == Some(stat)).map(|(id, _)| id);
            // What only the manifest knows is here, or lost.
            if let Some(holder) = holder.filter(|id| self.seen.ids.contains(id)) {
                self.elsewhere.insert(path.clone(), holder.clone());
            }
        }
        let is_here = |told: &str| self.seen.tree.files.keys().any(|path| holds(told, path));
        let is_nowhere = |told: &String| !is_here(told) && self.graph.holders(&target, told).is_empty();
        if self.graph.is_cut_off(&target) {
            self.untold = left_out.into_iter().filter(|told| !told.is_empty() && is_nowhere(told)).collect();
        }
        for told in &self.untold {
            self.ctx.warn(&format!("{told} is missing in the cloud's version; {} has not saved it yet", self.saver()));
        }
        self.listing.to_mut().files.extend(older);
        Ok(())
    }

    /// The files in scope that the snapshot left out, as they were before.
    pub(super) fn left_out_of(&self, id: &SnapshotId, files: &Files, known: &mut Known, depth: usize) -> Result<Files> {
        let mut found = Files::new();
        let Some(snapshot) = self.graph.get(id).filter(|_| depth > 0) else { return Ok(found) };
        let units: BTreeSet<_> = files.keys().map(|path| Unit::of(path)).collect();
        for told in snapshot.left_out() {
            let older = self.joined(&self.graph.holders(id, &told), Matter::Rest, known, depth - 1)?;
            let is_missing = |path: &str| {
                // Of a unit of which something is there, more may have been deleted.
                let is_told = !told.is_empty() || !units.contains(&Unit::of(path));
                holds(&told, path) && is_told && !files.contains_key(path)
            };
            found.extend(older.into_iter().filter(|(path, _)| is_missing(path)));
        }
        Ok(found)
    }

    /// The PC that saved the cloud's version of `unit`, a world's folder or a file.
    pub(super) fn saver_of(&self, unit: &str) -> &str {
        let elsewhere = self.elsewhere.iter().find(|(path, _)| is_within(path, unit));
        let holder = elsewhere.and_then(|(_, id)| self.graph.get(id));
        holder.map_or(self.saver(), |snapshot| &snapshot.hostname)
    }

    /// Brings files of the cloud's version to the staging folder, each from where it is.
    pub(super) fn fetch(&mut self, paths: &[String]) -> Result<()> {
        let mut older = BTreeMap::<&SnapshotId, Vec<String>>::new();
        let mut own = Vec::new();
        for path in paths {
            match self.elsewhere.get(path) {
                Some(id) => older.entry(id).or_default().push(path.clone()),
                None => own.push(path.clone()),
            }
        }
        self.staging.fetch(self.ctx, &self.restic, &self.listing, &own)?;
        for (id, paths) in older {
            let listing = self.restic.ls(id)?;
            self.staging.fetch_beside(self.ctx, &self.restic, &listing, &paths)?;
        }
        Ok(())
    }
}
