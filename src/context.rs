//! Everything that a run may touch, resolved once from the arguments and the environment.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::args::Args;
use crate::cloud::provision::{self, Origin, Sources, pins};
use crate::cloud::remote;
use crate::cloud::repository::Repository;
use crate::cloud::restic::{Restic, Waits};
use crate::credentials::Token;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::interrupt::lock;
use crate::player::{Front, Progress};
use crate::reading::read_if_there;
use crate::run_log::RunLog;
use crate::verb::Verb;
use crate::{durable, env, platform};

/// How long is waited before a game: the player does, too.
const BEFORE_GAME: Waits = Waits { stall: Duration::from_secs(30), outage: Duration::from_secs(5) };
/// The same after it, when what was played is not safe yet.
const AFTER_GAME: Waits = Waits { stall: Duration::from_mins(2), outage: Duration::from_mins(1) };

/// How deep restic's folders are in its cache: repository, kind, and the first letters of names.
const CACHE_DEPTH: usize = 3;
/// A disk with less room than this holds no cache: what only saves time is not to be in the way.
const CACHE_ROOM: u64 = 64 << 20;

/// One run.
pub struct Context<'a> {
    /// What the player asked for.
    pub args: &'a Args,
    /// The instance.
    pub instance: Instance,
    /// This PC's label.
    pub machine: String,
    /// The time of the run.
    pub now: DateTime<Utc>,
    /// The log of the run.
    pub log: RunLog,
    front: &'a dyn Front,
    /// Whether a game is to begin when it is done.
    is_before_game: bool,
    warnings: Mutex<Vec<String>>,
    /// The restic that was found: looking for it hashes or runs it.
    restic: OnceLock<(PathBuf, Origin)>,
}

/// The repository and the token for it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The repository.
    pub repository: Repository,
    /// The token.
    pub token: Token,
}

