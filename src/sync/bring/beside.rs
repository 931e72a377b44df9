//! Keeping both: another version of a world or a picture comes under another name.

use super::Bring;
use super::names::Names;
use crate::content::world::{self, World};
use crate::error::{Error, Kind, Result};
use crate::instance::state::Manifest;
use crate::model::{Digest, Dots, SnapshotId, Unit, Version};
use crate::paths::{self, folder_of, is_within};
use crate::sync::exempt::is_content_of;
use crate::sync::fetch::Fetch;
use crate::sync::plan;
use crate::sync::resolved::{Beside, Resolved};

impl Bring<'_> {
    /// Fetches what is kept beside, under its new names. Gives the new units, and what they are copies
    /// of.
    pub(super) fn stage_beside(&mut self, resolved: &Resolved) -> Result<Vec<(Unit, Digest)>> {
        let mut copies = Vec::new();
        let ledger = &self.view.ledger;
        let mut names = Names::new(self.ctx, &self.seen.local.files, ledger);
        for Beside { unit, dot } in &resolved.beside {
            let Some(version) = self.source.version(unit, *dot) else { continue };
            if self.view.now().stands_beside(version.digest) {
                continue;
            }
            let push = ledger.pushes.get(dot).cloned().unwrap_or_default();
            let new = names.name(unit, &push.machine, push.time.unwrap_or(self.ctx.now));
            let mut holders = self.source.holders(unit, &Dots::from_iter([*dot]));
            loop {
                // The decision would give it up.
                let Some(id) = self.source.best([&holders]) else {
                    let what = format!("the other version of {} is not in the cloud any more", unit.name());
                    return Err(
                        Error::new(Kind::Stopped, what).hint("pull again and answer otherwise; nothing was changed")
                    );
                };
                if self.stage_copy(&id, unit, version, &new, &push.machine)? {
                    break;
                }
                holders.remove(&id);
            }
            copies.push((new, version.digest));
        }
        Ok(copies)
    }

    /// Fetches `version` of `unit` as `new`; false if what the snapshot has is something else.
    fn stage_copy(
        &mut self,
        id: &SnapshotId,
        unit: &Unit,
        version: &Version,
        new: &Unit,
        machine: &str,
    ) -> Result<bool> {
        let ctx = self.ctx;
        let listing = self.source.listing(id)?;
        let mut files = plan::files(unit, version, &listing.files, &Manifest::new(), &self.seen.scope, true)?;
        let refused = self.disk.refused(std::iter::empty(), files.fetch.iter().map(String::as_str));
        for (path, why) in &refused {
            ctx.warn(&format!("skipped: {path}: {}", why.text()));
        }
        files.fetch.retain(|path| !refused.keys().any(|outer| is_within(path, outer)));
        let fetch = Fetch { ctx, restic: self.source.restic()?, listing: &listing };
        let paths = fetch.stage_as(&mut self.staging, &files.fetch, unit, new)?;
        let entries = paths.iter().map(|path| self.staged_entry(path)).collect::<Result<Vec<_>>>()?;
        let names = files.fetch.iter().map(String::as_str);
        let contents: Vec<_> = names.zip(entries.iter().map(|entry| entry.hash)).collect();
        let can_tell = refused.is_empty() && files.is_all_in_scope && matches!(version.digest, Digest::Content(_));
        if can_tell && !is_content_of(unit, version, &contents) {
            for path in &paths {
                self.staging.remove(path);
            }
            return Ok(false);
        }
        let renamed = self.tell_of_copy(unit, new, machine);
        for (path, entry) in paths.into_iter().zip(entries) {
            if !self.seen.scope.contains(&path) {
                ctx.warn(&format!("{path} is not synced by your scope.json"));
            }
            let entry = if renamed.as_ref() == Some(&path) { self.staged_entry(&path)? } else { entry };
            self.files.staged.insert(path, entry);
        }
        Ok(true)
    }

    /// Tells the player what came beside. The game lists worlds by the name in level.dat; gives that
    /// file, if it was changed.
    fn tell_of_copy(&self, unit: &Unit, new: &Unit, machine: &str) -> Option<String> {
        let (ctx, staging) = (self.ctx, &self.staging);
        let (Some(folder), Some(world)) = (unit.world(), new.world()) else {
            ctx.note(&format!("{} is another picture on {machine}; it comes as {}", unit.name(), new.name()));
            return None;
        };
        let place = folder_of(world);
        let level = paths::join(&place, "level.dat");
        let mark = world.strip_prefix(folder).map_or(world, str::trim_start);
        let title = World::read(&staging.file(&place)).name.unwrap_or_else(|| folder.to_owned());
        let title = format!("{title} {mark}");
        let renamed = staging.read(&level).and_then(|old| staging.replace(&level, &world::rename(&old, &title)?));
        if let Err(error) = renamed {
            ctx.warn(&format!("{world} shows under its old name in the game: {}", error.message()));
        }
        ctx.note(&format!("the version of {folder} that {machine} saved comes as a second world: {world}"));
        Some(level)
    }
}
