//! What a command did: for `--json`, for the exit code, and for callers of the library.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::exit::Exit;
use crate::model::{Answer, Divergence, SnapshotId};
use crate::verb::Verb;

/// The outcome of a command; serialized, it is the object that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The version of this form: 1.
    pub schema: u32,
    /// The command that ran; none where the command line could not be read.
    pub command: Option<Verb>,
    /// How this PC and the cloud compared when it began.
    pub divergence: Divergence,
    /// What was done about it.
    #[serde(rename = "outcome")]
    pub done: Done,
    /// The snapshot that this instance's files last equalled, now that the command is over.
    pub base: Option<SnapshotId>,
    /// The newest version in the cloud, as far as known.
    pub head: Option<SnapshotId>,
    /// How many files it touched.
    pub files: Files,
    /// How many bytes went over the line, as far as restic tells: sent, or restored.
    pub bytes: u64,
    /// The worlds that were in question, and what was decided.
    pub conflicts: Vec<Settled>,
    /// The folder of the undo copy that was made.
    pub undo: Option<String>,
    /// What `scope` tells; no other command does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeReport>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<ErrorText>,
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
}

/// What a command did about the divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// Nothing.
    Nothing,
    /// Brought the cloud's files.
    Restored,
    /// Saved this PC's files.
    Saved,
    /// Settled a conflict: this PC's files stay.
    KeptLocal,
    /// Settled a conflict: the cloud's files came.
    TookRemote,
    /// Settled a conflict: both versions are here.
    KeptBoth,
    /// Settled conflicts, one this way and one that.
    Settled,
    /// Joined all but worlds about which the decision was put off.
    Later,
    /// The player cancelled, or nobody was there to answer.
    Cancelled,
    /// Stopped, because going on could lose data.
    Stopped,
    /// The cloud could not be reached.
    Offline,
    /// Not signed in.
    SignedOut,
    /// Put the last pull back.
    Undone,
    /// Failed.
    Failed,
}

impl Done {
    /// What answers to a conflict come to.
    pub fn of_answers(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: BTreeSet<_> = answers.into_iter().collect();
        match answers.first() {
            None => Self::Restored,
            Some(_) if answers.contains(&Answer::Later) => Self::Later,
            Some(_) if answers.len() > 1 => Self::Settled,
            Some(Answer::KeepLocal) => Self::KeptLocal,
            Some(Answer::UseRemote) => Self::TookRemote,
            Some(Answer::KeepBoth | Answer::Later) => Self::KeptBoth,
        }
    }
}

/// A world that was in question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Its folder's name.
    pub world: String,
    /// What was decided; none if nothing was.
    pub answer: Option<Answer>,
}

impl Settled {
    /// A world and the answer.
    pub fn new(world: &str, answer: Option<Answer>) -> Self {
        Self { world: world.to_owned(), answer }
    }
}

/// Numbers of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// Brought from the cloud.
    pub restored: usize,
    /// Moved to the undo copy because the cloud has them no more.
    pub removed: usize,
    /// In the snapshot that was saved.
    pub saved: u64,
}

/// What `scope` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ScopeReport {
    /// What is synced, the largest first.
    Parts(Vec<Part>),
    /// About one path.
    Explained(Explained),
}

/// A world, or what else lies at the top of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where it is in the instance.
    pub path: String,
    /// How many of its files are synced.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
}

/// Why a path is synced or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Where it is in the instance, or would be.
    pub path: String,
    /// Whether it is synced, or would be; of a folder, whether anything in it is.
    pub synced: bool,
    /// Why.
    pub reason: String,
}

/// An error and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorText {
    /// What went wrong.
    pub message: String,
    /// What the player can do.
    pub hint: Option<String>,
}

impl Outcome {
    /// Nothing done so far.
    pub fn new(command: impl Into<Option<Verb>>) -> Self {
        Self {
            schema: 1,
            command: command.into(),
            divergence: Divergence::Unknown,
            done: Done::Nothing,
            base: None,
            head: None,
            files: Files::default(),
            bytes: 0,
            conflicts: Vec::new(),
            undo: None,
            scope: None,
            warnings: Vec::new(),
            error: None,
            exit: Exit::Ok,
        }
    }

    /// The same outcome, ended by `error`.
    #[must_use]
    pub fn failed(mut self, error: &Error, strict: bool) -> Self {
        use crate::error::Kind;
        self.exit = error.exit(strict);
        self.done = match error.kind {
            Kind::Failed | Kind::Usage | Kind::Interrupted | Kind::Command(_) => Done::Failed,
            Kind::Cancelled | Kind::Conflict => Done::Cancelled,
            Kind::GameRunning | Kind::Stopped => Done::Stopped,
            Kind::SignedOut => Done::SignedOut,
            Kind::Offline => Done::Offline,
            Kind::Skipped => Done::Nothing,
            Kind::Partial => self.done,
        };
        if error.kind == Kind::SignedOut {
            self.divergence = Divergence::SignedOut;
        }
        // Where the launch may go on it is a warning, and the warnings have it.
        if self.exit != Exit::Ok {
            self.error = Some(ErrorText { message: error.message(), hint: error.hint_text().map(str::to_owned) });
        }
        self
    }

    /// The object in one line of ASCII, whatever code page reads it.
    pub fn to_json(&self) -> String {
        use std::fmt::Write as _;
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut line = String::with_capacity(json.len());
        for character in json.chars() {
            if character.is_ascii() {
                line.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_ascii_and_reads_back() {
        let mut outcome = Outcome::new(Verb::Pull);
        outcome.warnings.push("W\u{f6}rld \u{1f30d}".to_owned());
        let json = outcome.to_json();
        assert!(json.is_ascii());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["warnings"][0], "W\u{f6}rld \u{1f30d}");
        for key in [
            "schema",
            "command",
            "divergence",
            "outcome",
            "base",
            "head",
            "files",
            "bytes",
            "conflicts",
            "undo",
            "warnings",
            "error",
        ] {
            assert!(value.get(key).is_some(), "{key}");
        }
    }
}
