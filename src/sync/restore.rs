//! A pull that brings files: compare, ask where it must, fetch, apply.

mod ancestor;

use std::collections::{BTreeMap, BTreeSet};

use super::apply::{Journal, whole_worlds};
use super::decide::Divergence;
use super::fetch::Staging;
use super::observe::Observation;
use super::plan::{Choice, Likeness, Plan, Sides};
use super::undo::{self, Note};
use super::units::{self, Unit, Verdict};
use crate::args::OnConflict;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{Answer, Conflict, Side, counted, human_bytes};
use crate::interrupt;
use crate::outcome::{Done, Outcome};
use crate::restic::{Listing, Restic, ResticError};
use crate::scope::world_of;
use crate::snapshot::SnapshotId;
use crate::state::{Entry, Manifest, State};
use crate::tree::{Stat, hash_small, manifest_of};

type Files = BTreeMap<String, Stat>;

/// One restore in the making.
pub struct Restore<'a> {
    ctx: &'a Context<'a>,
    seen: &'a Observation,
    restic: Restic,
    listing: Listing,
    staging: Staging,
    /// The files of the version that both sides went on from, if they did.
    ancestor: Files,
    /// Files whose content was compared and is the same.
    same: BTreeSet<String>,
}

impl<'a> Restore<'a> {
    /// Reads what `target` holds.
    pub fn of(ctx: &'a Context<'a>, account: &Account, seen: &'a Observation, target: &SnapshotId) -> Result<Self> {
        let restic = ctx.restic(account, true)?;
        let listing = restic.ls(target)?;
        for special in listing.specials.iter().filter(|path| seen.scope.contains(path)) {
            let what = if special.contains(char::REPLACEMENT_CHARACTER) {
                "has a name that is not valid Unicode"
            } else {
                "is a link or no ordinary file"
            };
            ctx.warn(&format!("skipped: {special} {what} in the cloud"));
        }
        let staging = Staging::begin(ctx)?;
        Ok(Self { ctx, seen, restic, listing, staging, ancestor: Files::new(), same: BTreeSet::new() })
    }

