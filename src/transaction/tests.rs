//! Crashes at every step of a transaction, and of what mends them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::apart::{Apart, Why};
use super::copies::Note;
use super::recover::End;
use super::{Journal, Moves, Source, pending};
use crate::durable::crash;
use crate::instance::Instance;
use crate::instance::state::{Place, State};
use crate::model::{Stat, Unit};
use crate::verb::Verb;

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
    instance_in("minecraft")
}

/// The same in a folder of this name.
fn instance_in(name: &str) -> (tempfile::TempDir, Instance, Journal) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(name)).unwrap();
    let instance = Instance::open(&folder.path().join(name)).unwrap();
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
        command: Verb::Pull,
        added: vec!["saves/A/region/r.mca".into(), "xaero/map.txt".into()],
        worlds: vec![],
        left: BTreeMap::new(),
    };
    let paths = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
    let remove = paths(&["saves/B/level.dat", "saves/B/region/r.mca"]);
    let place = ["saves/A/level.dat", "saves/A/region/r.mca", "xaero/map.txt"];
    let place = place.iter().map(|path| staged(&instance, path)).collect();
    let moves = Moves { remove, place, gone_worlds: paths(&["B"]) };
    let here = ["saves/A/level.dat", "saves/B/level.dat", "saves/B/region/r.mca", "xaero"];
    let here: BTreeMap<_, _> = here.iter().map(|path| at(instance.root(), path)).collect();
    let next = State { repositories: BTreeMap::from([("next".to_owned(), Place::default())]), ..State::default() };
    let journal = Journal::new(
        Source::Staging,
        "copy".to_owned(),
        note,
        moves,
        here.iter().map(|(path, stat)| (path, *stat)),
        next,
    );
    (folder, instance, journal)
}

/// A staged file, as a journal places it.
fn staged(instance: &Instance, path: &str) -> (String, Stat) {
    at(&Source::Staging.folder(instance), path)
}

/// A file, by its size and time.
fn at(folder: &Path, path: &str) -> (String, Stat) {
    (path.to_owned(), Stat::of(&fs::symlink_metadata(folder.join(path)).unwrap()))
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
        let (_folder, instance, mut journal) = instance();
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
        let (_folder, instance, mut journal) = instance();
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
        let (_folder, instance, mut journal) = instance();
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
        fs::remove_dir_all(if step % 2 == 0 { instance.staging() } else { staged.parent().unwrap().into() }).unwrap();
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
fn a_world_that_was_played_after_a_crash_stays_as_it_was_played_and_all_else_is_finished() {
    for step in 2..20 {
        let (_folder, instance, mut journal) = instance();
        let root = instance.root();
        crash::after(Some(step));
        let is_done = journal.commit(&instance).is_ok();
        crash::after(None);
        if is_done {
            assert!(step > 8, "the crash never came");
            return;
        }
        write(&root.join("saves/A/level.dat"), "played offline");
        let region = read(&root.join("saves/A/region/r.mca"));
        let (end, apart) = pending(&instance).unwrap().unwrap().resume(&instance).unwrap();
        assert_eq!(end, End::Finished);
        assert_eq!(apart, [Apart { unit: Unit::World("A".to_owned()), why: Why::Changed }]);
        let here = [read(&root.join("saves/A/level.dat")), read(&root.join("saves/A/region/r.mca"))];
        assert_eq!(here, [Some("played offline".to_owned()), region], "after a crash at step {step}");
        // What was there before is here, or in the undo copy.
        let copy = instance.undo().join("copy/files/saves/A/level.dat");
        assert!(read(&copy).is_none_or(|kept| kept == "old"));
        assert_eq!(read(&root.join("xaero/map.txt")).as_deref(), Some("map"));
        assert!(!root.join("saves/B").exists() && !instance.journal_file().exists() && !instance.staging().exists());
    }
}

#[test]
fn a_world_of_which_a_file_cannot_be_placed_is_taken_back_and_all_else_comes() {
    for barred in ["live/saves/A/level.dat", "live/saves/A/region/r.mca"] {
        let (_folder, instance, mut journal) = instance_in("live");
        let root = instance.root();
        crash::bar(Some(barred));
        let apart = journal.commit(&instance).unwrap();
        crash::bar(None);
        assert_eq!(apart.iter().map(|one| one.unit.name()).collect::<Vec<_>>(), ["A"]);
        assert!(apart[0].text().contains("A stays as it is here"), "{}", apart[0].text());
        assert_eq!(read(&root.join("saves/A/level.dat")).as_deref(), Some("old"), "{barred}");
        assert!(!root.join("saves/A/region/r.mca").exists(), "{barred}");
        assert_eq!(read(&root.join("xaero/map.txt")).as_deref(), Some("map"));
        assert!(!root.join("saves/B").exists() && !instance.journal_file().exists());
        assert!(State::load(&instance.state_file()).unwrap().repositories.contains_key("next"));
    }
}
