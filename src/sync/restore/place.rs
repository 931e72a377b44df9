//! The second half of a restore, as seen from the first: what was chosen is fetched, put in place,
//! and told.

use std::collections::BTreeSet;

use super::ancestor::Known;
use super::{Choices, Files, Restore};
use crate::error::{Error, Kind, Result};
use crate::front::{counted, human_bytes};
use crate::outcome::Outcome;
use crate::paths::world_of;
use crate::state::{Entry, Manifest, State};
use crate::sync::apply::{Journal, Moves, Source, whole_worlds};
use crate::sync::observe::Observation;
use crate::sync::plan::Plan;
use crate::sync::undo::{self, Note};
use crate::sync::units::Unit;
use crate::sync::{fetch, stop_if_game_runs};
use crate::tree::{Stat, Tree, digest, manifest_of};

impl Restore<'_> {
    /// Fetches and puts in place what the choices ask for.
    pub(super) fn apply(&mut self, choices: &Choices<'_>, known: &Known, outcome: &mut Outcome) -> Result<()> {
        let ctx = self.ctx;
        let mut plan = self.sides().plan(|unit| choices.of(unit), &self.same, &self.gaps)?;
        ctx.detail(&format!(
            "plan: {} to fetch, {} to remove, {} as they are, {} under another name",
            plan.fetch.len(),
            plan.remove.len(),
            plan.keep.len(),
            plan.beside.len()
        ));
        for (path, why) in &plan.refused {
            ctx.warn(&format!("skipped: {path}: {}", why.text()));
        }
        let staged = self.stage(&mut plan, choices, known)?;
        let next = self.next_state(&plan, &staged, &choices.put_off);
        outcome.base.clone_from(&next.base);
        outcome.bytes += self.staging.bytes;
        (outcome.files.restored, outcome.files.removed) = (staged.len(), plan.remove.len());
        if staged.is_empty() && plan.remove.is_empty() {
            fetch::clear(&ctx.instance.staging())?;
            if choices.put_off.is_empty() {
                ctx.note(if plan.differ.is_empty() {
                    "nothing to bring: what the cloud has is here already"
                } else {
                    "nothing to bring; what differs is this PC's, and the next push saves it"
                });
            }
            return Ok(next.save(&ctx.instance.state_file())?);
        }
        let what = what_moved(&staged, plan.remove.len());
        let gone = self.put_in_place(plan, staged, choices, next, outcome)?;
        let saver = self.saver();
        ctx.note(&if choices.by_unit.is_empty() {
            format!("made the same as {saver} saved it: {what}")
        } else {
            format!("joined with what {saver} saved: {what}")
        });
        for world in gone {
            ctx.warn(&format!(
                "the world {world} was deleted on another PC and is gone here, too; `cloud-sync undo` brings it back"
            ));
        }
        undo::tidy(ctx);
        Ok(())
    }

    /// Fetches what comes and gives it the form in which it comes: settings joined, what is kept
    /// beside under its new name. Gives the files as they will be on the disk.
    fn stage(&mut self, plan: &mut Plan, choices: &Choices<'_>, known: &Known) -> Result<Manifest> {
        let wanted: Vec<_> = plan.fetch.iter().chain(&plan.beside).cloned().collect();
        self.fetch(&wanted)?;
        self.merge_settings(plan, &choices.settings, known)?;
        let beside = self.put_beside(&plan.beside)?;
        let entry = |path: &String| {
            let staged = self.staging.stat(path)?;
            let cloud = self.listing.files.get(path).copied().unwrap_or(staged);
            Ok((path.clone(), Entry::new(staged, cloud, digest(path, &self.staging.file(path), staged))))
        };
        plan.fetch.iter().chain(&beside).map(entry).collect()
    }

    /// Moves everything, by way of a journal, and gives the worlds that are gone then. Worlds that
    /// are given up are kept in the undo copy as long as a whole world.
    fn put_in_place(
        &self,
        plan: Plan,
        staged: Manifest,
        choices: &Choices<'_>,
        next: State,
        outcome: &mut Outcome,
    ) -> Result<Vec<String>> {
        let ctx = self.ctx;
        let tree = &self.seen.tree.files;
        let (replaced, added): (Vec<_>, Vec<_>) = staged.keys().cloned().partition(|path| tree.contains_key(path));
        let mut worlds = whole_worlds(plan.remove.iter().chain(&replaced), tree.keys());
        let placed: BTreeSet<_> = staged.keys().chain(&plan.keep).filter_map(|path| world_of(path)).collect();
        let gone: Vec<_> = worlds.iter().filter(|world| !placed.contains(world.as_str())).cloned().collect();
        worlds.extend(choices.given_up.iter().filter(|world| !worlds.contains(world)).cloned().collect::<Vec<_>>());
        let touched: BTreeSet<_> = staged.keys().chain(&plan.remove).cloned().collect();
        let place = staged.iter().map(|(path, entry)| (path.clone(), entry.here)).collect();

        let stays: Files = tree
            .iter()
            .filter(|(path, _)| !touched.contains(*path))
            .map(|(path, stat)| (path.clone(), *stat))
            .collect();
        let mut after = manifest_of(ctx.instance.root(), &stays, &self.seen.state.manifest);
        after.extend(staged);
        let left = undo::digests(touched.iter(), &after);
        self.stop_if_it_changed(&touched)?;
        let name = undo::new_name(ctx);
        let note = Note::new(ctx, outcome.command, added, worlds, left);
        let moves = Moves { remove: plan.remove, place, gone_worlds: gone.clone() };
        Journal::new(Source::Staging, name.clone(), note, moves, next).commit(&ctx.instance)?;
        outcome.undo = Some(ctx.instance.undo_copy(&name).display().to_string());
        Ok(gone)
    }

    /// Fetching and asking takes time. If the game has begun by now, or something of what is to be
    /// replaced changed, nothing is touched.
    fn stop_if_it_changed(&self, touched: &BTreeSet<String>) -> Result<()> {
        stop_if_game_runs(self.ctx)?;
        let Observation { tree, scope, .. } = self.seen;
        let now = Tree::walk(self.ctx.instance.root(), scope)?;
        let units: BTreeSet<_> = touched.iter().map(|path| Unit::of(path)).collect();
        let is_new = |(path, stat): &(&String, &Stat)| tree.files.get(*path) != Some(stat) && !tree.hides(path);
        let changed = now.files.iter().filter(is_new).map(|(path, _)| path);
        let gone = tree.files.keys().filter(|path| !now.files.contains_key(*path));
        match changed.chain(gone).find(|path| units.contains(&Unit::of(path))) {
            None => Ok(()),
            Some(path) => {
                Err(Error::new(Kind::Stopped, format!("{path} changed while the cloud's files were fetched"))
                    .hint("close the game if it runs, and run it again; nothing was replaced"))
            }
        }
    }
}

/// What came and what went, in words.
fn what_moved(staged: &Manifest, removed: usize) -> String {
    let bytes = staged.values().map(|entry| entry.here.size).sum();
    let brought = format!("brought {} ({})", counted(staged.len(), "file"), human_bytes(bytes));
    let took_away = format!("took away {} that it has no more", counted(removed, "file"));
    match (staged.len(), removed) {
        (_, 0) => brought,
        (0, _) => took_away,
        _ => format!("{brought}, and {took_away}"),
    }
}
