//! Random walks: three PCs or four on one cloud, thousands of steps, and a plain model that knows what
//! every player did; nothing that a player closed is lost or mixed, nothing is replaced by what never
//! saw it, nobody is asked without need, and in the end all have the same.
//!
//! `CLOUD_SYNC_WALK_SEED` replays a walk, up to what the moments of kills decide;
//! `CLOUD_SYNC_WALK_STEPS` makes it longer.

mod end;
mod mishaps;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::dice::Dice;
use crate::support::model::{
    Asked, Disk, Files, Model, OPTIONS, PICTURE, Pulled, contents, is_setting, is_world, texts, units,
};
use crate::support::pc::{files, tree};
use crate::support::player::Player;
use crate::support::{Cloud, Ran};

/// The steps of one walk.
const STEPS: u64 = 500;
/// Undo copies age after 14 days, and the clocks are never that far apart.
const MAX_DAYS: u64 = 12;

/// What happens on a walk.
struct Kind {
    /// Its players put off decisions.
    puts_off: bool,
    /// Scopes differ, folders are copied, and clouds and states are lost.
    has_disasters: bool,
}

/// What a snapshot holds.
struct Snapshot {
    units: Disk,
    /// Its ledger, in which settings are, too.
    ledger: String,
}

struct Walk {
    cloud: Cloud,
    players: Vec<Player>,
    model: Model,
    snapshots: BTreeMap<String, Snapshot>,
    /// The contents of all files in all snapshots.
    saved: BTreeSet<Vec<u8>>,
    /// Every world that a player ever closed.
    closed: BTreeSet<Files>,
    kind: Kind,
    has_backup: bool,
    /// Whether the cloud ever lost what it had.
    has_forgotten: bool,
    stamp: u64,
    /// The last push that was killed: restic's last breath may come after its parent's.
    killed: Option<Disk>,
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.model.log.join("\n"));
        }
    }
}

