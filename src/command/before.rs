//! `pull -- COMMAND`: launchers have one slot before the game, and packwiz needs it, too.

use std::ffi::OsString;
use std::process::Command;

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::platform;

/// Runs the command, if there is one, as the launcher would: in the current folder, with our
/// streams. It comes first, so that what is pulled wins over what a pack brings along.
pub fn run(ctx: &Context<'_>, command: &[OsString]) -> Result<()> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let name = program.to_string_lossy();
    ctx.detail(&format!("running {name} first"));
    let status = Command::new(program).args(arguments).status().map_err(|error| {
        Error::new(Kind::Failed, format!("{name}, which was to run before the pull, could not be started: {error}"))
            .hint("check the line after -- in the launcher's settings; without Java installed, $INST_JAVA is empty")
    })?;
    match platform::code_of(status) {
        0 => Ok(()),
        code => {
            Err(Error::new(Kind::Command(code), format!("{name} failed with exit code {code}; nothing was pulled"))
                .hint("what it printed above says why"))
        }
    }
}
