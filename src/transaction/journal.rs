//! The second half of a restore: staged files take their places, and what was there goes to
//! an undo copy. Written to a journal first, so that it can be finished after a crash at any
//! point, and means the same when it is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::apart::{Apart, Why};
use super::copies::{self, Note};
use super::moves::{Moves, Source};
use super::space;
use super::stash::Stash;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::instance::names::Disk;
use crate::instance::state::State;
use crate::model::{Stat, Unit};
use crate::paths::{self, folder_of, is_below};
use crate::platform::patiently;

/// The form that is written, and the only one that is read.
pub const VERSION: u64 = 3;

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
    /// The files that it touches, and those that tell whether their worlds were played, as it found them.
    pub(super) seen: BTreeMap<String, Stat>,
    /// Whether something of the source is not meant to go anywhere any more.
    is_apart: bool,
    /// The state when all is done.
    pub(super) next: State,
}

/// Why moves end early.
enum Halt {
    /// This file cannot be moved.
    Stuck(String, anyhow::Error),
    Failed(Error),
}

impl Journal {
    /// A journal of `moves` to and from the undo copy of this name, after which `next` is the state.
    /// `here` are the files of the instance.
    pub fn new<'a>(
        source: Source,
        undo: String,
        note: Note,
        moves: Moves,
        here: impl Iterator<Item = (&'a String, Stat)>,
        next: State,
    ) -> Self {
        let touched: BTreeSet<_> = moves.place.keys().chain(&moves.remove).collect();
        // Whoever plays a world writes this.
        let levels: BTreeSet<_> = touched.iter().filter_map(|path| level_of(path)).collect();
        let seen = here.filter(|(path, _)| touched.contains(path) || levels.contains(*path));
        let seen = seen.map(|(path, stat)| (path.clone(), stat)).collect();
        Self { version: VERSION, source, undo, note, moves, seen, is_apart: false, next }
    }

    /// Whether it names no place outside the instance; the file may have come with a modpack.
    pub(super) fn stays_inside(&self) -> bool {
        let Moves { remove, place, gone_worlds } = &self.moves;
        let copy = match &self.source {
            Source::Staging => None,
            Source::Undo(copy) => Some(copy),
        };
        let names = [&self.undo].into_iter().chain(copy).chain(remove).chain(place.keys()).chain(gone_worlds);
        names.chain(self.seen.keys()).all(|path| paths::stays_inside(path))
    }

    /// Writes the journal, then does what it says. Gives the units that stay as they are.
    pub fn commit(&mut self, instance: &Instance) -> Result<Vec<Apart>> {
        if !self.stays_inside() {
            return Err(Error::new(Kind::Stopped, "a file would be put outside the instance")
                .hint("the repository or .cloud-sync is damaged or hostile; nothing was changed"));
        }
        let before = State::load(&instance.state_file())?;
        let mut apart = self.set_apart_unwritable(instance, &before);
        space::check(instance, &self.moves)?;
        durable::sync_below(&self.source.folder(instance))?;
        self.write(instance)?;
        apart.extend(self.finish(instance, &before)?);
        Ok(apart)
    }

    pub(super) fn write(&self, instance: &Instance) -> Result<()> {
        let text = serde_json::to_vec(self).context("could not write the journal")?;
        Ok(durable::replace(&instance.journal_file(), &text)?)
    }

    /// Does what is not done yet. A unit of which a file cannot be moved is taken back, and the others go
    /// on. Gives those that stay as they are.
    pub(super) fn finish(&mut self, instance: &Instance, before: &State) -> Result<Vec<Apart>> {
        let mut apart = Vec::new();
        while let Err(halt) = self.make_moves(instance) {
            let (path, error) = match halt {
                Halt::Stuck(path, error) => (path, error),
                Halt::Failed(error) => return Err(error),
            };
            let unit = Unit::of(&path);
            self.take_back(instance, |path| unit.holds(path))?;
            self.set_apart(before, &unit);
            self.write(instance)?;
            apart.push(Apart { unit, why: Why::Stuck(format!("{error:#}")) });
        }
        durable::sync_disk(instance.root())?;
        self.next.save(&instance.state_file())?;
        self.end(instance)?;
        Ok(apart)
    }

    /// Ends the transaction.
    pub(super) fn end(&self, instance: &Instance) -> Result<()> {
        let copy = instance.undo_copy(&self.undo);
        let is_empty = copies::files_below(&copies::files(&copy)).is_ok_and(|files| files.is_empty());
        if is_empty && self.note.added.is_empty() {
            copies::remove(&copy)?;
        }
        patiently(|| fs::remove_file(instance.journal_file())).context("could not remove the journal")?;
        match &self.source {
            // What was not put back is nowhere else.
            Source::Undo(_) if self.is_apart => Ok(()),
            source => source.clear(instance),
        }
    }

    fn make_moves(&self, instance: &Instance) -> std::result::Result<(), Halt> {
        let source = self.source.folder(instance);
        let Moves { remove, place, gone_worlds } = &self.moves;
        let disk = Disk::of(instance);
        let copy = instance.undo_copy(&self.undo);
        let stash = Stash::new(instance, copies::files(&copy));
        copies::begin(&copy, &self.note).map_err(Halt::Failed)?;
        let stuck = |path: &String| {
            let path = path.clone();
            move |error| Halt::Stuck(path, error)
        };
        // Gone from there means that it is in its place already.
        let is_staged = |path: &String| fs::symlink_metadata(source.join(path)).is_ok();
        // On a case-insensitive disk it may have the name of what had to go before it came.
        let placed: BTreeSet<_> = place.keys().filter(|path| !is_staged(path)).map(|path| disk.folded(path)).collect();
        for path in remove.iter().filter(|path| !placed.contains(&disk.folded(path))) {
            stash.put(path).map_err(stuck(path))?;
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
                stash.make_way(path).map_err(stuck(path))?;
                durable::put(&staged, &instance.root().join(path)).map_err(stuck(path))?;
            }
        }
        for path in remove {
            stash.remove_empty_folders(path);
        }
        Ok(())
    }

    pub(super) fn note_apart(&mut self) {
        self.is_apart = true;
    }
}

/// The file that a player who plays the world of `path` changes.
fn level_of(path: &str) -> Option<String> {
    paths::world_of(path).map(|world| paths::join(&folder_of(world), "level.dat"))
}
