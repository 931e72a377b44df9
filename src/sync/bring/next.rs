//! The state once everything is in place.

use super::Bring;
use crate::instance::digest::{digest_of, files_of};
use crate::instance::state::State;
use crate::model::Known;
use crate::sync::record::settled;
use crate::sync::resolved::Resolved;

impl Bring<'_> {
    /// The state once everything is in place.
    pub(super) fn next_state(&self, resolved: &mut Resolved) -> State {
        let local = &self.seen.local;
        let mut next = settled(self.seen, self.state);
        next.memory.ledger = self.view.ledger.clone();
        next.impossible.clone_from(&self.files.impossible);
        for path in &self.files.remove {
            next.files.remove(path);
        }
        // What the player had deleted of a unit that comes, or agrees, is no deletion any more.
        let settled = resolved.comes.keys().chain(&resolved.goes).chain(&resolved.agreed);
        for unit in settled.filter(|unit| resolved.known.contains_key(*unit)) {
            let is_gone = |path: &String| {
                self.seen.scope.contains(path) && !local.files.contains_key(path) && !local.tree.leaves_out(path)
            };
            let gone: Vec<_> =
                files_of(&next.files, unit).map(|(path, _)| path.clone()).filter(|path| is_gone(path)).collect();
            for path in gone {
                next.files.remove(&path);
            }
        }
        next.files.extend(
            self.files.kept.iter().chain(&self.files.staged).map(|(path, entry)| (path.clone(), entry.clone())),
        );
        for unit in &resolved.agreed {
            for (path, entry) in files_of(&local.files, unit) {
                next.files.insert(path.clone(), entry.clone());
            }
        }
        // What is kept beside is in no version yet.
        let copies: Vec<_> =
            resolved.known.iter().filter(|(_, known)| known.copy_of.is_some()).map(|(unit, _)| unit.clone()).collect();
        for unit in copies {
            let files: Vec<_> = files_of(&next.files, &unit).map(|(path, _)| path.clone()).collect();
            for path in files {
                next.files.remove(&path);
            }
        }
        for (unit, known) in &mut resolved.known {
            if resolved.comes.contains_key(unit) && unit.path().is_some() {
                known.agreed = digest_of(unit, files_of(&next.files, unit)).or(known.agreed);
            }
            if *known == Known::default() {
                next.memory.known.remove(unit);
            } else {
                next.memory.known.insert(unit.clone(), known.clone());
            }
        }
        let place = next.repositories.entry(self.seen.location.clone()).or_default();
        if let Some(id) = self.main.clone().or_else(|| self.seen.head()) {
            let known =
                self.seen.news.snapshots.iter().find(|snapshot| snapshot.id == id).map(|snapshot| snapshot.time);
            place.base_time = known
                .or_else(|| self.source.known_listing(&id).map(|listing| listing.snapshot.time))
                .or(place.base_time);
            place.base = Some(id);
        }
        next
    }
}
