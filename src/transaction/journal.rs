//! The second half of a restore: staged files take their places, and what was there goes to
//! an undo copy. Written to a journal first, so that it can be finished after a crash at any
//! point, and means the same when it is done twice.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::copies::{self, Note};
use super::moves::{Moves, Source};
use super::space;
use super::stash::Stash;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::instance::names::Disk;
use crate::instance::state::State;
use crate::paths::{self, folder_of, is_below};
use crate::platform::patiently;

/// The form that is written, and the only one that is read.
pub const VERSION: u64 = 2;

/// All that is left to do once everything is staged.
#[derive(Debug, Serialize, Deserialize)]
pub struct Journal {
    pub(super) version: u64,
    pub(super) source: Source,
    /// The name of the undo copy.
    pub(super) undo: String,
    /// What the undo copy says about itself.
    pub(super) note: Note,
    /// What goes where.
    pub moves: Moves,
    /// The state when all is done.
    next: State,
}

impl Journal {
    /// A journal of `moves` to and from the undo copy of this name, after which `next` is the state.
    pub fn new(source: Source, undo: String, note: Note, moves: Moves, next: State) -> Self {
        Self { version: VERSION, source, undo, note, moves, next }
    }

    /// Whether it names no place outside the instance; the file may have come with a modpack.
    pub(super) fn stays_inside(&self) -> bool {
        let Moves { remove, place, gone_worlds } = &self.moves;
        let copy = match &self.source {
            Source::Staging => None,
            Source::Undo(copy) => Some(copy),
        };
        let names = [&self.undo].into_iter().chain(copy).chain(remove).chain(place.keys()).chain(gone_worlds);
        names.into_iter().all(|path| paths::stays_inside(path))
    }

    /// Writes the journal, then does what it says.
    pub fn commit(&self, instance: &Instance) -> Result<()> {
        if !self.stays_inside() {
            return Err(Error::new(Kind::Stopped, "a file would be put outside the instance")
                .hint("the repository or .cloud-sync is damaged or hostile; nothing was changed"));
        }
        space::check(instance, &self.moves)?;
        durable::sync_below(&self.source.folder(instance))?;
        let text = serde_json::to_vec(self).context("could not write the journal")?;
        durable::replace(&instance.journal_file(), &text)?;
        self.finish(instance)
    }

    /// Does what is not done yet.
    pub(super) fn finish(&self, instance: &Instance) -> Result<()> {
        let source = self.source.folder(instance);
        let Moves { remove, place, gone_worlds } = &self.moves;
        let disk = Disk::of(instance);
        let copy = instance.undo_copy(&self.undo);
        let stash = Stash::new(instance, copies::files(&copy));
        copies::begin(&copy, &self.note)?;
        // Gone from there means that it is in its place already.
        let is_staged = |path: &String| fs::symlink_metadata(source.join(path)).is_ok();
        // On a case-insensitive disk it may have the name of what had to go before it came.
        let placed: BTreeSet<_> = place.keys().filter(|path| !is_staged(path)).map(|path| disk.folded(path)).collect();
        for path in remove.iter().filter(|path| !placed.contains(&disk.folded(path))) {
            stash.put(path)?;
        }
        for world in gone_worlds {
            let folder = disk.folded(&folder_of(world));
            if !placed.iter().any(|path| is_below(path, &folder)) {
                stash.sweep(world);
            }
        }
        for path in place.keys() {
            let staged = source.join(path);
            if is_staged(path) {
                stash.make_way(path)?;
                durable::put(&staged, &instance.root().join(path))?;
            }
        }
        for path in remove {
            stash.remove_empty_folders(path);
        }
        durable::sync_disk(instance.root())?;
        self.next.save(&instance.state_file())?;
        remove_journal(instance)?;
        self.source.clear(instance)
    }
}

/// Ends a transaction.
pub fn remove_journal(instance: &Instance) -> Result<()> {
    Ok(patiently(|| fs::remove_file(instance.journal_file())).context("could not remove the journal")?)
}
