//! Units of which two versions are current: what is known of both, and what the player says.

use std::collections::BTreeMap;

use super::observe::Observation;
use super::resolved::Choice;
use crate::args::OnConflict;
use crate::content::world::{self, Further, World};
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::instance::digest::files_of;
use crate::instance::state::State;
use crate::interrupt;
use crate::model::{Decision, Digest, Dot, Known, Ledger, Question, Unit, Version};
use crate::paths::folder_of;
use crate::player::{Answer, Card, Conflict, Contested, Reply};

/// A question as it was asked.
struct Asked<'q> {
    unit: &'q Unit,
    /// The candidates, the one that is here first, then the latest first.
    sides: Vec<Side<'q>>,
    is_here: bool,
}

#[derive(Clone, Copy)]
struct Side<'q> {
    digest: Digest,
    /// None for what is here.
    version: Option<(Dot, &'q Version)>,
}

/// What is needed to ask.
pub struct Asker<'a> {
    /// The run.
    pub ctx: &'a Context<'a>,
    /// What was seen.
    pub seen: &'a Observation,
    /// The state that the questions are about.
    pub state: &'a State,
    /// What was known, joined with what is new.
    pub ledger: &'a Ledger,
    /// Whether what is given up is saved before.
    pub saves_first: bool,
}

