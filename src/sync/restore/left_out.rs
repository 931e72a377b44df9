//! What a snapshot left out: a world that was open, what its PC could not read or hold. It is as it
//! was in what the snapshot is built on, and comes from there.

use std::collections::{BTreeMap, BTreeSet};

use super::ancestor::Known;
use super::{Files, Restore};
use crate::error::Result;
use crate::paths::{is_within, world_of};
use crate::snapshot::{Matter, SnapshotId};
use crate::sync::units::{Unit, that_differ};
use crate::tree::Stat;

/// How far back it is looked for where versions were joined.
const MAX_DEPTH: usize = 4;

/// What a snapshot left out, as far as others tell of it.
#[derive(Default)]
pub(super) struct LeftOut {
    pub(super) files: Files,
    /// Units of which versions that were joined had different ones, by their paths.
    disputed: BTreeSet<String>,
}

impl Restore<'_> {
    /// Adds to the listing what the snapshot left out. What no other snapshot tells of, but one may
    /// have that is gone, is remembered: it is on some PC, and must not look deleted.
    pub(super) fn fill_in(&mut self) -> Result<()> {
        let target = self.listing.snapshot.clone();
        let left_out = target.left_out();
        if left_out.is_empty() && !target.is_broken() {
            return Ok(());
        }
        let mut known = Known::new();
        let LeftOut { files: mut older, disputed } =
            self.left_out_of(&target.id, &self.listing.files, &mut known, MAX_DEPTH)?;
        // Whose version of these counts is decided nowhere yet. What is here is as good as any.
        let here: BTreeSet<_> = self.seen.tree.files.keys().map(|path| Unit::of(path).path()).collect();
        older.retain(|path, _| {
            let unit = Unit::of(path).path();
            !(disputed.contains(&unit) && here.contains(&unit))
        });
        self.ctx.log.line(&format!("{} left out {left_out:?}: {} files are known", target.id.short(), older.len()));
        let digest = self.seen.scope.digest();
        for world in older.keys().filter_map(|path| world_of(path)).collect::<BTreeSet<_>>() {
            let unit = Unit::World(world).path();
            let is_whole = |id: &SnapshotId| self.graph.get(id).is_some_and(|one| one.is_complete_in(&unit, &digest));
            if left_out.contains(&unit) && self.graph.holders(&target.id, &unit).iter().flatten().all(is_whole) {
                self.gaps.whole.insert(unit);
            }
        }
        for (path, stat) in &older {
            // What only the manifest knows is here, or lost.
            if let Some(holder) = self.holder_of(path, *stat, &known) {
                self.elsewhere.insert(path.clone(), holder);
            }
        }
        let is_here = |told: &str| self.seen.tree.files.keys().any(|path| is_within(path, told));
        let is_nowhere =
            |told: &String| !is_here(told) && self.graph.holders(&target.id, told).iter().all(BTreeSet::is_empty);
        if self.graph.is_cut_off(&target.id) {
            self.untold = left_out.into_iter().filter(|told| !told.is_empty() && is_nowhere(told)).collect();
        }
        for told in &self.untold {
            self.ctx.warn(&format!("{told} is missing in the cloud's version; {} has not saved it yet", self.saver()));
        }
        let listing = self.listing.to_mut();
        if target.is_broken() && !older.is_empty() {
            // Which of its files are whole versions of anything, nothing tells.
            listing.files.clear();
        }
        listing.files.extend(older);
        Ok(())
    }

    /// A snapshot that has this version of the file itself.
    pub(super) fn holder_of(&self, path: &str, stat: Stat, known: &Known) -> Option<SnapshotId> {
        let has_it = |id: &SnapshotId| {
            self.seen.ids.contains(id) && self.graph.get(id).is_none_or(|one| !one.leaves_out(path) && !one.is_broken())
        };
        known.iter().find(|(id, files)| files.get(path) == Some(&stat) && has_it(id)).map(|(id, _)| id.clone())
    }

    /// The files in scope that the snapshot left out, as they were before; of a broken one, all.
    pub(super) fn left_out_of(
        &self,
        id: &SnapshotId,
        files: &Files,
        known: &mut Known,
        depth: usize,
    ) -> Result<LeftOut> {
        let mut found = LeftOut::default();
        let Some(snapshot) = self.graph.get(id).filter(|_| depth > 0) else { return Ok(found) };
        let left_out = if snapshot.is_broken() { BTreeSet::from([String::new()]) } else { snapshot.left_out() };
        // Where nothing says what was left out, what is missing may have been deleted.
        for told in left_out.iter().filter(|told| !told.is_empty() || snapshot.is_broken()) {
            let is_missing = |path: &str| is_within(path, told) && (snapshot.is_broken() || !files.contains_key(path));
            let [by_parent, by_others] = self.graph.holders(id, told);
            let mut older = self.joined(&by_parent, Matter::Rest, known, depth - 1)?;
            let mut others = self.joined(&by_others, Matter::Rest, known, depth - 1)?;
            older.retain(|path, _| is_missing(path));
            others.retain(|path, _| is_missing(path));
            let units = |files: &Files| files.keys().map(|path| Unit::of(path).path()).collect::<BTreeSet<_>>();
            let both = &units(&older) & &units(&others);
            found.disputed.extend(&both & &that_differ(&older, &others));
            // The one that made it went on from its parent.
            others.retain(|path, _| !both.contains(&Unit::of(path).path()));
            found.files.extend(older.into_iter().chain(others));
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
