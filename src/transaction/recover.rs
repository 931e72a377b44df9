//! A transaction that was cut off: it is finished, or taken back where that is not possible. What was
//! changed since is left as it is.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;

use super::apart::Apart;
use super::journal::{Journal, VERSION};
use super::moves::{Moves, Source};
use super::set_apart::{is_like, stat_of};
use super::stash::Stash;
use super::{copies, staging};
use crate::context::Context;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::instance::state::State;
use crate::paths::{self, world_of};
use crate::reading::read_if_there;
use crate::verb::Verb;

/// Finishes a transaction that was cut off, if there is one, and gives the command that had
/// begun it.
pub fn recover(ctx: &Context<'_>) -> Result<Option<Verb>> {
    let mut finished = None;
    if let Some(mut journal) = pending(&ctx.instance)? {
        ctx.note("finishing a restore that was cut off");
        let (end, apart) = journal.resume(&ctx.instance).map_err(|error| {
            error.hint("a restore that was cut off must be finished first; close what has the files open, make room if the disk is full, and run it again; nothing is lost")
        })?;
        for unit in apart {
            ctx.warn(&unit.text());
        }
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
    /// Does what is not done yet, or takes back what is. Gives the units that stay as they are.
    pub(super) fn resume(&mut self, instance: &Instance) -> Result<(End, Vec<Apart>)> {
        let stash = copies::files(&instance.undo_copy(&self.undo));
        let Moves { remove, place, .. } = &self.moves;
        let folders: BTreeSet<_> = place.keys().chain(remove).map(|path| paths::parent(path)).collect();
        for folder in folders.iter().flat_map(|folder| [instance.root().join(folder), stash.join(folder)]) {
            durable::clear_unfinished(&folder);
        }
        let before = State::load(&instance.state_file())?;
        let mut apart = self.set_apart_changed(instance, &before);
        if !apart.is_empty() {
            self.write(instance)?;
        }
        // What an undo copy lost is lost, and what it still has is nowhere else.
        let can_go_back = matches!(self.source, Source::Staging);
        if can_go_back && self.moves.place.keys().any(|path| self.has_lost(instance, path)) {
            self.take_back(instance, |_| true)?;
            durable::sync_disk(instance.root())?;
            self.note.added.clear();
            self.end(instance)?;
            return Ok((End::TakenBack, apart));
        }
        apart.extend(self.finish(instance, &before)?);
        Ok((End::Finished, apart))
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

    /// Puts the files that are meant back as they were before, as far as nobody has changed them since.
    /// What was placed already goes back to where it came from.
    pub(super) fn take_back(&self, instance: &Instance, is_meant: impl Fn(&str) -> bool) -> Result<()> {
        let (files, source) = (copies::files(&instance.undo_copy(&self.undo)), self.source.folder(instance));
        let stash = Stash::new(instance, files.clone());
        for (path, stat) in self.moves.place.iter().filter(|(path, _)| is_meant(path)) {
            let Some(here) = stat_of(instance.root(), path).filter(|_| self.has_made_way(instance, path)) else {
                continue;
            };
            if stat_of(&source, path).is_some() || !is_like(here, *stat) {
                // Somebody made it since.
                stash.put(path)?;
            } else {
                let staged = source.join(path);
                fs::create_dir_all(staged.parent().unwrap_or(&source))
                    .with_context(|| format!("could not take back {path}"))?;
                durable::rename(&instance.root().join(path), &staged)?;
            }
        }
        let is_ours = |path: &String| {
            let gone = || world_of(path).is_some_and(|world| self.moves.gone_worlds.iter().any(|gone| gone == world));
            let gave_way = || self.moves.place.keys().any(|placed| paths::is_within(placed, path));
            is_meant(path) && (gave_way() || self.moves.remove.contains(path) || gone())
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
        Ok(())
    }
}