impl Asker<'_> {
    /// Decides all `questions`. Of pictures both stay; about worlds the player is asked.
    pub fn decide(&self, questions: &BTreeMap<Unit, Question>) -> Result<BTreeMap<Unit, Choice>> {
        let asked: Vec<_> = questions.iter().map(|(unit, question)| self.asked(unit, question)).collect();
        let (worlds, pictures): (Vec<_>, Vec<_>) = asked.into_iter().partition(|asked| asked.unit.is_world());
        let mut choices: BTreeMap<_, _> = pictures.iter().map(|asked| (asked.unit.clone(), keep_both(asked))).collect();
        if !worlds.is_empty() {
            choices.extend(self.ask_about(&worlds)?);
        }
        Ok(choices)
    }

    fn asked<'q>(&'q self, unit: &'q Unit, question: &Question) -> Asked<'q> {
        let versions = self.ledger.units.get(unit);
        let version = |dot: &Dot| versions.and_then(|all| all.get(*dot)).map(|version| (*dot, version));
        let mut sides: Vec<Side<'_>> = Vec::new();
        let mut others: Vec<_> = question.versions.iter().collect();
        others.sort_by_key(|(dot, _)| std::cmp::Reverse((version(dot).map(|(_, one)| one.time), **dot)));
        let here = question.here.map(|digest| Side { digest, version: None });
        let others = others.into_iter().map(|(dot, digest)| Side { digest: *digest, version: version(dot) });
        for side in here.into_iter().chain(others) {
            // Equal versions are one candidate.
            if !sides.iter().any(|known| known.digest == side.digest) {
                sides.push(side);
            }
        }
        Asked { unit, sides, is_here: here.is_some() }
    }

    fn ask_about(&self, worlds: &[Asked<'_>]) -> Result<BTreeMap<Unit, Choice>> {
        let names: Vec<_> = worlds.iter().filter_map(|asked| asked.unit.world()).collect();
        self.ctx.log.line(&format!("both sides changed the worlds {names:?}"));
        let all = |answer| Reply::Answers(vec![answer; worlds.len()]);
        let given = match self.ctx.args.on_conflict {
            OnConflict::KeepLocal => all(Answer::KeepLocal),
            OnConflict::UseRemote => all(Answer::UseRemote),
            OnConflict::KeepBoth => all(Answer::KeepBoth),
            OnConflict::Later => all(Answer::Later),
            OnConflict::Cancel => Reply::Cancel,
            OnConflict::Ask if !self.ctx.front().can_ask() => Reply::Nobody,
            OnConflict::Ask => return self.tournament(worlds, false),
            OnConflict::MostPlayed => return self.tournament(worlds, true),
        };
        interrupt::check()?;
        match given {
            Reply::Answers(given) => Ok(worlds
                .iter()
                .zip(given)
                .map(|(asked, answer)| (asked.unit.clone(), self.chosen(asked, answer)))
                .collect()),
            Reply::Cancel => Err(self.cancelled(worlds)),
            Reply::Nobody => Err(self.nobody(worlds)),
        }
    }

    /// The same answer for all sides of a question.
    fn chosen(&self, asked: &Asked<'_>, answer: Answer) -> Choice {
        let (first, second) = (asked.sides[0], asked.sides.get(1).copied());
        let choice = match answer {
            Answer::Later => Choice { decision: Decision::Later, beside: Vec::new(), answer },
            Answer::KeepLocal => Choice { decision: Decision::Play(first.digest), beside: Vec::new(), answer },
            Answer::UseRemote => {
                let other = if asked.is_here { second.unwrap_or(first) } else { first };
                Choice { decision: Decision::Play(other.digest), beside: Vec::new(), answer }
            }
            Answer::KeepBoth => keep_both(asked),
        };
        self.tell(asked.unit, &choice);
        choice
    }

    /// Asks about two versions at a time, until one is left of each world.
    fn tournament(&self, worlds: &[Asked<'_>], by_play_time: bool) -> Result<BTreeMap<Unit, Choice>> {
        let mut open: Vec<_> = worlds.iter().map(|asked| (asked, asked.sides[0], 1, Vec::new(), None)).collect();
        let mut choices = BTreeMap::new();
        while !open.is_empty() {
            open.retain(
                |(asked, best, next, beside, answer): &(&Asked<'_>, Side<'_>, usize, Vec<Dot>, Option<Answer>)| {
                    let is_over = *next >= asked.sides.len();
                    if is_over {
                        let answer = answer.unwrap_or(Answer::KeepLocal);
                        let choice = Choice { decision: Decision::Play(best.digest), beside: beside.clone(), answer };
                        self.tell(asked.unit, &choice);
                        choices.insert(asked.unit.clone(), choice);
                    }
                    !is_over
                },
            );
            if open.is_empty() {
                break;
            }
            let pairs: Vec<_> =
                open.iter().map(|(asked, best, next, ..)| (*asked, *best, asked.sides[*next])).collect();
            let reply = self.reply(&pairs, by_play_time);
            interrupt::check()?;
            let answers = match reply {
                Reply::Answers(answers) if answers.len() == open.len() => answers,
                Reply::Cancel => return Err(self.cancelled(worlds)),
                Reply::Answers(_) | Reply::Nobody => return Err(self.nobody(worlds)),
            };
            let mut later = Vec::new();
            for ((asked, best, next, beside, said), answer) in open.iter_mut().zip(answers) {
                let other = asked.sides[*next];
                match answer {
                    Answer::KeepLocal => {}
                    Answer::UseRemote => *best = other,
                    Answer::KeepBoth => beside.extend(other.version.map(|(dot, _)| dot)),
                    Answer::Later => later.push(asked.unit.clone()),
                }
                *said = Some(answer);
                *next += 1;
            }
            for unit in later {
                let choice = Choice { decision: Decision::Later, beside: Vec::new(), answer: Answer::Later };
                self.tell(&unit, &choice);
                choices.insert(unit.clone(), choice);
                open.retain(|(asked, ..)| *asked.unit != unit);
            }
        }
        Ok(choices)
    }

    fn reply(&self, pairs: &[(&Asked<'_>, Side<'_>, Side<'_>)], by_play_time: bool) -> Reply {
        let conflict = self.conflict(pairs);
        if !by_play_time {
            return self.ctx.front().conflict(&conflict);
        }
        let choose = |contested: &Contested| match contested.advice.further {
            Further::Here => Some(Answer::KeepLocal),
            Further::There => Some(Answer::UseRemote),
            Further::Neither => None,
        };
        let mut chosen: Vec<_> = conflict.worlds.iter().map(choose).collect();
        for contested in &conflict.worlds {
            self.ctx.note(&format!("{}: {}", contested.folder, contested.advice.reason));
        }
        if chosen.iter().any(Option::is_none) {
            if !self.ctx.front().can_ask() {
                return Reply::Nobody;
            }
            let open = conflict.worlds.iter().zip(&chosen).filter(|(_, answer)| answer.is_none());
            let open = Conflict { worlds: open.map(|(contested, _)| contested.clone()).collect(), ..conflict };
            match self.ctx.front().conflict(&open) {
                Reply::Answers(given) => {
                    let missing = chosen.iter_mut().filter(|answer| answer.is_none());
                    missing.zip(given).for_each(|(answer, given)| *answer = Some(given));
                }
                other => return other,
            }
        }
        Reply::Answers(chosen.into_iter().flatten().collect())
    }

    /// What is known of both sides. All of it is in the ledger, or here.
    fn conflict(&self, pairs: &[(&Asked<'_>, Side<'_>, Side<'_>)]) -> Conflict {
        let push = |side: &Side<'_>| side.version.and_then(|(dot, _)| self.ledger.pushes.get(&dot));
        let contested = |(asked, one, other): &(&Asked<'_>, Side<'_>, Side<'_>)| {
            let (here, there) = (self.card(asked.unit, *one), self.card(asked.unit, *other));
            let advice = world::recommend(&here.world, &there.world);
            Contested { folder: asked.unit.world().unwrap_or_default().to_owned(), here, there, advice }
        };
        let (first, one, other) = &pairs[0];
        let known = self.state.memory.known.get(first.unit);
        let here = one.version.map(|(dot, _)| dot).or_else(|| self.saved_as(first.unit, known));
        let whose = here.and_then(|dot| self.ledger.pushes.get(&dot));
        let whose_name = whose
            .map(|push| push.machine.clone())
            .filter(|machine| !machine.is_empty() && *machine != self.ctx.machine);
        let more = pairs.iter().map(|(asked, ..)| asked.sides.len().saturating_sub(2)).max().unwrap_or_default();
        Conflict {
            machine: self.ctx.machine.clone(),
            whose: whose_name,
            time: whose.and_then(|push| push.time),
            other_machine: push(other).map(|push| push.machine.clone()).unwrap_or_default(),
            other_time: push(other).and_then(|push| push.time).unwrap_or(self.ctx.now),
            worlds: pairs.iter().map(contested).collect(),
            more,
        }
    }

    /// The push that made what is here, if nobody has changed it since.
    fn saved_as(&self, unit: &Unit, known: Option<&Known>) -> Option<Dot> {
        let here = self.seen.local.units.get(unit).map(|(digest, _)| *digest);
        known.filter(|known| !known.is_dirty(here)).and_then(|known| known.applied.iter().next())
    }

    fn card(&self, unit: &Unit, side: Side<'_>) -> Card {
        if let Some((_, version)) = side.version {
            return version.card().cloned().unwrap_or_default();
        }
        let place = self.ctx.instance.root().join(folder_of(unit.world().unwrap_or_default()));
        let files = || files_of(&self.seen.local.files, unit);
        let bytes = files().map(|(_, entry)| entry.here.size).sum();
        Card { files: files().count(), bytes, world: World::read(&place), icon: world::icon(&place) }
    }

    fn tell(&self, unit: &Unit, choice: &Choice) {
        let world = unit.name();
        self.ctx.log.line(&format!("the answer for {world} is {:?}", choice.answer));
        match choice.answer {
            Answer::KeepLocal => self.ctx.note(&format!("this PC's version of {world} stays; the next push saves it")),
            Answer::UseRemote => {
                let known = self.state.memory.known.get(unit);
                let is_kept = self.saves_first || self.saved_as(unit, known).is_some();
                let place = if is_kept { "in the history and in the undo copy" } else { "in the undo copy" };
                self.ctx.note(&format!("the cloud's version of {world} comes; this PC's stays {place}"));
            }
            // Told when it has its name.
            Answer::KeepBoth => {}
            Answer::Later => self.ctx.warn(&format!(
                "{world} stays as this PC has it for now; both versions are kept, and the next pull asks again"
            )),
        }
    }

    fn between(&self, worlds: &[Asked<'_>]) -> String {
        let pairs: Vec<_> = worlds
            .iter()
            .map(|asked| (asked, asked.sides[0], *asked.sides.get(1).unwrap_or(&asked.sides[0])))
            .collect();
        let conflict = self.conflict(&pairs);
        let whose = conflict.whose.unwrap_or_else(|| "this PC".to_owned());
        let names: Vec<_> = worlds.iter().map(|asked| asked.unit.name()).collect();
        format!("{whose} and {} both played {}", conflict.other_machine, names.join(", "))
    }

    fn cancelled(&self, worlds: &[Asked<'_>]) -> Error {
        Error::new(Kind::Cancelled, format!("{}; cancelled, nothing was changed here", self.between(worlds)))
    }

    fn nobody(&self, worlds: &[Asked<'_>]) -> Error {
        // The play time has just failed to tell.
        let by_time = self.ctx.args.on_conflict != OnConflict::Ask;
        let others =
            if by_time { "keep-local, use-remote, later" } else { "keep-local, use-remote, most-played, later" };
        Error::new(Kind::Conflict, format!("{}, and nobody is here to choose", self.between(worlds))).hint(format!(
            "run `cloud-sync pull` in a terminal in the game folder, or give --on-conflict=keep-both (or {others}); nothing was changed here",
        ))
    }
}

/// The first side is played, and all others come under names of their own.
fn keep_both(asked: &Asked<'_>) -> Choice {
    let beside = asked.sides[1..].iter().filter_map(|side| side.version.map(|(dot, _)| dot)).collect();
    Choice { decision: Decision::Play(asked.sides[0].digest), beside, answer: Answer::KeepBoth }
}
