//! Which units a transaction leaves as they are, and what is left of it then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::apart::{Apart, Why};
use super::journal::Journal;
use super::moves::Moves;
use crate::content::settings::Settings;
use crate::instance::Instance;
use crate::instance::names::Disk;
use crate::instance::state::State;
use crate::model::{Stat, Unit, same_time};
use crate::{durable, platform};

/// What disks keep of a time that do not keep all of it, in nanoseconds.
const COARSE: [i64; 3] = [10_000_000, 1_000_000_000, 2_000_000_000];

impl Journal {
    /// Takes `unit` out of what is to be done. What is known of it stays what it was in `before`.
    pub(super) fn set_apart(&mut self, before: &State, unit: &Unit) {
        self.note_apart();
        let Moves { remove, place, gone_worlds } = &mut self.moves;
        remove.retain(|path| !unit.holds(path));
        place.retain(|path, _| !unit.holds(path));
        gone_worlds.retain(|world| unit.world() != Some(world));
        self.note.added.retain(|path| !unit.holds(path));
        self.note.left.retain(|world, _| unit.world() != Some(world));
        let settings = unit.path().and_then(|path| Settings::of(&path));
        let is_it = |one: &Unit| one == unit || settings.is_some() && Settings::of_unit(one) == settings;
        let is_copy = self.next.memory.known.get(unit).is_some_and(|known| known.copy_of.is_some());
        let next = &mut self.next;
        next.files.retain(|path, _| !unit.holds(path));
        let files = before.files.iter().filter(|(path, _)| unit.holds(path));
        next.files.extend(files.map(|(path, entry)| (path.clone(), entry.clone())));
        next.memory.known.retain(|one, _| !is_it(one));
        let known = before.memory.known.iter().filter(|(one, _)| is_it(one));
        next.memory.known.extend(known.map(|(one, known)| (one.clone(), known.clone())));
        next.impossible.remove(unit);
        let impossible = before.impossible.get_key_value(unit);
        next.impossible.extend(impossible.map(|(unit, paths)| (unit.clone(), paths.clone())));
        if is_copy {
            self.undecide(before);
        }
    }

    /// A version that was to be kept beside does not come. So nothing is decided that would supersede it.
    fn undecide(&mut self, before: &State) {
        let is_new = |unit: &Unit| before.memory.known.get(unit).is_none_or(|known| !known.kept_both);
        let decided = self.next.memory.known.iter().filter(|(unit, known)| known.kept_both && is_new(unit));
        let decided: Vec<_> = decided.map(|(unit, _)| unit.clone()).collect();
        for unit in decided {
            self.set_apart(before, &unit);
        }
    }

    /// Sets the units apart that were changed after the transaction was cut off: their files are neither
    /// those that it found nor those that it put in place.
    pub(super) fn set_apart_changed(&mut self, instance: &Instance, before: &State) -> Vec<Apart> {
        // On a case-insensitive disk what comes may have the name of what was there.
        let disk = Disk::of(instance);
        let (mut seen, mut placed) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        self.seen.iter().for_each(|(path, stat)| seen.entry(disk.folded(path)).or_default().push(*stat));
        self.moves.place.iter().for_each(|(path, stat)| placed.entry(disk.folded(path)).or_default().push(*stat));
        let is_changed = |path: &String| {
            let name = disk.folded(path);
            let (seen, placed) = (seen.get(&name), placed.get(&name));
            match stat_of(instance.root(), path) {
                Some(here) => {
                    let is_as_before = seen.into_iter().flatten().any(|stat| *stat == here);
                    !is_as_before && !placed.into_iter().flatten().any(|stat| is_like(here, *stat))
                }
                None => self.seen.contains_key(path) && placed.is_none() && !self.moves.remove.contains(path),
            }
        };
        let paths = self.seen.keys().chain(self.moves.place.keys());
        let changed: BTreeSet<_> = paths.filter(|path| is_changed(path)).map(|path| Unit::of(path)).collect();
        self.all_apart(before, changed.into_iter().map(|unit| Apart { unit, why: Why::Changed }).collect())
    }

    /// Sets the units apart that have a folder to which nothing can be written.
    pub(super) fn set_apart_unwritable(&mut self, instance: &Instance, before: &State) -> Vec<Apart> {
        let mut can_write = BTreeMap::<PathBuf, bool>::new();
        let mut apart = BTreeMap::new();
        for path in self.moves.place.keys().chain(&self.moves.remove) {
            let file = instance.root().join(path);
            let Some(folder) = file.ancestors().skip(1).find(|folder| folder.is_dir()) else { continue };
            if !*can_write.entry(folder.to_owned()).or_insert_with(|| durable::can_write_to(folder)) {
                let name = folder.strip_prefix(instance.root()).unwrap_or(folder).display().to_string();
                let why = Why::NotWritable { folder: name, owner: platform::owner_of(folder) };
                apart.entry(Unit::of(path)).or_insert(why);
            }
        }
        self.all_apart(before, apart.into_iter().map(|(unit, why)| Apart { unit, why }).collect())
    }

    fn all_apart(&mut self, before: &State, apart: Vec<Apart>) -> Vec<Apart> {
        for Apart { unit, .. } in &apart {
            self.set_apart(before, unit);
        }
        apart
    }
}

/// Size and time of the file at `path` in `folder`.
pub fn stat_of(folder: &Path, path: &str) -> Option<Stat> {
    fs::symlink_metadata(folder.join(path)).ok().map(|found| Stat::of(&found))
}

/// Whether `here` is what was placed, as well as its disk can tell.
pub fn is_like(here: Stat, placed: Stat) -> bool {
    let off = here.mtime.saturating_sub(placed.mtime).saturating_abs();
    let is_rounded = COARSE.iter().any(|step| here.mtime % step == 0 && off <= *step);
    here.size == placed.size && (is_rounded || same_time(here.mtime, placed.mtime))
}
