//! The second half of a restore: staged files take their places, and what was there goes to
//! an undo copy. Written to a journal first, so that it can be finished after a crash at any
//! point, and means the same when it is done twice.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::fetch;
use super::undo::{self, Note};
use crate::context::Context;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::names::Disk;
use crate::paths::{self, folder_of, is_below, world_of};
use crate::platform::patiently;

use crate::state::State;

const VERSION: u64 = 1;

/// All that is left to do once everything is staged.
#[derive(Debug, Serialize, Deserialize)]
pub struct Journal {
    version: u64,
    /// The folder in ours that holds the files to place.
    source: String,
    /// The name of the undo copy.
    pub undo: String,
    /// What the undo copy says about itself.
    pub note: Note,
    /// Files that go to the undo copy and are not replaced.
    pub remove: Vec<String>,
    /// Files that are put in place.
    pub place: Vec<String>,
    /// Worlds of which nothing is to remain.
    pub gone_worlds: Vec<String>,
    /// The state when all is done.
    next: State,
}

impl Journal {
    /// A journal for files in the staging folder.
    pub fn staged(undo: String, note: Note, remove: Vec<String>, place: Vec<String>, next: State) -> Self {
        Self::new("staging/files".to_owned(), undo, note, remove, place, next)
    }

    /// A journal for files from an undo copy.
    pub fn from_undo(
        copy: &str,
        undo: String,
        note: Note,
        remove: Vec<String>,
        place: Vec<String>,
        next: State,
    ) -> Self {
        Self::new(format!("undo/{copy}/files"), undo, note, remove, place, next)
    }

    fn new(source: String, undo: String, note: Note, remove: Vec<String>, place: Vec<String>, next: State) -> Self {
        Self { version: VERSION, source, undo, note, remove, place, gone_worlds: Vec::new(), next }
    }

    /// Whether it names no place outside the instance; the file may have come with a modpack.
    fn stays_inside(&self) -> bool {
        let names =
            [&self.source, &self.undo].into_iter().chain(&self.remove).chain(&self.place).chain(&self.gone_worlds);
        names.into_iter().all(|path| paths::stays_inside(path))
    }

    /// Writes the journal, then does what it says.
    pub fn commit(&self, instance: &Instance) -> Result<()> {
        if !self.stays_inside() {
            return Err(Error::new(Kind::Stopped, "a file would be put outside the instance")
                .hint("the repository or .cloud-sync is damaged or hostile; nothing was changed"));
        }
        durable::sync_below(&instance.own(&self.source))?;
        let text = serde_json::to_vec(self).context("could not write the journal")?;
        durable::replace(&instance.journal_file(), &text)?;
        self.finish(instance)
    }

    /// Does what is not done yet after a crash.
    fn resume(&self, instance: &Instance) -> Result<()> {
        let stash = instance.undo().join(&self.undo).join("files");
        let folders: BTreeSet<_> = self.place.iter().chain(&self.remove).map(|path| paths::parent(path)).collect();
        for folder in folders.iter().flat_map(|folder| [instance.root().join(folder), stash.join(folder)]) {
            durable::clear_unfinished(&folder);
        }
        self.finish(instance)
    }

    /// Does what is not done yet.
    fn finish(&self, instance: &Instance) -> Result<()> {
        let source = instance.own(&self.source);
        let disk = Disk::of(instance);
        let files = instance.undo().join(&self.undo).join("files");
        let stash = Stash { root: instance.root(), files, disk, respelled: RefCell::default() };
        undo::begin(&instance.undo().join(&self.undo), &self.note)?;
        // Gone from there means that it is in its place already.
        let is_staged = |path: &String| fs::symlink_metadata(source.join(path)).is_ok();
        // Where capitals do not matter, it may have the name of what had to go before it came.
        let placed: BTreeSet<_> =
            self.place.iter().filter(|path| !is_staged(path)).map(|path| disk.key(path)).collect();
        for path in self.remove.iter().filter(|path| !placed.contains(&disk.key(path))) {
            stash.put(path)?;
        }
        for world in &self.gone_worlds {
            let folder = disk.key(&folder_of(world));
            if !placed.iter().any(|path| is_below(path, &folder)) {
                stash.sweep(world);
            }
        }
        for path in &self.place {
            let staged = source.join(path);
            if is_staged(path) {
                stash.make_way(path)?;
                durable::put(&staged, &instance.root().join(path))?;
            }
        }
        for path in &self.remove {
            stash.remove_empty_folders(path);
        }
        durable::sync_disk(instance.root())?;
        self.next.save(&instance.state_file())?;
        patiently(|| fs::remove_file(instance.journal_file())).context("could not remove the journal")?;
        match self.source.strip_prefix("undo/").and_then(|rest| rest.strip_suffix("/files")) {
            Some(copy) => undo::remove(&instance.undo().join(copy))?,
            None => fetch::clear(&instance.staging())?,
        }
        Ok(())
    }
}

