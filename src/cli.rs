//! The command line: what may be written on it, and what that means.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::args::Args;
use crate::error::{Error, Kind, Result};
use crate::verb::Verb;

/// Keeps one Minecraft instance the same on several PCs, through a restic repository.
///
/// The launcher runs `cloud-sync pull` before the game and `cloud-sync push` after it.
#[derive(Debug, Parser)]
#[command(name = "cloud-sync", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, or the launch may go on; 1 failed or cancelled; 2 usage; \
    3 conflict and nobody to ask; 4 the game is running; 5 stopped for safety; 6 not signed in (--strict); \
    7 offline (--strict); 8 saved in part; 130 interrupted")]
pub struct Cli {
    /// The options.
    #[command(flatten)]
    pub args: Args,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands. The comments are the help text.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Before the game: bring what other PCs saved
    Pull {
        #[command(flatten)]
        #[allow(missing_docs)]
        stray: Stray,
        /// A command to run first (packwiz): if it fails, nothing is pulled and its exit code is passed on
        #[arg(last = true, value_name = "COMMAND")]
        before: Vec<OsString>,
    },
    /// After the game: save what was played
    Push(Stray),
    /// Both around the game, as a launcher's wrapper command: pull, run GAME, push however it ended
    Run {
        #[command(flatten)]
        #[allow(missing_docs)]
        stray: Stray,
        /// The game, which the launcher adds; the exit code is the game's
        #[arg(last = true, required = true, value_name = "GAME")]
        game: Vec<OsString>,
    },
    /// Say how this PC and the cloud compare, and change nothing
    Status(Stray),
    /// Say what is synced here, the largest first, and change nothing
    Scope {
        #[command(subcommand)]
        #[allow(missing_docs)]
        question: Option<ScopeQuestion>,
    },
    /// Put the last pull back
    Undo {
        /// List the undo copies, the newest last, and change nothing
        #[arg(long)]
        list: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        stray: Stray,
    },
    /// Sign in: ask for the token, check it, keep it, and remember --url for this instance
    Login {
        /// Read the token from stdin
        #[arg(long)]
        token_stdin: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        stray: Stray,
    },
    /// Forget the token of this instance
    Logout(Stray),
    /// Look for what could go wrong, a line each
    Doctor(Stray),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Be the window of another cloud-sync
    #[cfg(feature = "window")]
    #[command(hide = true)]
    Window,
}

/// What `scope` may be asked. The comments are the help text.
#[derive(Debug, Subcommand)]
pub enum ScopeQuestion {
    /// Say why a file or folder is synced or not
    Explain {
        /// The file or folder: in the current folder if it is there, else in the instance
        path: PathBuf,
    },
}

/// The rest of an instance's path, when a launcher split it at its spaces.
#[derive(Debug, clap::Args)]
pub struct Stray {
    #[arg(hide = true)]
    #[allow(missing_docs)]
    pub words: Vec<OsString>,
}

impl Command {
    /// Which one it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Pull { .. } => Verb::Pull,
            Self::Push(_) => Verb::Push,
            Self::Run { .. } => Verb::Run,
            Self::Status(_) => Verb::Status,
            Self::Scope { .. } => Verb::Scope,
            Self::Undo { .. } => Verb::Undo,
            Self::Login { .. } => Verb::Login,
            Self::Logout(_) => Verb::Logout,
            Self::Doctor(_) => Verb::Doctor,
            Self::Completions { .. } => Verb::Completions,
            #[cfg(feature = "window")]
            Self::Window => Verb::Window,
        }
    }

    /// Whether a launcher's hook runs it and nothing in it needs a console: the window is for all
    /// that there is to say.
    pub fn speaks_through_window(&self) -> bool {
        match self {
            Self::Pull { before, .. } => before.is_empty(),
            Self::Push(_) => true,
            _ => false,
        }
    }

    fn stray(&self) -> &[OsString] {
        match self {
            Self::Push(stray)
            | Self::Status(stray)
            | Self::Logout(stray)
            | Self::Doctor(stray)
            | Self::Pull { stray, .. }
            | Self::Run { stray, .. }
            | Self::Undo { stray, .. }
            | Self::Login { stray, .. } => &stray.words,
            Self::Scope { .. } | Self::Completions { .. } => &[],
            #[cfg(feature = "window")]
            Self::Window => &[],
        }
    }
}

impl Cli {
    /// Puts an instance's path together again, if that makes a folder that exists. Another
    /// folder than the one that was meant must never be synced.
    pub fn rejoin(&mut self) -> Result<()> {
        let words = self.command.stray();
        if words.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let unexpected = || {
            Error::new(Kind::Usage, format!("unexpected argument: {}", shown.join(" "))).hint(
                "put the path of --pack-folder in quotes: --pack-folder=\"$INST_MC_DIR\"; or leave it out, INST_MC_DIR and the current folder are used by themselves",
            )
        };
        let mut path = self.args.pack_folder.clone().ok_or_else(unexpected)?.into_os_string();
        for word in words {
            path.push(" ");
            path.push(word);
        }
        let path = PathBuf::from(path);
        if !path.is_dir() {
            return Err(unexpected());
        }
        self.args.pack_folder = Some(path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn parse(line: &[&str]) -> Cli {
        Cli::try_parse_from([&["cloud-sync"], line].concat()).unwrap()
    }

    #[test]
    fn a_path_split_at_its_spaces_is_put_together_if_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let meant = folder.path().join("My Instance of Joy");
        std::fs::create_dir_all(&meant).unwrap();
        std::fs::create_dir_all(folder.path().join("My")).unwrap();
        let first = format!("--pack-folder={}", folder.path().join("My").display());

        let mut cli = parse(&["pull", "--url=x", &first, "Instance", "of", "Joy"]);
        cli.rejoin().unwrap();
        assert_eq!(cli.args.pack_folder, Some(meant));

        let mut cli = parse(&["pull", "--url=x", &first, "Instance"]);
        assert_eq!(cli.rejoin().unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn stray_words_without_a_folder_are_refused() {
        assert_eq!(parse(&["pull", "x"]).rejoin().unwrap_err().kind, Kind::Usage);
    }
}
