//! A player of the walks: the PC, what the model says of it, and what is done on it by chance:
//! worlds are played, made, renamed and deleted, settings change, and sometimes all is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::Pc;
use super::dice::Dice;
use super::model::{MACHINE_KEY, OPTIONS, Side, TOUCHED, contents, is_world, units};
use super::pc::tree;

const WORLDS: [&str; 4] = ["Alpha", "Beta", "Gamma", "Delta"];
/// The player's settings.
const KEYS: [&str; 3] = ["fov", "lang", "key_key.jump"];

pub struct Player {
    pub pc: Pc,
    /// What it has, and what it knows of.
    pub side: Side,
    /// What it took in when it last put off a decision, and the base that it had then.
    pub put_off: Option<(Option<String>, Side)>,
    /// Whether a push that was killed made a snapshot that no run has noticed yet.
    pub unnoticed: bool,
    /// Contents that no snapshot has, and that a pull or an undo took off the disk.
    owed: BTreeSet<Vec<u8>>,
}

impl Player {
    pub fn new(pc: Pc) -> Self {
        Self { pc, side: Side::default(), put_off: None, unnoticed: false, owed: BTreeSet::new() }
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

    /// Everything is gone but our own folder.
    pub fn lose_all(&self) -> String {
        for path in self.pc.names() {
            self.pc.remove(&path);
        }
        let _ = fs::remove_dir_all(self.pc.path("saves"));
        "loses all".to_owned()
    }

    // What there is.

    fn state(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.pc.path(".cloud-sync/state.json")).ok()?).ok()
    }

    pub fn base(&self) -> Option<String> {
        self.state()?["base"].as_str().map(str::to_owned)
    }

    /// Whether the manifest has files and the disk none of them.
    pub fn is_lost(&self) -> bool {
        let Some(state) = self.state() else { return false };
        let pending = Some(&state["pending"]["manifest"]).filter(|_| self.unnoticed);
        let manifest = pending.and_then(Value::as_array).or(state["manifest"].as_array()).unwrap();
        !manifest.is_empty() && manifest.iter().all(|row| !self.pc.has(row[0].as_str().unwrap()))
    }

    /// The machine's own setting.
    pub fn machine_key(&self) -> Option<String> {
        let pc = &self.pc;
        let options = pc.has(OPTIONS).then(|| pc.read(OPTIONS))?;
        options.lines().find(|line| line.starts_with(MACHINE_KEY)).map(str::to_owned)
    }

    pub fn is_untouched(&self) -> bool {
        let known = self.side.units.iter().filter(|(_, unit)| !unit.files.is_empty());
        let known: BTreeMap<_, _> = known.map(|(name, unit)| (name.clone(), unit.files.clone())).collect();
        units(self.pc.tree()) == known
    }

    // What must hold.

    #[track_caller]
    pub fn assert_untouched(&self) {
        assert!(self.is_untouched(), "the files of {} have changed", self.pc.name);
    }

    /// What the program took off the disk is in an undo copy, or in a snapshot.
    pub fn assert_kept(&mut self, before: &Side, saved: &BTreeSet<Vec<u8>>) {
        let disk: BTreeSet<_> = contents(&self.pc.tree()).collect();
        let undo: BTreeSet<_> = contents(&tree(&self.pc.path(".cloud-sync/undo"))).collect();
        let mut gone = self.owed.clone();
        for (name, unit) in &before.units {
            for (path, content) in unit.files.iter().filter(|(_, content)| !disk.contains(*content)) {
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
