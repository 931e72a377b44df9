//! What is on this PC's disk, unit by unit, and how it compares to what was last synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::digest::{WorldDigests, digest_of, digest_of_value, files_of, hash_steady, millis};
use super::left_out::{LeftOut, Why};
use super::scope::Scope;
use super::state::{Entry, Manifest, State};
use super::tree::Tree;
use crate::content::settings::Settings;
use crate::model::{Digest, Dots, Hash, Known, Ledger, Stat, Unit, Versions};
use crate::paths::{in_world, world_of};
use crate::reading::read_at_most;

/// The largest file of settings that is looked into.
const MAX_SETTINGS: u64 = 4 << 20;

/// What is on the disk.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// Every file in the scope, as it is now.
    pub files: Manifest,
    /// What the walk found beside the files.
    pub tree: Tree,
    /// The units that are here: their content, and when it was changed, in milliseconds since 1970.
    pub units: BTreeMap<Unit, (Digest, i64)>,
    /// The values of the settings.
    pub values: BTreeMap<Unit, String>,
    /// What is known of the units, less those that say nothing now.
    pub known: BTreeMap<Unit, Known>,
    /// How the files differ from what was synced.
    pub edits: Edits,
    /// Files that are here and say nothing about what the player wants: settings that are damaged or
    /// as the pack ships them.
    pub silent: BTreeSet<String>,
}

/// How files differ from what was last synced.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Files that are new.
    pub added: Vec<String>,
    /// Files whose content is another.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
    /// Whether a file was rewritten with what it held.
    pub is_rewritten: bool,
}

impl Edits {
    /// How many there are of each kind; none where there are none at all.
    pub fn in_words(&self) -> Option<String> {
        let kinds = [(self.added.len(), "added"), (self.changed.len(), "changed"), (self.removed.len(), "removed")];
        let parts = kinds.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let parts: Vec<_> = parts.collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn paths(&self) -> impl Iterator<Item = &String> {
        self.added.iter().chain(&self.changed).chain(&self.removed)
    }
}

impl Local {
    /// Compares what the walk found with `state`.
    pub fn look(instance: &Path, mut tree: Tree, scope: &Scope, state: &State) -> Self {
        let found = std::mem::take(&mut tree.files);
        let mut local = Self { tree, ..Self::default() };
        let mut unknown = Vec::new();
        for (path, stat) in found {
            match state.files.get(&path) {
                Some(entry) if entry.here == stat => {
                    local.files.insert(path, entry.clone());
                }
                _ => unknown.push((path, stat)),
            }
        }
        let read: Vec<_> = unknown
            .into_par_iter()
            .map(|(path, stat)| {
                let hash = hash_steady(&instance.join(&path), stat);
                let is_shipped = hash.is_ok() && scope.is_as_shipped(&path, &instance.join(&path));
                (path, hash, is_shipped)
            })
            .collect();
        for (path, hash, is_shipped) in read {
            local.take_in(path, hash, is_shipped, &state.files);
        }
        let left_out =
            |path: &String| local.tree.left_out.iter().any(|left| left.why.is_for_now() && left.path == *path);
        let unreadable: Vec<_> = local.tree.left_out.iter().map(|left| left.path.clone()).filter(left_out).collect();
        if !unreadable.is_empty() {
            local.tree.leave_out_torn_worlds();
            let hidden = |path: &String| local.tree.leaves_out(path);
            let hidden: Vec<_> = local.files.keys().filter(|path| hidden(path)).cloned().collect();
            for path in hidden {
                local.files.remove(&path);
            }
            let Self { tree, edits, .. } = &mut local;
            for paths in [&mut edits.added, &mut edits.changed] {
                paths.retain(|path| !tree.leaves_out(path));
            }
        }
        local.find_removed(scope, &state.files);
        local.find_units(instance, scope, state);
        local
    }

    fn take_in(&mut self, path: String, read: io::Result<(Stat, Hash)>, is_shipped: bool, known: &Manifest) {
        let (stat, hash) = match read {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let why = if error.kind() == io::ErrorKind::Interrupted { Why::Changing } else { Why::Unreadable };
                self.tree.leave_out(path, why);
                return;
            }
        };
        let entry = match known.get(&path) {
            Some(known) if known.hash == hash => {
                self.edits.is_rewritten = true;
                let cloud = known.in_cloud();
                Entry { is_unsaved: known.is_unsaved, ..Entry::new(stat, cloud, hash) }
            }
            _ if is_shipped => {
                self.silent.insert(path.clone());
                Entry::new(stat, stat, hash)
            }
            Some(_) => {
                self.edits.changed.push(path.clone());
                Entry::new(stat, stat, hash)
            }
            None => {
                self.edits.added.push(path.clone());
                Entry::new(stat, stat, hash)
            }
        };
        self.files.insert(path, entry);
    }

    /// A file that has left the scope is none of our business any more.
    fn find_removed(&mut self, scope: &Scope, known: &Manifest) {
        let is_gone =
            |path: &&String| !self.files.contains_key(*path) && !self.tree.leaves_out(path) && scope.contains(path);
        self.edits.removed = known.keys().filter(is_gone).cloned().collect();
    }

