//! A player of the walks: the PC, what was last seen on its disk, and what is done on it by chance:
//! worlds are played, made, renamed and deleted, settings change, and sometimes all is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Pc;
use super::dice::Dice;
use super::model::{Disk, MACHINE_KEY, OPTIONS, contents, is_world, units};
use super::pc::tree;

/// What is rewritten without a change.
const TOUCHED: [&str; 3] = ["hotbar.nbt", "saves/Delta/level.dat", OPTIONS];
/// What a smaller scope leaves out.
const LEFT_OUT: &str = "saves/Gamma";
const WORLDS: [&str; 4] = ["Alpha", "Beta", "Gamma", "Delta"];
const SCOPE: &str = ".cloud-sync/scope.json";
/// The player's settings.
const KEYS: [&str; 3] = ["fov", "lang", "key_key.jump"];

pub struct Player {
    pub pc: Pc,
    /// What was on its disk after all that was done so far.
    pub disk: Disk,
    /// Whether it does not know what its files grew out of.
    pub is_stranger: bool,
    /// Contents that no snapshot has, and that a pull or an undo took off the disk.
    owed: BTreeSet<Vec<u8>>,
}

impl Player {
    pub fn new(pc: Pc) -> Self {
        Self { pc, disk: Disk::new(), is_stranger: true, owed: BTreeSet::new() }
    }

    /// The instance of `other` is copied to this PC, with all that is ours in it.
    pub fn copy_from(&mut self, other: &Self) {
        let _ = fs::remove_dir_all(&self.pc.dir);
        copy_folder(&other.pc.dir, &self.pc.dir);
        self.disk.clone_from(&other.disk);
        self.is_stranger = other.is_stranger;
        self.owed.clone_from(&other.owed);
    }

    // What the player does: each tells what it was, if anything.

    /// A world is played, or made: level.dat and some other files change, come or go. `stamp` makes
    /// this evening unlike any other.
    pub fn play(&self, stamp: u64, dice: &mut Dice) -> Option<String> {
        let world = &self.some_world(dice);
        let is_here = self.pc.has(&format!("saves/{world}"));
        if !is_here && dice.roll(3) > 0 {
            return None;
        }
        let all = dice.roll(2) == 0;
        for name in ["level.dat", "region/r.0.mca", "region/r.1.mca", "region/r.2.mca", "playerdata/steve.dat"] {
            let path = format!("saves/{world}/{name}");
            if name == "level.dat" || all && self.pc.has(&path) || dice.roll(3) == 0 {
                if name != "level.dat" && self.pc.has(&path) && dice.roll(3) == 0 {
                    self.pc.remove(&path);
                } else {
                    // Of the same length in every version.
                    self.pc.write(&path, format!("{world} {stamp:08} on {}: {name}, {:>50}", self.pc.name, ""));
                }
            }
        }
        Some(format!("plays {world}: {stamp}"))
    }

    pub fn delete(&self, dice: &mut Dice) -> Option<String> {
        let world = format!("saves/{}", self.some_world(dice));
        self.pc.has(&world).then(|| {
            self.pc.remove(&world);
            format!("deletes {world}")
        })
    }

    pub fn rename(&self, dice: &mut Dice) -> Option<String> {
        let (from, to) = (self.some_world(dice), WORLDS[dice.nth(WORLDS.len())]);
        let (from, to) = (self.pc.path(&format!("saves/{from}")), self.pc.path(&format!("saves/{to}")));
        (from.exists() && !to.exists()).then(|| {
            fs::rename(&from, &to).unwrap();
            format!("renames {} to {}", from.display(), to.display())
        })
    }

    /// One of the four, or one that was kept beside another.
    fn some_world(&self, dice: &mut Dice) -> String {
        let units = units(self.pc.tree());
        let copies = units.keys().filter_map(|unit| unit.strip_prefix("saves/").filter(|name| name.contains(" (")));
        let names: Vec<_> = WORLDS.into_iter().chain(copies).collect();
        names[dice.nth(names.len())].to_owned()
    }

    pub fn set_option(&self, stamp: u64, dice: &mut Dice) -> String {
        let known =
            if self.pc.has(OPTIONS) { self.pc.read(OPTIONS) } else { format!("{MACHINE_KEY}:{}\n", self.pc.name) };
        let key = KEYS[dice.nth(KEYS.len())];
        let mut lines: Vec<_> = known.lines().filter(|line| line.split(':').next() != Some(key)).collect();
        let line = format!("{key}:{stamp:08}");
        lines.push(&line);
        if dice.roll(4) == 0 {
            lines.reverse();
        }
        self.pc.write(OPTIONS, lines.join("\n") + "\n");
        format!("sets {line}")
    }

