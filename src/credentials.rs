//! The token: `user:password`, read, kept and never shown.

use std::fmt;
use std::io;
use std::path::Path;

use anyhow::Context as _;

use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::reading::read_at_most;

/// What begins so is an address of restic's.
const REPOSITORIES: [&str; 9] = ["rest:", "local:", "sftp:", "s3:", "b2:", "azure:", "gs:", "swift:", "rclone:"];
/// The largest file that is taken for a token.
const MAX_FILE: u64 = 64 << 10;

/// A text that nothing prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `text` without the arguments of this run that look like a token, which somebody gave by mistake.
pub fn without_tokens(text: &str) -> String {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let values = arguments.flat_map(|argument| {
        let value = argument.split_once('=').map(|(_, value)| value.to_owned());
        [argument].into_iter().chain(value)
    });
    values.filter(|value| looks_like_token(value)).fold(text.to_owned(), |text, token| text.replace(&token, "***"))
}

/// Whether it may be a token, and is neither an address nor a path.
fn looks_like_token(text: &str) -> bool {
    let is_address = text.contains("://") || REPOSITORIES.iter().any(|scheme| text.starts_with(scheme));
    let is_path = text.contains(['/', '\\']) || Path::new(text).exists();
    Token::parse(text).is_ok() && !text.starts_with('-') && !is_address && !is_path
}

/// Who the player is to the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    user: String,
    password: Secret,
}

impl Token {
    /// The token in `text`, which may end in a line break and begin with a byte order mark.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err("it is empty");
        }
        let (user, password) = text.split_once(':').ok_or("it has no colon; a token is user:password")?;
        if user.is_empty() || password.is_empty() {
            return Err("a token is user:password, and one half is missing");
        }
        if text.chars().any(char::is_control) {
            return Err("it has more than one line, or control characters");
        }
        // The user is a folder of the server.
        if user.contains(['/', '\\', '?', '#', '%']) || user == "." || user == ".." {
            return Err("the user has characters that no user name has");
        }
        Ok(Self { user: user.to_owned(), password: Secret(password.to_owned()) })
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, of the login and of the repository.
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// The token in `file`; none where there is no file.
    pub fn load(file: &Path) -> Result<Option<Self>> {
        let problem = |reason: &dyn fmt::Display| {
            Error::new(Kind::Failed, format!("the token file {} cannot be used: {reason}", file.display()))
                .hint("sign in anew with `cloud-sync login`, or put user:password into that file")
        };
        let bytes = match read_at_most(file, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(problem(&error)),
        };
        let text = String::from_utf8(bytes).map_err(|_| problem(&"it is not UTF-8 text"))?;
        Self::parse(&text).map(Some).map_err(|reason| problem(&reason))
    }

    /// Writes the token so that this user alone can read it.
    pub fn save(&self, file: &Path) -> Result<()> {
        let line = format!("{}:{}\n", self.user, self.password.expose());
        Ok(durable::replace(file, line.as_bytes()).context("could not keep the token")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_an_address_and_a_path() {
        for (text, is_token) in [
            ("steve:correct horse", true),
            ("steve:x", true),
            ("rest:x", false),
            ("https://host", false),
            ("C:\\instances\\Sky", false),
            ("C:/instances/Sky", false),
            ("--url=steve:x", false),
            ("steve", false),
        ] {
            assert_eq!(looks_like_token(text), is_token, "{text}");
        }
    }

    #[test]
    fn tokens_come_with_line_breaks_and_byte_order_marks() {
        for text in ["steve:pa:ss", "steve:pa:ss\n", "steve:pa:ss\r\n", "\u{feff}steve:pa:ss\r\n", "  steve:pa:ss "] {
            let token = Token::parse(text).unwrap();
            assert_eq!((token.user(), token.password().expose()), ("steve", "pa:ss"), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "\n", "\u{feff}", "steve", ":x", "steve:", "a/b:x", "..:x", "steve:a\nalex:b", "a\0:b"] {
            assert!(Token::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn nothing_prints_the_password() {
        assert!(!format!("{:?}", Token::parse("steve:hunter2").unwrap()).contains("hunter2"));
    }
}
