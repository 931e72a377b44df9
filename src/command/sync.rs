//! `pull` and `push`.

use crate::context::{Account, Context};
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::outcome::Outcome;
use crate::sync;
use crate::verb::Verb;

/// Runs `pull`. Somebody who waits for the game may try again until the cloud is there.
pub fn pull(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    loop {
        match signed_in(ctx, Verb::Pull, outcome, sync::pull) {
            Err(error) if error.kind == Kind::Offline && ctx.front().try_again(&error.message()) => {}
            other => return other,
        }
    }
}

/// Runs `push`.
pub fn push(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    signed_in(ctx, Verb::Push, outcome, sync::push)
}

/// Does `work` for the account of this instance. Where there is none, or the cloud does not
/// take it, the player is asked.
fn signed_in(
    ctx: &mut Context<'_>,
    verb: Verb,
    outcome: &mut Outcome,
    work: impl Fn(&Context<'_>, &Account, &mut Outcome) -> Result<()>,
) -> Result<()> {
    let account = ctx.account()?;
    ctx.begin(verb)?;
    let _lock = lock(ctx)?;
    let done = if let Some(account) = &account {
        ctx.log.hide(account.token.password());
        work(ctx, account, outcome)
    } else {
        let (url, folder) = (ctx.url()?, ctx.instance.root().display());
        Err(Error::new(Kind::SignedOut, "not signed in, so nothing is synced").hint(format!(
            "run `cloud-sync login --url={url}` in a terminal in {folder}; whoever runs the server gives you a token"
        )))
    };
    let Err(error) = done else { return Ok(()) };
    if error.kind != Kind::SignedOut {
        return Err(error);
    }
    let url = ctx.url()?;
    let mut why = error.message();
    loop {
        ctx.log.line(&why);
        let Some(token) = ctx.front().sign_in(&url, &why) else { return Err(error) };
        let account = ctx.account_of(&url, token)?;
        match super::login::check(ctx, &account) {
            Ok(key) => {
                super::login::keep(ctx, &account, &url, key)?;
                return work(ctx, &account, outcome);
            }
            Err(error) if error.kind == Kind::Interrupted => return Err(error),
            // A wrong password, no network, no such server: all can be mended here and now.
            Err(error) => why = error.message(),
        }
    }
}

/// Waits for another cloud-sync that works on this instance, an upload perhaps. Then nobody else writes
/// here, and what one that was killed left half written goes.
pub fn lock(ctx: &Context<'_>) -> Result<crate::instance::Lock> {
    let wait = || ctx.note("waiting for another cloud-sync that works on this instance");
    let lock = ctx.instance.lock(wait)?;
    durable::clear_unfinished(&ctx.instance.ours());
    Ok(lock)
}
