//! The run's side of the window: what there is to say is shown in it, and what the player does there is
//! the answer. Whatever happens to it, the run goes on with what is below it: a terminal, or nobody.

mod process;

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::protocol::{Said, Show};
use super::texts;
use crate::credentials::Token;
use crate::interrupt::{self, lock};
use crate::outcome::{Done, Outcome};
use crate::player::{Conflict, Front, Progress, Reply};
use crate::verb::Verb;
use process::Process;

/// Nothing opens for what is done sooner.
const BRIEF: Duration = Duration::from_millis(400);
/// How long it waits for something to show before it opens all the same.
const LONG: Duration = Duration::from_secs(2);
/// A window that is not on the screen by then never will be.
const OPENING: Duration = Duration::from_secs(20);
/// Whoever does not answer for this long is not there.
const ANSWERING: Duration = Duration::from_mins(30);
/// It is redrawn no more often.
const BETWEEN_FRAMES: Duration = Duration::from_millis(60);
const TICK: Duration = Duration::from_millis(50);
/// How long it may take to tell it that all is done.
const FAREWELL: Duration = Duration::from_secs(1);

/// Speaks through a window, as soon as there is something to say that takes a while.
pub struct Client {
    below: Box<dyn Front>,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Told when a run begins or ends.
    changed: Condvar,
}

struct State {
    machine: String,
    /// The command that runs, and since when.
    running: Option<(Verb, Instant)>,
    screen: Screen,
    /// When it was last told how far it is.
    last_frame: Instant,
    /// What happened to it, and how much of that is told.
    troubles: Vec<String>,
    told: usize,
}

/// What has become of the window.
enum Screen {
    /// Nothing was shown yet.
    Closed,
    /// It is open, or about to be.
    Open(Process),
    /// The player closed it, and does not want to see how far it is; a question opens it again.
    Unwanted,
    /// It could not be opened, or died; it is not tried again.
    Broken,
}

