//! How a run of restic ended, and what it said at the end.

use std::collections::VecDeque;

use super::event::{self, Event, ItemError};

/// How many lines of stderr are kept, the last ones.
const KEPT_LINES: usize = 40;
/// More errors about single files than this are counted, not kept.
const KEPT_ERRORS: usize = 1000;

/// How a run ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// Its exit code; none where it was killed.
    pub code: Option<i32>,
    /// Files that could not be read or written.
    pub item_errors: Vec<ItemError>,
    /// What it said last on stderr.
    pub stderr: VecDeque<String>,
    exit_error: Option<String>,
}

impl Ended {
    /// Takes in a line of stderr.
    pub fn note(&mut self, line: &[u8]) {
        match event::parse(line) {
            Some(Event::Error(error)) => {
                if self.item_errors.len() < KEPT_ERRORS {
                    self.item_errors.push(error);
                }
            }
            Some(Event::ExitError { message }) => self.exit_error = Some(message),
            Some(_) => {}
            None => {
                let text: String = String::from_utf8_lossy(line).trim().chars().take(1000).collect();
                if !text.is_empty() {
                    if self.stderr.len() == KEPT_LINES {
                        self.stderr.pop_front();
                    }
                    self.stderr.push_back(text);
                }
            }
        }
    }

    /// Why it failed, in restic's words: the first line of its closing error, else the last
    /// line it wrote.
    pub fn last_words(&self) -> String {
        let words = self.exit_error.as_deref().and_then(|text| text.lines().next());
        let words = words.or_else(|| self.stderr.back().map(String::as_str)).unwrap_or_default();
        let words = words.trim_start_matches("Fatal: ").to_owned();
        match self.item_errors.first() {
            Some(error) if words.starts_with("There were") || words.is_empty() => {
                format!("{words} {}", error.message()).trim().to_owned()
            }
            _ => words,
        }
    }
}
