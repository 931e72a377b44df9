//! The second half of a pull: what was chosen is fetched, checked, put in place, and told.

mod beside;
mod names;
mod next;
mod place;
mod settings;
mod source;
mod units;

use std::collections::{BTreeMap, BTreeSet};

use super::observe::Observation;
use super::plan;
use super::resolved::Resolved;
use super::view::View;
use crate::context::{Account, Context};
use crate::error::Result;
use crate::instance::digest::files_of;
use crate::instance::names::Disk;
use crate::instance::state::{Manifest, State};
use crate::model::{Known, SnapshotId, Unit};
use crate::outcome::{Done, Outcome};
use crate::transaction::copies;
use crate::transaction::staging::{self, Staging};
use source::Source;

/// Brings what a pull has decided.
pub struct Bring<'a> {
    ctx: &'a Context<'a>,
    seen: &'a Observation,
    state: &'a State,
    view: &'a View<'a>,
    source: Source<'a>,
    staging: Staging,
    disk: Disk,
    files: Files,
    /// The snapshot that most came from.
    main: Option<SnapshotId>,
}

/// What becomes of the files.
#[derive(Default)]
struct Files {
    /// Those that come, as they will be.
    staged: Manifest,
    /// Those that stay as they are, and what is known of them then.
    kept: Manifest,
    /// Those that go.
    remove: BTreeSet<String>,
    /// Units of which this disk cannot hold the very name.
    refused: BTreeSet<Unit>,
    /// Those that this disk cannot hold.
    impossible: BTreeMap<Unit, BTreeSet<String>>,
}

impl<'a> Bring<'a> {
    /// Brings something on top of `state`, which `view` sees.
    pub fn new(
        ctx: &'a Context<'a>,
        account: &'a Account,
        seen: &'a Observation,
        state: &'a State,
        view: &'a View<'a>,
    ) -> Result<Self> {
        Ok(Self {
            ctx,
            seen,
            state,
            view,
            source: Source::new(ctx, account, view, seen.news.listing.clone()),
            staging: Staging::begin(&ctx.instance)?,
            disk: Disk::of(&ctx.instance),
            files: Files { impossible: state.impossible.clone(), ..Files::default() },
            main: None,
        })
    }

    /// Brings it.
    pub fn bring(mut self, mut resolved: Resolved, outcome: &mut Outcome) -> Result<()> {
        let (ctx, seen) = (self.ctx, self.seen);
        for (unit, copy_of) in self.stage_beside(&resolved)? {
            resolved.known.insert(unit, Known { copy_of: Some(copy_of), ..Known::default() });
        }
        self.stage_units(&mut resolved)?;
        self.stage_settings(&resolved)?;
        for unit in &resolved.goes {
            let files = files_of(&seen.local.files, unit).map(|(path, _)| path.clone());
            self.files.remove.extend(files);
            self.files.impossible.remove(unit);
        }
        let coming = self.files.staged.keys().filter(|path| !seen.local.files.contains_key(*path));
        plan::refuse_to_displace(coming, &self.files.remove, &seen.local.files)?;
        let next = self.next_state(&mut resolved);
        outcome.base = next.repositories.get(&seen.location).and_then(|place| place.base.clone());
        outcome.bytes += self.staging.bytes;
        if self.files.staged.is_empty() && self.files.remove.is_empty() {
            staging::clear(&ctx.instance.staging())?;
            if outcome.conflicts.is_empty() {
                ctx.note(if seen.saving(&next).is_empty() {
                    "nothing to bring: what the cloud has is here already"
                } else {
                    "nothing to bring; what differs is this PC's, and the next push saves it"
                });
            }
            return Ok(next.save(&ctx.instance.state_file())?);
        }
        let is_joined = !seen.saving(self.state).is_empty() || !outcome.conflicts.is_empty();
        let gone = self.put_in_place(&resolved, next, outcome)?;
        (outcome.files.restored, outcome.files.removed) = (self.files.staged.len(), self.files.remove.len());
        if self.files.staged.is_empty() && self.files.remove.is_empty() {
            ctx.note("nothing could be brought; the next pull tries again");
            return Ok(());
        }
        self.tell(is_joined, &gone);
        if outcome.done == Done::Nothing {
            outcome.done = Done::Restored;
        }
        copies::tidy(ctx);
        Ok(())
    }

    fn tell(&self, is_joined: bool, gone: &BTreeSet<String>) {
        let newest = self.seen.news.snapshots.first();
        let saver = newest.map_or("the cloud", |snapshot| snapshot.hostname.as_str());
        let what = self.what_moved();
        self.ctx.note(&if is_joined {
            format!("joined with what {saver} saved: {what}")
        } else {
            format!("made the same as {saver} saved it: {what}")
        });
        for world in gone {
            self.ctx.warn(&format!(
                "the world {world} was deleted on another PC and is gone here, too; `cloud-sync undo` brings it back"
            ));
        }
    }
}
