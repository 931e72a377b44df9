//! Ctrl-C, and being asked to end: one flag, looked at wherever something waits; at a prompt,
//! which looks at nothing, the end comes at once. While the game runs, it is the game's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::platform::{self, TerminalMode};

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// What the player wants instead, if that is why we are to end.
static WISH: Mutex<Option<Wish>> = Mutex::new(None);
/// The terminal as it was before a prompt, while there is one.
static PROMPT: Mutex<Option<TerminalMode>> = Mutex::new(None);
/// While the game runs: how to pass a request to end on to it.
static FORWARD_TO: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);
/// A Ctrl-C that was meant for the game may reach us this long after its end.
const CTRL_C_GRACE: Duration = Duration::from_millis(100);

/// Turns Ctrl-C, SIGTERM and a closing console into the flag.
pub fn install() {
    // Only a second installation can fail, and the first one does.
    let _ = ctrlc::set_handler(asked_to_end);
    platform::end_gently_with_console(asked_to_end);
}

fn asked_to_end() {
    if let Some(ask_to_end) = &*lock(&FORWARD_TO) {
        return ask_to_end();
    }
    request();
    if let Some(mode) = lock(&PROMPT).take() {
        platform::restore_terminal(mode);
        end();
    }
}

/// Ends the process: a prompt holds nothing that would have to be tidied up.
#[expect(clippy::exit, reason = "the prompt's thread waits for a key and cannot be woken")]
fn end() {
    std::process::exit(Exit::Interrupted.code());
}

/// Asks to end.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

/// Why a command is to end before it is done.
#[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only a window tells of wishes"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The player wants neither the sync nor the game.
    Cancel,
    /// The player wants the game without the sync.
    PlayAnyway,
}

/// Asks the command to end, since the player wants something else.
#[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only a window tells of wishes"))]
pub fn wish(wish: Wish) {
    *lock(&WISH) = Some(wish);
    request();
}

/// What the player wished for. It is granted with that: another command may follow.
pub fn take_wish() -> Option<Wish> {
    let wish = lock(&WISH).take();
    if wish.is_some() {
        REQUESTED.store(false, Ordering::SeqCst);
    }
    wish
}

/// Whether we are to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Ends what is going on if we are to end.
pub fn check() -> Result<()> {
    if requested() {
        return Err(Error::new(Kind::Interrupted, "interrupted").hint("nothing was lost; run it again"));
    }
    Ok(())
}

/// Runs a prompt, which an interrupt ends at once.
pub fn at_prompt<T>(prompt: impl FnOnce() -> T) -> T {
    let set = |mode| *lock(&PROMPT) = mode;
    set(Some(platform::terminal_mode()));
    let answer = prompt();
    set(None);
    answer
}

/// Starts another process and waits for it. What asks us to end meanwhile is left to it, and
/// passed on by what `start` gives along.
pub fn leave_to<T, E>(
    start: impl FnOnce() -> Result<(T, Box<dyn Fn() + Send>), E>,
    wait: impl FnOnce(&mut T),
) -> Result<T, E> {
    // What comes while it starts waits until it can be passed on.
    let mut forward_to = lock(&FORWARD_TO);
    let (mut other, ask_to_end) = start()?;
    *forward_to = Some(ask_to_end);
    drop(forward_to);
    wait(&mut other);
    thread::sleep(CTRL_C_GRACE);
    *lock(&FORWARD_TO) = None;
    Ok(other)
}

/// Locks it, whatever became of the thread that had it before: what is in it is whole at any time.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
