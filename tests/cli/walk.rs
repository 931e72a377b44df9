//! Random walks: three PCs on one cloud, thousands of steps, and a plain model that knows what
//! must be on each disk, and that nothing a player closed is lost.
//!
//! In the model every change that a player makes to a unit (a world, a setting, or any other
//! file) is an event. A PC or a snapshot knows events: those it made, and those of what it took
//! in, but for worlds that the player put off. Of two
//! versions of a unit the one whose event the other side does not know yet is the newer, and
//! where neither side knows the other's, they are in conflict. No clock and no graph is needed.
//!
//! `CLOUD_SYNC_WALK_SEED` replays a walk, up to what the moments of kills decide;
//! `CLOUD_SYNC_WALK_STEPS` makes it longer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::dice::{Dice, kill_after};
use crate::support::pc::tree;
use crate::support::{Cloud, Pc, Ran};

/// The steps of one walk.
const STEPS: u64 = 500;
const WORLDS: [&str; 4] = ["Alpha", "Beta", "Gamma", "Delta"];
/// What is rewritten without a change. Pushed, that passes for a change of the whole unit.
const TOUCHED: [&str; 2] = ["hotbar.nbt", "saves/Delta/level.dat"];
const OPTIONS: &str = "options.txt";
/// The player's settings, and one that is the machine's own.
const KEYS: [&str; 3] = ["fov", "lang", "key_key.jump"];
const MACHINE_KEY: &str = "renderDistance";
/// Undo copies age after 14 days, and the clocks are never that far apart.
const MAX_DAYS: u64 = 12;

/// The files of a unit, by their paths in it, or of a whole disk.
type Files = BTreeMap<String, Vec<u8>>;
type Event = u64;

/// A unit as a player left it; without files where it was deleted, and with event 0 where
/// there never was one.
#[derive(Clone, Default)]
struct Unit {
    event: Event,
    files: Files,
}

/// What a PC or a snapshot has, and the events behind it.
#[derive(Clone, Default)]
struct Side {
    units: BTreeMap<String, Unit>,
    known: BTreeSet<Event>,
}

impl Side {
    fn unit(&self, name: &str) -> Unit {
        self.units.get(name).cloned().unwrap_or_default()
    }

    fn knows(&self, event: Event) -> bool {
        event == 0 || self.known.contains(&event)
    }
}

/// Whose version of a unit a pull may leave on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Local,
    Cloud,
    /// The player's answer decides.
    Ask,
}

struct Player {
    pc: Pc,
    side: Side,
    /// Contents that no snapshot has, and that a pull or an undo took off the disk.
    owed: BTreeSet<Vec<u8>>,
    /// What it took in when it last put off a decision, and the base that it had then.
    put_off: Option<(Option<String>, Side)>,
    /// Whether a push that was killed made a snapshot that no run has noticed yet.
    unnoticed: bool,
}

struct Walk {
    cloud: Cloud,
    players: Vec<Player>,
    /// What each snapshot really holds.
    snapshots: BTreeMap<String, Side>,
    /// The contents of all files in them.
    saved: BTreeSet<Vec<u8>>,
    /// Every world that a player ever closed.
    closed: BTreeSet<Files>,
    last_event: Event,
    /// The unit of each event.
    events: BTreeMap<Event, String>,
    /// Whether a push ever left something out.
    is_partial: bool,
    /// Whether its players put off decisions.
    puts_off: bool,
    /// Whether one ever did, after which versions are joined in part.
    is_put_off: bool,
    /// The last push that was killed: restic's last breath may come after its parent's.
    killed: Option<(usize, Side)>,
    log: Vec<String>,
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.log.join("\n"));
        }
    }
}

