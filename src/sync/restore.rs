//! A pull that brings files: compare, ask where it must, fetch, apply.

mod ancestor;
mod beside;
mod conflict;
mod left_out;
mod settings;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::apply::{Journal, Moves, Source, whole_worlds};
use super::decide::Divergence;
use super::fetch::Staging;
use super::observe::Observation;
use super::plan::{Choice, Gaps, Likeness, Plan, Sides};
use super::undo::{self, Note};
use super::units::{self, Unit, Verdict};
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{Answer, counted, human_bytes};
use crate::names::Disk;
use crate::outcome::{Done, Outcome, Settled};
use crate::paths::world_of;
use crate::restic::{Listing, Restic};
use crate::settings::{Settings, Winner};
use crate::snapshot::{Graph, Joined, SnapshotId};
use crate::state::{Entry, Manifest, State};
use crate::tree::{Stat, Tree, digest, manifest_of};
use ancestor::Known;

type Files = BTreeMap<String, Stat>;

/// What the player said about the worlds in question, by their names.
pub type Answers = BTreeMap<String, Answer>;

/// What a reconciliation is to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// This instance is new to this cloud.
    pub first_link: bool,
    /// A version that is given up must be in the cloud before.
    pub save_first: bool,
}

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// All is in place.
    Done,
    /// The player gives up a version that only this PC has: it is to be saved first.
    SaveFirst,
}

/// One restore in the making.
pub struct Restore<'a> {
    ctx: &'a Context<'a>,
    seen: &'a Observation,
    restic: Restic,
    graph: Cow<'a, Graph>,
    /// The target, with what it left out.
    listing: Cow<'a, Listing>,
    /// The snapshots that have the files that the target left out.
    elsewhere: BTreeMap<String, SnapshotId>,
    /// What it left out and no snapshot has.
    untold: BTreeSet<String>,
    staging: Staging,
    disk: Disk,
    /// What the listing may lack without that it was deleted.
    gaps: Gaps,
    /// The files of the version that both sides went on from, if they did.
    ancestor: Files,
    /// Files whose content was compared and is the same.
    same: BTreeSet<String>,
}

/// Whose version of each unit is played.
#[derive(Default)]
struct Choices<'a> {
    of: BTreeMap<Unit<'a>, Choice>,
    /// Worlds whose local version is given up.
    given_up: Vec<String>,
    /// Worlds about which the decision was put off.
    put_off: BTreeSet<String>,
    /// Settings that both sides changed, and whose value holds if they changed the same one.
    settings: BTreeMap<String, Winner>,
}

impl Choices<'_> {
    fn of(&self, unit: Unit<'_>) -> Choice {
        self.of.get(&unit).copied().unwrap_or(Choice::Cloud)
    }
}

impl<'a> Restore<'a> {
    /// Reads what `target` holds.
    pub fn of(ctx: &'a Context<'a>, account: &Account, seen: &'a Observation, target: &SnapshotId) -> Result<Self> {
        let restic = ctx.restic(account, true)?;
        let listing = match &seen.listing {
            Some(listing) if listing.snapshot.id == *target => Cow::Borrowed(listing),
            _ => Cow::Owned(restic.ls(target)?),
        };
        for special in listing.specials.iter().filter(|path| seen.scope.contains(path)) {
            let what = if special.contains(char::REPLACEMENT_CHARACTER) {
                "has a name that is not valid Unicode"
            } else {
                "is a link or no ordinary file"
            };
            ctx.warn(&format!("skipped: {special} {what} in the cloud"));
        }
        // Where nothing is new, nobody needed it so far.
        let graph = if listing.snapshot.leaves_out("") && seen.graph.get(target).is_none() {
            Cow::Owned(Graph::new(restic.snapshots(&seen.ids)?))
        } else {
            Cow::Borrowed(&seen.graph)
        };
        let mut restore = Self {
            ctx,
            seen,
            gaps: gaps(seen, &graph, &listing),
            restic,
            graph,
            listing,
            elsewhere: BTreeMap::new(),
            untold: BTreeSet::new(),
            staging: Staging::begin(ctx)?,
            disk: Disk::of(&ctx.instance),
            ancestor: Files::new(),
            same: BTreeSet::new(),
        };
        restore.fill_in()?;
        Ok(restore)
    }

