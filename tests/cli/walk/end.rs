//! How a walk ends: everybody has the same.

use super::{Walk, text};
use crate::support::dice::Dice;

impl Walk {
    /// Everybody comes online, syncs all, pulls and pushes; then all have the same.
    pub(super) fn settle(&mut self, dice: &mut Dice) {
        for player in self.players.iter().filter(|player| !player.syncs("saves/Gamma")) {
            player.change_scope();
        }
        for round in 0..10 {
            let count = self.snapshots.len();
            for p in 0..self.players.len() {
                self.pull_with(p, ["keep-local", "use-remote", "keep-both"][dice.nth(3)], false);
                self.push(p, false);
            }
            if round > 0 && self.snapshots.len() == count {
                break;
            }
        }
        for p in 0..self.players.len() {
            let [one, other] = [0, p].map(|p| &self.players[p].disk);
            assert!(one == other, "A has {:?}, {} has {:?}", one.keys(), self.players[p].pc.name, other.keys());
            let ran = self.players[p].pc.status();
            assert!(matches!(text(&ran, "divergence"), "in_sync" | "blank"), "{}", ran.stdout);
        }
        let has_forgotten = self.has_forgotten;
        self.model.check_pictures(&self.players[0].disk, |_| has_forgotten);
        self.cloud.check();
    }
}
