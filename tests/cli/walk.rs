//! Random walks: three PCs on one cloud, thousands of steps, and a plain model that knows what
//! must be on each disk; nothing that a player closed is lost or mixed.
//!
//! `CLOUD_SYNC_WALK_SEED` replays a walk, up to what the moments of kills decide;
//! `CLOUD_SYNC_WALK_STEPS` makes it longer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::dice::{Dice, kill_after};
use crate::support::model::{Answered, Files, Model, OPTIONS, Side, Verdict, contents, is_world, texts, units};
use crate::support::pc::tree;
use crate::support::player::Player;
use crate::support::{Cloud, Ran};

/// The steps of one walk.
const STEPS: u64 = 500;
/// Undo copies age after 14 days, and the clocks are never that far apart.
const MAX_DAYS: u64 = 12;

struct Walk {
    cloud: Cloud,
    players: Vec<Player>,
    model: Model,
    /// The contents of all files in all snapshots.
    saved: BTreeSet<Vec<u8>>,
    /// Every world that a player ever closed.
    closed: BTreeSet<Files>,
    /// Whether its players put off decisions.
    puts_off: bool,
    /// The last push that was killed: restic's last breath may come after its parent's.
    killed: Option<(usize, Side)>,
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.model.log.join("\n"));
        }
    }
}

impl Walk {
    fn new(puts_off: bool) -> Self {
        let cloud = Cloud::folder();
        Self {
            players: ["A", "B", "C"].map(|name| Player::new(cloud.pc(name))).into(),
            cloud,
            model: Model::default(),
            saved: BTreeSet::new(),
            closed: BTreeSet::new(),
            puts_off,
            killed: None,
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let p = dice.nth(3);
        match dice.roll(100) {
            0..30 => self.act(p, |player, stamp| player.play(stamp, dice)),
            30..33 => self.act(p, |player, _| player.delete(dice)),
            33..37 => self.act(p, |player, _| player.rename(dice)),
            37..42 => self.act(p, |player, stamp| Some(player.set_option(stamp, dice))),
            42..46 => self.act(p, |player, stamp| Some(player.write(stamp, "hotbar.nbt"))),
            46..49 => self.act(p, |player, stamp| Some(player.write(stamp, &format!("screenshots/{stamp}.png")))),
            49 => self.act(p, |player, stamp| Some(player.write(stamp, "screenshots/2026.png"))),
            50..53 => self.act(p, |player, _| player.touch(dice)),
            53..56 => {
                let days = i64::try_from(dice.roll(MAX_DAYS * 24)).unwrap() - i64::try_from(MAX_DAYS * 12).unwrap();
                self.players[p].pc.clock = days * 3600;
                self.say(p, &format!("clock {}", self.players[p].pc.clock));
            }
            56 => self.act(p, |player, _| Some(player.lose_all())),
            57..76 => self.pull(p, dice),
            76..90 => self.push(p, dice.roll(12) == 0),
            90..94 => self.undo(p),
            _ => self.kill(p, dice),
        }
    }

    /// The player does something, and closes the game.
    fn act(&mut self, p: usize, act: impl FnOnce(&Player, u64) -> Option<String>) {
        let Some(what) = act(&self.players[p], self.model.stamp()) else { return };
        let disk = units(self.players[p].pc.tree());
        self.closed.extend(disk.into_iter().filter(|(name, _)| is_world(name)).map(|(_, files)| files));
        self.notice(p);
        self.say(p, &what);
    }

    // What the program does.

    fn pull(&mut self, p: usize, dice: &mut Dice) {
        let mut answers = vec!["ask", "keep-local", "use-remote", "keep-both", "most-played", "cancel"];
        if self.puts_off {
            answers.extend(["later", "later"]);
        }
        let answer = answers[dice.nth(answers.len())];
        let offline = dice.roll(12) == 0;
        self.pull_with(p, answer, offline);
    }

    fn pull_with(&mut self, p: usize, answer: &str, offline: bool) {
        let (before, lost, machine) =
            (self.players[p].side.clone(), self.players[p].is_lost(), self.players[p].machine_key());
        let base = self.players[p].base();
        let Some(ran) = self.run(p, &["pull", &format!("--on-conflict={answer}")], offline) else { return };
        if machine.is_some() && self.players[p].pc.has(OPTIONS) {
            assert_eq!(self.players[p].machine_key(), machine, "what fits only one machine went to another");
        }
        match text(&ran, "divergence") {
            "blank" | "in_sync" | "ahead" => {
                expect(&ran, &[0]);
                self.assert_nothing_new(p);
                self.players[p].assert_untouched();
            }
            "unknown" => {
                expect(&ran, &[0]);
                assert!(offline, "{}", ran.stdout);
                self.players[p].assert_untouched();
            }
            divergence => {
                assert_eq!(divergence == "local_lost", lost, "{}", ran.stdout);
                let target = text(&ran, "head").to_owned();
                let judged = self.model.judge(&before, &target, lost);
                let asks = |only: bool| {
                    let mut verdicts = judged.values();
                    verdicts.any(|verdicts| verdicts.contains(&Verdict::Ask) && (!only || verdicts.len() == 1))
                };
                if matches!(ran.code, 1 | 3) {
                    expect(&ran, if answer == "cancel" { &[1] } else { &[3] });
                    let may_stop = matches!(answer, "ask" | "most-played" | "cancel");
                    assert!(may_stop && asks(false), "no conflict: {}", ran.stdout);
                    self.players[p].assert_untouched();
                } else {
                    expect(&ran, &[0]);
                    let may_stop = matches!(answer, "ask" | "most-played" | "cancel");
                    assert!(!may_stop || !asks(true), "a conflict: {}", ran.stdout);
                    let settled = ran.json["conflicts"].as_array().unwrap().iter();
                    let settled = settled.map(|one| (text_of(&one["world"]), text_of(&one["answer"])));
                    let settled: BTreeMap<_, _> =
                        settled.map(|(world, answer)| (format!("saves/{world}"), answer)).collect();
                    if settled.values().all(|answer| answer != "later") {
                        assert_eq!(self.players[p].base().as_ref(), Some(&target));
                    } else {
                        let saved =
                            self.players[p].base().filter(|base| self.model.snapshots[base].known == before.known);
                        assert!(
                            lost || self.players[p].base() == base || saved.is_some(),
                            "undecided, and the base has moved"
                        );
                    }
                    self.take_in(p, &before, &target, lost, &Answered::Told(settled));
                }
            }
        }
    }

    fn push(&mut self, p: usize, offline: bool) {
        let lost = self.players[p].is_lost();
        let Some(ran) = self.run(p, &["push"], offline) else { return };
        self.players[p].assert_untouched();
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
            self.players[p].assert_untouched();
        }
    }

