//! A pull: what is new in the cloud is joined with what is here, unit by unit.
//!
//! A pull that finds unsaved edits saves them first, but leaves the loss of a whole world to the push: a
//! disk that is not mounted looks like that.

use std::collections::BTreeMap;

use super::ask::Asker;
use super::bring::Bring;
use super::game::{stop_if_game_runs, wait_for_game};
use super::observe::{Observation, Purpose, nothing_at_all};
use super::record;
use super::resolved::{Choice, Resolved};
use super::save::{Save, Upload};
use super::view::View;
use crate::args::CatchUp;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::instance::state::State;
use crate::model::{Decision, Divergence, Judged, Now, Push, Question, Saving, Step, Unit, Why};
use crate::outcome::{Done, Outcome, Settled};
use crate::player::human_bytes;
use crate::transaction;

/// Edits up to this size are saved by a pull that finds them.
const QUICK: u64 = 64 << 20;

/// Makes the instance equal to the cloud, as far as that loses nothing.
pub fn pull(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<()> {
    wait_for_game(ctx);
    stop_if_game_runs(ctx)?;
    transaction::recover(ctx)?;
    let mut seen = Observation::begin(ctx, account, &[], Purpose::Pull, outcome)?;
    if seen.divergence == Divergence::LocalLost {
        // Nobody deleted the files: all comes back.
        seen.forget_all(ctx, account)?;
    }
    Pull { ctx, account, seen: &seen }.run(outcome)
}

/// A pull on its way.
struct Pull<'a> {
    ctx: &'a Context<'a>,
    account: &'a Account,
    seen: &'a Observation,
}

