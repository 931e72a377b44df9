//! `pull` and `push`.

use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::outcome::Outcome;
use crate::sync;

/// Runs `pull`.
pub fn pull(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    let account = signed_in(ctx, outcome.command)?;
    let _lock = lock(ctx)?;
    sync::pull(ctx, &account, outcome)
}

/// Runs `push`.
pub fn push(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    let account = signed_in(ctx, outcome.command)?;
    let _lock = lock(ctx)?;
    sync::push(ctx, &account, outcome)
}

/// The account of this instance; where there is none, the player is asked.
fn signed_in(ctx: &mut Context<'_>, command: &str) -> Result<Account> {
    let account = ctx.account()?;
    ctx.begin(command)?;
    if let Some(account) = account {
        ctx.log.hide(account.token.password());
        return Ok(account);
    }
    let url = ctx.url()?;
    let Some(token) = ctx.front().sign_in(&url) else {
        return Err(Error::new(Kind::SignedOut, "not signed in, so nothing is synced").hint(
            "run `cloud-sync login` in a terminal in the game folder; whoever runs the server gives you a token",
        ));
    };
    let account = ctx.account_of(&url, token)?;
    super::login::check(ctx, &account)?;
    account.token.save(&ctx.token_file())?;
    Ok(account)
}

/// Waits for another cloud-sync that works on this instance, an upload perhaps.
pub fn lock(ctx: &Context<'_>) -> Result<crate::instance::Lock> {
    ctx.instance.lock(|| ctx.note("waiting for another cloud-sync that works on this instance"))
}
