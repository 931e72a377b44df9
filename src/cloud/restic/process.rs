//! Runs restic: both pipes drained, silence noticed, ended when asked, dead when we are.
//!
//! While restic is silent or retries, the repository is asked whether it is still there; our own probe
//! takes 4.5 seconds at most. restic is ended when not a byte has come or gone for a while, or when the
//! repository has not answered, or has refused what restic asks, for a while: not long before a game,
//! longer after it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::ended::Ended;
use super::error::{ResticError, http_status, is_out_of_space};
use crate::player::counted;
use crate::{interrupt, platform};

/// The longest line that is read as one; `snapshots` prints all it has in a single line.
const MAX_LINE: u64 = 128 << 20;
/// A program that prints this many lines that are no JSON is not restic.
const MAX_UNKNOWN: usize = 10_000;
/// How often we look whether we are to stop.
const TICK: Duration = Duration::from_millis(100);
/// After this long without progress the repository is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(8);
/// While something is wrong it is asked again after this long.
const AGAIN: Duration = Duration::from_secs(1);
/// So many bytes more are data; retries alone move some, too.
const A_SIGN: u64 = 16 << 10;
/// How long restic gets to tidy up after an interrupt.
const GRACE: Duration = Duration::from_secs(3);

/// How many retries without progress between them are enough, whoever answers us.
const MAX_RETRIES: usize = 8;
/// The same where only restic can tell whether the repository is there.
const MAX_BLIND_RETRIES: usize = 4;

/// Whether the repository is there, asked by other means than restic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Answers,
    /// It does not.
    Silent,
    /// Only restic can tell.
    Unknown,
}

/// When to give restic up. It would retry by itself for fifteen minutes.
pub struct Patience<'a> {
    /// Asks whether the repository is there.
    pub health: &'a dyn Fn() -> Health,
    /// How long.
    pub waits: Waits,
}

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For a repository that answers us, while not a byte comes or goes.
    pub stall: Duration,
    /// For one that does not answer, or refuses what restic asks of it.
    pub outage: Duration,
}

enum Said {
    Out(Vec<u8>),
    Err(Vec<u8>),
    Closed,
}

/// Runs `command`. `on_line` gets each line of stdout and says whether it meant progress.
pub fn run(
    mut command: Command,
    patience: &Patience<'_>,
    on_line: &mut dyn FnMut(&[u8]) -> Line,
) -> Result<Ended, ResticError> {
    if interrupt::requested() {
        return Err(ResticError::Interrupted);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = platform::start_tool(&mut command).map_err(|error| ResticError::Start {
        exe: command.get_program().to_string_lossy().into_owned(),
        cause: error.to_string(),
    })?;
    let said = listen(&mut child);
    let outcome = follow(&said, Watch::new(patience, &|| platform::bytes_moved(&child)), on_line);
    match outcome {
        Ok(mut ended) => {
            let status = child.wait().map_err(|error| ResticError::Failed(error.to_string()))?;
            ended.code = status.code();
            Ok(ended)
        }
        Err(error) => {
            end(&mut child, &said, error == ResticError::Interrupted);
            Err(error)
        }
    }
}

/// What a line of stdout meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// restic got further.
    Progress,
    /// It only spoke.
    Idle,
    /// Not a line that restic prints.
    Unknown,
}

fn listen(child: &mut Child) -> Receiver<Said> {
    let (sender, said) = sync_channel(1024);
    pass_on(child.stdout.take(), Said::Out, sender.clone());
    pass_on(child.stderr.take(), Said::Err, sender);
    said
}

fn pass_on(stream: Option<impl Read + Send + 'static>, wrap: fn(Vec<u8>) -> Said, sender: SyncSender<Said>) {
    thread::spawn(move || {
        if let Some(stream) = stream {
            pass_lines(stream, wrap, &sender);
        }
        let _ = sender.send(Said::Closed);
    });
}

fn pass_lines(stream: impl Read, wrap: fn(Vec<u8>) -> Said, sender: &SyncSender<Said>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if sender.send(wrap(line)).is_err() => {
                // Nobody listens any more; restic must not block on a full pipe all the same.
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
                return;
            }
            Ok(_) => {}
        }
    }
}