impl Walk {
    fn new(puts_off: bool) -> Self {
        let cloud = Cloud::folder();
        let player = |name| Player {
            pc: cloud.pc(name),
            side: Side::default(),
            owed: BTreeSet::new(),
            put_off: None,
            unnoticed: false,
        };
        Self {
            players: ["A", "B", "C"].map(player).into(),
            cloud,
            snapshots: BTreeMap::new(),
            saved: BTreeSet::new(),
            closed: BTreeSet::new(),
            last_event: 0,
            events: BTreeMap::new(),
            is_partial: false,
            puts_off,
            is_put_off: false,
            killed: None,
            log: Vec::new(),
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let p = at(dice, 3);
        match dice.roll(100) {
            0..30 => self.play(p, dice),
            30..33 => self.delete(p, dice),
            33..37 => self.rename(p, dice),
            37..42 => self.set_option(p, dice),
            42..46 => self.write(p, "hotbar.nbt"),
            46..49 => {
                let picture = format!("screenshots/{}.png", self.last_event);
                self.write(p, &picture);
            }
            49 => self.write(p, "screenshots/2026.png"),
            50..53 => self.touch(p, dice),
            53..56 => {
                let days = i64::try_from(dice.roll(MAX_DAYS * 24)).unwrap() - i64::try_from(MAX_DAYS * 12).unwrap();
                self.players[p].pc.clock = days * 3600;
                self.say(p, &format!("clock {}", self.players[p].pc.clock));
            }
            56 => self.lose_all(p),
            57..76 => self.pull(p, dice),
            76..90 => self.push(p, dice.roll(12) == 0),
            90..94 => self.undo(p),
            _ => self.kill(p, dice),
        }
    }

    // What the player does.

    /// A world is played, or made: level.dat and some other files change, come or go.
    fn play(&mut self, p: usize, dice: &mut Dice) {
        let world = &self.some_world(p, dice);
        let is_here = self.players[p].pc.has(&format!("saves/{world}"));
        if !is_here && dice.roll(3) > 0 {
            return;
        }
        let all = dice.roll(2) == 0;
        let pc = &self.players[p].pc;
        let stamp = self.last_event + 1;
        for name in ["level.dat", "region/r.0.mca", "region/r.1.mca", "region/r.2.mca", "playerdata/steve.dat"] {
            let path = format!("saves/{world}/{name}");
            if name == "level.dat" || all && pc.has(&path) || dice.roll(3) == 0 {
                if name != "level.dat" && pc.has(&path) && dice.roll(3) == 0 {
                    pc.remove(&path);
                } else {
                    // Of the same length in every version.
                    pc.write(&path, format!("{world} {stamp:08} on {}: {name}, {:>50}", pc.name, ""));
                }
            }
        }
        self.closed.insert(unit_on(pc, &format!("saves/{world}")));
        self.notice(p);
        self.say(p, &format!("plays {world}: {stamp}"));
    }

    fn delete(&mut self, p: usize, dice: &mut Dice) {
        let world = format!("saves/{}", self.some_world(p, dice));
        if self.players[p].pc.has(&world) {
            self.players[p].pc.remove(&world);
            self.notice(p);
            self.say(p, &format!("deletes {world}"));
        }
    }

    fn rename(&mut self, p: usize, dice: &mut Dice) {
        let (from, to) = (self.some_world(p, dice), WORLDS[at(dice, 4)]);
        let pc = &self.players[p].pc;
        let (from, to) = (pc.path(&format!("saves/{from}")), pc.path(&format!("saves/{to}")));
        if from.exists() && !to.exists() {
            fs::rename(&from, &to).unwrap();
            self.notice(p);
            self.say(p, &format!("renames {} to {}", from.display(), to.display()));
        }
    }

    /// One of the four, or one that was kept beside another.
    fn some_world(&self, p: usize, dice: &mut Dice) -> String {
        let units = units(self.players[p].pc.tree());
        let copies = units.keys().filter_map(|unit| unit.strip_prefix("saves/").filter(|name| name.contains(" (")));
        let names: Vec<_> = WORLDS.into_iter().chain(copies).collect();
        names[at(dice, names.len())].to_owned()
    }

    fn set_option(&mut self, p: usize, dice: &mut Dice) {
        let pc = &self.players[p].pc;
        let known = if pc.has(OPTIONS) { pc.read(OPTIONS) } else { format!("{MACHINE_KEY}:{}\n", pc.name) };
        let key = KEYS[at(dice, KEYS.len())];
        let mut lines: Vec<_> = known.lines().filter(|line| line.split(':').next() != Some(key)).collect();
        let line = format!("{key}:{:08}", self.last_event + 1);
        lines.push(&line);
        if dice.roll(4) == 0 {
            lines.reverse();
        }
        pc.write(OPTIONS, lines.join("\n") + "\n");
        self.notice(p);
        self.say(p, &format!("sets {line}"));
    }

    fn write(&mut self, p: usize, path: &str) {
        let content = format!("{path} {:08}", self.last_event + 1);
        self.players[p].pc.write(path, &content);
        self.notice(p);
        self.say(p, &format!("writes {content}"));
    }

    /// The game rewrites a file with what it held.
    fn touch(&mut self, p: usize, dice: &mut Dice) {
        let pc = &self.players[p].pc;
        let path = TOUCHED[at(dice, TOUCHED.len())];
        if pc.has(path) {
            pc.write(path, pc.read(path));
            self.say(p, &format!("touches {path}"));
        }
    }

    /// Everything is gone but our own folder.
    fn lose_all(&mut self, p: usize) {
        for path in self.players[p].pc.tree().into_keys() {
            self.players[p].pc.remove(&path);
        }
        let _ = fs::remove_dir_all(self.players[p].pc.path("saves"));
        self.notice(p);
        self.say(p, "loses all");
    }

    // What the program does.

    fn pull(&mut self, p: usize, dice: &mut Dice) {
        let mut answers = vec!["ask", "keep-local", "use-remote", "keep-both", "most-played", "cancel"];
        if self.puts_off {
            answers.extend(["later", "later"]);
        }
        let answer = answers[at(dice, answers.len())];
        let offline = dice.roll(12) == 0;
        self.pull_with(p, answer, offline);
    }

    fn pull_with(&mut self, p: usize, answer: &str, offline: bool) {
        let (before, lost, machine) = (self.players[p].side.clone(), self.is_lost(p), self.machine_key(p));
        let base = self.base(p);
        let Some(ran) = self.run(p, &["pull", &format!("--on-conflict={answer}")], offline) else { return };
        if machine.is_some() && self.players[p].pc.has(OPTIONS) {
            assert_eq!(self.machine_key(p), machine, "what fits only one machine went to another");
        }
        match text(&ran, "divergence") {
            "blank" | "in_sync" | "ahead" => {
                expect(&ran, &[0]);
                self.assert_nothing_new(p);
                self.assert_untouched(p);
            }
            "unknown" => {
                expect(&ran, &[0]);
                assert!(offline, "{}", ran.stdout);
                self.assert_untouched(p);
            }
            divergence => {
                assert_eq!(divergence == "local_lost", lost, "{}", ran.stdout);
                let target = text(&ran, "head").to_owned();
                let judged = self.judge(&before, &target, lost);
                let asks = |only: bool| {
                    let mut verdicts = judged.values();
                    verdicts.any(|verdicts| verdicts.contains(&Verdict::Ask) && (!only || verdicts.len() == 1))
                };
                if matches!(ran.code, 1 | 3) {
                    expect(&ran, if answer == "cancel" { &[1] } else { &[3] });
                    let may_stop = matches!(answer, "ask" | "most-played" | "cancel");
                    assert!(may_stop && asks(false), "no conflict: {}", ran.stdout);
                    self.assert_untouched(p);
                } else {
                    expect(&ran, &[0]);
                    let may_stop = matches!(answer, "ask" | "most-played" | "cancel");
                    assert!(!may_stop || !asks(true), "a conflict: {}", ran.stdout);
                    let settled = ran.json["conflicts"].as_array().unwrap().iter();
                    let settled = settled.map(|one| (text_of(&one["world"]), text_of(&one["answer"])));
                    let settled: BTreeMap<_, _> =
                        settled.map(|(world, answer)| (format!("saves/{world}"), answer)).collect();
                    if settled.values().all(|answer| answer != "later") {
                        assert_eq!(self.base(p).as_ref(), Some(&target));
                    } else {
                        let saved = self.base(p).filter(|base| self.snapshots[base].known == before.known);
                        assert!(lost || self.base(p) == base || saved.is_some(), "undecided, and the base has moved");
                    }
                    self.take_in(p, &before, &target, lost, &Answered::Told(settled));
                }
            }
        }
    }

    fn push(&mut self, p: usize, offline: bool) {
        let lost = self.is_lost(p);
        let Some(ran) = self.run(p, &["push"], offline) else { return };
        self.assert_untouched(p);
        if offline {
            return expect(&ran, &[0]);
        }
        if lost {
            return expect(&ran, &[5]);
        }
        expect(&ran, &[0]);
        if matches!(text(&ran, "divergence"), "in_sync" | "ahead") {
            self.assert_nothing_new(p);
        }
        for content in contents(&self.players[p].pc.tree()) {
            let text = String::from_utf8_lossy(&content);
            assert!(self.saved.contains(&content), "{text} was not saved: {}", ran.stdout);
        }
    }

    fn undo(&mut self, p: usize) {
        let had_copy = self.players[p].pc.has(".cloud-sync/undo")
            && fs::read_dir(self.players[p].pc.path(".cloud-sync/undo")).unwrap().count() > 0;
        let Some(ran) = self.run(p, &["undo"], false) else { return };
        if ran.code == 0 {
            self.notice(p);
        } else {
            expect(&ran, if had_copy { &[5] } else { &[1] });
            self.assert_untouched(p);
        }
    }

    /// A command is killed, and what is left to do is done by the next one, which has no cloud.
    fn kill(&mut self, p: usize, dice: &mut Dice) {
        let answer = ["keep-local", "use-remote"][at(dice, 2)];
        let on_conflict = format!("--on-conflict={answer}");
        let arguments: &[&str] = match dice.roll(5) {
            0 => &["undo"],
            1 | 2 => &["push"],
            _ => &["pull", &on_conflict],
        };
        let (before, lost, base) = (self.players[p].side.clone(), self.is_lost(p), self.base(p));
        self.look_for_snapshots(None);
        let longest = [20, 150, 400][at(dice, 3)];
        let moment = Duration::from_millis(dice.roll(longest));
        kill_after(self.players[p].pc.command(arguments), moment);
        self.killed = Some((p, before.clone()));
        let made = self.look_for_snapshots(Some(p));
        self.players[p].unnoticed |= !made.is_empty();
        self.is_partial |= arguments[0] == "pull" && !made.is_empty();
        let cut_off = self.players[p].pc.has(".cloud-sync/journal.json");
        self.say(p, &format!("kills {arguments:?} after {moment:?}, journal: {cut_off}, saved: {made:?}"));
        if cut_off {
            if dice.roll(2) == 0 {
                let moment = Duration::from_millis(dice.roll(20));
                self.offline(|walk| kill_after(walk.players[p].pc.command(&["push"]), moment));
            }
            let ran = self.offline(|walk| walk.players[p].pc.push());
            expect(&ran, &[0]);
            self.say(p, "finishes it");
        }
        self.assert_kept(p, &before);
        match arguments[0] {
            "undo" => self.notice(p),
            "pull" => {
                let now = self.base(p);
                let is_over = now != base || !self.is_untouched(p);
                if let Some(target) = now.filter(|now| is_over && !made.contains(now)) {
                    self.take_in(p, &before, &target, lost, &Answered::ByAll(answer));
                }
            }
            _ => self.assert_untouched(p),
        }
        self.assert_whole(p);
    }

    /// Runs a command to its end and checks what holds after every one; none where the player
    /// would not run it.
    fn run(&mut self, p: usize, arguments: &[&str], offline: bool) -> Option<Ran> {
        self.look_for_snapshots(None);
        if offline && self.base(p).is_none() {
            // Would begin a cloud of its own.
            return None;
        }
        let before = self.players[p].side.clone();
        let ran = if offline {
            self.offline(|walk| walk.players[p].pc.run(arguments))
        } else {
            self.players[p].pc.run(arguments)
        };
        let made = self.look_for_snapshots(Some(p));
        let ids = [&ran.json["base"], &ran.json["head"]].map(|id| id.as_str().unwrap_or("none").split_at(4).0);
        let [divergence, outcome] = ["divergence", "outcome"].map(|field| text(&ran, field));
        let what = format!("{} {divergence} {outcome} {ids:?} {}", ran.code, ran.json["warnings"]);
        self.say(p, &format!("{arguments:?}, offline: {offline}, exit {what}"));
        assert!(made.len() <= 1, "{made:?}");
        self.is_partial |= ran.json["warnings"].to_string().contains("not saved: ");
        self.players[p].unnoticed &= offline || arguments[0] == "undo";
        self.assert_kept(p, &before);
        self.assert_whole(p);
        self.players[p].pc.assert_tidy();
        Some(ran)
    }

    /// Does something while the disk of the cloud is not plugged in.
    fn offline<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let aside = self.cloud.home.path().join("unplugged");
        fs::rename(&self.cloud.repository, &aside).unwrap();
        let result = act(self);
        fs::rename(&aside, &self.cloud.repository).unwrap();
        result
    }

