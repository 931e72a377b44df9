//! `undo`.

use std::collections::BTreeSet;

use chrono::Local;

use super::sync::lock;
use crate::context::Context;
use crate::error::Result;
use crate::outcome::{Done, Outcome};
use crate::paths::world_of;
use crate::player::counted;
use crate::transaction::copies;
use crate::verb::Verb;
use crate::{sync, transaction};

/// Puts the last pull back.
pub fn undo(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    ctx.begin(Verb::Undo)?;
    let _lock = lock(ctx)?;
    sync::stop_if_game_runs(ctx)?;
    if transaction::recover(ctx)?.is_some_and(|command| Some(command) == outcome.command) {
        // It was this very command that was cut off; doing it again would take it back.
        outcome.done = Done::Undone;
        return Ok(());
    }
    sync::undo(ctx, outcome)
}

/// Lists the undo copies.
pub fn list(ctx: &Context<'_>) {
    let copies = copies::list(&ctx.instance.undo());
    if copies.is_empty() {
        ctx.note("there are no undo copies");
    } else {
        ctx.note("the last one is what `cloud-sync undo` takes back; all are in .cloud-sync/undo");
    }
    for copy in copies {
        let when = copy.note.at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S");
        let replaced = copies::replaced(ctx, &copy);
        let worlds: BTreeSet<_> = replaced.iter().chain(&copy.note.added).filter_map(|path| world_of(path)).collect();
        let worlds: Vec<_> = worlds.into_iter().collect();
        let worlds = if worlds.is_empty() { String::new() } else { format!("; worlds: {}", worlds.join(", ")) };
        ctx.note(&format!(
            "{when}  {:<4}  {} replaced or taken away, {} added{worlds}",
            copy.note.command,
            counted(replaced.len(), "file"),
            copy.note.added.len(),
        ));
    }
}
