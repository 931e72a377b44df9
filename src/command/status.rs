//! `status`: how this PC and the cloud compare, in words. Changes nothing.

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::front::{counted, human_bytes};
use crate::game;
use crate::outcome::Outcome;
use crate::sync::apply;
use crate::sync::decide::{Divergence, Local};
use crate::sync::observe::{Observation, Purpose};

/// Observes and tells.
pub fn status(ctx: &Context<'_>, outcome: &mut Outcome) -> Result<()> {
    if let Some(journal) = apply::pending(&ctx.instance)? {
        ctx.warn(&format!(
            "a restore was cut off ({} to place); the next pull, push or undo finishes it",
            counted(journal.place.len(), "file")
        ));
    }
    let account = ctx.account()?.ok_or_else(|| {
        Error::new(Kind::SignedOut, "not signed in").hint("run `cloud-sync login` in the game folder")
    })?;
    let seen = Observation::make(ctx, &account, &[], Purpose::Status, &mut outcome.base)?;
    outcome.divergence = seen.divergence;
    outcome.base.clone_from(&seen.state.base);
    outcome.head = seen.head_id();
    for world in game::open_worlds(ctx.instance.root()).keys() {
        ctx.warn(&format!("the game has the world {world} open"));
    }
    for left in &seen.tree.left_out {
        ctx.warn(&format!("not synced: {}: {}", left.path, left.why.text()));
    }
    ctx.note(&format!("{}: {}", title(seen.divergence), reason(&seen)));
    ctx.note(&format!("synced here: {}, {}", counted(seen.tree.files.len(), "file"), human_bytes(seen.tree.bytes())));
    if let Some(head) = seen.head() {
        ctx.note(&format!(
            "in the cloud: {} saved by {} on {}",
            head.id.short(),
            head.hostname,
            head.time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M")
        ));
    }
    Ok(())
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

fn reason(seen: &Observation) -> String {
    let edits = || seen.edits.in_words();
    let others = || match seen.view.others.len() {
        0 | 1 => "a version this PC has not seen".to_owned(),
        count => format!("{count} versions this PC has not seen"),
    };
    match seen.divergence {
        Divergence::SignedOut | Divergence::Unknown => "the cloud could not be asked".to_owned(),
        Divergence::Blank => "neither this PC nor the cloud has any files to sync; is this the game folder, with saves in it?".to_owned(),
        Divergence::InSync => "every file is as it was last synced, and the cloud has nothing new".to_owned(),
        Divergence::Ahead => format!("files here: {}; the cloud has nothing new; the next push saves them", edits()),
        Divergence::Behind => format!("the cloud has {}, and nothing changed here; the next pull makes this PC the same", others()),
        Divergence::FirstLink => "both have files, and this PC has never synced with this cloud; the next pull joins them, and asks about worlds that differ".to_owned(),
        Divergence::Diverged if seen.local == Local::Clean => format!("the cloud has {}, not built on this PC's; the next pull joins them, and asks only about worlds that both changed", others()),
        Divergence::Diverged => format!("files here: {}; and the cloud has {}; the next pull joins them, and asks only about worlds that both changed", edits(), others()),
        Divergence::RemoteEmptied => "the cloud has lost what it had; the files here stay, and the next push saves them anew".to_owned(),
        Divergence::LocalLost => "none of the files that were synced is here; the next pull brings them back".to_owned(),
    }
}
