//! The exit codes: what a launcher, a script or a test can tell apart.

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do, or the launch may go on.
    Ok = 0,
    /// Failed, or the player cancelled.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Two PCs disagree and there is nobody to ask.
    Conflict = 3,
    /// The game is running in this instance.
    GameRunning = 4,
    /// Stopped because going on could lose data.
    Stopped = 5,
    /// Not signed in, and `--strict` was given.
    SignedOut = 6,
    /// The cloud cannot be reached, and `--strict` was given.
    Offline = 7,
    /// Saved, but something of the scope is missing from what was saved.
    Partial = 8,
    /// Ctrl-C, or asked to end.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
