//! Linux and macOS.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use chrono::{DateTime, Utc};
use rustix::io::retry_on_intr;
use rustix::process::{
    Flock, FlockType, Pid, Signal, WaitId, WaitIdOptions, fcntl_getlk, getpgrp, kill_process, kill_process_group,
    waitid,
};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// Whether a file that is moved brings along who may read it on the PC that it came from. Here
/// that is ours to say.
pub const MOVES_KEEP_FOREIGN_ACCESS: bool = false;

/// The oldest restic that does all we ask for.
pub const OLDEST_RESTIC: (u64, u64, u64) = (0, 18, 1);

/// Starts restic. It gets a process group of its own, so that it and its helpers (ssh, rclone)
/// can be ended together and a Ctrl-C reaches it once, from us. It dies with the thread that
/// starts it.
pub fn start_tool(command: &mut Command) -> io::Result<Child> {
    command.process_group(0);
    start_with_us(command)
}

/// Starts the game. It dies with the thread that starts it, however suddenly; only Linux can do
/// that.
pub fn start_game(command: &mut Command) -> io::Result<Child> {
    start_with_us(command)
}

/// Starts our window, which outlives us for a moment.
#[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only for the window"))]
pub fn start_window(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

#[cfg(target_os = "linux")]
fn start_with_us(command: &mut Command) -> io::Result<Child> {
    use rustix::process::{getppid, set_parent_process_death_signal};

    let parent = std::process::id();
    #[expect(unsafe_code, reason = "runs between fork and exec; makes two system calls and allocates nothing")]
    // SAFETY: both calls are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // We may have died before that took effect.
            let orphaned = getppid().is_none_or(|pid| pid.as_raw_pid().cast_unsigned() != parent);
            if orphaned { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
        });
    }
    command.spawn()
}

#[cfg(not(target_os = "linux"))]
fn start_with_us(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// Asks restic to tidy up and end. Whether it was asked.
pub fn interrupt(tool: &Child) -> bool {
    kill_process(Pid::from_child(tool), Signal::INT).is_ok()
}

/// Ends restic and its helpers at once.
pub fn kill(tool: &mut Child) {
    let _ = kill_process_group(Pid::from_child(tool), Signal::KILL);
    let _ = tool.kill();
}

/// Waits for its end, after which it can still be asked how it ended. Until it is, its id is
/// nobody else's.
pub fn wait_for_end(child: &mut Child) {
    // Where this fails, whoever asks waits.
    let _ =
        retry_on_intr(|| waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
}

/// How to ask it to end, from any thread, as long as nobody has asked how it ended.
pub fn ender(child: &Child) -> Box<dyn Fn() + Send> {
    let pid = Pid::from_child(child);
    Box::new(move || {
        // In the foreground of a terminal it was most likely Ctrl-C, which the child has got
        // already: two of the same do no more than one, where one of another kind might.
        let is_in_foreground = tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp());
        let _ = kill_process(pid, if is_in_foreground { Signal::INT } else { Signal::TERM });
    })
}

/// The exit code, as a shell would tell it: 128 and the signal for what was killed.
pub fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// Lets us tidy up when the terminal is closed, which is a signal like others here.
pub fn end_gently_with_console(_: fn()) {}

/// Keeps our streams from the processes that we start, but for those that are to have them. They
/// get no others here.
pub fn keep_streams() {}

/// How the terminal echoes and edits, if there is one.
pub type TerminalMode = Option<Termios>;

/// The mode of our terminal.
pub fn terminal_mode() -> TerminalMode {
    tcgetattr(io::stdin()).ok()
}

/// Gives our terminal back the mode it had.
pub fn restore_terminal(mode: TerminalMode) {
    if let Some(mode) = mode {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &mode);
    }
}

/// Leaves a console that nobody but us is in. Terminals are nobody's alone.
pub fn leave_own_console() {}

