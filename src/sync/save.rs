//! Saving: what is edited or owed becomes versions of its own, in one run of restic.

mod backup;
mod lists;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::observe::Observation;
use crate::cloud::restic;
use crate::content::settings::Settings;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::instance::state::State;
use crate::model::{Dot, Saved, Saving, SnapshotId, Stat, Unit};
use crate::outcome::{Done, Outcome};
use crate::player::{counted, human_bytes};
use backup::Backup;
use lists::{Lists, write_parts};
use versions::{after_upload, before_upload, lacks};

/// How an upload ended.
pub enum Upload {
    /// All is saved, and this is the state.
    Whole(Box<State>),
    /// All is saved but these units, which somebody wrote to meanwhile.
    Changed {
        /// The units.
        units: BTreeSet<Unit>,
        /// The state, which says that they are not saved.
        state: Box<State>,
    },
    /// A snapshot was made that lacks files. Nobody takes it in.
    Broken {
        /// The files that could not be read, as far as restic names them.
        unreadable: BTreeSet<String>,
        /// The state as it was before, which knows of that snapshot.
        state: Box<State>,
    },
}

/// What is to be saved.
pub struct Save<'a> {
    /// The run.
    pub ctx: &'a Context<'a>,
    /// Whose cloud it is.
    pub account: &'a Account,
    /// What was seen.
    pub seen: &'a Observation,
    /// The state that it follows.
    pub state: &'a State,
    /// The units.
    pub saving: &'a Saving,
}

impl Save<'_> {
    /// Saves it.
    pub fn run(&self, outcome: &mut Outcome) -> Result<Upload> {
        let Self { ctx, account, seen, state, saving } = *self;
        let restic = ctx.restic(account, true)?;
        let dot = new_dot()?;
        let next = before_upload(ctx, seen, state, saving, dot);
        let files = seen.local.files.len() as u64;
        let told = Saved { ledger: next.memory.ledger.clone(), push: dot, files, lacks: lacks(seen, &next) };
        let parts = told.write();
        // One that others refuse would be taken in by nobody.
        Saved::read(&parts).map_err(|error| {
            Error::new(Kind::Failed, format!("what this PC would tell the others is damaged: {error}"))
                .hint("run `cloud-sync pull` and push again; your files stay as they are")
        })?;
        write_parts(&ctx.instance, &parts)?;
        let lists = Lists::write(&ctx.instance, seen)?;
        next.save(&ctx.instance.state_file())?;
        let place = state.repositories.get(&seen.location);
        let parent = place.and_then(|place| place.base.clone()).filter(|id| seen.has(state, id));
        let last = place.and_then(|place| place.base_time);
        let time = last.map_or(ctx.now, |last| ctx.now.max(last + TimeDelta::seconds(1)));
        let mut backup = Backup { ctx, account, restic, scope: &seen.scope, lists, dot, parent, time };
        let (mut saved, mut files_after) = backup.run(seen.is_missing)?;
        let mut first = None;
        if saved.is_parent_damaged {
            ctx.warn("the cloud has lost a part of what it was given; everything here is sent to it once more");
            backup.parent = None;
            let before = saved.id;
            (saved, files_after) = backup.run(false)?;
            if !backup.restic.is_whole(Some(&saved.id))? {
                return Err(self.damaged([before, saved.id])?);
            }
            first = Some(before);
        }
        outcome.head = Some(saved.id.clone());
        if saved.incomplete || saved.files != files + parts.len() as u64 {
            return self.broken(&backup.restic, &saved);
        }
        let changed = changed_meanwhile(seen, &files_after);
        let mut done = after_upload(seen, next, &saved, dot, time, &changed);
        if let Some(id) = first {
            // It is the same push.
            done.repositories.entry(seen.location.clone()).or_default().seen.insert(id, Some(dot));
        }
        done.save(&ctx.instance.state_file())?;
        outcome.base = Some(saved.id.clone());
        outcome.files.saved = files;
        outcome.bytes += saved.bytes;
        outcome.done = Done::Saved;
        if !changed.is_empty() {
            ctx.log.line(&format!("changed while they were saved: {changed:?}"));
            return Ok(Upload::Changed { units: changed, state: Box::new(done) });
        }
        self.tell(&saved);
        Ok(Upload::Whole(Box::new(done)))
    }

    /// What the cloud has lost, it has not got again: it believes that it has it. So these snapshots count
    /// for nothing here.
    fn damaged(&self, snapshots: [SnapshotId; 2]) -> Result<Error> {
        let mut state = self.state.clone();
        let place = state.repositories.entry(self.seen.location.clone()).or_default();
        place.seen.extend(snapshots.map(|id| (id, None)));
        state.save(&self.ctx.instance.state_file())?;
        Ok(Error::new(Kind::Failed, "the cloud is damaged, and what is here could not be saved to it").hint(
            "nothing is lost here; whoever runs it repairs it (`restic repair index`, `restic repair packs`, `restic repair snapshots`), and then push again",
        ))
    }

    /// The snapshot lacks files that were there.
    fn broken(&self, restic: &restic::Restic, saved: &restic::Saved) -> Result<Upload> {
        let Self { ctx, seen, .. } = self;
        ctx.log.line(&format!("{} lacks files that were there", saved.id.short()));
        let mut state = self.state.clone();
        state.repositories.entry(seen.location.clone()).or_default().seen.insert(saved.id.clone(), None);
        state.save(&ctx.instance.state_file())?;
        let paths = saved.unreadable.iter().filter_map(|error| error.path_in(ctx.instance.root()));
        let mut unreadable: BTreeSet<_> = paths.collect();
        if unreadable.is_empty() {
            let listing = restic.ls(&saved.id)?;
            unreadable = seen.local.files.keys().filter(|path| !listing.files.contains_key(*path)).cloned().collect();
        }
        Ok(Upload::Broken { unreadable, state: Box::new(state) })
    }

    fn tell(&self, saved: &restic::Saved) {
        let Self { ctx, seen, saving, .. } = self;
        let what = seen.local.edits.in_words().unwrap_or_else(|| {
            let is_decision = saving.changed.iter().any(|unit| seen.local.units.contains_key(unit));
            if is_decision { "your decision".to_owned() } else { "what no version in the cloud had".to_owned() }
        });
        ctx.note(&format!(
            "saved: {what} ({} sent, {} in all) as {}",
            human_bytes(saved.bytes),
            counted(seen.local.files.len(), "file"),
            saved.id.short()
        ));
        // A world that is gone here goes elsewhere, too, which whoever reinstalled the instance may not want.
        let gone: Vec<_> = seen
            .lost_worlds()
            .into_iter()
            .filter(|world| saving.changed.contains(&Unit::World(world.clone())))
            .collect();
        if !gone.is_empty() {
            ctx.warn(&format!(
                "saved without {}, which is not here any more; other PCs remove it with their next pull, and keep it in their undo copies",
                gone.join(", ")
            ));
        }
    }
}

/// The units of which files were written while restic read them: what it has may be half old and half
/// new. Settings are in the ledger, as they were read before.
fn changed_meanwhile(seen: &Observation, now: &BTreeMap<String, Stat>) -> BTreeSet<Unit> {
    let files = seen.local.files.iter().filter(|(path, _)| Settings::of(path).is_none());
    files.filter(|(path, entry)| now.get(*path) != Some(&entry.here)).map(|(path, _)| Unit::of(path)).collect()
}

fn new_dot() -> Result<Dot> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Kind::Failed, format!("the system gives no random numbers: {error}")))?;
    Ok(Dot::new(bytes))
}
