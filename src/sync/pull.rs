//! A pull: what is new in the cloud is joined with what is here, unit by unit.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Asker, Choice, questions};
use super::bring::{Bring, Want};
use super::observe::Observation;
use super::push::{self, Upload};
use crate::args::CatchUp;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{Answer, human_bytes};
use crate::model::{Decision, Digest, Divergence, Dots, Judged, Known, Push, Step, Unit, Why};
use crate::outcome::{Done, Outcome, Settled};
use crate::state::State;

/// Edits up to this size are saved by a pull that finds them.
const QUICK: u64 = 64 << 20;

/// A pull on its way.
pub struct Pull<'a> {
    /// The run.
    pub ctx: &'a Context<'a>,
    /// Whose cloud it is.
    pub account: &'a Account,
    /// What was seen.
    pub seen: &'a Observation,
}

/// What becomes of the units that change, or of which something is known now.
#[derive(Default)]
pub struct Resolved {
    /// What is known of them then.
    pub known: BTreeMap<Unit, Known>,
    /// The contents that come, and the versions that have them.
    pub comes: BTreeMap<Unit, (Digest, Dots)>,
    /// What goes.
    pub goes: BTreeSet<Unit>,
    /// Versions that come under names of their own.
    pub beside: Vec<Want>,
    /// Units that agree with what is here from now on.
    pub agreed: BTreeSet<Unit>,
    /// Worlds of which this PC's version is given up.
    pub given_up: BTreeSet<String>,
}