/// Whether there is a screen that a window could be on.
#[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only for the window"))]
pub fn has_display() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    // On a Mac there is always one, or opening a window fails at once.
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Who holds the lock of a running game on this file: nobody, somebody, or a process we know.
#[expect(clippy::option_option, reason = "held or not, and by whom if that is known")]
pub fn lock_holder(lock: &Path) -> Option<Option<u32>> {
    // Java takes a POSIX record lock, which flock(2) and std's locks do not see. Asking about
    // it needs no lock of our own, and a file opened for reading will do.
    // A pipe of that name would keep us waiting.
    let file = lock.is_file().then(|| File::open(lock).ok())??;
    let found = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    // In another PID namespace (a flatpak) the lock is seen and its holder is not.
    Some(found.pid.map(|pid| pid.as_raw_pid().cast_unsigned()))
}

/// The one real path of a file or folder.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// What tells the disk of `path` from others.
pub fn disk_of(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|found| found.dev().to_string())
}

/// Does it at once: an open file is in nobody's way.
pub fn patiently<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    act()
}

/// Makes the link at `link` once more, at `new`.
pub fn link_again(link: &Path, new: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(link)?, new)
}

/// Removes a link, not what it leads to.
pub fn remove_link(link: &Path) -> io::Result<()> {
    fs::remove_file(link)
}

/// Makes all that was written below `folder` survive a power cut.
#[cfg(target_os = "linux")]
pub fn sync_below(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Makes all that was written below `folder` survive a power cut.
#[cfg(not(target_os = "linux"))]
pub fn sync_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

/// The same for all that was written and renamed on the disk of `folder`, where one call does it.
/// Elsewhere renames are as durable as the filesystem's own journal.
pub fn sync_disk(folder: &Path) -> io::Result<()> {
    if cfg!(target_os = "linux") { sync_below(folder) } else { Ok(()) }
}

/// Makes the names in `folder` survive a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Lets nobody but this user into `folder`.
pub fn keep_private(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder)?.permissions().mode().trailing_zeros() >= 6 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Lets us into folders that came with the permissions of another PC.
pub fn open_folders(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes a file a program.
pub fn make_executable(file: &File) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

/// The text of a file's name.
pub fn os_string(name: Vec<u8>) -> OsString {
    OsString::from_vec(name)
}

/// What `--time` must say for restic to mean `time`: it has no zone, and restic reads it in that
/// of `TZ`, which we set to UTC.
pub fn in_zone_of_restic(time: DateTime<Utc>) -> DateTime<Utc> {
    time
}

/// Whether a file may have this name. All that restic can tell are fine here.
pub fn can_hold(_: &str) -> bool {
    true
}

/// Whether a path with `/` between its parts means something else here.
pub fn leads_elsewhere(_: &str) -> bool {
    false
}

/// Lets nobody but this user into a new, empty file, which is so already.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub fn keep_private_file(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Who the file or folder belongs to.
pub fn owner_of(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let id = fs::metadata(path).ok()?.uid().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user.get(2) == Some(&&*id));
    Some(name.map_or_else(|| format!("user {id}"), |user| user[0].to_owned()))
}

/// Whether the system counts the bytes that a process reads and writes.
pub const COUNTS_BYTES: bool = cfg!(target_os = "linux");

/// The bytes that `tool` has read and written so far, over the line, too.
pub fn bytes_moved(tool: &Child) -> Option<u64> {
    let counters = fs::read_to_string(format!("/proc/{}/io", tool.id())).ok()?;
    let count = |name: &str| counters.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some(count("rchar:")? + count("wchar:")?)
}

/// Whether others than its owner may read the file.
pub fn is_open_to_others(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

/// The same permissions, with which the owner can read.
pub fn readable(permissions: &fs::Permissions) -> fs::Permissions {
    fs::Permissions::from_mode(permissions.mode() | 0o400)
}

/// Whether the file or folder belongs to this user.
pub fn is_own(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.uid() == rustix::process::geteuid().as_raw())
}
