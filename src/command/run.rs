//! `run -- GAME`: what a launcher takes as a wrapper command. A launcher runs a hook after the
//! game only if the game ended well; what wraps the game is there in any case.
//!
//! It gives the game our stdin, stdout and stderr as they are, never reads from a pipe, and writes only
//! before and after it. What asks us to end while the game runs is passed on and forgotten, so that the
//! push still happens; once more, during the push, it is meant for us. In the foreground of a terminal,
//! where the game got the Ctrl-C itself, another one is passed on and no SIGTERM, which would end a
//! script around the game before the game.

use std::ffi::OsString;
use std::process::Command;

use super::sync;
use crate::args::Args;
use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::player::Front;
use crate::verb::Verb;
use crate::{interrupt, platform, run};

/// Pulls, runs the game, and pushes however it ended. The exit code is the game's.
pub fn run(args: &Args, front: &dyn Front, game: &[OsString]) -> Outcome {
    let mut pulled = run::run(Verb::Pull, args, front, sync::pull);
    let outcome = if pulled.exit == Exit::Ok {
        match play(game) {
            Ok(code) => {
                let pushed = run::run(Verb::Push, args, front, sync::push);
                pulled.warnings.extend(pushed.warnings);
                Outcome { warnings: pulled.warnings, exit: Exit::Command(code), ..pushed }
            }
            Err(error) => pulled.failed(&error, args.strict),
        }
    } else {
        if let Some(error) = &mut pulled.error {
            error.message.push_str("; the game was not started");
        }
        pulled
    };
    Outcome { command: Some(Verb::Run), ..outcome }
}

/// Runs the game with all that we got from the launcher, which gives it the launch script on
/// stdin, and waits for its end.
fn play(game: &[OsString]) -> Result<i32> {
    let (program, arguments) = game.split_first().ok_or_else(|| Error::new(Kind::Usage, "there is no game to run"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    let not_started = |error: std::io::Error| {
        let name = program.to_string_lossy();
        Error::new(Kind::Failed, format!("the game could not be started: {name}: {error}")).hint(
            "the wrapper command in the launcher's settings ends with `run --`, and the launcher adds the game to it",
        )
    };
    let start = || {
        if interrupt::requested() {
            return Err(Error::new(Kind::Interrupted, "interrupted; the game was not started"));
        }
        let game = platform::start_game(&mut command).map_err(not_started)?;
        let end = platform::ender(&game);
        Ok((game, end))
    };
    let mut game = interrupt::leave_to(start, platform::wait_for_end)?;
    let status = game.wait().map_err(|error| Error::new(Kind::Failed, format!("the game is lost: {error}")))?;
    Ok(platform::code_of(status))
}
