//! A person at a terminal: a progress bar, and questions.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use dialoguer::{Confirm, Password, Select};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Answer, Conflict, Contested, Front, Progress, Reply, Step, card, printable};
use crate::credentials::Token;
use crate::interrupt::{self, lock};

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
        match &*lock(&self.bar) {
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
        let mut slot = lock(&self.bar);
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
        if let Some((_, bar)) = lock(&self.bar).take() {
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

    fn can_ask(&self) -> bool {
        true
    }

    fn conflict(&self, conflict: &Conflict) -> Reply {
        self.finished();
        for line in card::heading(conflict) {
            self.line(&line);
        }
        let mut answers = Vec::new();
        self.line(card::KEYS);
        for (number, world) in conflict.worlds.iter().enumerate() {
            self.line("");
            for line in card::table(conflict, world) {
                self.line(&line);
            }
            let Some(answer) = Self::choose(conflict, world) else { return Reply::Cancel };
            answers.push(answer);
            let is_last = number + 1 == conflict.worlds.len();
            if !is_last && Self::is_for_all(&conflict.worlds[number + 1..]) {
                answers.resize(conflict.worlds.len(), answer);
                break;
            }
        }
        Reply::Answers(answers)
    }
}

impl Terminal {
    /// Asks about one world; none cancels. What is marked first discards nothing, and neither
    /// does Escape.
    fn choose(conflict: &Conflict, world: &Contested) -> Option<Answer> {
        let items = card::ANSWERS.map(|answer| card::offer(conflict, world, answer));
        let items = items.into_iter().chain([card::CANCEL.to_owned()]);
        let items: Vec<_> = items.map(|item| printable(&item, true)).collect();
        let ask = Select::new().with_prompt(card::QUESTION).items(items).default(0);
        match interrupt::at_prompt(|| ask.interact_opt()) {
            Ok(Some(chosen)) => card::ANSWERS.get(chosen).copied(),
            Ok(None) => Some(Answer::Later),
            Err(_) => {
                interrupt::request();
                None
            }
        }
    }

    fn is_for_all(others: &[Contested]) -> bool {
        let ask = Confirm::new().with_prompt(printable(&card::same_for(others), true)).default(false);
        interrupt::at_prompt(|| ask.interact_opt()).ok().flatten().unwrap_or_default()
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
