//! One command, from its arguments to its outcome.

use crate::args::Args;
use crate::context::Context;
use crate::credentials::without_tokens;
use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::interrupt::{self, Wish};
use crate::outcome::Outcome;
use crate::player::Front;
use crate::verb::Verb;

/// Runs one command, from its arguments to its outcome.
pub fn run(
    verb: Verb,
    args: &Args,
    front: &dyn Front,
    command: impl FnOnce(&mut Context<'_>, &mut Outcome) -> Result<()>,
) -> Outcome {
    let mut outcome = Outcome::new(verb);
    let mut ctx = match Context::new(args, front) {
        Ok(ctx) => ctx,
        Err(error) => return hide(outcome.failed(&error, args.strict)),
    };
    let result = command(&mut ctx, &mut outcome);
    front.finished();
    front.troubles().iter().for_each(|trouble| ctx.log.line(trouble));
    let result = grant(result);
    // No launch waits for a login.
    let strict = args.strict || verb == Verb::Login;
    if let Err(error) = &result {
        if error.exit(strict) == Exit::Ok {
            let hint = error.hint_text().map(|hint| format!("; {hint}")).unwrap_or_default();
            ctx.warn(&format!("{}{hint}", error.message()));
        }
        outcome = outcome.failed(error, strict);
    }
    if let Some(error) = &mut outcome.error {
        // It may quote what restic said.
        error.message = ctx.log.redact(&error.message);
    }
    outcome = hide(outcome);
    outcome.warnings = ctx.warnings();
    let json = ctx.log.redact(&outcome.to_json());
    ctx.log.line(&format!("exit {}: {json}", outcome.exit.code()));
    front.end(&outcome);
    outcome
}

/// A command that ended because the player wanted something else has not failed.
fn grant(result: Result<()>) -> Result<()> {
    let wish = interrupt::take_wish();
    match result {
        Err(error) if error.kind == Kind::Interrupted => Err(match wish {
            None => error,
            Some(Wish::Cancel) => Error::new(Kind::Cancelled, "cancelled; nothing was changed here"),
            Some(Wish::PlayAnyway) => {
                Error::new(Kind::Skipped, "playing without syncing").hint("what you play is saved at the next chance")
            }
        }),
        other => other,
    }
}

/// The same without a token that was given in the place of something else.
pub fn hide(mut outcome: Outcome) -> Outcome {
    if let Some(error) = &mut outcome.error {
        error.message = without_tokens(&error.message);
        error.hint = error.hint.take().map(|hint| without_tokens(&hint));
    }
    outcome
}
