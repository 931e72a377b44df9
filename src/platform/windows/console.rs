//! The console, and the streams that a launcher gives us in its place.
//!
//! The program stays a console program: launchers read what it prints, and a program of the other kind
//! prints nowhere.

use std::ptr;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use windows_sys::Win32::Foundation::{HANDLE_FLAG_INHERIT, SetHandleInformation};
use windows_sys::Win32::System::Console::{
    CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT, FreeConsole, GetConsoleMode, GetConsoleProcessList,
    GetConsoleWindow, GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCtrlHandler,
    SetStdHandle,
};
use windows_sys::core::BOOL;

/// Windows waits no longer for those who were told to end.
const LAST_MOMENTS: Duration = Duration::from_secs(20);

static ON_CLOSE: OnceLock<fn()> = OnceLock::new();

/// Calls `tell` when the console is closed, and lets us tidy up and end by ourselves in the few
/// seconds that Windows grants. It tells of signing off and of shutting down, too, but to programs
/// without windows alone.
pub fn end_gently_with_console(tell: fn()) {
    if ON_CLOSE.set(tell).is_err() {
        return;
    }
    #[expect(unsafe_code, reason = "no safe function hears of a closing console and waits")]
    // SAFETY: the handler is a function that is always there, and runs in a thread of its own.
    unsafe {
        SetConsoleCtrlHandler(Some(on_event), 1);
    }
}

#[expect(unsafe_code, reason = "the form of a handler")]
unsafe extern "system" fn on_event(event: u32) -> BOOL {
    if !matches!(event, CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT) {
        // Others are for the handler that was there before.
        return 0;
    }
    if let Some(tell) = ON_CLOSE.get() {
        tell();
    }
    // The process ends with the return of this one, or by itself before.
    thread::sleep(LAST_MOMENTS);
    1
}

/// Closes a console that nobody but us is in: Windows opened it because a launcher without one
/// started us, and it would lie in front of the game.
pub fn leave_own_console() {
    let mut processes = [0; 2];
    #[expect(unsafe_code, reason = "no safe function knows consoles")]
    // SAFETY: the list has room for as many as the call is told; a stream that is not there has no
    // mode, and std takes one without a handle for one that swallows all.
    unsafe {
        // Without a window there is none, or none that is seen.
        if !GetConsoleWindow().is_null() && GetConsoleProcessList(processes.as_mut_ptr(), 2) == 1 {
            // Windows closes what led to it, and the next files get the same numbers: we must not go
            // on writing to them.
            let mut mode = 0;
            let streams = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
            let lead_there = streams.map(|stream| GetConsoleMode(GetStdHandle(stream), &raw mut mode) != 0);
            FreeConsole();
            for (stream, _) in streams.into_iter().zip(lead_there).filter(|(_, leads_there)| *leads_there) {
                SetStdHandle(stream, ptr::null_mut());
            }
        }
    }
}

/// Keeps our streams from the processes that we start, but for those that are to have them:
/// launchers wait for the end of all who have.
pub fn keep_streams() {
    for stream in [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        #[expect(unsafe_code, reason = "no safe function changes who inherits a stream")]
        // SAFETY: a stream that is not there is refused, and nothing else happens.
        unsafe {
            SetHandleInformation(GetStdHandle(stream), HANDLE_FLAG_INHERIT, 0);
        }
    }
}
