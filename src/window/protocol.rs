//! What cloud-sync and its window say to each other: a JSON object per line, on the stdin and
//! the stdout of the window's process.

use serde::{Deserialize, Serialize};

use crate::player::{Answer, Conflict, Progress};
use crate::verb::Verb;

/// What the window is to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// What runs: `pull` before the game, `push` after it, or another command. Comes first.
    Begin {
        /// The command; none between two of them.
        verb: Option<Verb>,
        /// This PC's label.
        machine: String,
    },
    /// What happens now, in a sentence.
    Note(String),
    /// How far it is.
    Progress(Progress),
    /// Ask for a token.
    SignIn {
        /// The address of the cloud.
        url: String,
        /// Why a token is needed, or what was wrong with the last one.
        why: String,
    },
    /// Ask what to do about worlds with two versions.
    Conflict(Conflict),
    /// The cloud cannot be reached; ask what to do.
    Offline {
        /// Why.
        why: String,
    },
    /// All is done; say so for a moment, and close.
    Done(String),
    /// Close.
    Close,
}

/// What the player says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The window is on the screen.
    Ready,
    /// The token that was entered.
    Token(String),
    /// No token: go on without.
    Skip,
    /// An answer for each world, in their order.
    Answers(Vec<Answer>),
    /// Try again.
    Retry,
    /// Go on without the cloud, or without what is in progress.
    PlayAnyway,
    /// Do nothing at all, and do not start the game.
    Cancel,
}