impl Pull<'_> {
    /// Does what the table says.
    pub fn run(&self, outcome: &mut Outcome) -> Result<()> {
        let (ctx, seen) = (self.ctx, self.seen);
        match seen.divergence {
            Divergence::Blank => {
                ctx.note(&super::nothing_at_all(ctx));
                self.record_unchanged()
            }
            Divergence::InSync => {
                ctx.note("nothing new: this PC and the cloud are the same");
                self.record_unchanged()
            }
            Divergence::Ahead => self.catch_up(&seen.state, outcome).map(|_| ()),
            // A server also answers so whose disk is not there. If it is really empty, the push makes
            // it anew.
            Divergence::RemoteEmptied if seen.is_missing => {
                ctx.warn("the cloud has nothing stored for you any more, or it is out of order; your files here stay as they are, and the next push saves them anew");
                Ok(())
            }
            Divergence::RemoteEmptied => {
                outcome.base = None;
                ctx.warn("the cloud is empty; your files here stay as they are, and the next push saves them anew");
                Ok(())
            }
            Divergence::LocalLost => {
                // Nobody deleted them: all comes back.
                let mut state = seen.state.clone();
                state.memory.known.clear();
                state.files.clear();
                state.impossible.clear();
                self.join(&state, outcome)
            }
            Divergence::Diverged => {
                let state = self.catch_up(&seen.state, outcome)?;
                self.join(&state, outcome)
            }
            Divergence::Behind | Divergence::FirstLink | Divergence::SignedOut | Divergence::Unknown => {
                self.join(&seen.state, outcome)
            }
        }
    }

    /// Nothing differs: the new times of files that were only rewritten are worth keeping, and so is
    /// what this run has found out.
    fn record_unchanged(&self) -> Result<()> {
        let seen = self.seen;
        let place = seen.place();
        let is_known = !seen.local.edits.is_rewritten
            && place.seen.len() == seen.ids.len()
            && seen.news.seen.is_empty()
            && place.told_by == seen.told_by
            && seen.state.older.is_none()
            && seen.state.repositories.contains_key(&seen.location);
        if is_known || seen.state.is_new() {
            return Ok(());
        }
        Ok(super::settled(seen, &seen.state).save(&self.ctx.instance.state_file())?)
    }

    /// A pull that finds unsaved edits saves them, if that is quick, before it does anything else.
    /// If it cannot, the push will.
    fn catch_up(&self, state: &State, outcome: &mut Outcome) -> Result<State> {
        let (ctx, seen) = (self.ctx, self.seen);
        let mut saving = seen.saving(state);
        if seen.divergence == Divergence::Diverged {
            // A decision may be about what another PC has played on since.
            let here = |unit: &Unit| seen.local.units.get(unit).map(|(digest, _)| *digest);
            saving.changed.retain(|unit| state.memory.known.get(unit).and_then(|known| known.agreed) != here(unit));
        }
        // A disk that is not mounted looks like that, too.
        let lost: Vec<_> =
            seen.lost_worlds().into_iter().map(Unit::World).filter(|world| saving.changed.remove(world)).collect();
        if let Some(world) = lost.first() {
            ctx.warn(&format!(
                "the world {} is not here any more; the next push saves that, `cloud-sync status` tells more",
                world.name()
            ));
        }
        if saving.is_empty() && !seen.must_tell(state) {
            return Ok(state.clone());
        }
        let bytes = seen.local.unsaved_bytes();
        let is_wanted = match ctx.args.catch_up {
            CatchUp::Auto => bytes <= QUICK,
            CatchUp::Always => true,
            CatchUp::Never => false,
        };
        if !is_wanted {
            ctx.note(&format!(
                "{} of changes are not saved yet; the next push saves them, or a pull with --catch-up=always",
                human_bytes(bytes)
            ));
            return Ok(state.clone());
        }
        ctx.note("this PC has changes that are not saved yet; saving them first");
        match push::save(ctx, self.account, seen, state, &saving, outcome) {
            Ok(Upload::Whole(saved)) => Ok(*saved),
            Ok(Upload::Broken { state, .. }) => {
                ctx.warn("not everything could be read, so it is not saved yet; the next push tries again");
                Ok(*state)
            }
            Err(error) if error.kind != Kind::Interrupted && !ctx.args.strict => {
                ctx.warn(&format!("they could not be saved now ({}); the next push tries again", error.message()));
                // It has written down what it was about to save.
                State::load(&ctx.instance.state_file())
            }
            Err(error) => Err(error),
        }
    }

    /// Joins what is here and what is in the cloud. A version that the player gives up is saved before.
    fn join(&self, state: &State, outcome: &mut Outcome) -> Result<()> {
        let (ctx, seen) = (self.ctx, self.seen);
        outcome.head = seen.head();
        self.tell_of_deletions();
        let ledger = seen.joined(state);
        let questions = seen.now(state, |now| questions(now, |unit| seen.is_in_reach(unit)));
        outcome.conflicts = settled(&questions.keys().cloned().collect(), &BTreeMap::new());
        let is_lost = seen.divergence == Divergence::LocalLost;
        let saves_first = ctx.args.catch_up != CatchUp::Never && !is_lost;
        let choices = Asker { ctx, seen, state, ledger: &ledger, saves_first }.decide(&questions)?;
        let gives_up = |unit: &Unit| {
            let here = seen.local.units.get(unit).map(|(digest, _)| *digest);
            let known = state.memory.known.get(unit).cloned().unwrap_or_default();
            here.is_some()
                && known.is_dirty(here)
                && choices[unit].decision != Decision::Later
                && here.is_none_or(|here| choices[unit].decision != Decision::Play(here))
        };
        let state = if saves_first && choices.keys().any(gives_up) {
            ctx.note("saving this PC's version first");
            let mut saving = seen.saving(state);
            saving.changed.retain(|unit| seen.local.units.contains_key(unit) || !unit.is_world());
            match push::save(ctx, self.account, seen, state, &saving, outcome)? {
                Upload::Whole(saved) => *saved,
                Upload::Broken { .. } => {
                    return Err(Error::new(
                        Kind::Failed,
                        "this PC's version could not be saved first: a file cannot be read",
                    )
                    .hint("close what has it open, and run it again; nothing was changed"));
                }
            }
        } else {
            state.clone()
        };
        outcome.conflicts = settled(&questions.keys().cloned().collect(), &choices);
        let worlds = choices.iter().filter(|(unit, _)| unit.is_world());
        outcome.done = Done::of_answers(worlds.map(|(_, choice)| choice.answer));
        let resolved = self.resolve(&state, &choices);
        Bring::new(self, &state)?.bring(resolved, outcome)
    }

    /// Tells what one PC deleted and another one changed, and what changed elsewhere and cannot be
    /// looked at here; as it was before anything was saved.
    fn tell_of_deletions(&self) {
        let (ctx, seen) = (self.ctx, self.seen);
        seen.now(&seen.state, |now| {
            for (unit, Judged { step, .. }) in now.judge_all(|unit| seen.is_in_reach(unit)) {
                match step {
                    Step::Stays(Why::DeletedElsewhere) => {
                        ctx.warn(&format!("{} was deleted on another PC, but changed here, and stays", unit.name()));
                    }
                    Step::Comes { comes_back: true, .. } => {
                        ctx.warn(&format!("{} was deleted here, but changed on another PC, and is back", unit.name()));
                    }
                    Step::Comes { .. } if !now.here.contains_key(&unit) => {
                        let is_it = |gone: &String| unit.world() == Some(gone);
                        let deletes = |push: &&Push| push.gone.iter().any(is_it);
                        if let Some(push) = now.ledger.pushes.values().find(deletes).filter(|_| !seen.state.is_new()) {
                            let (world, machine) = (unit.name(), &push.machine);
                            ctx.warn(&format!(
                                "{world} was deleted on {machine}, but changed on another PC, and is back"
                            ));
                        }
                    }
                    _ => {}
                }
            }
            for unit in seen.news.ledger.units.keys().filter(|unit| seen.local.is_hidden(unit)) {
                if !matches!(now.judge(unit).step, Step::Stays(_))
                    && let Some(left) = seen.local.reason_hidden(unit)
                {
                    ctx.warn(&format!("{} stays as it is here: {}: {}", unit.name(), left.path, left.why.text()));
                }
            }
        });
    }

    /// What becomes of each unit.
    fn resolve(&self, state: &State, choices: &BTreeMap<Unit, Choice>) -> Resolved {
        let seen = self.seen;
        let mut resolved = Resolved::default();
        seen.now(state, |now| {
            for (unit, Judged { step, mut known }) in now.judge_all(|unit| seen.is_in_reach(unit)) {
                match step {
                    Step::Stays(_) => {
                        let here = now.here.get(&unit).map(|(digest, _)| *digest);
                        if here.is_some() && known.agreed == here {
                            resolved.agreed.insert(unit.clone());
                        }
                    }
                    Step::Comes { versions, digest, .. } => {
                        resolved.comes.insert(unit.clone(), (digest, versions));
                    }
                    Step::Goes => {
                        resolved.goes.insert(unit.clone());
                    }
                    Step::Asks(question) => {
                        let Some(choice) = choices.get(&unit) else { continue };
                        let here = now.here.get(&unit).map(|(digest, _)| *digest);
                        let (plays, after) = now.decide(&unit, known.clone(), &question, choice.decision);
                        let equal: Dots = question
                            .versions
                            .iter()
                            .filter(|(_, digest)| Some(**digest) == plays)
                            .map(|(dot, _)| *dot)
                            .collect();
                        known = after;
                        match plays {
                            Some(digest) if plays != here => {
                                if choice.answer == Answer::UseRemote && here.is_some() {
                                    resolved.given_up.extend(unit.world().map(str::to_owned));
                                }
                                resolved.comes.insert(unit.clone(), (digest, equal));
                            }
                            Some(_) if choice.decision != Decision::Later => {
                                resolved.agreed.insert(unit.clone());
                            }
                            _ => {}
                        }
                        known.kept_both |= !choice.beside.is_empty();
                        resolved.beside.extend(choice.beside.iter().map(|dot| Want { unit: unit.clone(), dot: *dot }));
                    }
                }
                resolved.known.insert(unit, known);
            }
        });
        resolved
    }
}

/// The worlds that were asked about, and what was decided.
fn settled(units: &BTreeSet<Unit>, choices: &BTreeMap<Unit, Choice>) -> Vec<Settled> {
    let world = |unit: &Unit| {
        let answer = choices.get(unit).map(|choice| choice.answer);
        unit.world().map(|world| Settled::new(world, answer))
    };
    units.iter().filter_map(world).collect()
}