/// Finishes a transaction that was cut off, if there is one, and gives the command that had
/// begun it.
pub fn recover(ctx: &Context<'_>) -> Result<Option<String>> {
    let journal = pending(&ctx.instance)?;
    if let Some(journal) = &journal {
        ctx.note("finishing a restore that was cut off");
        journal.resume(&ctx.instance).map_err(|error| {
            error.hint("a restore that was cut off must be finished first; close what has the files open and run it again; nothing is lost")
        })?;
    }
    // Files that were fetched and never meant anything.
    fetch::clear(&ctx.instance.staging())?;
    Ok(journal.map(|journal| journal.note.command))
}

/// The transaction that was cut off, if there is one.
pub fn pending(instance: &Instance) -> Result<Option<Journal>> {
    let file = instance.journal_file();
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("could not read {}", file.display())).into());
        }
    };
    match serde_json::from_slice::<Journal>(&text) {
        Ok(journal) if journal.version == VERSION && journal.stays_inside() => Ok(Some(journal)),
        _ => Err(Error::new(Kind::Stopped, format!("{} cannot be read", file.display())).hint(
            "a newer cloud-sync may have written it; update this one. Else move that file away and pull again: nothing is deleted, replaced files are in .cloud-sync/undo",
        )),
    }
}

/// How a folder is called for a moment while its name gets other capitals.
const BETWEEN: &str = "~cloud-sync";

/// Where what was in the way goes.
struct Stash<'a> {
    root: &'a Path,
    files: PathBuf,
    disk: Disk,
    /// The folders whose capitals are right.
    respelled: RefCell<BTreeSet<String>>,
}

impl Stash<'_> {
    /// Moves what is at `path` to the undo copy; nothing there is fine.
    fn put(&self, path: &str) -> anyhow::Result<()> {
        let live = self.root.join(path);
        if fs::symlink_metadata(&live).is_err() {
            return Ok(());
        }
        let mut copy = self.files.join(path);
        // Something appeared there after a crash: it is kept beside, never lost.
        let mut number = 1;
        while fs::symlink_metadata(&copy).is_ok() {
            copy = self.files.join(format!("{path}~{number}"));
            number += 1;
        }
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        durable::rename(&live, &copy)
    }

    /// Makes `path` free for a file: what is there goes, and so does a file where a folder of
    /// its path must be.
    fn make_way(&self, path: &str) -> anyhow::Result<()> {
        for folder in paths::folders_to(path) {
            if fs::metadata(self.root.join(folder)).is_ok_and(|found| !found.is_dir()) {
                self.put(folder)?;
            }
            self.respell(folder)?;
        }
        self.put(path)?;
        let live = self.root.join(path);
        let folder = live.parent().unwrap_or(self.root);
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))
    }

    /// Gives a folder that is there with other capitals those that `path` has; a file that comes
    /// would else be in a folder of another name.
    fn respell(&self, path: &str) -> anyhow::Result<()> {
        if !self.disk.ignores_case() || !self.respelled.borrow_mut().insert(path.to_owned()) {
            return Ok(());
        }
        let (parent, name) = paths::split(path);
        let names: Vec<_> = fs::read_dir(self.root.join(parent)).into_iter().flatten().flatten().collect();
        let names: Vec<_> = names.iter().filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect();
        let key = self.disk.key(name);
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let folder = self.root.join(parent);
        // In two steps: to some systems a name in other capitals is no other name. One that was
        // cut off after the first is finished here, too.
        let between = format!("{name}{BETWEEN}");
        if let Some(other) = names.iter().find(|other| self.disk.key(other) == key).filter(|_| !has(name)) {
            durable::rename(&folder.join(other), &folder.join(&between))?;
        }
        if !has(name) && fs::symlink_metadata(folder.join(&between)).is_ok() {
            durable::rename(&folder.join(&between), &folder.join(name))?;
        }
        Ok(())
    }

    /// Moves what is left of a removed world, which is not in the scope: its lock file, caches.
    /// What cannot be moved stays; it was never ours.
    fn sweep(&self, world: &str) {
        let folder = folder_of(world);
        if fs::symlink_metadata(self.root.join(&folder)).is_ok_and(|found| found.is_dir()) {
            self.sweep_folder(&folder);
        }
    }

    fn sweep_folder(&self, folder: &str) {
        let path = self.root.join(folder);
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let below = format!("{folder}/{name}");
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.sweep_folder(&below);
            } else {
                let _ = self.put(&below);
            }
        }
        let _ = fs::remove_dir(&path);
    }

    /// Removes the folders that a removed file leaves empty, but no folder of the instance
    /// itself.
    fn remove_empty_folders(&self, path: &str) {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if !parent.contains('/') || fs::remove_dir(self.root.join(parent)).is_err() {
                return;
            }
            folder = parent;
        }
    }
}

