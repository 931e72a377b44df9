//! `doctor`: looks for what could go wrong, a line each. Changes nothing.

use std::fs;
use std::io::Write as _;

use crate::cloud::provision::Origin;
use crate::cloud::remote::{self, Remote};
use crate::context::{Account, Context};
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::game;
use crate::instance::scope::Scope;
use crate::instance::state::State;
use crate::instance::tree::Tree;
use crate::player::{counted, human_bytes};
use crate::transaction;

/// Less than this free makes syncing a gamble.
const LOW_SPACE: u64 = 1 << 30;

struct Doctor<'a> {
    ctx: &'a Context<'a>,
    troubles: usize,
}

/// Runs every check. Any trouble is exit code 1.
pub fn doctor(ctx: &Context<'_>) -> Result<()> {
    let mut doctor = Doctor { ctx, troubles: 0 };
    doctor.ok("instance", &ctx.instance.root().display().to_string());
    doctor.permissions();
    doctor.disk_space();
    doctor.clock();
    let has_restic = doctor.restic();
    if let Some(account) = doctor.token() {
        doctor.repository(&account, has_restic);
    }
    doctor.scope();
    doctor.state();
    doctor.leftovers();
    doctor.game();
    let what = match doctor.troubles {
        0 => return Ok(()),
        1 => "one of these needs a look".to_owned(),
        count => format!("{count} of these need a look"),
    };
    Err(Error::new(Kind::Failed, what).hint("the lines that begin with LOOK say what to do"))
}