fn follow(
    said: &Receiver<Said>,
    mut watch: Watch<'_>,
    on_line: &mut dyn FnMut(&[u8]) -> Line,
) -> Result<Ended, ResticError> {
    let mut ended = Ended::default();
    let mut open = 2;
    let mut unknown = 0;
    while open > 0 {
        match said.recv_timeout(TICK) {
            Ok(Said::Out(line)) => match on_line(&line) {
                Line::Progress => watch.progress(),
                Line::Idle => {}
                Line::Unknown => unknown += 1,
            },
            Ok(Said::Err(line)) => {
                if let Some(why) = retry(&line)? {
                    watch.retry(why);
                }
                ended.note(&line);
            }
            Ok(Said::Closed) => open -= 1,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if interrupt::requested() {
            return Err(ResticError::Interrupted);
        }
        if unknown > MAX_UNKNOWN {
            return Err(ResticError::Garbage("it prints no end of text".to_owned()));
        }
        watch.check()?;
    }
    Ok(ended)
}

/// What a run has shown so far.
struct Watch<'a> {
    patience: &'a Patience<'a>,
    /// Bytes that it has read and written, where the system tells.
    moved: &'a dyn Fn() -> Option<u64>,
    bytes: u64,
    last_sign: Instant,
    next_check: Instant,
    /// Retries without progress between them.
    retries: usize,
    /// Since when something is wrong, and what.
    trouble: Option<(Instant, String)>,
}

impl<'a> Watch<'a> {
    fn new(patience: &'a Patience<'a>, moved: &'a dyn Fn() -> Option<u64>) -> Self {
        let now = Instant::now();
        let next_check = now + QUIET.min(patience.waits.stall);
        Self { patience, moved, bytes: 0, last_sign: now, next_check, retries: 0, trouble: None }
    }

    fn progress(&mut self) {
        self.last_sign = Instant::now();
        self.next_check = self.last_sign + QUIET.min(self.patience.waits.stall);
        self.retries = 0;
        self.trouble = None;
    }

    fn retry(&mut self, why: String) {
        let now = Instant::now();
        self.retries += 1;
        let since = self.trouble.as_ref().map_or(now, |(since, _)| *since);
        self.trouble = Some((since, why));
        self.next_check = self.next_check.min(now);
    }

    /// Looks, when it is time, whether there is still something to wait for.
    fn check(&mut self) -> Result<(), ResticError> {
        if Instant::now() < self.next_check {
            return Ok(());
        }
        if let Some(bytes) = (self.moved)().filter(|bytes| *bytes >= self.bytes + A_SIGN) {
            self.bytes = bytes;
            self.last_sign = Instant::now();
        }
        let Waits { stall, outage } = self.patience.waits;
        let max_retries = match (self.patience.health)() {
            Health::Answers => MAX_RETRIES,
            Health::Silent => {
                let silent = || (Instant::now(), "it does not answer".to_owned());
                self.trouble.get_or_insert_with(silent);
                0
            }
            Health::Unknown => MAX_BLIND_RETRIES,
        };
        if let Some((since, why)) = &self.trouble {
            if since.elapsed() >= stall || self.retries >= max_retries && since.elapsed() >= outage {
                return Err(ResticError::Unreachable(why.clone()));
            }
        } else if self.last_sign.elapsed() >= stall {
            let seconds = usize::try_from(stall.as_secs()).unwrap_or(usize::MAX);
            return Err(ResticError::Unreachable(format!("nothing came for {}", counted(seconds, "second"))));
        }
        if max_retries > 0 && self.retries == 0 {
            self.trouble = None;
        }
        let pause = if self.trouble.is_some() { AGAIN } else { QUIET.min(stall) };
        self.next_check = Instant::now() + pause;
        Ok(())
    }
}

/// restic announces each of its retries, and only so tells that the repository has gone. A full disk does
/// not get emptier by waiting. Gives the reason.
fn retry(line: &[u8]) -> Result<Option<String>, ResticError> {
    let words = String::from_utf8_lossy(line);
    let Some((_, rest)) = words.split_once("returned error, retrying after") else { return Ok(None) };
    if is_out_of_space(&words) {
        return Err(ResticError::NoSpace(words.trim().to_owned()));
    }
    let why = rest.split_once(": ").map_or(rest, |(_, why)| why).trim();
    Ok(Some(http_status(why).map_or_else(|| why.to_owned(), |status| format!("the server answered {status}"))))
}

/// Ends the child: with a chance to tidy up where it can still be expected to, else at once.
fn end(child: &mut Child, said: &Receiver<Said>, gently: bool) {
    if gently && platform::interrupt(child) {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            // Keep its pipes flowing meanwhile.
            let _ = said.recv_timeout(TICK);
        }
    }
    platform::kill(child);
    let _ = child.wait();
}
