//! The second half of a restore: staged files take their places, and what was there goes to
//! an undo copy. Written to a journal first, so that it can be finished after a crash at any
//! point, and means the same when it is done twice.

mod recover;
mod space;
mod stash;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::fetch;
use super::undo::{self, Note};
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::names::Disk;
use crate::paths::{self, folder_of, is_below, world_of};
use crate::platform::patiently;
use crate::state::State;
use crate::tree::Stat;
pub use recover::{pending, recover};
use stash::Stash;

const VERSION: u64 = 2;

/// All that is left to do once everything is staged.
#[derive(Debug, Serialize, Deserialize)]
pub struct Journal {
    version: u64,
    source: Source,
    /// The name of the undo copy.
    undo: String,
    /// What the undo copy says about itself.
    note: Note,
    /// What goes where.
    pub moves: Moves,
    /// The state when all is done.
    next: State,
}

/// Where the files come from that are put in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The staging folder.
    Staging,
    /// The undo copy of this name.
    Undo(String),
}

/// The moves of a journal.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Moves {
    /// Files that go to the undo copy and are not replaced.
    pub remove: Vec<String>,
    /// Files that are put in place, and what they are then.
    pub place: BTreeMap<String, Stat>,
    /// Worlds of which nothing is to remain.
    pub gone_worlds: Vec<String>,
}

impl Source {
    /// The folder that the files are in.
    fn folder(&self, instance: &Instance) -> PathBuf {
        match self {
            Self::Staging => instance.staging().join("files"),
            Self::Undo(copy) => undo::files(&instance.undo_copy(copy)),
        }
    }

    /// Removes what is left of it.
    fn clear(&self, instance: &Instance) -> Result<()> {
        match self {
            Self::Staging => fetch::clear(&instance.staging()),
            Self::Undo(copy) => undo::remove(&instance.undo_copy(copy)),
        }
    }
}

impl Journal {
    /// A journal of `moves` to and from the undo copy of this name, after which `next` is the state.
    pub fn new(source: Source, undo: String, note: Note, moves: Moves, next: State) -> Self {
        Self { version: VERSION, source, undo, note, moves, next }
    }

