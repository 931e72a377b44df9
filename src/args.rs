//! The options that all commands share. The comments are the help text.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};

use crate::env;

const CLOUD: &str = "The cloud";
const INSTANCE: &str = "The instance";
const ACTS: &str = "What it does";
const SAYS: &str = "What it says";
const RESTIC: &str = "restic";

/// What a run is asked for; [`Default`] is what it does without any option.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Args {
    /// The repository: `https://HOST[/PATH]` for your folder on a rest-server, an existing folder, or
    /// anything restic knows (`rest:`, `sftp:`, `s3:`, `rclone:` ...)
    #[arg(long, global = true, help_heading = CLOUD, value_name = "URL", env = env::URL)]
    pub url: Option<String>,

    /// The file that holds the token [default: .cloud-sync/token in the instance]
    #[arg(long, global = true, help_heading = CLOUD, value_name = "PATH", env = env::TOKEN_FILE, value_parser = path())]
    pub token_file: Option<PathBuf>,

    /// Allow http:// to other hosts than this one, with your password readable on the way
    #[arg(long, global = true, help_heading = CLOUD, env = env::INSECURE_HTTP, value_parser = FalseyValueParser::new())]
    pub insecure_http: bool,

    /// The instance's game folder [default: that in the variable `INST_MC_DIR`, else the current folder]
    #[arg(long, global = true, help_heading = INSTANCE, value_name = "PATH", env = env::PACK_FOLDER, value_parser = path())]
    pub pack_folder: Option<PathBuf>,

    /// This PC's label in the history [default: its host name]
    #[arg(long, global = true, help_heading = INSTANCE, value_name = "NAME", env = env::MACHINE)]
    pub machine: Option<String>,

    /// push: save this instance even though it has lost all its files
    #[arg(long, global = true, help_heading = INSTANCE, env = env::ALLOW_EMPTY, value_parser = FalseyValueParser::new())]
    pub allow_empty: bool,

    /// What to do about a world that this PC and another one both changed
    #[arg(long, global = true, help_heading = ACTS, value_name = "ANSWER", env = env::ON_CONFLICT, default_value = "ask")]
    pub on_conflict: OnConflict,

    /// pull: save edits that an earlier run left unsaved, before anything else
    #[arg(long, global = true, help_heading = ACTS, value_name = "WHEN", env = env::CATCH_UP, default_value = "auto")]
    pub catch_up: CatchUp,

    /// Wait this long for a game that is still running to close
    #[arg(long, global = true, help_heading = ACTS, value_name = "SECONDS", env = env::WAIT_FOR_GAME)]
    pub wait_for_game: Option<u64>,

    /// Fail where the launch would otherwise go on unsynced: 6 not signed in, 7 offline
    #[arg(long, global = true, help_heading = ACTS, env = env::STRICT, value_parser = FalseyValueParser::new())]
    pub strict: bool,

    /// Never open a window
    #[arg(short = 'g', long, global = true, help_heading = SAYS, env = env::NO_GUI, value_parser = FalseyValueParser::new())]
    pub no_gui: bool,

    /// Print one JSON object as the last line of stdout
    #[arg(long, global = true, help_heading = SAYS, env = env::JSON, value_parser = FalseyValueParser::new())]
    pub json: bool,

    /// Say more
    #[arg(short, long, global = true, help_heading = SAYS, env = env::VERBOSE, value_parser = FalseyValueParser::new())]
    pub verbose: bool,

    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, help_heading = SAYS, env = env::QUIET, value_parser = FalseyValueParser::new(), conflicts_with = "verbose")]
    pub quiet: bool,

    /// The restic to run, 0.18.1 or newer, on Windows 0.19
    #[arg(long, global = true, help_heading = RESTIC, value_name = "PATH", env = env::RESTIC_BINARY, value_parser = path())]
    pub restic_binary: Option<PathBuf>,

    /// Never fetch restic from its releases
    #[arg(long, global = true, help_heading = RESTIC, env = env::NO_DOWNLOAD, value_parser = FalseyValueParser::new())]
    pub no_download: bool,
}

/// A path, or nothing at all: a variable that is set to nothing is one that is not set.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// The answer to a conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// Ask; where nobody can answer, end with exit code 3 and change nothing
    #[default]
    Ask,
    /// This PC's version stays
    KeepLocal,
    /// The cloud's version comes; this PC's goes to the history and to the undo copy
    UseRemote,
    /// This PC's version stays, and the cloud's comes beside it as a second world
    KeepBoth,
    /// The version that was played longer; asks where that cannot be told
    MostPlayed,
    /// Play on with this PC's version, and be asked again next time
    Later,
    /// Change nothing, exit code 1
    Cancel,
}

/// When a pull saves edits that were left unsaved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CatchUp {
    /// If that is quick: up to 64 MiB of changed files
    #[default]
    Auto,
    /// Whatever it takes
    Always,
    /// Leave it to the push
    Never,
}
