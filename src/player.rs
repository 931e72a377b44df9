//! How a run speaks with the player: what it tells, and what it may ask.

pub mod card;
pub mod plain;
pub mod terminal;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::content::world::Advice;
use crate::credentials::Token;
pub use crate::model::{Answer, Card};
use crate::outcome::Outcome;
use crate::verb::Verb;

/// The side of a run that faces the player.
pub trait Front: Sync {
    /// Something happens that the player may want to know.
    fn note(&self, text: &str);

    /// Something is not as it should be.
    fn warn(&self, text: &str);

    /// How far it is; called as often as there is something new.
    fn progress(&self, progress: &Progress);

    /// What was in progress is over.
    fn finished(&self);

    /// The work of a command begins on the PC with this label; what runs before it is not ours.
    fn begin(&self, _verb: Verb, _machine: &str) {}

    /// The command is over.
    fn end(&self, _outcome: &Outcome) {}

    /// What went wrong with speaking to the player, for the log.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Says why a token is needed and asks for it; none if the player skips it or nobody is
    /// there.
    fn sign_in(&self, url: &str, why: &str) -> Option<Token>;

    /// Says why the cloud cannot be reached; whether to try again.
    fn try_again(&self, _why: &str) -> bool {
        false
    }

    /// Whether somebody is there to answer.
    fn can_ask(&self) -> bool;

    /// Asks what to do about a conflict.
    fn conflict(&self, conflict: &Conflict) -> Reply;
}

/// What is in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Fetching restic itself.
    FetchRestic,
    /// Fetching files from the cloud.
    #[default]
    Fetch,
    /// Saving files to the cloud.
    Save,
}

impl Step {
    /// The step in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::FetchRestic => "fetching restic",
            Self::Fetch => "fetching",
            Self::Save => "saving",
        }
    }
}

/// How far a step is. A total of 0 is not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is in progress.
    pub step: Step,
    /// Bytes that are done.
    pub bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Files that are done.
    pub files: u64,
    /// Files in all.
    pub total_files: u64,
    /// One file of those at work.
    pub file: String,
}

/// Worlds that this PC and another one both changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// This PC's label.
    pub machine: String,
    /// The PC whose version this one has, if it is not its own.
    pub whose: Option<String>,
    /// When that one was saved; none if it is not in the cloud yet.
    #[serde(default)]
    pub time: Option<DateTime<Utc>>,
    /// The PC that saved the cloud's version.
    pub other_machine: String,
    /// When it did, by its clock.
    pub other_time: DateTime<Utc>,
    /// The worlds.
    pub worlds: Vec<Contested>,
    /// How many more versions the cloud has beside that one.
    pub more: usize,
}

/// A world with two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contested {
    /// Its folder's name.
    pub folder: String,
    /// This PC's version.
    pub here: Card,
    /// The cloud's version.
    pub there: Card,
    /// Which one was played longer.
    pub advice: Advice,
}

/// What the player says to a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// An answer for each world, in their order.
    Answers(Vec<Answer>),
    /// Do nothing at all.
    Cancel,
    /// Nobody is there to answer.
    Nobody,
}

/// `bytes` as people write it.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut whole = bytes;
    let mut rest = 0;
    while whole >= 1000 && unit < UNITS.len() - 1 {
        rest = whole % 1000;
        whole /= 1000;
        unit += 1;
    }
    match (unit, whole) {
        (0, _) | (_, 10..) => format!("{whole} {}", UNITS[unit]),
        _ => format!("{whole}.{} {}", rest / 100, UNITS[unit]),
    }
}

/// `count` things, with the plural where it belongs.
pub fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// `text` fit for one line of output: control characters, which a file name may bring along,
/// become visible; without `unicode` so does all that is not ASCII.
pub fn printable(text: &str, unicode: bool) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || !unicode && !character.is_ascii() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_people_write_them() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (330_000_000, "330 MB"), (1_250_000_000, "1.2 GB")]
        {
            assert_eq!(human_bytes(bytes), text);
        }
    }

    #[test]
    fn names_cannot_break_the_line_or_the_code_page() {
        assert_eq!(printable("W\u{f6}rld\n\u{1b}[2J", true), "W\u{f6}rld\\n\\u{1b}[2J");
        assert_eq!(printable("W\u{f6}rld", false), "W\\u{f6}rld");
    }
}
