//! Undo: the files of the last undo copy go back to their places.
//!
//! It refuses to put back a part of a world that was played since, saved or not; the undo copy knows a
//! digest of each world as the command left it.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use anyhow::Context as _;
use chrono::Local as LocalTime;

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::instance::digest::hash_file;
use crate::instance::local::Local;
use crate::instance::scope::Scope;
use crate::instance::state::{Entry, Manifest, State};
use crate::instance::tree::Tree;
use crate::model::Stat;
use crate::outcome::{Done, Outcome};
use crate::player::counted;
use crate::transaction::copies::{self, Copy, Note, digests, files, files_below, list, new_name, tidy};
use crate::transaction::{Journal, Moves, Source};
use crate::verb::Verb;

/// Puts the last pull back. Its files count as local edits from then on.
pub fn undo(ctx: &Context<'_>, outcome: &mut Outcome) -> Result<()> {
    let state = State::load(&ctx.instance.state_file())?;
    let copy = list(&ctx.instance.undo()).pop().ok_or_else(|| {
        Error::new(Kind::Failed, "there is nothing to undo")
            .hint("undo copies are made by pulls and kept for up to 14 days")
    })?;
    let files = files(&ctx.instance.undo_copy(&copy.name));
    let place = files_below(&files)?;
    let scope = Scope::load(&ctx.instance)?;
    let tree = Tree::walk(ctx.instance.root(), &scope)?;
    let now = Local::look(ctx.instance.root(), tree, &scope, &state).files;
    refuse_to_mix(ctx, &copy, &place, &now)?;
    let placed: BTreeSet<_> = place.iter().collect();
    let is_here = |path: &String| ctx.instance.root().join(path).exists();
    let remove: Vec<_> =
        copy.note.added.iter().filter(|path| !placed.contains(path) && is_here(path)).cloned().collect();
    let added: Vec<_> = place.iter().filter(|path| !is_here(path)).cloned().collect();
    let replaced = place.iter().filter(|path| is_here(path));
    let worlds = copies::whole_worlds(remove.iter().chain(replaced), now.keys());
    let mut after = now.clone();
    after.retain(|path, _| !remove.contains(path));
    after.extend(entries(&files, &place, &scope)?);
    let left = digests(place.iter().chain(&remove), &after);
    let note = Note::new(ctx, Verb::Undo, added, worlds, left);
    let name = new_name(ctx);
    ctx.detail(&format!("putting back the undo copy {}: {} files back, {} away", copy.name, place.len(), remove.len()));
    let stat = |path: String| Ok((path.clone(), Stat::of(&fs::symlink_metadata(files.join(path))?)));
    let place = place.into_iter().map(stat).collect::<io::Result<_>>().context("could not read the undo copy")?;
    let moves = Moves { remove, place, gone_worlds: Vec::new() };
    let here = now.iter().map(|(path, entry)| (path, entry.here));
    let mut journal = Journal::new(Source::Undo(copy.name), name.clone(), note, moves, here, state);
    let apart = journal.commit(&ctx.instance)?;
    (outcome.files.restored, outcome.files.removed) = (journal.moves.place.len(), journal.moves.remove.len());
    for unit in &apart {
        ctx.warn(&unit.text());
    }
    if outcome.files.restored + outcome.files.removed == 0 && !apart.is_empty() {
        return Err(Error::new(Kind::Stopped, "nothing could be put back").hint("the warnings say what is in the way"));
    }
    outcome.undo = Some(ctx.instance.undo_copy(&name).display().to_string());
    outcome.done = Done::Undone;
    ctx.note(&format!(
        "the {} of {} is undone: {} back in place, {} taken away; the next push saves it so, and `cloud-sync undo` takes it back",
        copy.note.command,
        copy.note.at.with_timezone(&LocalTime).format("%Y-%m-%d %H:%M:%S"),
        counted(outcome.files.restored, "file"),
        outcome.files.removed
    ));
    tidy(ctx);
    Ok(())
}

/// Those of `paths` below `folder` that are synced.
fn entries(folder: &Path, paths: &[String], scope: &Scope) -> Result<Manifest> {
    let in_scope = paths.iter().filter(|path| scope.contains(path));
    let entry = |path: &String| {
        let stat = Stat::of(&fs::symlink_metadata(folder.join(path))?);
        Ok((path.clone(), Entry::new(stat, stat, hash_file(&folder.join(path))?)))
    };
    Ok(in_scope.map(entry).collect::<io::Result<_>>().context("could not read the undo copy")?)
}

/// A world that was played since cannot be put back in part, whether that was saved or not.
fn refuse_to_mix(ctx: &Context<'_>, copy: &Copy, place: &[String], now: &Manifest) -> Result<()> {
    let now = digests(place.iter().chain(&copy.note.added), now);
    match now.iter().find(|(world, digest)| copy.note.left.get(*world) != Some(digest)) {
        None => Ok(()),
        Some((world, _)) => {
            let folder = files(&ctx.instance.undo_copy(&copy.name));
            Err(Error::new(
                Kind::Stopped,
                format!("the world {world} was played since that pull, and undoing it would mix two versions"),
            )
            .hint(format!("the files that the pull replaced are in {}; nothing was changed", folder.display())))
        }
    }
}
