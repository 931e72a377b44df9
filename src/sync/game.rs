//! Whether the game lets a sync begin.

use std::thread;
use std::time::{Duration, Instant};

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::instance::game;
use crate::interrupt;

/// How often the worlds are looked at.
const TICK: Duration = Duration::from_millis(200);

/// A game that is closing still saves, and lets go of its worlds when it is done.
pub fn wait_for_game(ctx: &Context<'_>) {
    let Some(patience) = ctx.args.wait_for_game.map(Duration::from_secs) else { return };
    let begin = Instant::now();
    let is_open = || !game::open_worlds(ctx.instance.root()).is_empty();
    if is_open() {
        ctx.note("waiting for the game to close");
    }
    while is_open() && begin.elapsed() < patience && !interrupt::requested() {
        thread::sleep(TICK);
    }
}

/// Files must not be replaced under a running game.
pub fn stop_if_game_runs(ctx: &Context<'_>) -> Result<()> {
    let Some((world, holder)) = game::open_worlds(ctx.instance.root()).into_iter().next() else { return Ok(()) };
    let process = holder.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    Err(Error::new(
        Kind::GameRunning,
        format!("the game is running in this instance and has the world {world} open{process}"),
    )
    .hint("close the game and start again; nothing was changed"))
}
