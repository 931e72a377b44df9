//! What we ask of the processes we start: to die with us, to end when we are asked to, and to
//! tell how they ended.

use std::process::{Child, Command, ExitStatus};

/// Makes the process that `command` starts die when the thread that starts it does, however
/// suddenly. Only Linux can do that.
#[cfg(target_os = "linux")]
pub fn die_with_us(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = std::process::id();
    #[expect(unsafe_code, reason = "runs between fork and exec; makes two system calls and allocates nothing")]
    // SAFETY: both calls are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // We may have died before that took effect.
            let orphaned = getppid().is_none_or(|pid| pid.as_raw_pid().cast_unsigned() != parent);
            if orphaned { Err(std::io::ErrorKind::Interrupted.into()) } else { Ok(()) }
        });
    }
}

#[cfg(not(target_os = "linux"))]
pub fn die_with_us(_: &mut Command) {}

/// Waits for its end, after which it can still be asked how it ended. Until it is, its id is
/// nobody else's.
#[cfg(unix)]
pub fn wait_for_end(child: &mut Child) {
    use rustix::io::retry_on_intr;
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    // Where this fails, whoever asks waits.
    let _ =
        retry_on_intr(|| waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
}

#[cfg(not(unix))]
pub fn wait_for_end(child: &mut Child) {
    let _ = child.wait();
}

/// How to ask it to end, from any thread, as long as nobody has asked how it ended.
#[cfg(unix)]
pub fn ender(child: &Child) -> Box<dyn Fn() + Send> {
    use rustix::process::{Pid, Signal, getpgrp, kill_process};
    use rustix::termios::tcgetpgrp;

    let pid = Pid::from_child(child);
    Box::new(move || {
        // In the foreground of a terminal it was most likely Ctrl-C, which the child has got
        // already: two of the same do no more than one, where one of another kind might.
        let is_in_foreground = tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp());
        let _ = kill_process(pid, if is_in_foreground { Signal::INT } else { Signal::TERM });
    })
}

/// What asks us to end on a Windows console asks all that run in it.
#[cfg(not(unix))]
pub fn ender(_: &Child) -> Box<dyn Fn() + Send> {
    Box::new(|| {})
}

/// The exit code, as a shell would tell it: 128 and the signal for what was killed.
pub fn code_of(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    let killed = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    #[cfg(not(unix))]
    let killed = None;
    status.code().or(killed).unwrap_or(1)
}
