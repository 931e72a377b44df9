//! A pull that brings files: compare, ask where it must, fetch, apply.

mod ancestor;
mod beside;
mod conflict;
mod gaps;
mod left_out;
mod place;
mod settings;
mod state;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::decide::Divergence;
use super::fetch::Staging;
use super::observe::Observation;
use super::plan::{Choice, Gaps, Likeness, Sides};
use super::units::{self, Unit, Verdict};
use crate::context::{Account, Context};
use crate::error::Result;
use crate::front::Answer;
use crate::names::Disk;
use crate::outcome::{Done, Outcome, Settled};
use crate::restic::{Listing, Restic};
use crate::settings::{Settings, Winner};
use crate::snapshot::{Graph, SnapshotId};
use crate::tree::Stat;
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
    /// What the listing may lack although nobody deleted it.
    gaps: Gaps,
    /// The files of the version that both sides went on from, if they did.
    ancestor: Files,
    /// Files whose content was compared and is the same.
    same: BTreeSet<String>,
}

/// Whose version of each unit is played.
#[derive(Default)]
struct Choices<'a> {
    by_unit: BTreeMap<Unit<'a>, Choice>,
    /// Worlds whose local version is given up.
    given_up: Vec<String>,
    /// Worlds about which the decision was put off.
    put_off: BTreeSet<String>,
    /// Settings that both sides changed, and whose value holds if they changed the same one.
    settings: BTreeMap<String, Winner>,
}

impl<'a> Choices<'a> {
    /// Does as the player answered.
    fn decide(&mut self, conflicts: &[&'a str], answers: &Answers) {
        for world in conflicts {
            let choice = match answers[*world] {
                Answer::UseRemote => {
                    self.given_up.push((*world).to_owned());
                    Choice::CloudExactly
                }
                Answer::KeepBoth => Choice::Both,
                Answer::KeepLocal => Choice::Local,
                Answer::Later => {
                    self.put_off.insert((*world).to_owned());
                    Choice::Local
                }
            };
            self.by_unit.insert(Unit::World(world), choice);
        }
    }

    fn of(&self, unit: Unit<'_>) -> Choice {
        self.by_unit.get(&unit).copied().unwrap_or(Choice::Cloud)
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
            gaps: gaps::gaps(seen, &graph, &listing),
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
        let (mut choices, conflicts) = self.choose(judged, &cloud, terms);
        outcome.conflicts = conflicts.iter().map(|world| Settled::new(world, None)).collect();
        self.settle(&conflicts, terms, answers)?;
        choices.decide(&conflicts, answers);
        if terms.save_first && !choices.given_up.is_empty() && !self.is_saved() {
            return Ok(Reconciled::SaveFirst);
        }
        outcome.conflicts = conflicts.iter().map(|world| Settled::new(world, answers.get(*world).copied())).collect();
        outcome.done = Done::of_answers(conflicts.iter().map(|world| answers[*world]));
        self.apply(&choices, &known, outcome)?;
        Ok(Reconciled::Done)
    }

    /// What becomes of each unit, as far as nobody has to be asked, and the worlds about which
    /// somebody has.
    fn choose<'u>(
        &self,
        judged: BTreeMap<Unit<'u>, Verdict>,
        cloud: &Files,
        terms: Terms,
    ) -> (Choices<'u>, Vec<&'u str>) {
        let mut choices = Choices::default();
        let mut conflicts = Vec::new();
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
                (Verdict::Both, Unit::World(world)) => {
                    conflicts.push(world);
                    continue;
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
            };
            choices.by_unit.insert(unit, choice);
        }
        (choices, conflicts)
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
}