    // The model.

    /// Takes what is on the disk now for what the player did.
    fn notice(&mut self, p: usize) {
        let base = self.base(p);
        let put_off = self.players[p].put_off.as_ref().filter(|(then, _)| *then == base).map(|(_, side)| side);
        let agreed = put_off.or_else(|| self.snapshots.get(&base?)).cloned().unwrap_or_default();
        let now = units(self.players[p].pc.tree());
        let side = &mut self.players[p].side;
        let names: BTreeSet<_> = now.keys().chain(side.units.keys()).cloned().collect();
        for name in names {
            let files = now.get(&name).cloned().unwrap_or_default();
            if files != side.unit(&name).files {
                let known = agreed.unit(&name);
                // As it was when both last agreed: nothing has happened after all.
                let event = if known.files == files {
                    known.event
                } else {
                    self.last_event += 1;
                    self.events.insert(self.last_event, name.clone());
                    self.last_event
                };
                side.known.insert(event);
                side.units.insert(name, Unit { event, files });
            }
        }
    }

    // A push that was killed leaves half a file of another name.
    /// Reads the snapshots that are new, which `p` made, or whoever was killed last.
    fn look_for_snapshots(&mut self, p: Option<usize>) -> BTreeSet<String> {
        let entries = fs::read_dir(self.cloud.repository.join("snapshots")).unwrap();
        let ids = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let new: BTreeSet<_> = ids.filter(|id| id.len() == 64 && !self.snapshots.contains_key(id)).collect();
        for id in &new {
            let folder = tempfile::tempdir().unwrap();
            self.cloud.restic(&["restore", "--no-lock", id, "--target", folder.path().to_str().unwrap()]);
            let files = tree(folder.path());
            let side = match (p, &self.killed) {
                (Some(p), _) => self.players[p].side.clone(),
                (None, Some((p, side))) => {
                    self.players[*p].unnoticed = true;
                    side.clone()
                }
                (None, None) => panic!("{id} came from nowhere"),
            };
            self.saved.extend(contents(&files));
            let held = units(files);
            let there: BTreeMap<_, _> = side.units.iter().filter(|(_, unit)| !unit.files.is_empty()).collect();
            assert!(held.keys().eq(there.keys().copied()), "{id} has other files than its PC");
            for (name, files) in held {
                assert!(files == there[&name].files, "{id} has another version of {name} than its PC");
            }
            self.snapshots.insert(id.clone(), side);
        }
        new
    }

