//! `login` and `logout`.

use std::io::Read as _;

use anyhow::Context as _;

use crate::cloud::remote::{self, Remote};
use crate::cloud::repository::Place;
use crate::context::{Account, Context};
use crate::credentials::Token;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::outcome::{Done, Outcome};
use crate::verb::Verb;

/// Asks for the token, checks it against the repository, keeps it.
pub fn login(ctx: &mut Context<'_>, token_stdin: bool) -> Result<()> {
    let url = ctx.url()?;
    let token = if token_stdin { read_stdin()? } else { ask(ctx, &url)? };
    ctx.begin(Verb::Login)?;
    let account = ctx.account_of(&url, token)?;
    let key = check(ctx, &account).map_err(|error| match error.kind {
        Kind::Offline => error.hint("check the address and the network, and run it again; nothing was stored"),
        Kind::SignedOut if error.hint_text().is_none_or(|hint| !hint.contains("--private-repos")) => {
            error.hint("look for a typing error in the token, and run it again; nothing was stored")
        }
        _ => error,
    })?;
    keep(ctx, &account, &url, key)?;
    ctx.note(&format!("signed in as {}", account.token.user()));
    Ok(())
}

/// Keeps token, address and what [`check`] told for this instance.
pub fn keep(ctx: &Context<'_>, account: &Account, url: &str, key: Option<String>) -> Result<()> {
    account.token.save(&ctx.token_file())?;
    match account.repository.place() {
        // A folder keeps its meaning wherever the next command is run.
        Place::Folder(folder) => ctx.remember(&folder.display().to_string(), key),
        _ => ctx.remember(url, key),
    }
}

fn ask(ctx: &Context<'_>, url: &str) -> Result<Token> {
    ctx.front().sign_in(url, "You get a token from whoever runs the server.").ok_or_else(|| {
        let hint = if ctx.front().can_ask() {
            "run it again when you have one; whoever runs the server gives it to you"
        } else {
            "it asks in a terminal; elsewhere pass the token with --token-stdin"
        };
        Error::new(Kind::SignedOut, "no token was entered, and nothing was changed").hint(hint)
    })
}

fn read_stdin() -> Result<Token> {
    let mut text = String::new();
    std::io::stdin().take(64 << 10).read_to_string(&mut text).context("could not read the token from stdin")?;
    Token::parse(&text).map_err(|reason| {
        Error::new(Kind::Failed, format!("what came on stdin is no token: {reason}")).hint("a token is user:password")
    })
}

/// Whether server and repository take the token, and which key of the repository it opens. A
/// repository that does not exist yet takes any token that its server takes.
pub fn check(ctx: &Context<'_>, account: &Account) -> Result<Option<String>> {
    let by_restic = || remote::list_by_restic(&ctx.restic(account, true)?);
    match remote::list(&account.repository, &account.token, by_restic)? {
        Remote::Ids(_) => Ok(ctx.restic(account, true)?.open()?),
        Remote::Missing => {
            ctx.note("nothing is stored at this address yet; the first push makes a new cloud there. If your other PCs use one already, check the address");
            Ok(None)
        }
    }
}

/// Forgets the token.
pub fn logout(ctx: &mut Context<'_>, outcome: &mut Outcome) -> Result<()> {
    let file = ctx.token_file();
    match std::fs::remove_file(&file) {
        Ok(()) => ctx.note(&format!("signed out; {} is deleted, your files stay", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => ctx.note("you were not signed in"),
        other => other.with_context(|| format!("could not delete {}", file.display()))?,
    }
    // A login that was killed may have left the token half written.
    if let Some(folder) = file.parent() {
        durable::clear_unfinished(folder);
    }
    outcome.done = Done::SignedOut;
    Ok(())
}
