//! A person at a terminal: a progress bar, and questions.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Local;
use dialoguer::{Password, Select};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Answer, Conflict, Front, Progress, Step, counted, human_bytes, printable};
use crate::credentials::Token;
use crate::interrupt;

/// Speaks through the terminal.
#[derive(Debug)]
pub struct Terminal {
    speaks: bool,
    bar: Mutex<Option<(Step, ProgressBar)>>,
}

impl Terminal {
    /// A terminal; unless it `speaks`, only warnings and questions appear.
    pub fn new(speaks: bool) -> Self {
        Self { speaks, bar: Mutex::default() }
    }

    fn line(&self, text: &str) {
        let write = || {
            let _ = writeln!(std::io::stdout(), "{}", printable(text, true));
        };
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((_, bar)) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Front for Terminal {
    fn note(&self, text: &str) {
        if self.speaks {
            self.line(text);
        }
    }

    fn warn(&self, text: &str) {
        self.line(&format!("warning: {text}"));
    }

    fn progress(&self, progress: &Progress) {
        if !self.speaks {
            return;
        }
        let mut slot = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = slot.as_ref().is_some_and(|(step, _)| *step == progress.step);
        if !is_current {
            *slot = Some((progress.step, new_bar(progress.step)));
        }
        if let Some((_, bar)) = &*slot {
            bar.set_length(progress.total_bytes.max(progress.bytes));
            bar.set_position(progress.bytes);
            bar.set_message(printable(&progress.file, true));
        }
    }

    fn finished(&self) {
        if let Some((_, bar)) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    fn sign_in(&self, url: &str, why: &str) -> Option<Token> {
        self.line(why);
        loop {
            let prompt = format!("Token for {} (user:password; empty to skip)", printable(url, true));
            let ask = || Password::new().with_prompt(prompt).allow_empty_password(true).interact();
            let text = interrupt::at_prompt(ask).ok()?;
            if text.trim().is_empty() {
                return None;
            }
            match Token::parse(&text) {
                Ok(token) => return Some(token),
                Err(reason) => self.warn(&format!("that is no token: {reason}")),
            }
        }
    }

    fn conflict(&self, conflict: &Conflict) -> Answer {
        self.finished();
        let when = conflict.other_time.with_timezone(&Local).format("%a %d %b %H:%M");
        self.line("This PC and the cloud both went on with the same worlds. All else is joined by itself.");
        self.line(&format!(
            "  this PC ({}): {} in these worlds, {}",
            conflict.machine,
            counted(conflict.local.files, "file"),
            human_bytes(conflict.local.bytes)
        ));
        self.line(&format!(
            "  the cloud: saved by {} on {when}, {}, {}",
            conflict.other_machine,
            counted(conflict.remote.files, "file"),
            human_bytes(conflict.remote.bytes)
        ));
        if !conflict.worlds.is_empty() {
            self.line(&format!("  worlds: {}", conflict.worlds.join(", ")));
        }
        if conflict.more > 0 {
            self.line(&format!("  and {} more in the cloud, asked about next time", counted(conflict.more, "version")));
        }
        self.line("Nothing is deleted: the other version stays in the history.");
        let items = [
            "cancel: change nothing",
            "this PC's version (it becomes the newest with the next push)",
            "the cloud's version (this PC's goes to the undo copy)",
        ];
        let ask = Select::new().with_prompt("Which one do you want to play").items(items).default(0);
        match interrupt::at_prompt(|| ask.interact_opt()) {
            Ok(Some(1)) => Answer::KeepLocal,
            Ok(Some(2)) => Answer::UseRemote,
            Ok(_) => Answer::Cancel,
            Err(_) => {
                interrupt::request();
                Answer::Cancel
            }
        }
    }
}

fn new_bar(step: Step) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8)).with_message("");
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {bytes} of {total_bytes}, {eta} left {wide_msg}");
    let bar = match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    };
    bar.enable_steady_tick(Duration::from_millis(250));
    bar.with_prefix(step.text())
}