    /// Whose version of each unit may be on the disk after a pull of `target`.
    fn judge(&self, local: &Side, target: &str, lost: bool) -> BTreeMap<String, BTreeSet<Verdict>> {
        let cloud = &self.snapshots[target];
        let local = if lost { remainder(local) } else { local.clone() };
        let names: BTreeSet<_> = local.units.keys().chain(cloud.units.keys()).cloned().collect();
        let agreed_once = !self.is_put_off && self.agreed_once(&local, cloud);
        let judge = |name: &String| {
            let (here, there) = (local.unit(name), cloud.unit(name));
            let is_gone = here.files.is_empty() || there.files.is_empty();
            // An undo can bring back what the other side went on from.
            let is_old = |side: &Side, files: &Files| {
                (!is_world(name) || !files.is_empty()) && self.was_in_history(side, name, files)
            };
            let mut verdicts = match (cloud.knows(here.event), local.knows(there.event)) {
                _ if here.files == there.files => vec![Verdict::Cloud],
                (false, true) => vec![Verdict::Local],
                (true, false) => vec![Verdict::Cloud],
                // Each side was told of the other's version, and decided against it.
                (true, true) => vec![Verdict::Local, Verdict::Cloud, Verdict::Ask],
                (false, false) if here.files.is_empty() => vec![Verdict::Cloud],
                (false, false) if there.files.is_empty() => vec![Verdict::Local],
                (false, false) if name.starts_with("screenshots/") => vec![Verdict::Local],
                (false, false) if !is_world(name) => vec![Verdict::Local, Verdict::Cloud],
                (false, false) => vec![Verdict::Ask],
            };
            if is_old(cloud, &here.files) {
                verdicts.push(Verdict::Cloud);
            }
            if is_old(&local, &there.files) {
                verdicts.push(Verdict::Local);
            }
            if name.starts_with(OPTIONS) && (!has_options(&local) || !has_options(cloud)) {
                // The whole file comes back if anything in it was changed.
                verdicts.extend([Verdict::Local, Verdict::Cloud]);
            }
            if name.starts_with(OPTIONS) && !is_gone && !agreed_once {
                // Without one version that both are built on it is not known who changed what.
                verdicts.extend([Verdict::Local, Verdict::Cloud]);
            }
            if self.is_partial && is_world(name) && is_gone {
                // What a push left out was not deleted, whatever became of it.
                verdicts.extend([Verdict::Local, Verdict::Cloud]);
            }
            if name.contains(" (") && !is_gone && here.files != there.files {
                // Two PCs may have given the same name to what they kept beside, each by itself.
                verdicts.push(Verdict::Ask);
            }
            if lost && is_world(name) && !is_gone {
                // Without all that its base had, it does not know what it went on from.
                verdicts.push(Verdict::Ask);
            }
            if TOUCHED.iter().any(|path| path.starts_with(name)) && here.files != there.files {
                let may_be = [Verdict::Local, Verdict::Cloud, Verdict::Ask];
                verdicts.extend(if is_gone || !is_world(name) { &may_be[..2] } else { &may_be[2..] });
            }
            (name.clone(), verdicts.into_iter().collect())
        };
        names.iter().map(judge).collect()
    }

