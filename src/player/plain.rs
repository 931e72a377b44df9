//! No terminal, nobody to ask: plain lines for a launcher's log, few of them, in ASCII.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{Conflict, Front, Progress, Reply, human_bytes, printable};
use crate::credentials::Token;
use crate::interrupt::lock;

const BETWEEN_LINES: Duration = Duration::from_secs(2);

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Nothing; the caller reads the outcome.
    Silent,
    /// Warnings.
    Quiet,
    /// What happens.
    Normal,
}

/// Writes lines to stdout.
#[derive(Debug)]
pub struct Plain {
    volume: Volume,
    last_progress: Mutex<Instant>,
}

impl Plain {
    /// A front of this volume.
    pub fn new(volume: Volume) -> Self {
        Self { volume, last_progress: Mutex::new(Instant::now()) }
    }

    fn line(&self, volume: Volume, text: &str) {
        if volume <= self.volume {
            // A launcher that has closed its end does not listen; that must not end the sync.
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(format!("cloud-sync: {}\n", printable(text, false)).as_bytes());
            let _ = out.flush();
        }
    }
}

impl Front for Plain {
    fn note(&self, text: &str) {
        self.line(Volume::Normal, text);
    }

    fn warn(&self, text: &str) {
        self.line(Volume::Quiet, &format!("warning: {text}"));
    }

    fn progress(&self, progress: &Progress) {
        let mut last = lock(&self.last_progress);
        if last.elapsed() < BETWEEN_LINES {
            return;
        }
        *last = Instant::now();
        let done = human_bytes(progress.bytes);
        let of =
            if progress.total_bytes > 0 { format!(" of {}", human_bytes(progress.total_bytes)) } else { String::new() };
        self.line(Volume::Normal, &format!("{} {done}{of}", progress.step.text()));
    }

    fn finished(&self) {}

    fn sign_in(&self, _: &str, _: &str) -> Option<Token> {
        None
    }

    fn can_ask(&self) -> bool {
        false
    }

    fn conflict(&self, _: &Conflict) -> Reply {
        Reply::Nobody
    }
}