    /// Whether it names no place outside the instance; the file may have come with a modpack.
    fn stays_inside(&self) -> bool {
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
    fn finish(&self, instance: &Instance) -> Result<()> {
        let source = self.source.folder(instance);
        let Moves { remove, place, gone_worlds } = &self.moves;
        let disk = Disk::of(instance);
        let copy = instance.undo_copy(&self.undo);
        let stash = Stash::new(instance, undo::files(&copy));
        undo::begin(&copy, &self.note)?;
        // Gone from there means that it is in its place already.
        let is_staged = |path: &String| fs::symlink_metadata(source.join(path)).is_ok();
        // Where capitals do not matter, it may have the name of what had to go before it came.
        let placed: BTreeSet<_> = place.keys().filter(|path| !is_staged(path)).map(|path| disk.key(path)).collect();
        for path in remove.iter().filter(|path| !placed.contains(&disk.key(path))) {
            stash.put(path)?;
        }
        for world in gone_worlds {
            let folder = disk.key(&folder_of(world));
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
fn remove_journal(instance: &Instance) -> Result<()> {
    Ok(patiently(|| fs::remove_file(instance.journal_file())).context("could not remove the journal")?)
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
    use std::path::Path;

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
            old_since: None,
            command: "pull".into(),
            added: vec!["saves/A/region/r.mca".into(), "xaero/map.txt".into()],
            worlds: vec![],
            left: BTreeMap::new(),
        };
        let paths = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let remove = paths(&["saves/B/level.dat", "saves/B/region/r.mca"]);
        let place = ["saves/A/level.dat", "saves/A/region/r.mca", "xaero/map.txt"];
        let place = place.iter().map(|path| staged(&instance, path)).collect();
        let moves = Moves { remove, place, gone_worlds: paths(&["B"]) };
        let next = State {
            repositories: BTreeMap::from([("next".to_owned(), crate::state::Place::default())]),
            ..State::default()
        };
        let journal = Journal::new(Source::Staging, "copy".to_owned(), note, moves, next);
        (folder, instance, journal)
    }

    /// A staged file, as a journal places it.
    fn staged(instance: &Instance, path: &str) -> (String, Stat) {
        let found = fs::symlink_metadata(Source::Staging.folder(instance).join(path)).unwrap();
        (path.to_owned(), Stat::of(&found))
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
        assert!(State::load(&instance.state_file()).unwrap().repositories.contains_key("next"));
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
            if let Some(mut journal) = pending(&instance).unwrap() {
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
            let _ = pending(&instance).unwrap().map(|mut journal| journal.resume(&instance));
            crash::after(None);
            if let Some(mut journal) = pending(&instance).unwrap() {
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
            let more = ["saves/b/level.dat", "saves/b/region/r.mca"].map(|path| staged(&instance, path));
            journal.moves.place.extend(more);
            crash::after(Some(step));
            let result = journal.commit(&instance);
            crash::after(None);
            if let Some(mut journal) = pending(&instance).unwrap() {
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
        journal.moves = Moves {
            remove: vec!["saves/A/Region/r.mca".to_owned()],
            place: [staged(&instance, "saves/A/region/r.mca")].into(),
            gone_worlds: Vec::new(),
        };
        // What is out of the scope keeps the folder where it is.
        write(&instance.root().join("saves/A/Region/session.lock"), "lock");
        journal.commit(&instance).unwrap();
        let names: Vec<_> =
            fs::read_dir(instance.root().join("saves/A")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().any(|name| name == "region") && !names.iter().any(|name| name == "Region"), "{names:?}");
        assert_eq!(read(&instance.root().join("saves/A/region/r.mca")).as_deref(), Some("added"));
    }

    #[test]
    fn where_staged_files_are_lost_all_is_as_it_was() {
        for step in 1.. {
            let (_folder, instance, journal) = instance();
            let root = instance.root();
            crash::after(Some(step));
            let result = journal.commit(&instance);
            crash::after(None);
            let staged = instance.staging().join("files/xaero/map.txt");
            if result.is_ok() || !staged.exists() {
                assert!(step > 5, "the crash never came");
                return;
            }
            // A virus scanner, or a player who makes room.
            fs::remove_dir_all(if step % 2 == 0 { instance.staging() } else { staged.parent().unwrap().into() })
                .unwrap();
            crash::after(Some(step % 3));
            let _ = pending(&instance).unwrap().unwrap().resume(&instance);
            crash::after(None);
            if let Some(mut journal) = pending(&instance).unwrap() {
                journal.resume(&instance).unwrap();
            }
            for (path, content) in [
                ("saves/A/level.dat", Some("old")),
                ("saves/A/region/r.mca", None),
                ("saves/B/level.dat", Some("gone")),
                ("saves/B/region/r.mca", Some("gone, too")),
                ("saves/B/session.lock", Some("lock")),
                ("xaero", Some("a file where a folder comes")),
                ("mods/a.jar", Some("mod")),
            ] {
                assert_eq!(read(&root.join(path)).as_deref(), content, "{path} after a crash at step {step}");
            }
            assert!(!instance.journal_file().exists() && !root.join(".cloud-sync/undo/copy").exists());
            assert_eq!(State::load(&instance.state_file()).unwrap(), State::default());
        }
    }

    #[test]
    fn what_a_player_made_between_crash_and_mending_is_kept() {
        for step in 2..10 {
            let (_folder, instance, journal) = instance();
            crash::after(Some(step));
            let _ = journal.commit(&instance);
            crash::after(None);
            let level = instance.root().join("saves/A/level.dat");
            write(&level, "played offline");
            pending(&instance).unwrap().unwrap().resume(&instance).unwrap();
            let copies = instance.undo().join("copy/files/saves/A");
            let kept = [read(&level), read(&copies.join("level.dat")), read(&copies.join("level.dat~1"))];
            let is_kept = |content: &str| kept.iter().any(|kept| kept.as_deref() == Some(content));
            assert!(is_kept("played offline"), "{kept:?}");
            // What was there before has gone to the copy, or was played on.
            assert!(step < 7 || is_kept("old"), "{kept:?}");
            // It may be the only one, and is kept as long as a whole world.
            let worlds = &undo::list(&instance.undo())[0].note.worlds;
            assert!(kept[0].as_deref() == Some("played offline") || worlds.contains(&"A".to_owned()), "{worlds:?}");
        }
    }
}