    /// Whether there is a last version that both sides are built on, and not several.
    fn agreed_once(&self, one: &Side, other: &Side) -> bool {
        let common = self.snapshots.values().map(|old| &old.known);
        let common: Vec<_> = common.filter(|old| old.is_subset(&one.known) && old.is_subset(&other.known)).collect();
        common.iter().any(|last| common.iter().all(|old| old.is_subset(last)))
    }

    /// Whether some snapshot that `side` is built on had the unit like this.
    fn was_in_history(&self, side: &Side, name: &str, files: &Files) -> bool {
        // Of a version that was taken in but for other worlds this one is history, too.
        let about = |event: &&Event| self.events.get(event).is_some_and(|unit| unit == name);
        let is_history = |old: &Side| old.known.iter().filter(about).all(|event| side.knows(*event));
        self.snapshots.values().any(|old| old.unit(name).files == *files && is_history(old))
    }

    /// A pull brought `target`: checks that the disk holds what it must, and follows.
    fn take_in(&mut self, p: usize, before: &Side, target: &str, lost: bool, answered: &Answered) {
        let judged = self.judge(before, target, lost);
        let local = if lost { remainder(before) } else { before.clone() };
        let cloud = self.snapshots[target].clone();
        let disk = units(self.players[p].pc.tree());
        let mut after = Side { units: BTreeMap::new(), known: local.known.union(&cloud.known).copied().collect() };
        let mut beside = Vec::new();
        for (name, verdicts) in &judged {
            let is_here = disk.get(name) == Some(&local.unit(name).files);
            if answered.about(name, verdicts) == Some("keep_both") || name == "screenshots/2026.png" && is_here {
                beside.push(cloud.unit(name).files);
            }
        }
        for (name, verdicts) in judged {
            let (here, there) = (local.unit(&name), cloud.unit(&name));
            let files = disk.get(&name).cloned().unwrap_or_default();
            let answer = answered.about(&name, &verdicts);
            let is_answer = |verdict: Verdict| match answer {
                Some("keep-local" | "keep_local" | "keep_both" | "later") => verdict == Verdict::Local,
                Some("use-remote" | "use_remote") => verdict == Verdict::Cloud,
                _ => false,
            };
            let is_certain = answer.is_some() && matches!(answered, Answered::Told(_));
            let may_be = |verdict: Verdict| is_answer(verdict) || !is_certain && verdicts.contains(&verdict);
            if answer == Some("later") {
                assert!(files == here.files, "{name} was put off and has changed");
                let is_open = |event: &Event| !local.knows(*event) && self.events.get(event) == Some(&name);
                after.known.retain(|event| !is_open(event));
                after.units.insert(name, here);
                continue;
            }
            if name.contains(" (") && files != there.files && files != here.files && beside.contains(&files) {
                // A name that was free again.
                continue;
            }
            let unit = if files == there.files && may_be(Verdict::Cloud) {
                there
            } else if files == here.files && may_be(Verdict::Local) {
                if verdicts.len() > 1 || verdicts.contains(&Verdict::Ask) {
                    // A decision against the other side's, which nobody else has heard of.
                    self.last_event += 1;
                    self.events.insert(self.last_event, name.clone());
                    after.known.insert(self.last_event);
                    self.log.push(format!("  {name}: {verdicts:?}, {} over {}", here.event, there.event));
                    Unit { event: self.last_event, ..here }
                } else {
                    here
                }
            } else {
                let versions = [&here.files, &there.files, &files].map(texts);
                let pc = &self.players[p].pc;
                panic!("{name} on {}: {verdicts:?} {answered:?} here, there, now: {versions:#?}", pc.name);
            };
            after.units.insert(name, unit);
        }
        for (name, files) in disk {
            if !after.units.contains_key(&name) {
                assert!(name.contains(" (") && beside.contains(&files), "{name} came from nowhere");
                self.last_event += 1;
                self.events.insert(self.last_event, name.clone());
                after.known.insert(self.last_event);
                after.units.insert(name, Unit { event: self.last_event, files });
            }
        }
        let is_put_off = matches!(answered, Answered::Told(told) if told.values().any(|answer| answer == "later"));
        self.is_put_off |= is_put_off;
        self.players[p].put_off = is_put_off.then(|| (self.base(p), after.clone()));
        self.players[p].side = after;
    }

