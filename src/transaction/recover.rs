//! A transaction that was cut off: it is finished, or taken back where that is not possible.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::journal::{Journal, VERSION, remove_journal};
use super::moves::{Moves, Source};
use super::stash::Stash;
use super::{copies, staging};
use crate::context::Context;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::instance::state::State;
use crate::model::{Stat, same_time};
use crate::paths::{self, world_of};
use crate::platform::patiently;
use crate::reading::read_if_there;
use crate::verb::Verb;

/// What disks keep of a time that do not keep all of it, in nanoseconds.
const COARSE: [i64; 3] = [10_000_000, 1_000_000_000, 2_000_000_000];

/// Finishes a transaction that was cut off, if there is one, and gives the command that had
/// begun it.
pub fn recover(ctx: &Context<'_>) -> Result<Option<Verb>> {
    let mut finished = None;
    if let Some(mut journal) = pending(&ctx.instance)? {
        ctx.note("finishing a restore that was cut off");
        let end = journal.resume(&ctx.instance).map_err(|error| {
            error.hint("a restore that was cut off must be finished first; close what has the files open, make room if the disk is full, and run it again; nothing is lost")
        })?;
        if end == End::TakenBack {
            ctx.warn("files that it had fetched are gone from .cloud-sync/staging: it was taken back instead");
        } else {
            finished = Some(journal.note.command);
        }
    }
    // Files that were fetched and never meant anything.
    staging::clear(&ctx.instance.staging())?;
    Ok(finished)
}

/// The transaction that was cut off, if there is one.
pub fn pending(instance: &Instance) -> Result<Option<Journal>> {
    let file = instance.journal_file();
    let Some(text) = read_if_there(&file)? else { return Ok(None) };
    match serde_json::from_slice::<Journal>(&text) {
        Ok(journal) if journal.version == VERSION && journal.stays_inside() => Ok(Some(journal)),
        _ => Err(Error::new(Kind::Stopped, format!("{} cannot be read", file.display())).hint(
            "a newer cloud-sync may have written it; update this one. Else move that file away and pull again: nothing is deleted, replaced files are in .cloud-sync/undo",
        )),
    }
}

/// How a transaction ended that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    TakenBack,
}

impl Journal {
    /// Does what is not done yet, or takes back what is.
    pub(super) fn resume(&mut self, instance: &Instance) -> Result<End> {
        let stash = copies::files(&instance.undo_copy(&self.undo));
        let Moves { remove, place, .. } = &self.moves;
        let folders: BTreeSet<_> = place.keys().chain(remove).map(|path| paths::parent(path)).collect();
        for folder in folders.iter().flat_map(|folder| [instance.root().join(folder), stash.join(folder)]) {
            durable::clear_unfinished(&folder);
        }
        // What an undo copy lost is lost, and what it still has is nowhere else.
        let can_go_back = matches!(self.source, Source::Staging);
        if can_go_back && place.keys().any(|path| self.has_lost(instance, path)) {
            self.take_back(instance)?;
            return Ok(End::TakenBack);
        }
        self.keep_longer_what_was_played(instance);
        self.finish(instance)?;
        Ok(End::Finished)
    }

    /// Whether the file that was to be put at `path` is neither there nor where it came from.
    fn has_lost(&self, instance: &Instance, path: &str) -> bool {
        let is_staged = stat_of(&self.source.folder(instance), path).is_some();
        !is_staged && (stat_of(instance.root(), path).is_none() || !self.has_made_way(instance, path))
    }

    /// Whether what was at `path` before is not there any more, so that what is there came later.
    fn has_made_way(&self, instance: &Instance, path: &str) -> bool {
        let stash = copies::files(&instance.undo_copy(&self.undo));
        self.note.added.iter().any(|added| added == path) || stat_of(&stash, path).is_some()
    }

    /// Puts the instance back as it was before, as far as nobody has changed it since. What was
    /// placed already is in the cloud.
    fn take_back(&self, instance: &Instance) -> Result<()> {
        let copy = instance.undo_copy(&self.undo);
        let (files, source) = (copies::files(&copy), self.source.folder(instance));
        let stash = Stash::new(instance, files.clone());
        for (path, stat) in &self.moves.place {
            let Some(here) = stat_of(instance.root(), path).filter(|_| self.has_made_way(instance, path)) else {
                continue;
            };
            if stat_of(&source, path).is_some() || !is_like(here, *stat) {
                // Somebody made it since.
                stash.put(path)?;
            } else {
                patiently(|| fs::remove_file(instance.root().join(path)))
                    .with_context(|| format!("could not take back {path}"))?;
            }
        }
        let is_ours = |path: &String| {
            let gone = || world_of(path).is_some_and(|world| self.moves.gone_worlds.iter().any(|gone| gone == world));
            let gave_way = || self.moves.place.keys().any(|placed| paths::is_within(placed, path));
            gave_way() || self.moves.remove.contains(path) || gone()
        };
        for path in copies::files_below(&files).unwrap_or_default().iter().filter(|path| is_ours(path)) {
            let live = instance.root().join(path);
            // What is left of a folder in its place.
            let _ = fs::remove_dir(&live);
            if fs::symlink_metadata(&live).is_err() {
                fs::create_dir_all(live.parent().unwrap_or(instance.root()))
                    .with_context(|| format!("could not put back {path}"))?;
                durable::rename(&files.join(path), &live)?;
            }
        }
        durable::sync_disk(instance.root())?;
        if copies::files_below(&files).is_ok_and(|left| left.is_empty()) {
            copies::remove(&copy)?;
        }
        remove_journal(instance)
    }

    /// Notes the worlds of which something goes to the undo copy that came after the crash: nobody
    /// else has it.
    fn keep_longer_what_was_played(&mut self, instance: &Instance) {
        let before = State::load(&instance.state_file()).unwrap_or_default().files;
        let source = self.source.folder(instance);
        let Moves { remove, place, .. } = &self.moves;
        let to_place = place.keys().filter(|path| stat_of(&source, path).is_some());
        let is_new = |path: &&String| {
            let here = stat_of(instance.root(), path);
            here.is_some_and(|here| before.get(*path).is_none_or(|entry| entry.here != here))
        };
        let played: BTreeSet<_> =
            remove.iter().chain(to_place).filter(is_new).filter_map(|path| world_of(path)).collect();
        for world in played {
            if !self.note.worlds.iter().any(|known| known == world) {
                self.note.worlds.push(world.to_owned());
            }
        }
    }
}

/// Size and time of the file at `path` in `folder`.
fn stat_of(folder: &Path, path: &str) -> Option<Stat> {
    fs::symlink_metadata(folder.join(path)).ok().map(|found| Stat::of(&found))
}

/// Whether `here` is what was placed, as well as its disk can tell.
fn is_like(here: Stat, placed: Stat) -> bool {
    let off = here.mtime.saturating_sub(placed.mtime).saturating_abs();
    let is_rounded = COARSE.iter().any(|step| here.mtime % step == 0 && off <= *step);
    here.size == placed.size && (is_rounded || same_time(here.mtime, placed.mtime))
}