    /// A command is killed, and what is left to do is done by the next one, which has no cloud.
    fn kill(&mut self, p: usize, dice: &mut Dice) {
        let answer = ["keep-local", "use-remote"][dice.nth(2)];
        let on_conflict = format!("--on-conflict={answer}");
        let arguments: &[&str] = match dice.roll(5) {
            0 => &["undo"],
            1 | 2 => &["push"],
            _ => &["pull", &on_conflict],
        };
        let (before, lost, base) = (self.players[p].side.clone(), self.players[p].is_lost(), self.players[p].base());
        self.look_for_snapshots(None);
        let longest = [20, 150, 400][dice.nth(3)];
        let moment = Duration::from_millis(dice.roll(longest));
        kill_after(self.players[p].pc.command(arguments), moment);
        self.killed = Some((p, before.clone()));
        let made = self.look_for_snapshots(Some(p));
        self.players[p].unnoticed |= !made.is_empty();
        self.model.is_partial |= arguments[0] == "pull" && !made.is_empty();
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
        self.players[p].assert_kept(&before, &self.saved);
        match arguments[0] {
            "undo" => self.notice(p),
            "pull" => {
                let now = self.players[p].base();
                let is_over = now != base || !self.players[p].is_untouched();
                if let Some(target) = now.filter(|now| is_over && !made.contains(now)) {
                    self.take_in(p, &before, &target, lost, &Answered::ByAll(answer));
                }
            }
            _ => self.players[p].assert_untouched(),
        }
        self.assert_whole(p);
    }

    /// Runs a command to its end and checks what holds after every one; none where the player
    /// would not run it.
    fn run(&mut self, p: usize, arguments: &[&str], offline: bool) -> Option<Ran> {
        self.look_for_snapshots(None);
        if offline && self.players[p].base().is_none() {
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
        self.model.is_partial |= ran.json["warnings"].to_string().contains("not saved: ");
        self.players[p].unnoticed &= offline || arguments[0] == "undo";
        self.players[p].assert_kept(&before, &self.saved);
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

    /// Takes what is on the disk now for what the player did.
    fn notice(&mut self, p: usize) {
        let base = self.players[p].base();
        let player = &mut self.players[p];
        let put_off = player.put_off.as_ref().filter(|(then, _)| *then == base).map(|(_, side)| side);
        let agreed = put_off.or_else(|| self.model.snapshots.get(&base?)).cloned().unwrap_or_default();
        self.model.notice(&mut player.side, &agreed, &units(player.pc.tree()));
    }

    /// A pull brought `target`: checks that the disk holds what it must, and follows.
    fn take_in(&mut self, p: usize, before: &Side, target: &str, lost: bool, answered: &Answered) {
        let disk = units(self.players[p].pc.tree());
        let after = self.model.take_in(before, target, lost, answered, disk);
        self.players[p].put_off = answered.puts_off().then(|| (self.players[p].base(), after.clone()));
        self.players[p].side = after;
    }

    /// Reads the snapshots that are new, which `p` made, or whoever was killed last.
    fn look_for_snapshots(&mut self, p: Option<usize>) -> BTreeSet<String> {
        let entries = fs::read_dir(self.cloud.repository.join("snapshots")).unwrap();
        let ids = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // A push that was killed leaves half a file of another name.
        let new: BTreeSet<_> = ids.filter(|id| id.len() == 64 && !self.model.snapshots.contains_key(id)).collect();
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
            self.model.snapshots.insert(id.clone(), side);
        }
        new
    }

    // What must hold.

    /// A PC that has nothing to bring has been told of all that anybody saved.
    #[track_caller]
    fn assert_nothing_new(&self, p: usize) {
        let known = &self.players[p].side.known;
        for (id, side) in &self.model.snapshots {
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

    /// Everybody comes online, pulls and pushes; then all have the same.
    fn settle(&mut self, dice: &mut Dice) {
        for _ in 0..8 {
            for p in 0..3 {
                self.pull_with(p, ["keep-local", "use-remote", "keep-both"][dice.nth(3)], false);
                self.push(p, false);
            }
            let base = self.players[0].base();
            if self.cloud.heads().len() <= 1 && (1..3).all(|p| self.players[p].base() == base) {
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
        self.model.log.push(format!("{}: {} {what}", self.model.log.len(), self.players[p].pc.name));
    }
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
    println!("{} snapshots", walk.model.snapshots.len());
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
