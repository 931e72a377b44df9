//! Ctrl-C, and being asked to end: one flag, looked at wherever something waits.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Turns Ctrl-C, SIGTERM and a closing console into the flag.
pub fn install() {
    // Only a second installation can fail, and the first one does.
    let _ = ctrlc::set_handler(|| REQUESTED.store(true, Ordering::SeqCst));
}

/// Whether we are to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