impl Client {
    /// A window over `below`, which says what there is to say to others, and which takes over
    /// where the window fails.
    pub fn new(below: Box<dyn Front>) -> Self {
        let state = State {
            machine: String::new(),
            running: None,
            screen: Screen::Closed,
            last_frame: Instant::now(),
            troubles: Vec::new(),
            told: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        Self { below, shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// Asks in the window; none where that fails.
    fn ask(&self, question: &Show, is_answer: impl Fn(&Said) -> bool) -> Option<Said> {
        let asked = Instant::now();
        self.state().ask(question);
        let answer = self.wait_for(asked, is_answer);
        if let Screen::Open(process) = &self.state().screen {
            process.is_asked.store(false, Ordering::SeqCst);
        }
        answer
    }

    fn wait_for(&self, asked: Instant, is_answer: impl Fn(&Said) -> bool) -> Option<Said> {
        loop {
            let mut state = self.state();
            let Screen::Open(process) = &mut state.screen else { return None };
            match process.said.recv_timeout(TICK) {
                Ok(Said::Ready) => process.is_ready = true,
                Ok(said) if is_answer(&said) => return Some(said),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if interrupt::requested() => return None,
                Err(RecvTimeoutError::Timeout) => {
                    if !process.is_ready && process.since.elapsed() > OPENING {
                        state.give_up("it did not open in time");
                        return None;
                    }
                    if asked.elapsed() > ANSWERING {
                        state.give_up("nobody answered");
                        return None;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    state.give_up("it is gone");
                    return None;
                }
            }
        }
    }

    /// What went wrong with the window, once.
    fn tell_troubles(&self) {
        let mut state = self.state();
        let untold = state.troubles[state.told..].to_vec();
        state.told = state.troubles.len();
        drop(state);
        for trouble in untold {
            self.below.note(&trouble);
        }
    }
}

impl Front for Client {
    fn begin(&self, verb: Verb, machine: &str) {
        let mut state = self.state();
        machine.clone_into(&mut state.machine);
        state.running = Some((verb, Instant::now()));
        drop(state);
        // What takes long without a sound is shown, too.
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            let state = shared.lock();
            let is_same = |state: &mut State| state.running.is_some_and(|(one, _)| one == verb);
            let waited = shared.changed.wait_timeout_while(state, LONG, is_same);
            let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && is_same(&mut state) {
                state.show_progress();
            }
        });
    }

    fn note(&self, text: &str) {
        self.below.note(text);
        self.state().tell(&Show::Note(text.to_owned()));
    }

    fn warn(&self, text: &str) {
        self.below.warn(text);
        self.state().tell(&Show::Note(text.to_owned()));
    }

    fn progress(&self, progress: &Progress) {
        self.below.progress(progress);
        let mut state = self.state();
        if state.running.is_some_and(|(_, since)| since.elapsed() > BRIEF) {
            state.show_progress();
        }
        if state.last_frame.elapsed() >= BETWEEN_FRAMES {
            state.last_frame = Instant::now();
            state.tell(&Show::Progress(progress.clone()));
        }
    }

    fn finished(&self) {
        self.below.finished();
    }

    fn sign_in(&self, url: &str, why: &str) -> Option<Token> {
        let mut why = why.to_owned();
        loop {
            let question = Show::SignIn { url: url.to_owned(), why: why.clone() };
            let is_answer = |said: &Said| matches!(said, Said::Token(_) | Said::Skip);
            match self.ask(&question, is_answer) {
                Some(Said::Token(text)) => match Token::parse(&text) {
                    Ok(token) => return Some(token),
                    Err(reason) => why = format!("That is no token: {reason}"),
                },
                Some(_) => return None,
                None if interrupt::requested() => return None,
                None => {
                    self.tell_troubles();
                    return self.below.sign_in(url, &why);
                }
            }
        }
    }

    fn can_ask(&self) -> bool {
        !matches!(self.state().screen, Screen::Broken) || self.below.can_ask()
    }

    fn conflict(&self, conflict: &Conflict) -> Reply {
        let is_answer = |said: &Said| match said {
            Said::Answers(answers) => answers.len() == conflict.worlds.len(),
            said => *said == Said::Cancel,
        };
        match self.ask(&Show::Conflict(conflict.clone()), is_answer) {
            Some(Said::Answers(answers)) => Reply::Answers(answers),
            Some(_) => Reply::Cancel,
            None if interrupt::requested() => Reply::Cancel,
            None => {
                self.tell_troubles();
                self.below.conflict(conflict)
            }
        }
    }

    fn try_again(&self, why: &str) -> bool {
        let is_answer = |said: &Said| matches!(said, Said::Retry | Said::PlayAnyway);
        let said = self.ask(&Show::Offline { why: why.to_owned() }, is_answer);
        self.tell_troubles();
        said == Some(Said::Retry)
    }

    fn troubles(&self) -> Vec<String> {
        self.state().troubles.clone()
    }

    fn end(&self, outcome: &Outcome) {
        let mut state = self.state();
        state.running = None;
        self.shared.changed.notify_all();
        let is_saved = outcome.command == Some(Verb::Push) && outcome.done == Done::Saved && outcome.error.is_none();
        let last =
            if is_saved && outcome.warnings.is_empty() { Show::Done(texts::SAVED.to_owned()) } else { Show::Close };
        state.tell(&last);
        let screen = state.leave();
        drop(state);
        if let Screen::Open(Process { lines, written, .. }) = screen {
            // It closes by itself, and needs no more than to be told.
            drop(lines);
            let _ = written.recv_timeout(FAREWELL);
        }
        self.tell_troubles();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Opens it to show how far it is, unless the player has seen enough of that.
    fn show_progress(&mut self) {
        if matches!(self.screen, Screen::Closed) {
            self.open();
        }
    }

    /// Takes leave of it; the next command begins anew, if it did not break.
    fn leave(&mut self) -> Screen {
        let next = if matches!(self.screen, Screen::Broken) { Screen::Broken } else { Screen::Closed };
        mem::replace(&mut self.screen, next)
    }

    fn open(&mut self) {
        match Process::start() {
            Ok(process) => {
                self.screen = Screen::Open(process);
                let verb = self.running.map(|(verb, _)| verb);
                let machine = self.machine.clone();
                self.tell(&Show::Begin { verb, machine });
            }
            Err(error) => self.give_up(&error.to_string()),
        }
    }

    /// Opens it if need be, and shows it a question.
    fn ask(&mut self, question: &Show) {
        if matches!(self.screen, Screen::Closed | Screen::Unwanted) {
            self.open();
        }
        if let Screen::Open(process) = &self.screen {
            process.is_asked.store(true, Ordering::SeqCst);
        }
        self.tell(question);
    }

    /// Tells it, if it is open.
    fn tell(&mut self, what: &Show) {
        let Screen::Open(process) = &self.screen else { return };
        let Ok(line) = serde_json::to_string(what) else { return };
        match process.lines.try_send(line + "\n") {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.give_up("it hangs"),
            Err(TrySendError::Disconnected(_)) => self.give_up("it is gone"),
        }
    }

    fn give_up(&mut self, why: &str) {
        let mut why = why.to_owned();
        if let Screen::Open(mut process) = mem::replace(&mut self.screen, Screen::Broken) {
            if process.was_closed() {
                self.screen = Screen::Unwanted;
                return;
            }
            let _ = process.child.kill();
            let _ = process.child.wait();
            let words = lock(&process.last_words);
            if !words.is_empty() {
                why.clone_from(&words);
            }
        }
        self.troubles.push(format!("there is no window: {why}"));
    }
}
