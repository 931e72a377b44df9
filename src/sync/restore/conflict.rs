//! Worlds that both sides changed: what is known of the two versions, and what the player says.

use std::path::Path;

use super::{Answers, Files, Restore, Terms};
use crate::args::OnConflict;
use crate::error::{Error, Kind, Result};
use crate::front::{Answer, Card, Conflict, Contested, Reply};
use crate::interrupt;
use crate::paths::{folder_of, in_world, world_of};
use crate::sync::observe::Observation;
use crate::world::{self, Further, World};

impl Restore<'_> {
    /// Adds to `answers` what is still missing for `worlds`.
    pub(super) fn settle(&mut self, worlds: &[&str], terms: Terms, answers: &mut Answers) -> Result<()> {
        let open: Vec<_> =
            worlds.iter().filter(|world| !answers.contains_key(**world)).map(|world| (*world).to_owned()).collect();
        if open.is_empty() {
            return Ok(());
        }
        self.ctx.log.line(&format!("both sides changed the worlds {open:?}"));
        let other = &self.listing.snapshot.hostname;
        let whose = self.whose().map_or("this PC", |host| host);
        let between = format!("{whose} and {other} both played {}", open.join(", "));
        let all = |answer| vec![answer; open.len()];
        let given = match self.ctx.args.on_conflict {
            OnConflict::KeepLocal => Reply::Answers(all(Answer::KeepLocal)),
            OnConflict::UseRemote => Reply::Answers(all(Answer::UseRemote)),
            OnConflict::KeepBoth => Reply::Answers(all(Answer::KeepBoth)),
            OnConflict::Later => Reply::Answers(all(Answer::Later)),
            OnConflict::Cancel => Reply::Cancel,
            OnConflict::Ask if !self.ctx.front().can_ask() => Reply::Nobody,
            OnConflict::Ask => self.ask(&open)?,
            OnConflict::MostPlayed => self.most_played(&open)?,
        };
        interrupt::check()?;
        match given {
            Reply::Answers(given) if given.len() == open.len() => {
                for (world, answer) in open.iter().zip(&given) {
                    self.ctx.log.line(&format!("the answer for {world} is {answer:?}"));
                    self.tell(world, *answer, terms);
                }
                answers.extend(open.into_iter().zip(given));
                Ok(())
            }
            Reply::Cancel => {
                Err(Error::new(Kind::Cancelled, format!("{between}; cancelled, nothing was changed here")))
            }
            Reply::Answers(_) | Reply::Nobody => {
                // That one has just failed to tell.
                let asked = self.ctx.args.on_conflict == OnConflict::Ask;
                let others =
                    if asked { "keep-local, use-remote, most-played, later" } else { "keep-local, use-remote, later" };
                Err(Error::new(Kind::Conflict, format!("{between}, and nobody is here to choose")).hint(format!(
                    "run `cloud-sync pull` in a terminal in the game folder, or give --on-conflict=keep-both (or {others}); nothing was changed here",
                )))
            }
        }
    }

    /// The PC whose version this one has, if it has not gone on from there.
    fn whose(&self) -> Option<&str> {
        let Observation { state, graph, edits, .. } = self.seen;
        let base = state.base.as_ref().and_then(|base| graph.get(base)).filter(|_| edits.is_empty())?;
        Some(base.hostname.as_str()).filter(|host| *host != self.ctx.machine)
    }

    fn ask(&mut self, worlds: &[String]) -> Result<Reply> {
        let conflict = self.look_at(worlds)?;
        Ok(self.ctx.front().conflict(&conflict))
    }

    /// The version that was played longer; where that is not known, whoever is there is asked.
    fn most_played(&mut self, worlds: &[String]) -> Result<Reply> {
        let conflict = self.look_at(worlds)?;
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
                return Ok(Reply::Nobody);
            }
            let open = conflict.worlds.iter().zip(&chosen).filter(|(_, answer)| answer.is_none());
            let open = Conflict { worlds: open.map(|(contested, _)| contested.clone()).collect(), ..conflict };
            match self.ctx.front().conflict(&open) {
                Reply::Answers(given) => {
                    let missing = chosen.iter_mut().filter(|answer| answer.is_none());
                    missing.zip(given).for_each(|(answer, given)| *answer = Some(given));
                }
                other => return Ok(other),
            }
        }
        Ok(Reply::Answers(chosen.into_iter().flatten().collect()))
    }

    fn tell(&self, world: &str, answer: Answer, terms: Terms) {
        match answer {
            Answer::KeepLocal => self.ctx.note(&format!("this PC's version of {world} stays; the next push saves it")),
            Answer::UseRemote => {
                let is_in_history = self.is_saved() || terms.save_first;
                let place = if is_in_history { "in the history and in the undo copy" } else { "in the undo copy" };
                self.ctx.note(&format!("the cloud's version of {world} comes; this PC's stays {place}"));
            }
            // Told when it has its name.
            Answer::KeepBoth => {}
            Answer::Later => self.ctx.warn(&format!(
                "{world} stays as this PC has it for now; both versions are kept, and the next pull asks again"
            )),
        }
    }

    /// What both versions of the worlds say about themselves.
    fn look_at(&mut self, worlds: &[String]) -> Result<Conflict> {
        let telling = |path: &&String| {
            in_world(path).is_some_and(|(world, inner)| worlds.iter().any(|one| one == world) && world::tells(inner))
        };
        let wanted: Vec<_> = self.cloud_in_scope().into_keys().filter(|path| telling(&path)).collect();
        self.fetch(&wanted)?;
        let snapshot = &self.listing.snapshot;
        let contested = |folder: &String| {
            let path = folder_of(folder);
            let here = card(folder, &self.seen.tree.files, &self.ctx.instance.root().join(&path));
            let there = card(folder, &self.listing.files, &self.staging.file(&path));
            let advice = world::recommend(&here.world, &there.world);
            Contested { folder: folder.clone(), here, there, advice }
        };
        Ok(Conflict {
            machine: self.ctx.machine.clone(),
            whose: self.whose().map(str::to_owned),
            time: self.seen.base_time().filter(|_| self.is_saved()),
            other_machine: snapshot.hostname.clone(),
            other_time: snapshot.time,
            worlds: worlds.iter().map(contested).collect(),
            more: self.seen.view.others.len().saturating_sub(1),
        })
    }
}

/// The version of the world `folder` that is at `place`, of whose files these are some.
fn card(folder: &str, files: &Files, place: &Path) -> Card {
    let mut card = Card { files: 0, bytes: 0, world: World::read(place), icon: world::icon(place) };
    for (_, stat) in files.iter().filter(|(path, _)| world_of(path) == Some(folder)) {
        card.files += 1;
        card.bytes += stat.size;
    }
    card
}
