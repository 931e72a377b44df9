//! The exit codes: what a launcher, a script or a test can tell apart.

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do, or the launch may go on.
    Ok,
    /// 1: failed, or the player cancelled.
    Failed,
    /// 2: the command line makes no sense.
    Usage,
    /// 3: two PCs disagree and there is nobody to ask.
    Conflict,
    /// 4: the game is running in this instance.
    GameRunning,
    /// 5: stopped because going on could lose data.
    Stopped,
    /// 6: not signed in, and `--strict` was given.
    SignedOut,
    /// 7: the cloud cannot be reached, and `--strict` was given.
    Offline,
    /// 8: saved, but something of the scope is missing from what was saved.
    Partial,
    /// 130: Ctrl-C, or asked to end.
    Interrupted,
    /// The exit code of another command: of the one that ran before the pull and failed, or of
    /// the game. On Windows it may be any number.
    Command(i32),
}

impl Exit {
    /// The number.
    pub fn code(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Conflict => 3,
            Self::GameRunning => 4,
            Self::Stopped => 5,
            Self::SignedOut => 6,
            Self::Offline => 7,
            Self::Partial => 8,
            Self::Interrupted => 130,
            Self::Command(code) => code,
        }
    }
}