    /// Whether the manifest has files and the disk none of them.
    fn is_lost(&self, p: usize) -> bool {
        let player = &self.players[p];
        let Some(state) = state(&player.pc) else { return false };
        let pending = Some(&state["pending"]["manifest"]).filter(|_| player.unnoticed);
        let manifest = pending.and_then(Value::as_array).or(state["manifest"].as_array()).unwrap();
        !manifest.is_empty() && manifest.iter().all(|row| !player.pc.has(row[0].as_str().unwrap()))
    }

    /// The machine's own setting.
    fn machine_key(&self, p: usize) -> Option<String> {
        let pc = &self.players[p].pc;
        let options = pc.has(OPTIONS).then(|| pc.read(OPTIONS))?;
        options.lines().find(|line| line.starts_with(MACHINE_KEY)).map(str::to_owned)
    }

    fn base(&self, p: usize) -> Option<String> {
        state(&self.players[p].pc)?["base"].as_str().map(str::to_owned)
    }

    fn is_untouched(&self, p: usize) -> bool {
        let known = self.players[p].side.units.iter().filter(|(_, unit)| !unit.files.is_empty());
        let known: BTreeMap<_, _> = known.map(|(name, unit)| (name.clone(), unit.files.clone())).collect();
        units(self.players[p].pc.tree()) == known
    }

