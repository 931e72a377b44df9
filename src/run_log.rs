//! The log of a run, in `.cloud-sync/logs`: what was observed, decided and done, for the
//! player whose launcher swallowed it all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Mutex;

use chrono::{DateTime, Utc};

use crate::credentials::Secret;
use crate::interrupt::lock;

const KEPT: usize = 10;

/// The log of one run. It never fails a run: a full disk has worse consequences than no log.
#[derive(Debug, Default)]
pub struct RunLog {
    file: Option<File>,
    secrets: Mutex<Vec<Secret>>,
}

impl RunLog {
    /// A log that goes nowhere.
    pub fn none() -> Self {
        Self::default()
    }

    /// Begins the log of a run of `command` and removes the oldest ones.
    pub fn begin(folder: &Path, command: &str, now: DateTime<Utc>) -> Self {
        let make = || -> io::Result<File> {
            fs::create_dir_all(folder)?;
            let mut logs: Vec<_> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
            logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
            logs.sort();
            let surplus = (logs.len() + 1).saturating_sub(KEPT);
            for old in &logs[..surplus] {
                let _ = fs::remove_file(old);
            }
            let name = format!("{}-{command}-{}.log", now.format("%Y-%m-%dT%H-%M-%S%.3f"), std::process::id());
            File::options().create(true).append(true).open(folder.join(name))
        };
        Self { file: make().ok(), secrets: Mutex::default() }
    }

    /// From now on this text is never written. A very short one is left alone: it would match
    /// everywhere.
    pub fn hide(&self, secret: &Secret) {
        if secret.expose().len() < 4 {
            return;
        }
        lock(&self.secrets).push(secret.clone());
    }

    /// Writes a line.
    pub fn line(&self, text: &str) {
        if let Some(mut file) = self.file.as_ref() {
            let _ = writeln!(file, "{} {}", Utc::now().format("%H:%M:%S%.3f"), self.redact(text));
        }
    }

    /// `text` without any secret.
    pub fn redact(&self, text: &str) -> String {
        lock(&self.secrets).iter().fold(text.to_owned(), |text, secret| without(&text, secret.expose()))
    }
}

/// A secret that is shorter may be a part of ordinary words.
const LONG: usize = 12;

/// `text` without `secret`; one that is short only where it is a word.
fn without(text: &str, secret: &str) -> String {
    let is_word = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + secret.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    };
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in text.match_indices(secret) {
        if secret.len() >= LONG || is_word(at) {
            masked.push_str(&text[done..at]);
            masked.push_str("***");
            done = at + secret.len();
        }
    }
    masked + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_password_is_masked_as_a_word_and_not_inside_one() {
        for (text, masked) in [
            ("1 changed, http://steve:sync@host", "1 changed, http://steve:***@host"),
            ("run cloud-sync; sync, unsynced", "run cloud-***; ***, unsynced"),
            ("sync", "***"),
            ("", ""),
        ] {
            assert_eq!(without(text, "sync"), masked);
        }
        assert_eq!(without("xcorrect horsey", "correct horse"), "x***y");
    }
}