impl Pull<'_> {
    /// Does what the table says.
    fn run(&self, outcome: &mut Outcome) -> Result<()> {
        let (ctx, seen) = (self.ctx, self.seen);
        match seen.divergence {
            Divergence::Blank => {
                ctx.note(&nothing_at_all(ctx));
                self.record_unchanged()
            }
            Divergence::InSync => {
                let left: Vec<_> = seen.local.tree.left_out.iter().filter(|left| left.why.is_for_now()).collect();
                for left in &left {
                    ctx.warn(&format!("not synced: {}: {}", left.path, left.why.text()));
                }
                ctx.note(match left.as_slice() {
                    [] => "nothing new: this PC and the cloud are the same",
                    _ => "nothing new in all else: this PC and the cloud are the same there",
                });
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
            Divergence::Diverged => {
                let state = self.catch_up(&seen.state, outcome)?;
                self.join(&state, outcome)
            }
            Divergence::Behind
            | Divergence::FirstLink
            | Divergence::LocalLost
            | Divergence::SignedOut
            | Divergence::Unknown => self.join(&seen.state, outcome),
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
        Ok(record::settled(seen, &seen.state).save(&self.ctx.instance.state_file())?)
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
        for world in &lost {
            let name = world.name();
            ctx.warn(&format!(
                "the world {name} is not here any more; the next push deletes it on your other PCs, too"
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
        match (Save { ctx, account: self.account, seen, state, saving: &saving }).run(outcome) {
            Ok(Upload::Whole(saved)) => Ok(*saved),
            Ok(Upload::Changed { units, state }) => {
                let names: Vec<_> = units.iter().map(Unit::name).collect();
                ctx.warn(&format!(
                    "something writes to {}, so it is not saved yet; the next push tries again",
                    names.join(", ")
                ));
                Ok(*state)
            }
            Ok(Upload::Broken { state, .. }) => {
                ctx.warn("not everything could be read, so it is not saved yet; the next push tries again");
                Ok(*state)
            }
            Err(error) if error.kind != Kind::Interrupted && !ctx.args.strict => {
                ctx.warn(&format!("they could not be saved now ({}); the next push tries again", error.message()));
                // It may have written down what it was about to save.
                let written = State::load(&ctx.instance.state_file())?;
                let has_more = written.memory.ledger.pushes.len() > state.memory.ledger.pushes.len();
                Ok(if has_more { written } else { state.clone() })
            }
            Err(error) => Err(error),
        }
    }

    /// Joins what is here and what is in the cloud. A version that the player gives up is saved before.
    fn join(&self, state: &State, outcome: &mut Outcome) -> Result<()> {
        let (ctx, seen) = (self.ctx, self.seen);
        outcome.head = seen.head();
        self.tell_of_deletions(&seen.view(&seen.state));
        let view = seen.view(state);
        let questions = view.now().questions(|unit| seen.is_in_reach(unit));
        outcome.conflicts = settled(&questions, &BTreeMap::new());
        let is_lost = seen.divergence == Divergence::LocalLost;
        let saves_first = ctx.args.catch_up != CatchUp::Never && !is_lost;
        let choices = Asker { ctx, seen, state, ledger: &view.ledger, saves_first }.decide(&questions)?;
        outcome.conflicts = settled(&questions, &choices);
        let worlds = choices.iter().filter(|(unit, _)| unit.is_world());
        let done = Done::of_answers(worlds.map(|(_, choice)| choice.answer));
        let saving = seen.saving(state);
        let is_given_up = |unit| self.is_given_up(&saving, unit, choices[unit].decision);
        if saves_first && choices.keys().any(is_given_up) {
            let state = self.save_first(state, outcome)?;
            outcome.done = done;
            let view = seen.view(&state);
            return self.bring(&state, &view, &choices, outcome);
        }
        outcome.done = done;
        self.bring(state, &view, &choices, outcome)
    }

    fn bring(
        &self,
        state: &State,
        view: &View<'_>,
        choices: &BTreeMap<Unit, Choice>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let resolved = self.resolve(&view.now(), choices);
        Bring::new(self.ctx, self.account, self.seen, state, view)?.bring(resolved, outcome)
    }

    /// Whether the decision gives up what is here and no snapshot has.
    fn is_given_up(&self, saving: &Saving, unit: &Unit, decision: Decision) -> bool {
        let Some((here, _)) = self.seen.local.units.get(unit) else { return false };
        let is_unsaved = saving.changed.contains(unit) || saving.unheld.contains(unit);
        is_unsaved && decision != Decision::Later && decision != Decision::Play(*here)
    }

    fn save_first(&self, state: &State, outcome: &mut Outcome) -> Result<State> {
        let Self { ctx, account, seen } = *self;
        ctx.note("saving this PC's version first");
        let mut saving = seen.saving(state);
        saving.changed.retain(|unit| seen.local.units.contains_key(unit) || !unit.is_world());
        match (Save { ctx, account, seen, state, saving: &saving }).run(outcome)? {
            Upload::Whole(saved) => Ok(*saved),
            Upload::Broken { .. } | Upload::Changed { .. } => Err(Error::new(
                Kind::Failed,
                "this PC's version could not be saved first: a file cannot be read, or something writes to it",
            )
            .hint("close what has it open, and run it again; nothing was changed")),
        }
    }

    /// Tells what one PC deleted and another one changed, and what changed elsewhere and cannot be
    /// looked at here; as it was before anything was saved.
    fn tell_of_deletions(&self, before: &View<'_>) {
        let (ctx, seen) = (self.ctx, self.seen);
        let now = before.now();
        for (unit, Judged { step, .. }) in now.judge_all(|unit| seen.is_in_reach(unit)) {
            let name = unit.name();
            match step {
                Step::Stays(Why::DeletedElsewhere) => {
                    ctx.warn(&format!("{name} was deleted on another PC, but changed here, and stays"));
                }
                Step::Comes { comes_back: true, .. } => {
                    ctx.warn(&format!("{name} was deleted here, but changed on another PC, and is back"));
                }
                Step::Comes { .. } if !now.here.contains_key(&unit) && !seen.state.is_new() => {
                    let deletes = |push: &&Push| push.gone.iter().any(|gone| unit.world() == Some(gone));
                    if let Some(Push { machine, .. }) = now.ledger.pushes.values().find(deletes) {
                        ctx.warn(&format!("{name} was deleted on {machine}, but changed on another PC, and is back"));
                    }
                }
                _ => {}
            }
        }
        for unit in seen.news.ledger.units.keys() {
            if let Some(left) = seen.local.left_out_by(unit)
                && !matches!(now.judge(unit).step, Step::Stays(_))
            {
                ctx.warn(&format!("{} stays as it is here: {}: {}", unit.name(), left.path, left.why.text()));
            }
        }
    }

    /// What becomes of each unit.
    fn resolve(&self, now: &Now<'_>, choices: &BTreeMap<Unit, Choice>) -> Resolved {
        let mut resolved = Resolved::default();
        for (unit, Judged { step, known }) in now.judge_all(|unit| self.seen.is_in_reach(unit)) {
            let known = match step {
                Step::Stays(_) => {
                    let here = now.here.get(&unit).map(|(digest, _)| *digest);
                    if here.is_some() && known.agreed == here {
                        resolved.agreed.insert(unit.clone());
                    }
                    known
                }
                Step::Comes { versions, digest, .. } => {
                    resolved.comes.insert(unit.clone(), (digest, versions));
                    known
                }
                Step::Goes => {
                    resolved.goes.insert(unit.clone());
                    known
                }
                Step::Asks(question) => match choices.get(&unit) {
                    Some(choice) => resolved.decide(now, &unit, known, &question, choice),
                    None => continue,
                },
            };
            resolved.known.insert(unit, known);
        }
        resolved
    }
}

/// The worlds that were asked about, and what was decided.
fn settled(questions: &BTreeMap<Unit, Question>, choices: &BTreeMap<Unit, Choice>) -> Vec<Settled> {
    let world = |unit: &Unit| {
        let answer = choices.get(unit).map(|choice| choice.answer);
        unit.world().map(|world| Settled::new(world, answer))
    };
    questions.keys().filter_map(world).collect()
}
