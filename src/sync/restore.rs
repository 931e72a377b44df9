//! A pull that brings files: compare, ask where it must, fetch, apply.

use std::collections::BTreeSet;

use super::apply::{Journal, whole_worlds};
use super::decide::Resolution;
use super::fetch::Staging;
use super::observe::Observation;
use super::plan::{Likeness, Plan, Rules, Sides};
use super::undo::{self, Note};
use crate::args::OnConflict;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{Answer, Conflict, Side, counted, human_bytes};
use crate::outcome::{Done, Outcome};
use crate::restic::{Listing, Restic};
use crate::scope::world_of;
use crate::snapshot::SnapshotId;
use crate::state::{Entry, Manifest, State};
use crate::tree::hash_small;

/// One restore in the making.
pub struct Restore<'a> {
    ctx: &'a Context<'a>,
    seen: &'a Observation,
    restic: Restic,
    listing: Listing,
    staging: Staging,
    /// Files whose content was compared and is the same.
    same: BTreeSet<String>,
}

impl<'a> Restore<'a> {
    /// Reads what `target` holds.
    pub fn of(ctx: &'a Context<'a>, account: &Account, seen: &'a Observation, target: &SnapshotId) -> Result<Self> {
        let restic = ctx.restic(account, true)?;
        let listing = restic.ls(target)?;
        for special in listing.specials.iter().filter(|path| seen.scope.contains(path)) {
            ctx.warn(&format!("skipped: {special} is a link or no ordinary file in the cloud"));
        }
        let staging = Staging::begin(ctx)?;
        Ok(Self { ctx, seen, restic, listing, staging, same: BTreeSet::new() })
    }