    // What must hold.

    #[track_caller]
    fn assert_untouched(&self, p: usize) {
        assert!(self.is_untouched(p), "the files of {} have changed", self.players[p].pc.name);
    }

    /// A PC that has nothing to bring has been told of all that anybody saved.
    #[track_caller]
    fn assert_nothing_new(&self, p: usize) {
        let known = &self.players[p].side.known;
        for (id, side) in &self.snapshots {
            assert!(side.known.is_subset(known), "{} was not told of {id}", self.players[p].pc.name);
        }
    }

    /// Every world is one that a player closed, and no mixture.
    fn assert_whole(&self, p: usize) {
        for (name, files) in units(self.players[p].pc.tree()) {
            if is_world(&name) {
                let pc = &self.players[p].pc.name;
                assert!(self.closed.contains(&files), "{name} on {pc} is mixed: {:#?}", texts(&files));
            }
        }
    }

    /// What the program took off the disk is in an undo copy, or in a snapshot.
    fn assert_kept(&mut self, p: usize, before: &Side) {
        let player = &mut self.players[p];
        let disk: BTreeSet<_> = contents(&player.pc.tree()).collect();
        let undo: BTreeSet<_> = contents(&tree(&player.pc.path(".cloud-sync/undo"))).collect();
        let mut gone = player.owed.clone();
        for (name, unit) in &before.units {
            for (path, content) in unit.files.iter().filter(|(_, content)| !disk.contains(*content)) {
                let is_kept = undo.contains(content) || self.saved.contains(content);
                assert!(
                    is_kept,
                    "{path} of {name} on {} is lost: {}",
                    player.pc.name,
                    String::from_utf8_lossy(content)
                );
                if is_world(name) {
                    gone.insert(content.clone());
                }
            }
        }
        gone.retain(|content| !disk.contains(content) && !self.saved.contains(content));
        for content in &gone {
            let text = String::from_utf8_lossy(content);
            assert!(undo.contains(content), "the undo copy of {text} on {} is gone", player.pc.name);
        }
        player.owed = gone;
    }

    /// Everybody comes online, pulls and pushes; then all have the same.
    fn settle(&mut self, dice: &mut Dice) {
        for _ in 0..8 {
            for p in 0..3 {
                self.pull_with(p, ["keep-local", "use-remote", "keep-both"][at(dice, 3)], false);
                self.push(p, false);
            }
            let base = self.base(0);
            if self.cloud.heads().len() <= 1 && (1..3).all(|p| self.base(p) == base) {
                break;
            }
        }
        assert!(self.cloud.heads().len() <= 1, "several heads: {:?}", self.cloud.heads());
        for p in 1..3 {
            let [one, other] = [0, p].map(|p| units(self.players[p].pc.tree()));
            assert!(one == other, "A has {:?}, another {:?}", one.keys(), other.keys());
        }
        for p in 0..3 {
            let ran = self.players[p].pc.status();
            assert!(matches!(text(&ran, "divergence"), "in_sync" | "blank"), "{}", ran.stdout);
        }
        self.cloud.check();
    }

    fn say(&mut self, p: usize, what: &str) {
        self.log.push(format!("{}: {} {what}", self.log.len(), self.players[p].pc.name));
    }
}

fn has_options(side: &Side) -> bool {
    side.units.iter().any(|(name, unit)| name.starts_with(OPTIONS) && !unit.files.is_empty())
}

