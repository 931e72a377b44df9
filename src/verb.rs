//! The commands, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Bring what other PCs saved.
    Pull,
    /// Save what was played.
    Push,
    /// Both around the game.
    Run,
    /// Compare this PC and the cloud.
    Status,
    /// Say what is synced.
    Scope,
    /// Put the last pull back.
    Undo,
    /// Sign in.
    Login,
    /// Forget the token.
    Logout,
    /// Look for what could go wrong.
    Doctor,
    /// Print completions for a shell.
    Completions,
    /// Be the window of another cloud-sync.
    Window,
}

impl Verb {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Run => "run",
            Self::Status => "status",
            Self::Scope => "scope",
            Self::Undo => "undo",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Doctor => "doctor",
            Self::Completions => "completions",
            Self::Window => "window",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