    pub fn write(&self, stamp: u64, path: &str) -> String {
        let content = format!("{path} {stamp:08}");
        self.pc.write(path, &content);
        format!("writes {content}")
    }

    /// The game rewrites a file with what it held.
    pub fn touch(&self, dice: &mut Dice) -> Option<String> {
        let path = TOUCHED[dice.nth(TOUCHED.len())];
        self.pc.has(path).then(|| {
            self.pc.write(path, self.pc.read(path));
            format!("touches {path}")
        })
    }

    /// One of the worlds is synced no more, or again.
    pub fn change_scope(&self) -> String {
        if self.has_small_scope() {
            self.pc.remove(SCOPE);
            return "syncs all".to_owned();
        }
        self.pc.write(SCOPE, format!(r#"{{"exclude": ["{LEFT_OUT}/"]}}"#));
        format!("syncs all but {LEFT_OUT}")
    }

    /// Everything is gone but our own folder.
    pub fn lose_all(&self) -> String {
        for path in self.pc.names() {
            self.pc.remove(&path);
        }
        let _ = fs::remove_dir_all(self.pc.path("saves"));
        "loses all".to_owned()
    }

    // What there is.

    /// Whether a world is left out.
    fn has_small_scope(&self) -> bool {
        self.pc.has(SCOPE)
    }

    /// Whether the unit is synced here.
    pub fn syncs(&self, unit: &str) -> bool {
        unit != LEFT_OUT || !self.has_small_scope()
    }

    /// What is synced of the disk.
    pub fn synced(&self) -> Disk {
        self.disk
            .iter()
            .filter(|(unit, _)| self.syncs(unit))
            .map(|(unit, files)| (unit.clone(), files.clone()))
            .collect()
    }

    /// Whether it remembers anything.
    pub fn has_state(&self) -> bool {
        self.pc.has(".cloud-sync/state.json")
    }

    /// Whether it knows a cloud.
    pub fn has_synced(&self) -> bool {
        self.has_state() && self.pc.state()["repositories"].as_object().is_some_and(|all| !all.is_empty())
    }

    /// The machine's own setting.
    pub fn machine_key(&self) -> Option<String> {
        let pc = &self.pc;
        let options = pc.has(OPTIONS).then(|| pc.read(OPTIONS))?;
        options.lines().find(|line| line.starts_with(MACHINE_KEY)).map(str::to_owned)
    }

    // What must hold.

    #[track_caller]
    pub fn assert_untouched(&self) {
        assert!(units(self.pc.tree()) == self.disk, "the files of {} have changed", self.pc.name);
    }

    /// What the program took off the disk is in an undo copy, or in a snapshot.
    pub fn assert_kept(&mut self, saved: &BTreeSet<Vec<u8>>) {
        let disk: BTreeSet<_> = contents(&self.pc.tree()).collect();
        let undo: BTreeSet<_> = contents(&tree(&self.pc.path(".cloud-sync/undo"))).collect();
        let mut gone = self.owed.clone();
        for (name, unit) in &self.disk {
            for (path, content) in unit.iter().filter(|(_, content)| !disk.contains(*content)) {
                let is_kept = undo.contains(content) || saved.contains(content);
                assert!(is_kept, "{path} of {name} on {} is lost: {}", self.pc.name, String::from_utf8_lossy(content));
                if is_world(name) {
                    gone.insert(content.clone());
                }
            }
        }
        gone.retain(|content| !disk.contains(content) && !saved.contains(content));
        for content in &gone {
            let text = String::from_utf8_lossy(content);
            assert!(undo.contains(content), "the undo copy of {text} on {} is gone", self.pc.name);
        }
        self.owed = gone;
    }
}

/// Copies a folder with the times of its files.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &place);
            continue;
        }
        fs::copy(entry.path(), &place).unwrap();
        let time = entry.metadata().unwrap().modified().unwrap();
        let readonly = entry.metadata().unwrap().permissions();
        if !readonly.readonly() {
            fs::File::options().write(true).open(&place).unwrap().set_modified(time).unwrap();
        }
    }
}