impl Doctor<'_> {
    fn ok(&self, what: &str, text: &str) {
        self.ctx.note(&format!("ok    {what}: {text}"));
    }

    fn trouble(&mut self, what: &str, text: &str) {
        self.troubles += 1;
        self.ctx.note(&format!("LOOK  {what}: {text}"));
    }

    fn failed(&mut self, what: &str, error: &Error) {
        let hint = error.hint_text().map(|hint| format!(" ({hint})")).unwrap_or_default();
        self.trouble(what, &format!("{}{hint}", error.message()));
    }

    fn permissions(&mut self) {
        let ours = self.ctx.instance.ours();
        let folder = if ours.is_dir() { ours } else { self.ctx.instance.root().to_owned() };
        let written = tempfile::NamedTempFile::new_in(&folder).and_then(|mut file| file.write_all(b"x"));
        match written {
            Ok(()) => self.ok("permissions", "the instance is writable"),
            Err(error) => self.trouble("permissions", &format!("{} cannot be written: {error}", folder.display())),
        }
    }

    fn disk_space(&mut self) {
        match fs4::available_space(self.ctx.instance.root()) {
            Ok(free) if free >= LOW_SPACE => self.ok("disk space", &format!("{} free", human_bytes(free))),
            Ok(free) => self.trouble("disk space", &format!("only {} free", human_bytes(free))),
            Err(error) => self.trouble("disk space", &format!("cannot be told: {error}")),
        }
    }

    /// Nothing depends on the clock, but people read its times in the history.
    fn clock(&mut self) {
        let now = self.ctx.now;
        let state = State::load(&self.ctx.instance.state_file()).unwrap_or_default();
        let base = state.repositories.values().filter_map(|place| place.base_time).max();
        match base.filter(|base| *base > now) {
            Some(base) => self.trouble(
                "clock",
                &format!(
                    "{} is before the last save, {}; syncing works all the same",
                    now.format("%F %T UTC"),
                    base.format("%F %T UTC")
                ),
            ),
            None => self.ok("clock", &now.format("%F %T UTC").to_string()),
        }
    }

    fn restic(&mut self) -> bool {
        match self.ctx.find_restic(false) {
            Ok((exe, origin)) => {
                let version =
                    crate::cloud::restic::version(&exe).map(|version| version.to_string()).unwrap_or_default();
                let origin = match origin {
                    Origin::Named => "named by --restic-binary",
                    Origin::Kept | Origin::Fetched => "fetched for this instance",
                    Origin::Path => "found on the PATH",
                };
                self.ok("restic", &format!("{version} at {} ({origin})", exe.display()));
                true
            }
            Err(_) if !self.ctx.args.no_download && self.ctx.args.restic_binary.is_none() => {
                self.ok("restic", "not here yet; the first pull or push fetches it");
                false
            }
            Err(error) => {
                self.failed("restic", &error);
                false
            }
        }
    }

    fn token(&mut self) -> Option<Account> {
        match self.ctx.account() {
            Ok(Some(account)) => {
                self.ok("token", &format!("{}, for {}", self.ctx.token_file().display(), account.token.user()));
                Some(account)
            }
            Ok(None) => {
                self.trouble("token", "not signed in; run `cloud-sync login`");
                None
            }
            Err(error) => {
                self.failed("token", &error);
                None
            }
        }
    }

    fn repository(&mut self, account: &Account, has_restic: bool) {
        let by_restic = || remote::list_by_restic(&self.ctx.restic(account, false)?);
        let location = account.repository.location();
        match remote::list(&account.repository, &account.token, by_restic) {
            Ok(Remote::Missing) if self.has_synced() => {
                self.trouble("repository", &format!("{location} is not there, but this PC has synced with it: is its disk plugged in, is the address right? If it is gone for good, delete .cloud-sync/state.json to start anew"));
            }
            Ok(Remote::Missing) => self.ok("repository", &format!("{location}: not made yet; the first push makes it")),
            Ok(Remote::Ids(ids)) if has_restic => {
                let restic = self.ctx.restic(account, false);
                let checked = restic.and_then(|restic| Ok(restic.open().and_then(|_| restic.is_whole(None))?));
                match checked {
                    Ok(true) => self.ok("repository", &format!("{location}: {}", counted(ids.len(), "snapshot"))),
                    Ok(false) => self.trouble("repository", &format!("{location} has lost a part of what it was given; whoever runs it repairs it (`restic check` says what), and a push on each PC sends what is there")),
                    Err(error) => self.failed("repository", &error),
                }
            }
            Ok(Remote::Ids(ids)) => self.ok("repository", &format!("{location}: {}", counted(ids.len(), "snapshot"))),
            Err(error) => self.failed("repository", &error),
        }
    }

    fn has_synced(&self) -> bool {
        State::load(&self.ctx.instance.state_file()).is_ok_and(|state| !state.is_new())
    }

    fn scope(&mut self) {
        let ctx = self.ctx;
        let source = if ctx.instance.scope_file().exists() { "scope.json" } else { "built in" };
        let scope = Scope::load(&ctx.instance);
        match scope.and_then(|scope| Ok((Tree::walk(ctx.instance.root(), &scope)?, scope))) {
            Ok((tree, scope)) => {
                let amount = format!("{source}: {}, {}", counted(tree.files.len(), "file"), human_bytes(tree.bytes()));
                let is_game = ["saves", "mods", "config", "logs", "options.txt"]
                    .iter()
                    .any(|name| ctx.instance.root().join(name).exists());
                if tree.files.is_empty() && !is_game {
                    self.trouble("scope", &format!("{amount}; is this the game folder, with saves in it?"));
                } else {
                    self.ok("scope", &amount);
                }
                for left in &tree.left_out {
                    self.trouble("scope", &format!("not synced: {}: {}", left.path, left.why.text()));
                }
                if let Some(problem) = scope.problem() {
                    self.trouble("pack", problem);
                } else if !tree.of_pack.is_empty() {
                    let files = counted(tree.of_pack.len(), "file");
                    self.ok("pack", &format!("{files} in synced folders left to packwiz"));
                }
                self.links(&tree);
            }
            Err(error) => self.failed("scope", &error),
        }
    }

    /// A root that is a link is followed, which its owner should know.
    fn links(&mut self, tree: &Tree) {
        let mut folders: Vec<_> =
            tree.roots.iter().filter_map(|root| root.rsplit_once('/').map(|(folder, _)| folder)).collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            let path = self.ctx.instance.root().join(folder);
            if let Ok(target) = fs::read_link(&path) {
                self.ok("links", &format!("{folder} leads to {} and is followed", target.display()));
            }
        }
    }

    fn state(&mut self) {
        match State::load(&self.ctx.instance.state_file()) {
            Ok(state) => match state.repositories.into_values().find_map(|place| place.base) {
                Some(base) => self.ok("state", &format!("last synced with {}", base.short())),
                None => self.ok("state", "never synced"),
            },
            Err(error) => self.failed("state", &error),
        }
    }

    fn leftovers(&mut self) {
        let unfinished = durable::unfinished(&self.ctx.instance.ours());
        match transaction::pending(&self.ctx.instance) {
            Ok(None) if !unfinished.is_empty() => {
                let files = counted(unfinished.len(), "file");
                self.trouble(
                    "leftovers",
                    &format!("{files} half written in .cloud-sync; the next pull or push removes them"),
                );
            }
            Ok(None) => self.ok("leftovers", "none"),
            Ok(Some(_)) => self.trouble("leftovers", "a restore was cut off; the next pull, push or undo finishes it"),
            Err(error) => self.failed("leftovers", &error),
        }
    }

    fn game(&mut self) {
        match game::open_worlds(self.ctx.instance.root()).into_keys().next() {
            None => self.ok("game", "not running in this instance"),
            Some(world) => self.ok("game", &format!("running, with {world} open")),
        }
    }
}
