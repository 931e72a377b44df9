//! What was fetched takes its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::Bring;
use crate::error::{Error, Kind, Result};
use crate::instance::state::State;
use crate::instance::tree::Tree;
use crate::model::{Stat, Unit};
use crate::outcome::Outcome;
use crate::paths::world_of;
use crate::player::{counted, human_bytes};
use crate::sync::game::stop_if_game_runs;
use crate::sync::resolved::Resolved;
use crate::transaction::copies::{self, Note};
use crate::transaction::{Apart, Journal, Moves, Source};
use crate::verb::Verb;

impl Bring<'_> {
    /// What came and what went, in words.
    pub(super) fn what_moved(&self) -> String {
        let bytes = self.files.staged.values().map(|entry| entry.here.size).sum();
        let brought = format!("brought {} ({})", counted(self.files.staged.len(), "file"), human_bytes(bytes));
        let took_away = format!("took away {} that it has no more", counted(self.files.remove.len(), "file"));
        match (self.files.staged.len(), self.files.remove.len()) {
            (_, 0) => brought,
            (0, _) => took_away,
            _ => format!("{brought}, and {took_away}"),
        }
    }

    /// Moves everything, by way of a journal, and gives the worlds that are gone then. Worlds that
    /// are given up are kept in the undo copy as long as a whole world.
    pub(super) fn put_in_place(
        &mut self,
        resolved: &Resolved,
        next: State,
        outcome: &mut Outcome,
    ) -> Result<BTreeSet<String>> {
        let ctx = self.ctx;
        let here = &self.seen.local.files;
        let (replaced, added): (Vec<_>, Vec<_>) =
            self.files.staged.keys().cloned().partition(|path| {
                here.contains_key(path) || fs::symlink_metadata(ctx.instance.root().join(path)).is_ok()
            });
        let mut worlds: BTreeSet<_> =
            copies::whole_worlds(self.files.remove.iter().chain(&replaced), here.keys()).into_iter().collect();
        let placed: BTreeSet<_> =
            self.files.staged.keys().chain(self.files.kept.keys()).filter_map(|path| world_of(path)).collect();
        let gone: BTreeSet<_> = worlds.iter().filter(|world| !placed.contains(world.as_str())).cloned().collect();
        worlds.extend(resolved.given_up.iter().cloned());
        let touched: BTreeSet<_> = self.files.staged.keys().chain(&self.files.remove).cloned().collect();
        let mut after = here.clone();
        after.retain(|path, _| !self.files.remove.contains(path));
        after.extend(self.files.staged.iter().map(|(path, entry)| (path.clone(), entry.clone())));
        let left = copies::digests(touched.iter(), &after);
        self.stop_if_it_changed(&touched)?;
        let place: BTreeMap<String, Stat> =
            self.files.staged.iter().map(|(path, entry)| (path.clone(), entry.here)).collect();
        let name = copies::new_name(ctx);
        let note = Note::new(ctx, Verb::Pull, added, worlds.into_iter().collect(), left);
        let moves = Moves {
            remove: self.files.remove.iter().cloned().collect(),
            place,
            gone_worlds: gone.iter().cloned().collect(),
        };
        let files = here.iter().map(|(path, entry)| (path, entry.here));
        let apart = Journal::new(Source::Staging, name.clone(), note, moves, files, next).commit(&ctx.instance)?;
        for Apart { unit, .. } in &apart {
            self.files.staged.retain(|path, _| !unit.holds(path));
            self.files.remove.retain(|path| !unit.holds(path));
        }
        for unit in &apart {
            ctx.warn(&unit.text());
        }
        let copy = ctx.instance.undo_copy(&name);
        outcome.undo = copy.exists().then(|| copy.display().to_string());
        let stays = |world: &String| apart.iter().any(|one| one.unit.world() == Some(world));
        Ok(gone.into_iter().filter(|world| !stays(world)).collect())
    }

    /// Fetching and asking takes time. If the game has begun by now, or something of what is to be
    /// replaced changed, nothing is touched.
    fn stop_if_it_changed(&self, touched: &BTreeSet<String>) -> Result<()> {
        stop_if_game_runs(self.ctx)?;
        let local = &self.seen.local;
        let now = Tree::walk(self.ctx.instance.root(), &self.seen.scope)?;
        let units: BTreeSet<_> = touched.iter().map(|path| Unit::of(path)).collect();
        let is_new = |(path, stat): &(&String, &Stat)| {
            local.files.get(*path).map(|entry| entry.here) != Some(**stat) && !local.tree.leaves_out(path)
        };
        let changed = now.files.iter().filter(is_new).map(|(path, _)| path);
        let gone = local.files.keys().filter(|path| !now.files.contains_key(*path));
        match changed.chain(gone).find(|path| units.contains(&Unit::of(path))) {
            None => Ok(()),
            Some(path) => {
                Err(Error::new(Kind::Stopped, format!("{path} changed while the cloud's files were fetched"))
                    .hint("close the game if it runs, and run it again; nothing was replaced"))
            }
        }
    }
}