/// What an instance that lost its files still has: those that came since. It deleted nothing.
fn remainder(side: &Side) -> Side {
    let here = side.units.iter().filter(|(_, unit)| !unit.files.is_empty());
    let units: BTreeMap<_, _> = here.map(|(name, unit)| (name.clone(), unit.clone())).collect();
    Side { known: units.values().map(|unit| unit.event).collect(), units }
}

/// Who answered what.
#[derive(Debug)]
enum Answered<'a> {
    /// Every world was answered with this, if it was asked about.
    ByAll(&'a str),
    /// The program tells which worlds it asked about.
    Told(BTreeMap<String, String>),
}

impl Answered<'_> {
    /// The answer for a unit that was asked about.
    fn about(&self, unit: &str, verdicts: &BTreeSet<Verdict>) -> Option<&str> {
        match self {
            Self::ByAll(answer) => verdicts.contains(&Verdict::Ask).then_some(*answer),
            Self::Told(told) => {
                let answer = told.get(unit).map(String::as_str);
                assert!(answer.is_none() || verdicts.contains(&Verdict::Ask), "{unit} is no question: {verdicts:?}");
                answer
            }
        }
    }
}

/// What the files contain, settings line by line.
fn contents(files: &Files) -> impl Iterator<Item = Vec<u8>> {
    let of = |(path, content): (&String, &Vec<u8>)| match path.rsplit('/').next() {
        Some(name) if name.starts_with(OPTIONS) => options(content).map(|(_, line)| line).collect(),
        _ => vec![content.clone()],
    };
    files.iter().flat_map(of)
}

/// The player's settings.
fn options(content: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let text = String::from_utf8_lossy(content).into_owned();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let own = lines.into_iter().filter(|line| !line.starts_with(MACHINE_KEY));
    own.map(|line| (format!("{OPTIONS}:{}", line.split(':').next().unwrap_or_default()), line.into_bytes()))
}

/// The files of a disk, unit by unit.
fn units(files: Files) -> BTreeMap<String, Files> {
    let mut units = BTreeMap::<String, Files>::new();
    for (path, content) in files {
        if path == OPTIONS {
            units.extend(options(&content).map(|(unit, line)| (unit, Files::from([(String::new(), line)]))));
            continue;
        }
        let inner = path.strip_prefix("saves/").and_then(|rest| rest.split_once('/'));
        let (unit, inner) =
            inner.map_or((path.as_str(), ""), |(world, inner)| (&path["saves/".len()..][..world.len()], inner));
        let unit = if inner.is_empty() { unit.to_owned() } else { format!("saves/{unit}") };
        units.entry(unit).or_default().insert(inner.to_owned(), content);
    }
    units
}

fn unit_on(pc: &Pc, unit: &str) -> Files {
    tree(&pc.path(unit))
}

fn is_world(unit: &str) -> bool {
    unit.starts_with("saves/")
}

fn state(pc: &Pc) -> Option<Value> {
    serde_json::from_slice(&fs::read(pc.path(".cloud-sync/state.json")).ok()?).ok()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn text<'a>(ran: &'a Ran, field: &str) -> &'a str {
    ran.json[field].as_str().unwrap_or_default()
}

#[track_caller]
fn expect(ran: &Ran, codes: &[i32]) {
    assert!(codes.contains(&ran.code), "exit {}, not {codes:?}: {}\n{}", ran.code, ran.stdout, ran.stderr);
}

fn texts(files: &Files) -> Vec<String> {
    files.values().map(|content| String::from_utf8_lossy(content).trim().to_owned()).collect()
}

fn at(dice: &mut Dice, sides: usize) -> usize {
    usize::try_from(dice.roll(sides as u64)).unwrap()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn walk(nth: u64) {
    // Always the same walks here, so that a failure is the change's; `make walk` goes others.
    let seed = number("CLOUD_SYNC_WALK_SEED").unwrap_or(nth);
    println!("CLOUD_SYNC_WALK_SEED={seed}");
    let mut walk = Walk::new(seed % 2 == 1);
    for step in 0..number("CLOUD_SYNC_WALK_STEPS").unwrap_or(STEPS) {
        // Each step has dice of its own, so that one does not change the next.
        let mut dice =
            Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(step.wrapping_mul(0xd134_2543_de82_ef95)));
        dice.roll(2);
        walk.step(&mut dice);
    }
    walk.settle(&mut Dice(seed));
    println!("{} snapshots", walk.snapshots.len());
}

#[test]
fn a_walk() {
    walk(1);
}

#[test]
fn another_walk() {
    walk(2);
}

#[test]
fn a_third_walk() {
    walk(3);
}

#[test]
fn a_fourth_walk() {
    walk(4);
}
