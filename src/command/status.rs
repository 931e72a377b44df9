//! `status`: how this PC and the cloud compare, in words. Changes nothing.

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::instance::game;
use crate::instance::local::Local;
use crate::instance::scope::Scope;
use crate::instance::state::State;
use crate::instance::tree::Tree;
use crate::model::Divergence;
use crate::outcome::Outcome;
use crate::player::{card, counted, human_bytes};
use crate::sync::{Observation, Purpose};
use crate::transaction;

/// Observes and tells.
pub fn status(ctx: &Context<'_>, outcome: &mut Outcome) -> Result<()> {
    if let Some(journal) = transaction::pending(&ctx.instance)? {
        ctx.warn(&format!(
            "a restore was cut off ({} to place); the next pull, push or undo finishes it",
            counted(journal.moves.place.len(), "file")
        ));
    }
    let seen = match ctx.account()? {
        Some(account) => Observation::make(ctx, &account, &[], Purpose::Status, &mut outcome.base),
        None => Err(Error::new(Kind::SignedOut, "not signed in").hint("run `cloud-sync login` in the game folder")),
    };
    let seen = match seen {
        Err(error) if matches!(error.kind, Kind::SignedOut | Kind::Offline) => {
            tell_of_this_pc(ctx)?;
            return Err(error);
        }
        seen => seen?,
    };
    outcome.divergence = seen.divergence;
    outcome.base = seen.place().base;
    outcome.head = seen.head();
    for world in game::open_worlds(ctx.instance.root()).keys() {
        ctx.warn(&format!("the game has the world {world} open"));
    }
    for left in &seen.local.tree.left_out {
        ctx.warn(&format!("not synced: {}: {}", left.path, left.why.text()));
    }
    ctx.note(&format!("{}: {}", title(seen.divergence), reason(&seen)));
    tell_amount(ctx, &seen.local);
    if let Some(head) = seen.news.snapshots.first() {
        ctx.note(&format!(
            "in the cloud: {} saved by {} on {}",
            head.id.short(),
            head.hostname,
            head.time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M")
        ));
    }
    Ok(())
}

/// What can be told without the cloud.
fn tell_of_this_pc(ctx: &Context<'_>) -> Result<()> {
    let scope = Scope::load(&ctx.instance)?;
    let tree = Tree::walk(ctx.instance.root(), &scope)?;
    let state = State::load(&ctx.instance.state_file())?;
    if state.older.is_some() {
        // It did not note what it had synced.
        return Ok(());
    }
    let local = Local::look(ctx.instance.root(), tree, &scope, &state);
    tell_amount(ctx, &local);
    let time = state.repositories.values().filter_map(|place| place.base_time).max();
    ctx.note(&match time {
        None => "this PC has not synced with a cloud yet".to_owned(),
        Some(time) => match local.edits.in_words() {
            Some(edits) => format!("since the version of {}: {edits}", card::when(time)),
            None => format!("nothing changed here since the version of {}", card::when(time)),
        },
    });
    Ok(())
}

fn tell_amount(ctx: &Context<'_>, local: &Local) {
    ctx.note(&format!("synced here: {}, {}", counted(local.files.len(), "file"), human_bytes(local.bytes())));
}

fn title(divergence: Divergence) -> &'static str {
    match divergence {
        Divergence::SignedOut => "signed out",
        Divergence::Unknown => "unknown",
        Divergence::Blank => "empty",
        Divergence::InSync => "in sync",
        Divergence::Ahead => "this PC is ahead",
        Divergence::Behind => "the cloud is ahead",
        Divergence::FirstLink => "first link",
        Divergence::Diverged => "both went on",
        Divergence::RemoteEmptied => "the cloud was emptied",
        Divergence::LocalLost => "this PC lost its files",
    }
}

/// The worlds that the next pull asks about, in words.
fn contested(seen: &Observation) -> Option<String> {
    let view = seen.view(&seen.state);
    let questions = view.now().questions(|unit| seen.is_in_reach(unit));
    let worlds: Vec<_> = questions.keys().filter_map(|unit| unit.world()).collect();
    match worlds.as_slice() {
        [] => None,
        [world] => Some(format!("{world} has two versions")),
        worlds => Some(format!("{} have two versions each", worlds.join(", "))),
    }
}

fn reason(seen: &Observation) -> String {
    let edits = || seen.local.edits.in_words();
    let others = || match seen.news.snapshots.len() {
        0 | 1 => "a version this PC has not seen".to_owned(),
        count => format!("{count} versions this PC has not seen"),
    };
    match seen.divergence {
        Divergence::SignedOut | Divergence::Unknown => "the cloud could not be asked".to_owned(),
        Divergence::Blank => "neither this PC nor the cloud has any files to sync; is this the game folder, with saves in it?".to_owned(),
        Divergence::InSync => "every file is as it was last synced, and the cloud has nothing new".to_owned(),
        Divergence::Ahead => match edits() {
            Some(edits) => format!("files here: {edits}; the cloud has nothing new; the next push saves them"),
            None => "what is here is not in the cloud yet; the next push saves it".to_owned(),
        },
        Divergence::Behind | Divergence::Diverged if contested(seen).is_some() => {
            let what = contested(seen).unwrap_or_default();
            format!("{what}, this PC's and another one's; the next pull asks which one to play, and both are kept")
        }
        Divergence::Behind => format!("the cloud has {}, and nothing changed here; the next pull makes this PC the same", others()),
        Divergence::FirstLink => "both have files, and this PC has never synced with this cloud; the next pull joins them, and asks about worlds that differ".to_owned(),
        Divergence::Diverged if seen.unseen().is_empty() => {
            "something here is not saved yet, and something in the cloud did not come yet; the next pull tries again".to_owned()
        }
        Divergence::Diverged => match edits() {
            Some(edits) => format!("files here: {edits}; and the cloud has {}; the next pull joins them, and asks only about worlds that both changed", others()),
            None => format!("the cloud has {}; the next pull joins them with what is here, and asks only about worlds that both changed", others()),
        },
        Divergence::RemoteEmptied => "the cloud has lost what it had; the files here stay, and the next push saves them anew".to_owned(),
        Divergence::LocalLost => "none of the files that were synced is here; the next pull brings them back".to_owned(),
    }
}
