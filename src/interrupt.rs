//! Ctrl-C, and being asked to end: one flag, looked at wherever something waits; at a prompt,
//! which looks at nothing, the end comes at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::exit::Exit;

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// The terminal as it was before a prompt, while there is one.
static PROMPT: Mutex<Option<terminal::Mode>> = Mutex::new(None);

/// Turns Ctrl-C, SIGTERM and a closing console into the flag.
pub fn install() {
    // Only a second installation can fail, and the first one does.
    let _ = ctrlc::set_handler(|| {
        request();
        if let Some(mode) = PROMPT.lock().unwrap_or_else(PoisonError::into_inner).take() {
            terminal::restore(mode);
            end();
        }
    });
}

/// Ends the process: a prompt holds nothing that would have to be tidied up.
#[expect(clippy::exit, reason = "the prompt's thread waits for a key and cannot be woken")]
fn end() {
    std::process::exit(Exit::Interrupted.code().into());
}

/// Asks to end.
pub fn request() {
    REQUESTED.store(true, Ordering::SeqCst);
}

/// Whether we are to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Runs a prompt, which an interrupt ends at once.
pub fn at_prompt<T>(prompt: impl FnOnce() -> T) -> T {
    let set = |mode| *PROMPT.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    set(Some(terminal::mode()));
    let answer = prompt();
    set(None);
    answer
}

#[cfg(unix)]
mod terminal {
    use std::io::stdin;

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    /// How the terminal echoes and edits, if there is one.
    pub type Mode = Option<Termios>;

    pub fn mode() -> Mode {
        tcgetattr(stdin()).ok()
    }

    pub fn restore(mode: Mode) {
        if let Some(mode) = mode {
            let _ = tcsetattr(stdin(), OptionalActions::Now, &mode);
        }
    }
}

/// A console that closes with its program needs no mending.
#[cfg(not(unix))]
mod terminal {
    pub type Mode = ();

    pub fn mode() -> Mode {}

    pub fn restore((): Mode) {}
}
