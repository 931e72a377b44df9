//! `undo`.

use chrono::Local;

use super::sync::lock;
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::front::counted;
use crate::outcome::{Done, Outcome};
use crate::{game, sync};

/// Puts the last pull back.
pub fn undo(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    ctx.begin("undo")?;
    let _lock = lock(ctx)?;
    if let Some(world) = game::open_worlds(ctx.instance.root()).keys().next() {
        return Err(Error::new(Kind::GameRunning, format!("the game is running and has the world {world} open"))
            .hint("close the game first"));
    }
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
    }
    for copy in copies {
        let when = copy.note.at.with_timezone(&Local).format("%Y-%m-%d %H:%M");
        let worlds = if copy.note.worlds.is_empty() {
            String::new()
        } else {
            format!("; worlds: {}", copy.note.worlds.join(", "))
        };
        ctx.note(&format!(
            "{when}  {}  {}, {} added{worlds}",
            copy.name,
            copy.note.command,
            counted(copy.note.added.len(), "file")
        ));
    }
}