/// The worlds of which `removed` takes every file of `all`.
pub fn whole_worlds<'a>(
    removed: impl Iterator<Item = &'a String>,
    all: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let removed: BTreeSet<_> = removed.collect();
    let mut worlds = BTreeMap::<&str, bool>::new();
    for path in all {
        if let Some(world) = world_of(path) {
            *worlds.entry(world).or_insert(true) &= removed.contains(path);
        }
    }
    worlds.into_iter().filter(|(_, whole)| *whole).map(|(world, _)| world.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::crash;

    fn write(file: &Path, content: &str) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn read(file: &Path) -> Option<String> {
        fs::read_to_string(file).ok()
    }

    /// An instance with two worlds and a journal that replaces a file, adds one, puts one
    /// where a folder must give way, and removes a world with its lock file.
    fn instance() -> (tempfile::TempDir, Instance, Journal) {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::open(folder.path()).unwrap();
        instance.prepare().unwrap();
        for (path, content) in [
            ("saves/A/level.dat", "old"),
            ("saves/B/level.dat", "gone"),
            ("saves/B/region/r.mca", "gone, too"),
            ("saves/B/session.lock", "lock"),
            ("xaero", "a file where a folder comes"),
            ("mods/a.jar", "mod"),
            (".cloud-sync/staging/files/saves/A/level.dat", "new"),
            (".cloud-sync/staging/files/saves/A/region/r.mca", "added"),
            (".cloud-sync/staging/files/xaero/map.txt", "map"),
        ] {
            write(&instance.root().join(path), content);
        }
        let note = Note {
            number: 1,
            at: chrono::DateTime::UNIX_EPOCH,
            kept_since: None,
            command: "pull".into(),
            added: vec![],
            worlds: vec![],
            left: BTreeMap::new(),
        };
        let paths = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let remove = paths(&["saves/B/level.dat", "saves/B/region/r.mca"]);
        let place = paths(&["saves/A/level.dat", "saves/A/region/r.mca", "xaero/map.txt"]);
        let next = State { repository: Some("next".to_owned()), ..State::default() };
        let mut journal = Journal::staged("copy".to_owned(), note, remove, place, next);
        journal.gone_worlds = paths(&["B"]);
        (folder, instance, journal)
    }

    fn check(instance: &Instance, crashed_after: usize) {
        let root = instance.root();
        for (path, content) in [
            ("saves/A/level.dat", Some("new")),
            ("saves/A/region/r.mca", Some("added")),
            ("xaero/map.txt", Some("map")),
            ("mods/a.jar", Some("mod")),
            ("saves/B/level.dat", None),
            (".cloud-sync/undo/copy/files/saves/A/level.dat", Some("old")),
            (".cloud-sync/undo/copy/files/saves/B/level.dat", Some("gone")),
            (".cloud-sync/undo/copy/files/saves/B/region/r.mca", Some("gone, too")),
            (".cloud-sync/undo/copy/files/saves/B/session.lock", Some("lock")),
            (".cloud-sync/undo/copy/files/xaero", Some("a file where a folder comes")),
        ] {
            assert_eq!(read(&root.join(path)).as_deref(), content, "{path} after a crash at step {crashed_after}");
        }
        assert!(!root.join("saves/B").exists());
        assert!(!instance.journal_file().exists() && !instance.staging().exists());
        assert_eq!(State::load(&instance.state_file()).unwrap().repository.as_deref(), Some("next"));
    }

    #[test]
    fn a_crash_after_any_step_is_finished_by_the_next_run() {
        for step in 0.. {
            let (_folder, instance, journal) = instance();
            crash::after(Some(step));
            let result = journal.commit(&instance);
            crash::after(None);
            if result.is_ok() {
                assert!(step > 10, "the crash never came");
                check(&instance, step);
                return;
            }
            if let Some(journal) = pending(&instance).unwrap() {
                // Copies that were cut off.
                let halves =
                    ["saves/A/.cloud-sync-new-Ab12Cd", ".cloud-sync/undo/copy/files/saves/B/.cloud-sync-new-Ab12Cd"]
                        .map(|path| instance.root().join(path));
                for half in &halves {
                    write(half, "half of it");
                }
                journal.resume(&instance).unwrap();
                check(&instance, step);
                assert_eq!(halves.map(|half| half.exists()), [false; 2], "after a crash at step {step}");
            } else {
                // Not begun: everything is as it was.
                assert_eq!(read(&instance.root().join("saves/A/level.dat")).as_deref(), Some("old"));
                assert_eq!(step, 0);
            }
        }
    }

    #[test]
    fn a_crash_while_a_crash_is_mended_loses_nothing_either() {
        for (first, second) in (1..12).flat_map(|first| (0..12).map(move |second| (first, second))) {
            let (_folder, instance, journal) = instance();
            crash::after(Some(first));
            let _ = journal.commit(&instance);
            crash::after(Some(second));
            let _ = pending(&instance).unwrap().map(|journal| journal.resume(&instance));
            crash::after(None);
            if let Some(journal) = pending(&instance).unwrap() {
                journal.resume(&instance).unwrap();
            }
            check(&instance, first * 100 + second);
        }
    }

    #[test]
    #[cfg(windows)]
    fn a_world_whose_name_got_capitals_survives_a_crash_after_any_step() {
        for step in 1.. {
            let (_folder, instance, mut journal) = instance();
            for path in ["level.dat", "region/r.mca"] {
                write(&instance.staging().join("files/saves/b").join(path), "new");
            }
            journal.place.extend(["saves/b/level.dat".to_owned(), "saves/b/region/r.mca".to_owned()]);
            crash::after(Some(step));
            let result = journal.commit(&instance);
            crash::after(None);
            if let Some(journal) = pending(&instance).unwrap() {
                journal.resume(&instance).unwrap();
            }
            let names: Vec<_> =
                fs::read_dir(instance.root().join("saves")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert!(names.iter().any(|name| name == "b") && names.len() == 2, "{names:?} after a crash at step {step}");
            for (path, content) in [
                ("saves/b/level.dat", "new"),
                ("saves/b/region/r.mca", "new"),
                (".cloud-sync/undo/copy/files/saves/B/level.dat", "gone"),
                (".cloud-sync/undo/copy/files/saves/B/session.lock", "lock"),
            ] {
                assert_eq!(
                    read(&instance.root().join(path)).as_deref(),
                    Some(content),
                    "{path} after a crash at step {step}"
                );
            }
            if result.is_ok() {
                assert!(step > 10, "the crash never came");
                return;
            }
        }
    }

    #[test]
    #[cfg(windows)]
    fn a_folder_gets_the_capitals_of_what_comes() {
        let (_folder, instance, mut journal) = instance();
        write(&instance.root().join("saves/A/Region/r.mca"), "old");
        (journal.remove, journal.place) =
            (vec!["saves/A/Region/r.mca".to_owned()], vec!["saves/A/region/r.mca".to_owned()]);
        journal.gone_worlds.clear();
        // What is out of the scope keeps the folder where it is.
        write(&instance.root().join("saves/A/Region/session.lock"), "lock");
        journal.commit(&instance).unwrap();
        let names: Vec<_> =
            fs::read_dir(instance.root().join("saves/A")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().any(|name| name == "region") && !names.iter().any(|name| name == "Region"), "{names:?}");
        assert_eq!(read(&instance.root().join("saves/A/region/r.mca")).as_deref(), Some("added"));
    }

    #[test]
    fn what_a_player_made_between_crash_and_mending_is_kept() {
        let (_folder, instance, journal) = instance();
        crash::after(Some(7));
        let _ = journal.commit(&instance);
        crash::after(None);
        let level = instance.root().join("saves/A/level.dat");
        write(&level, "played offline");
        pending(&instance).unwrap().unwrap().resume(&instance).unwrap();
        let copies = instance.undo().join("copy/files/saves/A");
        let kept = [read(&level), read(&copies.join("level.dat")), read(&copies.join("level.dat~1"))];
        assert!(kept.contains(&Some("played offline".to_owned())), "{kept:?}");
        assert!(kept.contains(&Some("old".to_owned())), "{kept:?}");
    }
}
