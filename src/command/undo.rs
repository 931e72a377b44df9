//! `undo`.

use std::collections::BTreeSet;

use chrono::Local;

use super::sync::lock;
use crate::context::Context;
use crate::error::Result;
use crate::front::counted;
use crate::outcome::{Done, Outcome};
use crate::paths::world_of;
use crate::sync;

/// Puts the last pull back.
pub fn undo(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    ctx.begin("undo")?;
    let _lock = lock(ctx)?;
    sync::stop_if_game_runs(ctx)?;
    if sync::apply::recover(ctx)?.is_some_and(|command| command == outcome.command) {
        // It was this very command that was cut off; doing it again would take it back.
        outcome.done = Done::Undone;
        return Ok(());
    }
    sync::undo::undo(ctx, outcome)
}

/// Lists the undo copies.
pub fn list(ctx: &Context<'_>) {
    let copies = sync::undo::list(&ctx.instance.undo());
    if copies.is_empty() {
        ctx.note("there are no undo copies");
    } else {
        ctx.note("the last one is what `cloud-sync undo` takes back; all are in .cloud-sync/undo");
    }
    for copy in copies {
        let when = copy.note.at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S");
        let replaced = sync::undo::replaced(ctx, &copy);
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