impl Walk {
    fn new(kind: Kind) -> Self {
        let cloud = Cloud::folder();
        Self {
            players: ["A", "B", "C"].map(|name| Player::new(cloud.pc(name))).into(),
            cloud,
            model: Model::default(),
            snapshots: BTreeMap::new(),
            saved: BTreeSet::new(),
            closed: BTreeSet::new(),
            kind,
            has_backup: false,
            has_forgotten: false,
            stamp: 0,
            killed: None,
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        let p = dice.nth(self.players.len());
        self.stamp += 1;
        let stamp = self.stamp;
        match dice.roll(100) {
            0..28 => self.act(p, |player| player.play(stamp, dice)),
            28..31 => self.act(p, |player| player.delete(dice)),
            31..34 => self.act(p, |player| player.rename(dice)),
            34..39 => self.act(p, |player| Some(player.set_option(stamp, dice))),
            39..43 => self.act(p, |player| Some(player.write(stamp, "hotbar.nbt"))),
            43..46 => self.act(p, |player| Some(player.write(stamp, &format!("screenshots/{stamp}.png")))),
            46 => self.act(p, |player| Some(player.write(stamp, PICTURE))),
            47..50 => self.touch(p, dice),
            50..53 => {
                let days = i64::try_from(dice.roll(MAX_DAYS * 24)).unwrap() - i64::try_from(MAX_DAYS * 12).unwrap();
                self.players[p].pc.clock = days * 3600;
                self.say(p, &format!("clock {}", self.players[p].pc.clock));
            }
            53 => self.act(p, |player| Some(player.lose_all())),
            54..74 => self.pull(p, dice),
            74..86 => self.push(p, dice.roll(12) == 0),
            86..89 => self.undo(p),
            89..94 => self.kill(p, dice),
            94..96 => self.play_during(p, dice),
            _ if self.kind.has_disasters => self.disaster(p, dice),
            _ => self.push(p, false),
        }
    }

    /// The player does something, and closes the game.
    fn act(&mut self, p: usize, act: impl FnOnce(&Player) -> Option<String>) {
        let Some(what) = act(&self.players[p]) else { return };
        let disk = units(self.players[p].pc.tree());
        self.closed.extend(disk.iter().filter(|(name, _)| is_world(name)).map(|(_, files)| files.clone()));
        self.notice(p, disk);
        self.say(p, &what);
    }

    /// What is rewritten without a change is no change.
    fn touch(&mut self, p: usize, dice: &mut Dice) {
        self.look_for_snapshots(None);
        let before = self.players[p].pc.status();
        let Some(what) = self.players[p].touch(dice) else { return };
        self.say(p, &what);
        let after = self.players[p].pc.status();
        assert_eq!(text(&before, "divergence"), text(&after, "divergence"), "it was only rewritten");
    }

    // What the program does.

    fn pull(&mut self, p: usize, dice: &mut Dice) {
        let mut answers = vec!["ask", "keep-local", "use-remote", "keep-both", "most-played", "cancel"];
        if self.kind.puts_off {
            answers.extend(["later", "later"]);
        }
        let answer = answers[dice.nth(answers.len())];
        let offline = dice.roll(12) == 0;
        self.pull_with(p, answer, offline);
    }

    fn pull_with(&mut self, p: usize, answer: &str, offline: bool) {
        let machine = self.players[p].machine_key();
        let Some(ran) = self.run(p, &["pull", &format!("--on-conflict={answer}")], offline) else { return };
        if machine.is_some() && self.players[p].pc.has(OPTIONS) {
            assert_eq!(self.players[p].machine_key(), machine, "what fits only one machine went to another");
        }
        let conflicts = ran.json["conflicts"].as_array().unwrap().iter();
        let asked: BTreeMap<_, _> = conflicts
            .map(|one| {
                (format!("saves/{}", one["world"].as_str().unwrap()), one["answer"].as_str().unwrap_or("").to_owned())
            })
            .collect();
        if offline {
            expect(&ran, &[0]);
            return self.players[p].assert_untouched();
        }
        if matches!(ran.code, 1 | 3) {
            expect(&ran, if answer == "cancel" { &[1] } else { &[3] });
            assert!(matches!(answer, "ask" | "most-played" | "cancel"), "{}", ran.stdout);
            let alive = alive(&self.cloud, &self.snapshots);
            let disk: Vec<_> = alive.iter().map(|snapshot| &snapshot.units).collect();
            self.model.check_stop(&asked.into_keys().collect(), &self.players[p].disk, &disk);
            return self.players[p].assert_untouched();
        }
        expect(&ran, &[0]);
        if text(&ran, "divergence") == "in_sync" {
            self.players[p].assert_untouched();
        }
        self.take_in(p, &Asked::About(asked));
        self.players[p].is_stranger = false;
    }

    fn push(&mut self, p: usize, offline: bool) {
        let Some(ran) = self.run(p, &["push"], offline) else { return };
        self.players[p].assert_untouched();
        let lost = text(&ran, "divergence") == "local_lost";
        expect(&ran, if lost { &[5] } else { &[0] });
        assert!(!lost || self.players[p].synced().is_empty(), "nothing is lost: {}", ran.stdout);
        if offline || lost {
            return;
        }
        let disk = self.players[p].synced();
        self.assert_saved(&disk, &ran);
        if self.stamp.is_multiple_of(4) {
            let count = self.snapshots.len();
            let Some(again) = self.run(p, &["push"], false) else { return };
            assert!(again.code == 0 && self.snapshots.len() == count, "it is pushed again: {}", again.stdout);
        }
    }

    fn undo(&mut self, p: usize) {
        let had_copy = self.players[p].pc.has(".cloud-sync/undo")
            && fs::read_dir(self.players[p].pc.path(".cloud-sync/undo")).unwrap().count() > 0;
        let Some(ran) = self.run(p, &["undo"], false) else { return };
        if ran.code == 0 {
            self.notice(p, units(self.players[p].pc.tree()));
        } else {
            expect(&ran, if had_copy { &[5] } else { &[1] });
            self.players[p].assert_untouched();
        }
    }

    /// Runs a command to its end and checks what holds after every one; none where the player
    /// would not run it.
    fn run(&mut self, p: usize, arguments: &[&str], offline: bool) -> Option<Ran> {
        self.look_for_snapshots(None);
        if offline && !self.players[p].has_synced() {
            // Would begin a cloud of its own.
            return None;
        }
        let ran = if offline {
            self.offline(|walk| walk.players[p].pc.run(arguments))
        } else {
            self.players[p].pc.run(arguments)
        };
        let made = self.look_for_snapshots(Some((p, "")));
        let [divergence, outcome] = ["divergence", "outcome"].map(|field| text(&ran, field));
        let what = format!(
            "{} {divergence} {outcome} {} {} {}",
            ran.code, ran.json["conflicts"], ran.json["warnings"], ran.json["error"]
        );
        self.say(p, &format!("{arguments:?}, offline: {offline}, saved: {made:?}, exit {what}"));
        assert!(made.len() <= 2, "{made:?}");
        assert!(!what.contains("damaged in the cloud"), "{what}");
        self.players[p].assert_kept(&self.saved);
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
    fn notice(&mut self, p: usize, disk: Disk) {
        self.model.edits(&self.players[p].disk, &disk);
        self.players[p].disk = disk;
    }

    /// A pull ended: checks that the disk holds what it may, and follows.
    fn take_in(&mut self, p: usize, asked: &Asked) {
        let after = units(self.players[p].pc.tree());
        let alive = alive(&self.cloud, &self.snapshots);
        let alive: Vec<_> = alive.iter().map(|snapshot| &snapshot.units).collect();
        let all: Vec<_> = self.snapshots.values().map(|snapshot| &snapshot.units).collect();
        let player = &self.players[p];
        let in_scope = |unit: &str| player.syncs(unit);
        self.model.take_in(&Pulled {
            before: &player.disk,
            after: &after,
            asked,
            alive: &alive,
            told: if self.has_forgotten { &all } else { &alive },
            is_stranger: player.is_stranger,
            in_scope: &in_scope,
        });
        self.players[p].disk = after;
    }

    /// Reads the snapshots that are new, which a player made, but for a world that was in use, or
    /// whoever was killed last.
    fn look_for_snapshots(&mut self, whose: Option<(usize, &str)>) -> BTreeSet<String> {
        let new: BTreeSet<_> =
            alive_ids(&self.cloud).into_iter().filter(|id| !self.snapshots.contains_key(id)).collect();
        for id in &new {
            let folder = tempfile::tempdir().unwrap();
            self.cloud.restic(&["restore", "--no-lock", id, "--target", folder.path().to_str().unwrap()]);
            let held = tree(folder.path());
            self.saved.extend(contents(&held));
            let held = units(held);
            let mut expected = match whose {
                Some((p, _)) => self.players[p].synced(),
                None => self.killed.clone().unwrap_or_else(|| panic!("{id} came from nowhere")),
            };
            whose.map(|(_, busy)| expected.remove(busy));
            assert!(
                held.keys().eq(expected.keys()),
                "{id} has other files than its PC: {:?}, {:?}",
                held.keys(),
                expected.keys()
            );
            for (name, files) in &held {
                assert!(*files == expected[name], "{id} has another version of {name} than its PC");
            }
            let ours = files(&folder.path().join(".cloud-sync")).into_iter();
            let ledger = ours.map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()).collect();
            self.snapshots.insert(id.clone(), Snapshot { units: held, ledger });
        }
        new
    }

    // What must hold.

    /// Each of these units is in the cloud.
    fn assert_saved(&self, disk: &Disk, ran: &Ran) {
        let alive = alive(&self.cloud, &self.snapshots);
        for (unit, files) in disk {
            let content = texts(files);
            let value = content[0].split(':').nth(1).unwrap_or_default();
            let is_saved = |snapshot: &&Snapshot| {
                snapshot.units.get(unit) == Some(files) || is_setting(unit) && snapshot.ledger.contains(value)
            };
            assert!(alive.iter().any(is_saved), "{unit} was not saved: {content:?}: {}", ran.stdout);
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

    fn say(&mut self, p: usize, what: &str) {
        self.model.log.push(format!("{}: {} {what}", self.stamp, self.players[p].pc.name));
    }
}

fn alive_ids(cloud: &Cloud) -> BTreeSet<String> {
    let entries = fs::read_dir(cloud.repository.join("snapshots")).unwrap();
    let ids = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // A push that was killed leaves half a file of another name.
    ids.filter(|id| id.len() == 64).collect()
}

/// The snapshots that the cloud has now.
fn alive<'a>(cloud: &Cloud, snapshots: &'a BTreeMap<String, Snapshot>) -> Vec<&'a Snapshot> {
    alive_ids(cloud).iter().map(|id| &snapshots[id]).collect()
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
    let mut walk = Walk::new(Kind { puts_off: seed.is_multiple_of(2), has_disasters: matches!(seed % 4, 0 | 3) });
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
fn three_pcs_that_never_put_off_a_decision_end_alike() {
    walk(1);
}

#[test]
fn three_pcs_that_put_off_decisions_end_alike() {
    walk(2);
}

#[test]
fn pcs_whose_clouds_and_folders_go_back_in_time_end_alike() {
    walk(3);
}

#[test]
fn pcs_to_which_everything_happens_end_alike() {
    walk(4);
}