/// What `login` remembers for an instance.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Config {
    /// The repository.
    #[serde(default)]
    pub url: Option<String>,
    /// The key of the repository that the token opens. restic tries it first; each other one would
    /// cost half a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl<'a> Context<'a> {
    /// Resolves the arguments.
    pub fn new(args: &'a Args, front: &'a dyn Front) -> Result<Self> {
        let folder = args.pack_folder.clone().filter(|folder| !folder.as_os_str().is_empty());
        let folder =
            folder.or_else(|| std::env::var_os(env::INST_MC_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from));
        let instance = Instance::open(&folder.unwrap_or_else(|| PathBuf::from(".")))?;
        let machine = args.machine.clone().filter(|name| !name.trim().is_empty());
        let machine = machine.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        Ok(Self {
            args,
            instance,
            machine,
            now: now()?,
            log: RunLog::none(),
            front,
            is_before_game: true,
            warnings: Mutex::default(),
            restic: OnceLock::new(),
        })
    }

    /// Makes our folder in the instance and begins the log. Commands that change nothing do
    /// without.
    pub fn begin(&mut self, verb: Verb) -> Result<()> {
        self.is_before_game = verb == Verb::Pull;
        self.front.begin(verb, &self.machine);
        self.instance.prepare()?;
        self.log = RunLog::begin(&self.instance.own("logs"), verb.name(), self.now);
        self.log.line(&format!(
            "cloud-sync {} {verb} in {} as {}",
            env!("CARGO_PKG_VERSION"),
            self.instance.root().display(),
            self.machine
        ));
        Ok(())
    }

    /// The way to the player.
    pub fn front(&self) -> &dyn Front {
        self.front
    }

    /// Tells the player and the log.
    pub fn note(&self, text: &str) {
        self.log.line(text);
        self.front.note(&self.log.redact(text));
    }

    /// Tells the log, and the player who wants to know more.
    pub fn detail(&self, text: &str) {
        self.log.line(text);
        if self.args.verbose {
            self.front.note(&self.log.redact(text));
        }
    }

    /// Warns the player, and keeps the warning for the outcome.
    pub fn warn(&self, text: &str) {
        let text = self.log.redact(text);
        let mut warnings = lock(&self.warnings);
        // A run may look twice.
        if !warnings.contains(&text) {
            self.log.line(&format!("warning: {text}"));
            self.front.warn(&text);
            warnings.push(text);
        }
    }

    /// Tells how far it is.
    pub fn progress(&self, progress: &Progress) {
        self.front.progress(progress);
    }

    /// The warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        lock(&self.warnings).clone()
    }

    /// The repository's address: from the command line, or as `login` remembered it.
    pub fn url(&self) -> Result<String> {
        let given = self.args.url.clone().filter(|url| !url.trim().is_empty());
        match given {
            Some(url) => Ok(url),
            None => self.config()?.url.ok_or_else(|| {
                let folder = self.instance.root().display();
                Error::new(Kind::Usage, "this instance is not set up yet: no address of a cloud is known for it")
                    .hint(format!("open a terminal in {folder} and run `cloud-sync login --url=https://HOST` once"))
            }),
        }
    }

    fn config(&self) -> Result<Config> {
        let file = self.instance.config_file();
        let Some(text) = read_if_there(&file)? else { return Ok(Config::default()) };
        serde_json::from_slice(&text).map_err(|error| {
            Error::new(Kind::Failed, format!("{} is damaged: {error}", file.display()))
                .hint("delete it and run `cloud-sync login` again")
        })
    }

    /// Remembers the address for this instance, and the key that the token opens there.
    pub fn remember(&self, url: &str, key: Option<String>) -> Result<()> {
        let config = Config { url: Some(url.to_owned()), key };
        let text = serde_json::to_vec_pretty(&config).context("could not keep the address")?;
        Ok(durable::replace(&self.instance.config_file(), &text)?)
    }

    /// Where the token is.
    pub fn token_file(&self) -> PathBuf {
        let named = self.args.token_file.clone().filter(|file| !file.as_os_str().is_empty());
        named.unwrap_or_else(|| self.instance.token_file())
    }

    /// The repository and the token for it; none where there is no token.
    pub fn account(&self) -> Result<Option<Account>> {
        let url = self.url()?;
        let file = self.token_file();
        match Token::load(&file)? {
            Some(token) => {
                if platform::is_open_to_others(&file) {
                    let file = file.display();
                    self.warn(&format!("others on this PC can read your token in {file}; `chmod 600` keeps it to you"));
                }
                self.account_of(&url, token).map(Some)
            }
            // A file that was named must be there; the usual one comes with the first login.
            None if file != self.instance.token_file() => {
                Err(Error::new(Kind::Failed, format!("the token file {} does not exist", file.display()))
                    .hint("put user:password into it, or leave out --token-file and run `cloud-sync login`"))
            }
            None => Ok(None),
        }
    }

    /// The repository at `url` for the owner of `token`.
    pub fn account_of(&self, url: &str, token: Token) -> Result<Account> {
        self.log.hide(token.password());
        let repository = Repository::parse(url, token.user(), self.args.insecure_http)?;
        self.log.line(&format!("repository {}", repository.location()));
        Ok(Account { repository, token })
    }

    /// Finds restic, fetching it if need be and allowed.
    pub fn find_restic(&self, may_download: bool) -> Result<(PathBuf, Origin)> {
        if let Some(found) = self.restic.get() {
            return Ok(found.clone());
        }
        let mirror = std::env::var(env::RESTIC_MIRROR).ok().filter(|mirror| !mirror.is_empty());
        let release = mirror.as_deref().unwrap_or(pins::RELEASE);
        let folder = self.instance.ours();
        let sources = Sources {
            named: self.args.restic_binary.as_deref().filter(|file| !file.as_os_str().is_empty()),
            folder: &folder,
            release: (may_download && !self.args.no_download).then_some(release),
        };
        let found = provision::find(&sources, self.front)?;
        self.log.line(&format!("restic is {} ({:?})", found.0.display(), found.1));
        Ok(self.restic.get_or_init(|| found).clone())
    }

    /// A restic for the account.
    pub fn restic(&self, account: &Account, may_download: bool) -> Result<Restic> {
        let (exe, _) = self.find_restic(may_download)?;
        let cache = self.cache();
        let given = std::env::var(env::PATIENCE).ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let usual = if self.is_before_game { BEFORE_GAME } else { AFTER_GAME };
        let waits = given.map_or(usual, |time| Waits { stall: time, outage: time });
        let Account { repository, token } = account.clone();
        let health = move || remote::health(&repository, &token);
        let restic = Restic::new(exe, &account.repository, &account.token, cache.as_deref(), waits, health);
        // It only saves time, and of another repository it does no harm.
        let key = self.config().ok().and_then(|config| config.key);
        Ok(restic.with_key_hint(key.as_deref()).with_temporary_folder(self.temporary_folder().as_deref()))
    }

    /// Where restic keeps what it has already fetched; none where no folder can be made or its disk is
    /// full, which for restic would be fatal, and none where the instance lies in it, because restic
    /// saves nothing that does.
    fn cache(&self) -> Option<PathBuf> {
        let named = std::env::var_os(env::CACHE_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let folder = named.or_else(|| dirs::cache_dir().map(|dir| dir.join("cloud-sync").join("restic")));
        let holds_instance =
            |folder: &PathBuf| platform::real_path(folder).is_ok_and(|folder| self.instance.root().starts_with(folder));
        let has_room = |folder: &PathBuf| fs4::available_space(folder).is_ok_and(|free| free >= CACHE_ROOM);
        let folder = folder.filter(|folder| is_writable(folder) && has_room(folder) && !holds_instance(folder))?;
        if let Some(foreign) = not_own(&folder, CACHE_DEPTH) {
            let foreign = foreign.display();
            self.warn(&format!(
                "{foreign} belongs to another user, so nothing is kept in that folder; delete it to be faster again"
            ));
            return None;
        }
        Some(folder)
    }

    /// Where restic puts packs before it sends them, where the system's own folder for that is not there.
    fn temporary_folder(&self) -> Option<PathBuf> {
        let is_usual = tempfile::tempfile().is_ok();
        (!is_usual).then(|| self.instance.ours())
    }
}

/// The first folder in `folder` that belongs to somebody else: a run as root may have made it.
fn not_own(folder: &Path, depth: usize) -> Option<PathBuf> {
    if !platform::is_own(folder) {
        return Some(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.file_name() != "data");
    { folders }.find_map(|entry| not_own(&entry.path(), depth.checked_sub(1)?))
}

fn is_writable(folder: &Path) -> bool {
    std::fs::create_dir_all(folder).is_ok() && tempfile::tempfile_in(folder).is_ok()
}

fn now() -> Result<DateTime<Utc>> {
    let Ok(text) = std::env::var(env::NOW) else { return Ok(Utc::now()) };
    let time = DateTime::parse_from_rfc3339(&text);
    Ok(time.map_err(|_| Error::new(Kind::Usage, format!("{} is no time: {text}", env::NOW)))?.with_timezone(&Utc))
}