    fn sides(&self) -> Sides<'_> {
        let Observation { tree, scope, state, .. } = self.seen;
        Sides { cloud: &self.listing.files, tree, manifest: &state.manifest, ancestor: &self.ancestor, scope }
    }

    /// Brings the snapshot's files to an instance without edits.
    pub fn follow(mut self, outcome: &mut Outcome) -> Result<()> {
        self.apply(|_| Choice::Cloud, &[], outcome)?;
        outcome.done = Done::Restored;
        Ok(())
    }

    /// Joins two versions that both went on, unit by unit. Only worlds that both sides
    /// changed, and differently, are a question.
    pub fn reconcile(mut self, outcome: &mut Outcome) -> Result<()> {
        let ancestor = self.ancestor()?;
        self.ancestor.clone_from(&ancestor);
        let cloud: Files = self.sides().cloud_in_scope().map(|(path, stat)| (path.to_owned(), stat)).collect();
        let changed_here = self.changed_here(&ancestor);
        let incomplete = self.incomplete_units();
        let three = units::Sides {
            ancestor: &ancestor,
            changed_here: &changed_here,
            local: &self.seen.tree.files,
            cloud: &cloud,
            incomplete: &incomplete,
        };
        self.compare_contents(&three)?;
        let judged = three.judge(|path| self.likeness(path, cloud[path]));
        let mut conflicts = Vec::new();
        let mut choices = BTreeMap::new();
        for (unit, verdict) in judged {
            let choice = match (verdict, unit) {
                (Verdict::Same | Verdict::Cloud, _) => Choice::Cloud,
                (Verdict::Local, _) => Choice::Local,
                (Verdict::DeletedThere, _) => {
                    self.ctx.warn(&format!("{} was deleted on another PC, but changed here, and stays", unit.path()));
                    Choice::Local
                }
                (Verdict::DeletedHere, _) => {
                    self.ctx.warn(&format!("{} was deleted here, but changed on another PC, and is back", unit.path()));
                    Choice::Cloud
                }
                (Verdict::Both, Unit::File(path)) => self.later(path, cloud[path]),
                (Verdict::Both, Unit::World(world)) => {
                    conflicts.push(world.to_owned());
                    continue;
                }
            };
            choices.insert(unit, choice);
        }
        outcome.done = Done::Restored;
        let mut given_up = Vec::new();
        if !conflicts.is_empty() {
            let choice = self.ask(&conflicts)?;
            if choice == Choice::Local {
                self.ctx.note(&format!("this PC's version of {} stays; the next push saves it", conflicts.join(", ")));
                outcome.done = Done::KeptLocal;
            } else {
                given_up.clone_from(&conflicts);
                outcome.done = Done::TookRemote;
            }
            choices.extend(conflicts.iter().map(|world| (Unit::World(world), choice)));
        }
        self.apply(|unit| choices.get(&unit).copied().unwrap_or(Choice::Cloud), &given_up, outcome)
    }

    fn likeness(&self, path: &str, cloud: Stat) -> Likeness {
        if self.same.contains(path) { Likeness::Same } else { self.sides().likeness(path, cloud) }
    }

    /// Fetches and compares the contents of contested units, where nothing else tells the
    /// sides apart.
    fn compare_contents(&mut self, three: &units::Sides<'_>) -> Result<()> {
        let mut unsure = Vec::new();
        for paths in three.contested().into_values() {
            let likeness = |path: &&str| match (three.local.contains_key(*path), three.cloud.get(*path)) {
                (true, Some(stat)) => self.likeness(path, *stat),
                (here, there) if here == there.is_some() => Likeness::Same,
                _ => Likeness::Different,
            };
            if paths.iter().all(|path| likeness(path) != Likeness::Different) {
                unsure.extend(
                    paths.iter().filter(|path| likeness(path) == Likeness::Unsure).map(|path| (*path).to_owned()),
                );
            }
        }
        self.staging.fetch(self.ctx, &self.restic, &self.listing, &unsure)?;
        for path in unsure {
            if self.staging.equals(self.ctx, &path)? {
                self.same.insert(path);
            }
        }
        Ok(())
    }

    /// Of two versions of a file, the one that was changed later; on first contact, and where
    /// files were lost, the cloud's.
    fn later(&self, path: &str, cloud: Stat) -> Choice {
        let local = self.seen.tree.files.get(path);
        let went_on = self.seen.divergence == Divergence::Diverged;
        if went_on && local.is_some_and(|local| local.mtime > cloud.mtime) {
            Choice::Local
        } else {
            Choice::CloudExactly
        }
    }

    fn ask(&self, worlds: &[String]) -> Result<Choice> {
        let sum = |files: &Files| {
            let inside = files
                .iter()
                .filter(|(path, _)| world_of(path).is_some_and(|world| worlds.iter().any(|one| one == world)));
            inside
                .fold(Side::default(), |side, (_, stat)| Side { files: side.files + 1, bytes: side.bytes + stat.size })
        };
        let snapshot = &self.listing.snapshot;
        let conflict = Conflict {
            machine: self.ctx.machine.clone(),
            local: sum(&self.seen.tree.files),
            other_machine: snapshot.hostname.clone(),
            other_time: snapshot.time,
            remote: sum(&self.listing.files),
            worlds: worlds.to_vec(),
            more: self.seen.view.others.len().saturating_sub(1),
        };
        self.ctx.log.line(&format!("both sides changed the worlds {worlds:?}"));
        let answer = match self.ctx.args.on_conflict {
            OnConflict::Ask => self.ctx.front().conflict(&conflict),
            OnConflict::KeepLocal => Answer::KeepLocal,
            OnConflict::UseRemote => Answer::UseRemote,
            OnConflict::Cancel => Answer::Cancel,
        };
        self.ctx.log.line(&format!("the answer is {answer:?}"));
        let between = format!("this PC and {} both played {}", conflict.other_machine, worlds.join(", "));
        match answer {
            _ if interrupt::requested() => Err(ResticError::Interrupted.into()),
            Answer::KeepLocal => Ok(Choice::Local),
            Answer::UseRemote => Ok(Choice::CloudExactly),
            Answer::Cancel => Err(Error::new(Kind::Cancelled, format!("{between}; cancelled, nothing was changed"))),
            Answer::Nobody => Err(Error::new(Kind::Conflict, format!("{between}, and nobody is here to choose"))
                .hint("run `cloud-sync pull` in a terminal, or give --on-conflict=keep-local or --on-conflict=use-remote; nothing was changed")),
        }
    }

    /// Fetches and puts in place what `choice` asks for. The worlds `given_up` are kept in the
    /// undo copy as long as a whole world.
    fn apply(&mut self, choice: impl Fn(Unit<'_>) -> Choice, given_up: &[String], outcome: &mut Outcome) -> Result<()> {
        let ctx = self.ctx;
        let plan = self.sides().plan(choice, &self.same, &self.incomplete_units())?;
        ctx.detail(&format!(
            "plan: {} to fetch, {} to remove, {} as they are",
            plan.fetch.len(),
            plan.remove.len(),
            plan.keep.len()
        ));
        self.staging.fetch(ctx, &self.restic, &self.listing, &plan.fetch)?;

        let next = self.next_state(&plan)?;
        outcome.base.clone_from(&next.base);
        outcome.files.restored = plan.fetch.len();
        outcome.files.removed = plan.remove.len();
        outcome.bytes = self.staging.bytes;
        if plan.fetch.is_empty() && plan.remove.is_empty() {
            super::fetch::clear(&ctx.instance.staging())?;
            ctx.note("nothing to bring; what differs is this PC's, and the next push saves it");
            return Ok(next.save(&ctx.instance.state_file())?);
        }

        let tree = &self.seen.tree.files;
        let (replaced, added): (Vec<_>, Vec<_>) = plan.fetch.iter().cloned().partition(|path| tree.contains_key(path));
        let mut worlds = whole_worlds(plan.remove.iter().chain(&replaced), tree.keys());
        let placed: BTreeSet<_> = plan.fetch.iter().chain(&plan.keep).filter_map(|path| world_of(path)).collect();
        let gone: Vec<_> = worlds.iter().filter(|world| !placed.contains(world.as_str())).cloned().collect();
        worlds.extend(given_up.iter().filter(|world| !worlds.contains(world)).cloned().collect::<Vec<_>>());
        let touched: BTreeSet<_> = plan.fetch.iter().chain(&plan.remove).collect();
        let stays: Files =
            tree.iter().filter(|(path, _)| !touched.contains(path)).map(|(path, stat)| (path.clone(), *stat)).collect();
        let mut after = manifest_of(ctx.instance.root(), &stays, &self.seen.state.manifest);
        after.extend(plan.fetch.iter().map(|path| (path.clone(), next.manifest[path].clone())));
        let note = Note {
            number: undo::next_number(ctx),
            at: ctx.now,
            kept_since: None,
            command: outcome.command.to_owned(),
            added,
            worlds,
            left: undo::digests(touched.into_iter(), &after),
        };
        let name = undo::new_name(ctx);
        let mut journal = Journal::staged(name.clone(), note, plan.remove, plan.fetch, next);
        journal.gone_worlds.clone_from(&gone);
        journal.commit(&ctx.instance)?;
        outcome.undo = Some(ctx.instance.undo().join(&name).display().to_string());
        let removed = match outcome.files.removed {
            0 => String::new(),
            count => format!(", and took away {} that it has no more", counted(count, "file")),
        };
        ctx.note(&format!(
            "brought {} ({}) as {} saved them{removed}",
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

    /// The units of which the snapshot may lack something that was not deleted: it, or one
    /// between it and the base, is incomplete or of another scope than is in force here. One
    /// that tells what it left out is complete in the worlds that it has and left alone.
    fn incomplete_units(&self) -> BTreeSet<String> {
        let Observation { scope, state, graph, tree, .. } = self.seen;
        let digest = scope.digest();
        let target = &self.listing.snapshot;
        let known = state.base.as_ref().map(|base| graph.history(base)).unwrap_or_default();
        let history = graph.history(&target.id);
        let between: Vec<_> = history.difference(&known).filter_map(|id| graph.get(id)).chain([target]).collect();
        let is_whole = target.matches_listing(self.listing.files.keys().map(String::as_str));
        if is_whole && between.iter().all(|one| one.is_complete(&digest)) {
            return BTreeSet::new();
        }
        let worlds: BTreeSet<_> = self.listing.files.keys().filter_map(|path| world_of(path)).collect();
        let is_complete = |unit: Unit<'_>| match unit {
            Unit::World(world) if is_whole && worlds.contains(world) => {
                between.iter().all(|one| one.is_complete_in(&unit.path(), &digest))
            }
            _ => false,
        };
        let units: BTreeSet<_> = tree.files.keys().chain(state.manifest.keys()).map(|path| Unit::of(path)).collect();
        units.into_iter().filter(|unit| !is_complete(*unit)).map(Unit::path).collect()
    }

    /// The state once everything is in place. The manifest has the snapshot's files, and no
    /// others: a file that stays although the snapshot lacks it so counts as added here, one
    /// that stays as this PC has it counts as changed, and both go to the cloud with the next
    /// push.
    fn next_state(&self, plan: &Plan) -> Result<State> {
        let Observation { state, tree, graph, view, ids, divergence, .. } = self.seen;
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
        for path in &plan.differ {
            let cloud = self.listing.files[path];
            manifest.insert(path.clone(), entry(cloud.size, cloud.mtime, cloud.mtime, None));
        }
        let history = graph.history(&snapshot.id);
        // What is worth keeping of a base that the snapshot is not built on is in place, and so is
        // what was taken in before, even if others built on it since.
        let ours = state.base.iter().chain(&state.taken_in).filter(|id| graph.get(id).is_some());
        let mut taken_in: BTreeSet<_> = view.taken_in.iter().chain(ours).cloned().collect();
        taken_in.retain(|id| !history.contains(id));
        if *divergence == Divergence::LocalLost {
            // Nothing of it is in place any more: what else there is comes with the next pull.
            taken_in.clear();
        }
        let settled = view.others.iter().all(|id| history.contains(id));
        let seen = match *divergence {
            Divergence::LocalLost => history.into_iter().chain([snapshot.id.clone()]).collect(),
            _ if settled => ids.clone(),
            _ => state.seen.union(&history).cloned().collect(),
        };
        Ok(State {
            base: Some(snapshot.id.clone()),
            base_time: Some(snapshot.time),
            taken_in,
            seen,
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
