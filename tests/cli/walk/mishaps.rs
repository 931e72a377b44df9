//! What goes wrong on a walk: commands are killed, the game has a world open, folders are copied, and
//! clouds and states are lost.

use std::fs;
use std::time::Duration;

use super::{Walk, alive_ids, expect};
use crate::support::dice::{Dice, kill_after};
use crate::support::game::while_open;
use crate::support::model::{Asked, Disk, Files, is_world, units};
use crate::support::player::{Player, copy_folder};

impl Walk {
    /// The game has a world open.
    pub(super) fn play_during(&mut self, p: usize, dice: &mut Dice) {
        let worlds: Vec<_> = self.players[p].synced().into_keys().filter(|unit| is_world(unit)).collect();
        if worlds.is_empty() || !self.players[p].has_state() {
            return;
        }
        let world = &worlds[dice.nth(worlds.len())];
        self.look_for_snapshots(None);
        let command = ["pull", "push"][dice.nth(2)];
        let ran = while_open(&self.players[p].pc, world, || self.players[p].pc.run(&[command]));
        self.say(p, &format!("{command} while {world} is open: {}", ran.code));
        self.look_for_snapshots(Some((p, world)));
        self.players[p].pc.remove(&format!("{world}/session.lock"));
        self.players[p].assert_untouched();
        expect(&ran, if command == "pull" { &[4] } else { &[8] });
        if command == "push" {
            let mut disk = self.players[p].synced();
            disk.remove(world);
            self.assert_saved(&disk, &ran);
        }
    }

    /// A command is killed, and what is left to do is done by the next one, which has no cloud.
    pub(super) fn kill(&mut self, p: usize, dice: &mut Dice) {
        let answer = ["keep-local", "use-remote"][dice.nth(2)];
        let on_conflict = format!("--on-conflict={answer}");
        let arguments: &[&str] = match dice.roll(5) {
            0 => &["undo"],
            1 | 2 => &["push"],
            _ => &["pull", &on_conflict],
        };
        self.look_for_snapshots(None);
        let longest = [20, 150, 400][dice.nth(3)];
        let moment = Duration::from_millis(dice.roll(longest));
        kill_after(self.players[p].pc.command(arguments), moment);
        self.killed = Some(self.players[p].synced());
        let made = self.look_for_snapshots(Some((p, "")));
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
        self.players[p].assert_kept(&self.saved);
        match arguments[0] {
            "undo" => self.notice(p, units(self.players[p].pc.tree())),
            "pull" => self.take_in(p, &Asked::Perhaps),
            _ => self.players[p].assert_untouched(),
        }
        self.assert_whole(p);
    }

    pub(super) fn disaster(&mut self, p: usize, dice: &mut Dice) {
        self.look_for_snapshots(None);
        let backup = self.cloud.home.path().join("backup");
        match dice.roll(10) {
            0..4 => {
                let what = self.players[p].change_scope();
                self.say(p, &what);
            }
            4 | 5 => self.copy_instance(p),
            6 if self.has_backup => {
                fs::remove_dir_all(&self.cloud.repository).unwrap();
                copy_folder(&backup, &self.cloud.repository);
                self.has_forgotten = true;
                self.say(p, "sees an older cloud");
            }
            6 | 7 if !alive_ids(&self.cloud).is_empty() => {
                let _ = fs::remove_dir_all(&backup);
                copy_folder(&self.cloud.repository, &backup);
                self.has_backup = true;
                self.say(p, "sees a backup of the cloud");
            }
            8 => self.forget_snapshots(p),
            9 if self.players[p].has_state() => {
                self.players[p].pc.remove(".cloud-sync/state.json");
                self.model.forget(&self.players[p].disk, |_, _| true);
                self.players[p].is_stranger = true;
                self.say(p, "loses its state");
            }
            _ => {}
        }
    }

    /// The folder of the instance is copied to another PC, with all that is in it.
    fn copy_instance(&mut self, p: usize) {
        let mut player =
            if self.players.len() > 3 { self.players.pop().unwrap() } else { Player::new(self.cloud.pc("D")) };
        if let Some(from) = self.players.get(p) {
            // What only that PC had is gone for good.
            let is_saved = |(unit, files): &(&String, &Files)| {
                self.snapshots.values().any(|snapshot| snapshot.units.get(*unit) == Some(*files))
            };
            let lost = player.disk.iter().filter(|one| !is_saved(one));
            let lost = lost.map(|(unit, files)| (unit.clone(), files.clone())).collect();
            self.model.edits(&lost, &Disk::new());
            player.copy_from(from);
            self.model.forget(&player.disk, |unit, files| {
                !self.snapshots.values().any(|snapshot| snapshot.units.get(unit) == Some(files))
            });
            self.say(p, "is copied to D");
        }
        if player.has_state() || !player.disk.is_empty() {
            self.players.push(player);
        }
    }

    /// The oldest third of the snapshots goes.
    fn forget_snapshots(&mut self, p: usize) {
        let mut all: Vec<_> = self.cloud.snapshots();
        all.sort_by_key(|snapshot| snapshot["time"].as_str().unwrap().to_owned());
        let ids: Vec<_> = all.iter().take(all.len() / 3).map(|snapshot| snapshot["id"].as_str().unwrap()).collect();
        if ids.is_empty() {
            return;
        }
        // A push that was killed leaves its lock.
        self.cloud.restic(&["unlock", "--remove-all"]);
        self.cloud.restic(&[&["forget"], &ids[..]].concat());
        self.has_forgotten = true;
        self.say(p, &format!("sees {} snapshots go", ids.len()));
    }
}