    fn find_units(&mut self, instance: &Path, scope: &Scope, state: &State) {
        self.known.clone_from(&state.memory.known);
        let mut worlds = WorldDigests::default();
        for (path, entry) in &self.files {
            if let Some((world, inner)) = in_world(path) {
                worlds.add(world, inner, entry);
            } else if Settings::of(path).is_none() && !self.silent.contains(path) {
                let digest = Digest::Content(entry.hash);
                self.units.insert(Unit::File(path.clone()), (digest, millis(entry.here.mtime)));
            }
        }
        self.units.extend(worlds.finish());
        for path in &self.silent {
            self.known.remove(&Unit::File(path.clone()));
        }
        self.doubt_copies(&state.memory.ledger);
        for settings in Settings::ALL {
            self.find_settings(settings, instance, scope);
        }
        // What was agreed on is what is here, but for what was edited.
        let edited: BTreeSet<_> = self.edits.paths().map(|path| Unit::of(path)).collect();
        for (unit, known) in &mut self.known {
            if unit.path().is_some() {
                known.agreed = self.units.get(unit).map(|(digest, _)| *digest);
            }
        }
        for unit in edited {
            let Some(known) = self.known.get_mut(&unit) else { continue };
            let rows = files_of(&state.files, &unit).filter(|(path, _)| scope.contains(path));
            known.agreed = digest_of(&unit, rows);
        }
    }

    /// A copy that is not here any more is none: an undo or the player took it away before a push saved
    /// it. So the other version stands nowhere else, and is a question again.
    fn doubt_copies(&mut self, ledger: &Ledger) {
        let units = &self.units;
        for (_, known) in self.known.iter_mut().filter(|(unit, _)| !units.contains_key(*unit)) {
            known.copy_of = None;
        }
        let here = self.known.values().filter_map(|known| known.copy_of);
        let saved = ledger.units.values().flat_map(Versions::iter).filter_map(|(_, version)| version.copy_of());
        let copies: BTreeSet<_> = here.chain(saved).collect();
        for (unit, known) in self.known.iter_mut().filter(|(_, known)| known.kept_both) {
            let owed = known.owed.iter().flat_map(Dots::iter);
            let others = owed.filter_map(|dot| ledger.units.get(unit)?.get(dot)).map(|version| version.digest);
            if others.filter(|other| Some(*other) != known.agreed).any(|other| !copies.contains(&other)) {
                known.owed = None;
                known.kept_both = false;
            }
        }
    }

    fn find_settings(&mut self, settings: Settings, instance: &Path, scope: &Scope) {
        let path = settings.path();
        if !scope.contains(path) || self.tree.leaves_out(path) {
            return;
        }
        let is_of_it = |unit: &Unit| Settings::of_unit(unit) == Some(settings);
        let Some(entry) = self.files.get(path) else { return };
        let content = read_at_most(&instance.join(path), MAX_SETTINGS).unwrap_or_default();
        if let Some(values) = settings.read(&content).filter(|_| !self.silent.contains(path)) {
            let time = millis(entry.here.mtime);
            for (unit, value) in values {
                self.units.insert(unit.clone(), (digest_of_value(&value), time));
                self.values.insert(unit, value);
            }
            return;
        }
        // What was known of them is brought back by the next pull.
        self.silent.insert(path.to_owned());
        self.known.retain(|unit, _| !is_of_it(unit));
        let Edits { added, changed, .. } = &mut self.edits;
        for paths in [added, changed] {
            paths.retain(|edited| edited != path);
        }
    }

    /// Whether the unit cannot be looked at now: a part of it is in use, or cannot be read.
    pub fn is_left_out(&self, unit: &Unit) -> bool {
        self.left_out_by(unit).is_some()
    }

    /// Why it cannot be looked at now.
    pub fn left_out_by(&self, unit: &Unit) -> Option<&LeftOut> {
        if self.tree.left_out.is_empty() {
            return None;
        }
        let path = match unit {
            Unit::Option(_) | Unit::Server(_) => Settings::of_unit(unit).map(|settings| settings.path().to_owned()),
            _ => unit.path(),
        }?;
        self.tree.left_out.iter().find(|left| left.holds(&path))
    }

    /// Whether no file is left of what was synced.
    pub fn is_lost(&self, known: &Manifest) -> bool {
        !known.is_empty() && self.units.is_empty() && !known.keys().any(|path| self.tree.leaves_out(path))
    }

    /// The worlds that were synced and are not here any more.
    pub fn lost_worlds(&self) -> BTreeSet<String> {
        let is_here = |world: &str| self.units.contains_key(&Unit::World(world.to_owned()));
        let worlds = self.edits.removed.iter().filter_map(|path| world_of(path));
        worlds.filter(|world| !is_here(world)).map(str::to_owned).collect()
    }

    /// Bytes in files that no snapshot has.
    pub fn unsaved_bytes(&self) -> u64 {
        let edited: BTreeSet<_> = self.edits.added.iter().chain(&self.edits.changed).collect();
        let is_unsaved = |(path, entry): &(&String, &Entry)| entry.is_unsaved || edited.contains(path);
        self.files.iter().filter(is_unsaved).map(|(_, entry)| entry.here.size).sum()
    }

    /// Total size in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|entry| entry.here.size).sum()
    }
}
