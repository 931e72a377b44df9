//! The one error type at the edge: what went wrong, which exit code it means,
//! and a hint that a player can follow.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::exit::Exit;

/// The result of everything that a command does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error as a player meets it.
#[derive(Debug)]
pub struct Error {
    /// What callers branch on, and the exit code.
    pub kind: Kind,
    source: anyhow::Error,
    hint: Option<String>,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It did not work.
    Failed,
    /// The player said cancel.
    Cancelled,
    /// The command line or an environment variable makes no sense.
    Usage,
    /// Two PCs disagree and there is nobody to ask.
    Conflict,
    /// The game is running in this instance.
    GameRunning,
    /// Going on could lose data.
    Stopped,
    /// There is no token, or the cloud does not take it.
    SignedOut,
    /// The cloud cannot be reached.
    Offline,
    /// The player chose to play without syncing.
    Skipped,
    /// Saved, but not everything.
    Partial,
    /// Ctrl-C, or asked to end.
    Interrupted,
    /// The command that was to run before the pull failed with this exit code.
    Command(i32),
}

impl Error {
    /// An error of `kind` with a message.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, source: anyhow::anyhow!("{message}"), hint: None }
    }

    /// An error of `kind` around its cause.
    pub fn caused(kind: Kind, source: anyhow::Error) -> Self {
        Self { kind, source, hint: None }
    }

    /// The same error with what the player can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The message with its chain of causes, in one line.
    pub fn message(&self) -> String {
        format!("{:#}", self.source)
    }

    /// What the player can do about it. Whatever failed has something.
    pub fn hint_text(&self) -> Option<&str> {
        let usual = (self.kind == Kind::Failed).then(|| self.usual_hint());
        self.hint.as_deref().or(usual)
    }

    /// What helps where the disk or the system is the cause; the message names the file.
    fn usual_hint(&self) -> &'static str {
        let cause = self.source.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
        match cause.map(io::Error::kind) {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
                "there is no room for that file on its disk: free some space there, and run it again; nothing is lost"
            }
            Some(ErrorKind::PermissionDenied) => {
                "another user or program keeps you from that file: give yourself the right to read and write there, and run it again"
            }
            Some(ErrorKind::ReadOnlyFilesystem) => {
                "nothing can be written to the disk of that file: mount it so that it can be, and run it again"
            }
            Some(ErrorKind::OutOfMemory) => "this PC has no memory left: close other programs, and run it again",
            _ => "run it again; if it stays so, `cloud-sync doctor` looks for the cause, and .cloud-sync/logs has more",
        }
    }

    /// The exit code. Offline and signed out let the launch go on unless `strict`.
    pub fn exit(&self, strict: bool) -> Exit {
        match self.kind {
            Kind::Failed | Kind::Cancelled => Exit::Failed,
            Kind::Usage => Exit::Usage,
            Kind::Conflict => Exit::Conflict,
            Kind::GameRunning => Exit::GameRunning,
            Kind::Stopped => Exit::Stopped,
            Kind::SignedOut if strict => Exit::SignedOut,
            Kind::Offline if strict => Exit::Offline,
            Kind::SignedOut | Kind::Offline | Kind::Skipped => Exit::Ok,
            Kind::Partial => Exit::Partial,
            Kind::Interrupted => Exit::Interrupted,
            Kind::Command(code) => Exit::Command(code),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Error {}

impl From<anyhow::Error> for Error {
    fn from(source: anyhow::Error) -> Self {
        match source.downcast::<Self>() {
            Ok(error) => error,
            Err(source) => Self::caused(Kind::Failed, source),
        }
    }
}