    /// The files of the cloud's version.
    pub fn cloud(&self) -> &Files {
        &self.listing.files
    }

    /// The PC that saved the cloud's version.
    fn saver(&self) -> &str {
        &self.listing.snapshot.hostname
    }

    fn sides(&self) -> Sides<'_> {
        let Observation { tree, scope, state, .. } = self.seen;
        let disk = self.disk;
        Sides { cloud: &self.listing.files, tree, manifest: &state.manifest, ancestor: &self.ancestor, scope, disk }
    }

    fn cloud_in_scope(&self) -> Files {
        self.sides().cloud_in_scope().map(|(path, stat)| (path.to_owned(), stat)).collect()
    }

    /// Brings the snapshot's files to an instance without edits.
    pub fn follow(mut self, outcome: &mut Outcome) -> Result<()> {
        self.apply(&Choices::default(), &Known::new(), outcome)?;
        outcome.done = Done::Restored;
        Ok(())
    }

    /// Joins two versions that both went on, unit by unit. Only worlds that both sides
    /// changed, and differently, are a question, if it is not among the `answers` already.
    pub fn reconcile(mut self, terms: Terms, answers: &mut Answers, outcome: &mut Outcome) -> Result<Reconciled> {
        let mut known = Known::new();
        let ancestor = self.ancestor(&mut known)?;
        self.ancestor.clone_from(&ancestor);
        let cloud = self.cloud_in_scope();
        let changed_here = self.changed_here(&ancestor);
        let gaps = self.gaps.clone();
        let three = units::Sides {
            ancestor: &ancestor,
            changed_here: &changed_here,
            local: &self.seen.tree.files,
            cloud: &cloud,
            incomplete: &gaps.incomplete,
        };
        self.compare_contents(&three)?;
        let judged = three.judge(|path| self.likeness(path, cloud[path]));
        let mut conflicts = Vec::new();
        let mut choices = Choices::default();
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
                (Verdict::Both, Unit::File(path)) if path.starts_with("screenshots/") => Choice::Both,
                (Verdict::Both, Unit::File(path)) => {
                    let winner = self.later(path, cloud[path], terms);
                    match (Settings::of(path), winner) {
                        (Some(_), _) => {
                            choices.settings.insert(path.to_owned(), winner);
                            Choice::CloudExactly
                        }
                        (None, Winner::Cloud) => Choice::CloudExactly,
                        (None, Winner::Local) => Choice::Local,
                    }
                }
                (Verdict::Both, Unit::World(world)) => {
                    conflicts.push(world.to_owned());
                    continue;
                }
            };
            choices.of.insert(unit, choice);
        }
        outcome.conflicts = conflicts.iter().map(|world| Settled::new(world, None)).collect();
        self.settle(&conflicts, terms, answers)?;
        for world in &conflicts {
            let answer = answers[world];
            let choice = match answer {
                Answer::UseRemote => {
                    choices.given_up.push(world.clone());
                    Choice::CloudExactly
                }
                Answer::KeepBoth => Choice::Both,
                Answer::KeepLocal => Choice::Local,
                Answer::Later => {
                    choices.put_off.insert(world.clone());
                    Choice::Local
                }
            };
            choices.of.insert(Unit::World(world), choice);
        }
        if terms.save_first && !choices.given_up.is_empty() && !self.is_saved() {
            return Ok(Reconciled::SaveFirst);
        }
        outcome.conflicts = conflicts.iter().map(|world| Settled::new(world, answers.get(world).copied())).collect();
        outcome.done = Done::of_answers(conflicts.iter().map(|world| answers[world]));
        self.apply(&choices, &known, outcome)?;
        Ok(Reconciled::Done)
    }

    /// Whether all that this PC has is in the cloud.
    fn is_saved(&self) -> bool {
        self.seen.edits.is_empty() && self.seen.base_in_repository().is_some()
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
        self.fetch(&unsure)?;
        for path in unsure {
            if self.staging.equals(self.ctx, &path)? {
                self.same.insert(path);
            }
        }
        Ok(())
    }

    /// Whose version of a file is the later one; on first contact, and where files were lost,
    /// the cloud's holds.
    fn later(&self, path: &str, cloud: Stat, terms: Terms) -> Winner {
        let local = self.seen.tree.files.get(path);
        let went_on = !terms.first_link && self.seen.divergence == Divergence::Diverged;
        if went_on && local.is_some_and(|local| local.mtime > cloud.mtime) { Winner::Local } else { Winner::Cloud }
    }

    /// Fetches and puts in place what the choices ask for. Worlds that are given up are kept in
    /// the undo copy as long as a whole world.
    fn apply(&mut self, choices: &Choices<'_>, known: &Known, outcome: &mut Outcome) -> Result<()> {
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
        let wanted: Vec<_> = plan.fetch.iter().chain(&plan.beside).cloned().collect();
        self.fetch(&wanted)?;
        self.merge_settings(&mut plan, &choices.settings, known)?;
        let beside = self.put_beside(&plan.beside)?;

        let place: Vec<_> = plan.fetch.iter().chain(&beside).cloned().collect();
        let staged = self.manifest_of_staged(&place)?;
        let next = self.next_state(&plan, &staged, &choices.put_off);
        outcome.base.clone_from(&next.base);
        let (restored, removed) = (place.len(), plan.remove.len());
        let placing = staged.iter().map(|(path, entry)| (path.clone(), entry.here)).collect();
        let bytes = staged.values().map(|entry| entry.here.size).sum();
        (outcome.files.restored, outcome.files.removed) = (restored, removed);
        outcome.bytes += self.staging.bytes;
        if place.is_empty() && plan.remove.is_empty() {
            super::fetch::clear(&ctx.instance.staging())?;
            if choices.put_off.is_empty() {
                ctx.note(if plan.differ.is_empty() {
                    "nothing to bring: what the cloud has is here already"
                } else {
                    "nothing to bring; what differs is this PC's, and the next push saves it"
                });
            }
            return Ok(next.save(&ctx.instance.state_file())?);
        }

        let tree = &self.seen.tree.files;
        let (replaced, added): (Vec<_>, Vec<_>) = place.iter().cloned().partition(|path| tree.contains_key(path));
        let mut worlds = whole_worlds(plan.remove.iter().chain(&replaced), tree.keys());
        let placed: BTreeSet<_> = place.iter().chain(&plan.keep).filter_map(|path| world_of(path)).collect();
        let gone: Vec<_> = worlds.iter().filter(|world| !placed.contains(world.as_str())).cloned().collect();
        worlds.extend(choices.given_up.iter().filter(|world| !worlds.contains(world)).cloned().collect::<Vec<_>>());
        let touched: BTreeSet<_> = place.iter().chain(&plan.remove).collect();
        let stays: Files =
            tree.iter().filter(|(path, _)| !touched.contains(path)).map(|(path, stat)| (path.clone(), *stat)).collect();
        let mut after = manifest_of(ctx.instance.root(), &stays, &self.seen.state.manifest);
        after.extend(staged);
        let note = Note {
            number: undo::next_number(ctx),
            at: ctx.now,
            kept_since: None,
            old_since: None,
            command: outcome.command.to_owned(),
            added,
            worlds,
            left: undo::digests(touched.into_iter(), &after),
        };
        self.stop_if_it_changed(&place, &plan.remove)?;
        let name = undo::new_name(ctx);
        let moves = Moves { remove: plan.remove, place: placing, gone_worlds: gone.clone() };
        Journal::new(Source::Staging, name.clone(), note, moves, next).commit(&ctx.instance)?;
        outcome.undo = Some(ctx.instance.undo_copy(&name).display().to_string());
        let brought = format!("brought {} ({})", counted(restored, "file"), human_bytes(bytes));
        let took_away = format!("took away {} that it has no more", counted(removed, "file"));
        let what = match (restored, removed) {
            (_, 0) => brought,
            (0, _) => took_away,
            _ => format!("{brought}, and {took_away}"),
        };
        let saver = self.saver();
        ctx.note(&if choices.of.is_empty() {
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

    /// Fetching and asking takes time. If the game has begun by now, or something of what is to be
    /// replaced changed, nothing is touched.
    fn stop_if_it_changed(&self, place: &[String], remove: &[String]) -> Result<()> {
        super::stop_if_game_runs(self.ctx)?;
        let Observation { tree, scope, .. } = self.seen;
        let now = Tree::walk(self.ctx.instance.root(), scope)?;
        let units: BTreeSet<_> = place.iter().chain(remove).map(|path| Unit::of(path)).collect();
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

    /// What is staged, as it will be on the disk.
    fn manifest_of_staged(&self, paths: &[String]) -> Result<Manifest> {
        let entry = |path: &String| {
            let staged = self.staging.stat(path)?;
            let cloud = self.listing.files.get(path).copied().unwrap_or(staged);
            Ok((path.clone(), Entry::new(staged, cloud, digest(path, &self.staging.file(path), staged))))
        };
        paths.iter().map(entry).collect()
    }

    /// The state once everything is in place. The manifest has the snapshot's files, and no
    /// others: a file that stays although the snapshot lacks it so counts as added here, one
    /// that stays as this PC has it counts as changed, and both go to the cloud with the next
    /// push.
    fn next_state(&self, plan: &Plan, staged: &Manifest, put_off: &BTreeSet<String>) -> State {
        if !put_off.is_empty() {
            return self.undecided_state(plan, put_off);
        }
        let Observation { scope, state, tree, graph, view, ids, divergence, .. } = self.seen;
        let snapshot = &self.listing.snapshot;
        let root = self.ctx.instance.root();
        let mut manifest = Manifest::new();
        for path in &plan.keep {
            let (local, cloud) = (tree.files[path], self.listing.files[path]);
            let known = state.manifest.get(path).filter(|entry| entry.here == local);
            let sha256 = known.map_or_else(|| digest(path, &root.join(path), local), |entry| entry.sha256);
            manifest.insert(path.clone(), Entry::new(local, cloud, sha256));
        }
        for path in plan.fetch.iter().filter(|path| !plan.merged.contains(*path)) {
            manifest.insert(path.clone(), staged[path].clone());
        }
        for path in plan.differ.iter().chain(&plan.impossible).chain(&plan.merged) {
            let cloud = self.listing.files[path];
            manifest.insert(path.clone(), Entry::new(cloud, cloud, None));
        }
        let history = graph.history(&snapshot.id);
        // What is worth keeping of a base that the snapshot is not built on is in place, and so is
        // what was taken in before, even if others built on it since.
        let ours = state.base.iter().chain(&state.taken_in).filter(|id| graph.get(id).is_some());
        let mut taken_in: BTreeSet<_> = view.taken_in.iter().chain(ours).cloned().collect();
        taken_in.retain(|id| !history.contains(id));
        let mut joined = state.joined.clone();
        joined.retain(|id, _| graph.get(id).is_some() && !history.contains(id) && !taken_in.contains(id));
        if *divergence == Divergence::LocalLost {
            // Nothing of it is in place any more: what else there is comes with the next pull.
            taken_in.clear();
            joined.clear();
        }
        let settled = view.others.iter().all(|id| history.contains(id));
        let seen = match *divergence {
            Divergence::LocalLost => history.into_iter().chain([snapshot.id.clone()]).collect(),
            _ if settled => ids.clone(),
            _ => state.seen.union(&history).cloned().collect(),
        };
        State {
            base: Some(snapshot.id.clone()),
            base_time: Some(snapshot.time),
            taken_in,
            came: if joined.is_empty() { BTreeSet::new() } else { state.came.clone() },
            joined,
            seen,
            pending: None,
            refused: self.refused(plan, |path| snapshot.leaves_out(path)),
            scope: Some(scope.digest()),
            manifest,
            legacy_time: None,
            ..state.clone()
        }
    }

    /// What is in the cloud or on another PC and cannot be here: what this disk refuses, and what
    /// nobody could save yet. What it refused before and the snapshot says nothing about is still
    /// elsewhere.
    fn refused(&self, plan: &Plan, is_untold: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let before = self.seen.state.refused.difference(&self.seen.returned).filter(|path| is_untold(path));
        plan.refused.keys().chain(&self.untold).chain(before).cloned().collect()
    }

    /// The state where the player put off a decision: the base stays what it was, so that the
    /// next push saves beside the other head, and all but these worlds counts as taken in.
    fn undecided_state(&self, plan: &Plan, put_off: &BTreeSet<String>) -> State {
        let mut state = self.seen.state.clone();
        let head = self.listing.snapshot.id.clone();
        if self.seen.divergence == Divergence::LocalLost || state.base.as_ref() == Some(&head) {
            // Nothing of the base is in place any more, or it has a world that is in the scope only
            // now: nothing is built on it, so that it stays a head.
            state = State { repository: state.repository, ..State::default() };
        }
        let came = plan.fetch.iter().chain(&plan.keep).filter_map(|path| world_of(path)).map(str::to_owned);
        State {
            came: state.came.into_iter().chain(came).collect(),
            joined: state.joined.into_iter().chain([(head, put_off.clone())]).collect::<Joined>(),
            refused: self.refused(plan, |_| true),
            pending: None,
            legacy_time: None,
            ..state
        }
    }
}

/// What the snapshot may lack without that it was deleted: it, or one between it and the base,
/// is incomplete or of another scope than is in force here. One that tells what it left out is
/// complete in the worlds that it has and left alone.
fn gaps(seen: &Observation, graph: &Graph, listing: &Listing) -> Gaps {
    let Observation { scope, state, tree, .. } = seen;
    let digest = scope.digest();
    let target = &listing.snapshot;
    let known = state.base.as_ref().map(|base| graph.history(base)).unwrap_or_default();
    let history = graph.history(&target.id);
    let between: Vec<_> = history.difference(&known).filter_map(|id| graph.get(id)).chain([target]).collect();
    let is_whole = target.matches_listing(listing.files.keys().map(String::as_str));
    // What retention removed may have been incomplete, and what is built on that then is, too.
    let is_there = |id: SnapshotId| graph.get(&id).is_some() || state.base.as_ref() == Some(&id);
    let is_untold = state.base.as_ref() != Some(&target.id) && !between.iter().all(|one| one.builds_on().all(is_there));
    if is_whole && !is_untold && between.iter().all(|one| one.is_complete(&digest)) {
        return Gaps::default();
    }
    let worlds: BTreeSet<_> = listing.files.keys().filter_map(|path| world_of(path)).collect();
    let paths = worlds.iter().map(|world| Unit::World(world).path());
    let whole: BTreeSet<_> = paths.filter(|path| is_whole && target.is_complete_in(path, &digest)).collect();
    let is_complete = |unit: &String| {
        !is_untold && whole.contains(unit) && between.iter().all(|one| one.is_complete_in(unit, &digest))
    };
    let known = tree.files.keys().chain(state.manifest.keys()).map(|path| Unit::of(path).path());
    Gaps { incomplete: known.filter(|unit| !is_complete(unit)).collect(), whole }
}