    fn sides(&self) -> Sides<'_> {
        let Observation { tree, edits, scope, state, .. } = self.seen;
        Sides { cloud: &self.listing.files, tree, manifest: &state.manifest, edits, scope }
    }

    /// Brings the snapshot's files to an instance without edits.
    pub fn follow(mut self, outcome: &mut Outcome) -> Result<()> {
        self.apply(&BTreeSet::new(), BTreeSet::new(), outcome)?;
        outcome.done = Done::Restored;
        Ok(())
    }

    /// Brings the snapshot's files to an instance that never synced with this repository:
    /// the cloud wins file by file. Only a world that exists on both sides is a conflict.
    pub fn link(mut self, outcome: &mut Outcome) -> Result<()> {
        let differing = self.differing(|path| world_of(path).is_some())?;
        let here: BTreeSet<_> = self.seen.tree.files.keys().filter_map(|path| world_of(path)).collect();
        let there: BTreeSet<_> = self.sides().cloud_in_scope().filter_map(|(path, _)| world_of(path)).collect();
        let worlds: BTreeSet<String> = differing
            .iter()
            .filter_map(|path| world_of(path))
            .filter(|world| here.contains(world) && there.contains(world))
            .map(str::to_owned)
            .collect();
        if worlds.is_empty() {
            return self.follow(outcome);
        }
        self.settle(&differing, &worlds, outcome)
    }

    /// Settles two versions that both went on. The same content on both sides is no conflict.
    pub fn reconcile(mut self, outcome: &mut Outcome) -> Result<()> {
        let differing = self.differing(|_| true)?;
        if differing.is_empty() {
            self.ctx.log.line("both sides have the same files");
            let superseded = self.superseded();
            return self.apply(&BTreeSet::new(), superseded, outcome);
        }
        let worlds = differing.iter().filter_map(|path| world_of(path)).map(str::to_owned).collect();
        self.settle(&differing, &worlds, outcome)
    }

    /// The files of interest that differ or are on one side only. Contents are fetched and
    /// compared only if nothing else tells the sides apart.
    fn differing(&mut self, interest: impl Fn(&str) -> bool) -> Result<BTreeSet<String>> {
        let sides = self.sides();
        let mut differing = BTreeSet::new();
        let mut unsure = Vec::new();
        for (path, stat) in sides.cloud_in_scope().filter(|(path, _)| interest(path)) {
            match sides.likeness(path, stat) {
                Likeness::Same => {}
                Likeness::Unsure => unsure.push(path.to_owned()),
                Likeness::Different => {
                    differing.insert(path.to_owned());
                }
            }
        }
        let only_here =
            self.seen.tree.files.keys().filter(|path| interest(path) && !self.listing.files.contains_key(*path));
        differing.extend(only_here.cloned());
        let known_worlds: BTreeSet<_> = differing.iter().filter_map(|path| world_of(path)).map(str::to_owned).collect();
        unsure.retain(|path| world_of(path).is_none_or(|world| !known_worlds.contains(world)));
        self.staging.fetch(self.ctx, &self.restic, &self.listing, &unsure)?;
        for path in unsure {
            if self.staging.equals(self.ctx, &path)? {
                self.same.insert(path);
            } else {
                differing.insert(path);
            }
        }
        Ok(differing)
    }

    fn settle(&mut self, differing: &BTreeSet<String>, worlds: &BTreeSet<String>, outcome: &mut Outcome) -> Result<()> {
        match self.ask(differing, worlds)? {
            Resolution::KeepLocal => {
                keep_local(self.ctx, self.seen, outcome)?;
                outcome.done = Done::KeptLocal;
            }
            Resolution::UseRemote => {
                let superseded = self.superseded();
                self.apply(worlds, superseded, outcome)?;
                outcome.done = Done::TookRemote;
            }
        }
        Ok(())
    }

    fn ask(&self, differing: &BTreeSet<String>, worlds: &BTreeSet<String>) -> Result<Resolution> {
        let sum = |paths: &mut dyn Iterator<Item = u64>| {
            paths.fold(Side::default(), |side, size| Side { files: side.files + 1, bytes: side.bytes + size })
        };
        let snapshot = &self.listing.snapshot;
        let conflict = Conflict {
            machine: self.ctx.machine.clone(),
            local: sum(&mut differing.iter().filter_map(|path| self.seen.tree.files.get(path)).map(|stat| stat.size)),
            other_machine: snapshot.hostname.clone(),
            other_time: snapshot.time,
            remote: sum(&mut differing.iter().filter_map(|path| self.listing.files.get(path)).map(|stat| stat.size)),
            worlds: worlds.iter().cloned().collect(),
            more: self.seen.view.others.len().saturating_sub(1),
        };
        self.ctx.log.line(&format!(
            "conflict: {} differ, worlds {:?}",
            counted(differing.len(), "file"),
            conflict.worlds
        ));
        let answer = match self.ctx.args.on_conflict {
            OnConflict::Ask => self.ctx.front().conflict(&conflict),
            OnConflict::KeepLocal => Answer::KeepLocal,
            OnConflict::UseRemote => Answer::UseRemote,
            OnConflict::Cancel => Answer::Cancel,
        };
        self.ctx.log.line(&format!("the answer is {answer:?}"));
        let between = format!("this PC and {} have different versions", conflict.other_machine);
        match answer {
            Answer::KeepLocal => Ok(Resolution::KeepLocal),
            Answer::UseRemote => Ok(Resolution::UseRemote),
            Answer::Cancel => Err(Error::new(Kind::Cancelled, format!("{between}; cancelled, nothing was changed"))),
            Answer::Nobody => Err(Error::new(Kind::Conflict, format!("{between}, and nobody is here to choose"))
                .hint("run `cloud-sync pull` in a terminal, or give --on-conflict=keep-local or --on-conflict=use-remote; nothing was changed")),
        }
    }

    /// This PC's own head, if the cloud's version that was chosen is not built on it.
    fn superseded(&self) -> BTreeSet<SnapshotId> {
        let heads = self.seen.graph.heads();
        self.seen.state.base.iter().filter(|base| heads.contains(*base)).cloned().collect()
    }

    /// Fetches and puts in place. Worlds in `exact` become the snapshot's as a whole; the
    /// snapshots in `superseded` are taken in.
    fn apply(
        &mut self,
        exact: &BTreeSet<String>,
        superseded: BTreeSet<SnapshotId>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let ctx = self.ctx;
        let rules = Rules { may_remove: self.may_remove(), exact_worlds: exact, same: &self.same };
        let plan = self.sides().plan(rules)?;
        ctx.detail(&format!(
            "plan: {} to fetch, {} to remove, {} as they are",
            plan.fetch.len(),
            plan.remove.len(),
            plan.keep.len()
        ));
        self.staging.fetch(ctx, &self.restic, &self.listing, &plan.fetch)?;

        let next = self.next_state(&plan, superseded)?;
        outcome.base.clone_from(&next.base);
        outcome.files.restored = plan.fetch.len();
        outcome.files.removed = plan.remove.len();
        outcome.bytes = self.staging.bytes;
        self.tell(&plan);
        if plan.fetch.is_empty() && plan.remove.is_empty() {
            super::fetch::clear(&ctx.instance.staging())?;
            return Ok(next.save(&ctx.instance.state_file())?);
        }

        let tree = &self.seen.tree.files;
        let (replaced, added): (Vec<_>, Vec<_>) = plan.fetch.iter().cloned().partition(|path| tree.contains_key(path));
        let mut worlds = whole_worlds(plan.remove.iter().chain(&replaced), tree.keys());
        let placed: BTreeSet<_> = plan.fetch.iter().chain(&plan.keep).filter_map(|path| world_of(path)).collect();
        let gone: Vec<_> = worlds.iter().filter(|world| !placed.contains(world.as_str())).cloned().collect();
        // What was given up in a conflict is kept as long as a whole world.
        worlds.extend(exact.iter().filter(|world| !worlds.contains(world)).cloned().collect::<Vec<_>>());
        let note =
            Note { number: undo::next_number(ctx), at: ctx.now, command: outcome.command.to_owned(), added, worlds };
        let name = undo::new_name(ctx);
        let mut journal = Journal::staged(name.clone(), note, plan.remove, plan.fetch, next);
        journal.gone_worlds.clone_from(&gone);
        journal.commit(&ctx.instance)?;
        outcome.undo = Some(ctx.instance.undo().join(&name).display().to_string());
        ctx.note(&format!(
            "brought {} ({}) from {}",
            counted(outcome.files.restored, "file"),
            human_bytes(outcome.bytes),
            self.listing.snapshot.hostname
        ));
        for world in gone {
            ctx.warn(&format!(
                "the world {world} was deleted on another PC and is gone here, too; `cloud-sync undo` brings it back"
            ));
        }
        undo::tidy(ctx);
        Ok(())
    }

    fn tell(&self, plan: &Plan) {
        for unit in &plan.spared {
            self.ctx.warn(&format!("{unit} is gone from the cloud, but was changed here and stays"));
        }
    }

    /// What the snapshot lacks may go only if it and everything between it and the base hold
    /// all that their pushes saw, under the scope that is in force here.
    fn may_remove(&self) -> bool {
        let Observation { scope, state, graph, .. } = self.seen;
        let digest = scope.digest();
        let target = &self.listing.snapshot;
        let known = state.base.as_ref().map(|base| graph.history(base)).unwrap_or_default();
        let between = graph.history(&target.id).into_iter().filter(|id| !known.contains(id));
        target.matches_listing(self.listing.files.keys().map(String::as_str))
            && target.seems_complete(&digest)
            && between.filter_map(|id| graph.get(&id)).all(|snapshot| snapshot.seems_complete(&digest))
    }

    /// The state once everything is in place: base and disk agree on the files that the
    /// snapshot has, and on no others. A file that stays although the snapshot lacks it so
    /// counts as added here, and goes back to the cloud with the next push.
    fn next_state(&self, plan: &Plan, superseded: BTreeSet<SnapshotId>) -> Result<State> {
        let Observation { state, tree, graph, view, ids, .. } = self.seen;
        let snapshot = &self.listing.snapshot;
        let root = self.ctx.instance.root();
        let mut manifest = Manifest::new();
        for path in &plan.keep {
            let (local, cloud) = (tree.files[path], self.listing.files[path]);
            let known = state.manifest.get(path).filter(|entry| (entry.size, entry.mtime) == (local.size, local.mtime));
            let sha256 = known.map_or_else(|| hash_small(&root.join(path), local), |entry| entry.sha256);
            manifest.insert(path.clone(), entry(local.size, local.mtime, cloud.mtime, sha256));
        }
        for path in &plan.fetch {
            let (staged, cloud) = (self.staging.stat(path)?, self.listing.files[path]);
            let sha256 = hash_small(&self.staging.file(path), staged);
            manifest.insert(path.clone(), entry(staged.size, staged.mtime, cloud.mtime, sha256));
        }
        let history = graph.history(&snapshot.id);
        let taken_in: BTreeSet<_> = view.taken_in.iter().cloned().chain(superseded).collect();
        let taken_in = taken_in.into_iter().filter(|id| !history.contains(id)).collect();
        let settled = view.others.iter().all(|id| history.contains(id));
        Ok(State {
            base: Some(snapshot.id.clone()),
            base_time: Some(snapshot.time),
            taken_in,
            seen: if settled { ids.clone() } else { BTreeSet::new() },
            pending: None,
            manifest,
            legacy_time: None,
            ..state.clone()
        })
    }
}

fn entry(size: u64, mtime: i64, cloud_mtime: i64, sha256: Option<[u8; 32]>) -> Entry {
    Entry { size, mtime, cloud_mtime: (cloud_mtime != mtime).then_some(cloud_mtime), sha256 }
}

/// The other versions are settled; the next push says so.
fn keep_local(ctx: &Context<'_>, seen: &Observation, outcome: &mut Outcome) -> Result<()> {
    let state = State {
        taken_in: seen.view.taken_in.union(&seen.view.others).cloned().collect(),
        seen: seen.ids.clone(),
        ..seen.state.clone()
    };
    state.save(&ctx.instance.state_file())?;
    outcome.base.clone_from(&state.base);
    ctx.note("this PC's version stays; the next push saves it over the cloud's, which remains in the history");
    Ok(())
}
