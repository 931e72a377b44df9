//! Why restic failed: its exit code and last words as something to branch on.

use thiserror::Error;

use super::ended::Ended;
use crate::error::{Error, Kind};

/// The result of a verb.
pub type Result<T> = std::result::Result<T, ResticError>;

/// Why a run of restic failed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ResticError {
    /// The program could not be started.
    #[error("could not start restic at {exe}: {cause}")]
    Start {
        /// The program.
        exe: String,
        /// The system's reason.
        cause: String,
    },
    /// Exit code 10.
    #[error("the repository does not exist")]
    NoRepository,
    /// Exit code 11.
    #[error("the repository is locked for maintenance")]
    Locked,
    /// Exit code 12.
    #[error("the password does not open the repository")]
    WrongPassword,
    /// A newer restic made the repository.
    #[error("this restic is too old for the repository: {0}")]
    TooNew(String),
    /// The server answered with a status that is no success.
    #[error("the server answered {0}")]
    Http(u16),
    /// A disk is full, here or there.
    #[error("no space left: {0}")]
    NoSpace(String),
    /// The repository cannot be reached, or stopped answering.
    #[error("the repository cannot be reached: {0}")]
    Unreachable(String),
    /// We ended it because the player or the launcher asked us to end.
    #[error("interrupted")]
    Interrupted,
    /// It said nothing that can be understood.
    #[error("restic gave an answer that makes no sense: {0}")]
    Garbage(String),
    /// Any other failure.
    #[error("restic failed: {0}")]
    Failed(String),
}

impl ResticError {
    /// The failure that a run with an exit code other than 0 stands for.
    pub fn of(ended: &Ended) -> Self {
        let words = ended.last_words();
        match ended.code {
            Some(10) => Self::NoRepository,
            Some(11) => Self::Locked,
            Some(12) => Self::WrongPassword,
            Some(130) => Self::Interrupted,
            code => match http_status(&words) {
                Some(status) => Self::Http(status),
                None if is_out_of_space(&words) => Self::NoSpace(words),
                None if words.contains("unsupported repository version") => Self::TooNew(words),
                None if is_out_of_reach(&words) => Self::Unreachable(words),
                None if words.is_empty() => match code {
                    Some(code) => Self::Failed(format!("exit code {code}")),
                    None => Self::Failed("it was killed".to_owned()),
                },
                None => Self::Failed(words),
            },
        }
    }
}

/// restic has no exit code for what a server answered, only this phrase.
pub fn http_status(words: &str) -> Option<u16> {
    let (_, rest) = words.split_once("unexpected HTTP response (")?;
    rest.get(..3)?.parse().ok()
}

/// Whether the words are those of a connection that did not come about, in restic's, ssh's or the
/// system's way.
fn is_out_of_reach(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let phrases = [
        "connection refused",
        "connection timed out",
        "could not resolve hostname",
        "host is down",
        "i/o timeout",
        "network is unreachable",
        "no route to host",
        "no such host",
        "unable to start the sftp session",
    ];
    phrases.iter().any(|phrase| words.contains(phrase))
}

/// Whether restic or the system says that a disk is full.
pub fn is_out_of_space(words: &str) -> bool {
    ["no space left on device", "not enough space on the disk", "disk quota exceeded"]
        .iter()
        .any(|phrase| words.to_ascii_lowercase().contains(phrase))
}

impl From<ResticError> for Error {
    fn from(error: ResticError) -> Self {
        let (kind, hint) = match &error {
            ResticError::Http(401 | 403) => {
                (Kind::SignedOut, "sign in again with `cloud-sync login`; ask whoever runs the server for a token")
            }
            ResticError::WrongPassword => (
                Kind::SignedOut,
                "the cloud was made with another password: sign in with the one that your first PC has",
            ),
            ResticError::TooNew(_) => (
                Kind::Failed,
                "a newer restic made the repository; name one with --restic-binary, or update cloud-sync",
            ),
            ResticError::Http(507) => (Kind::Failed, "the cloud is full; ask whoever runs it for more space"),
            ResticError::NoSpace(_) => (Kind::Failed, "free some space and run it again; nothing was changed"),
            ResticError::Http(429 | 500..=599) | ResticError::Unreachable(_) => {
                (Kind::Offline, "the edits are saved the next time the cloud answers")
            }
            ResticError::Locked => (Kind::Offline, "its operator is tidying it up; try again later"),
            ResticError::Interrupted => (Kind::Interrupted, "nothing was lost; run it again"),
            ResticError::Start { .. } | ResticError::Garbage(_) => {
                (Kind::Failed, "`cloud-sync doctor` tells which restic is used; --restic-binary names another")
            }
            ResticError::NoRepository => (Kind::Failed, "check --url"),
            ResticError::Http(_) | ResticError::Failed(_) => {
                (Kind::Failed, "the log in .cloud-sync/logs has more; `cloud-sync doctor` looks for the cause")
            }
        };
        Self::caused(kind, error.into()).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i32, stderr: &str) -> Ended {
        let mut ended = Ended::default();
        ended.code = Some(code);
        for line in stderr.lines() {
            ended.note(line.as_bytes());
        }
        ended
    }

    #[test]
    fn exit_codes_and_last_words_name_the_failure() {
        for (code, stderr, expected) in [
            (10, "", ResticError::NoRepository),
            (11, "", ResticError::Locked),
            (
                12,
                r#"{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}"#,
                ResticError::WrongPassword,
            ),
            (1, "unable to open config file: unexpected HTTP response (401): 401 Unauthorized", ResticError::Http(401)),
            (1, "Fatal: unexpected HTTP response (507): 507 Insufficient Storage", ResticError::Http(507)),
            (
                1,
                "Fatal: config cannot be loaded: unsupported repository version 3",
                ResticError::TooNew("config cannot be loaded: unsupported repository version 3".to_owned()),
            ),
            (1, "", ResticError::Failed("exit code 1".to_owned())),
            (99, "what", ResticError::Failed("what".to_owned())),
        ] {
            assert_eq!(ResticError::of(&ended(code, stderr)), expected, "{code} {stderr}");
        }
        let full = ended(1, "write /x: no space left on device");
        assert!(matches!(ResticError::of(&full), ResticError::NoSpace(_)));
    }
}
