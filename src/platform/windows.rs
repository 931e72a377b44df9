//! Windows.

mod access;
mod console;
mod job;

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::windows::fs::FileTypeExt as _;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

use super::file_names::can_be_on_windows;

pub use access::{keep_private, keep_private_file, open_folders};
pub use console::{end_gently_with_console, keep_streams, leave_own_console};

/// Whether a file that is moved brings along who may read it on the PC that it came from: its
/// access list moves with it, where a copy gets that of its new folder.
pub const MOVES_KEEP_FOREIGN_ACCESS: bool = true;

/// The oldest restic that does all we ask for. Those before make the rights that another PC's
/// folders hand down into rights of each file, which may lock us out of what they fetch.
pub const OLDEST_RESTIC: (u64, u64, u64) = (0, 19, 0);

/// A virus scanner holds a new file for moments; so often it is tried again, after twice the time.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Starts restic, without a console that would flash. It and its helpers (ssh, rclone) die with
/// us.
pub fn start_tool(command: &mut Command) -> io::Result<Child> {
    let tool = command.creation_flags(CREATE_NO_WINDOW).spawn()?;
    job::TOOLS.take_in(&tool);
    Ok(tool)
}

/// Starts the game, which dies with us. What it starts, a browser perhaps, does not.
pub fn start_game(command: &mut Command) -> io::Result<Child> {
    let game = command.spawn()?;
    job::GAME.take_in(&game);
    Ok(game)
}

/// Starts our window, without a console beside it. It outlives us for a moment.
#[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only for the window"))]
pub fn start_window(command: &mut Command) -> io::Result<Child> {
    command.creation_flags(CREATE_NO_WINDOW).spawn()
}

/// Asks restic to tidy up and end. Nobody can ask a program without our console.
pub fn interrupt(_: &Child) -> bool {
    false
}

/// Ends restic at once; its helpers end with their pipes, or else with us.
pub fn kill(tool: &mut Child) {
    let _ = tool.kill();
}

/// Waits for its end, after which it can still be asked how it ended.
pub fn wait_for_end(child: &mut Child) {
    let _ = child.wait();
}

/// How to ask it to end: what asks us to end on a console asks all that run in it.
pub fn ender(_: &Child) -> Box<dyn Fn() + Send> {
    Box::new(|| {})
}

/// The exit code.
pub fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}

/// How the console echoes and edits: it closes with its program, or mends itself.
pub struct TerminalMode;

/// The mode of our console.
pub fn terminal_mode() -> TerminalMode {
    TerminalMode
}

/// Gives our console back the mode it had.
pub fn restore_terminal(_: TerminalMode) {}

/// Whether there is a screen that a window could be on: there is one, or opening it fails at once.
#[cfg_attr(not(feature = "window"), expect(dead_code, reason = "only for the window"))]
pub fn has_display() -> bool {
    true
}

/// Who holds the lock of a running game on this file: nobody or somebody. Nobody else can read
/// what is locked. Where reading says nothing (an empty file, wine) the file is asked for a lock that
/// others may have, too, and that is gone at once.
#[expect(clippy::option_option, reason = "held or not, and by whom if that is known")]
pub fn lock_holder(lock: &Path) -> Option<Option<u32>> {
    use std::io::Read as _;
    let is_held = |error: &io::Error| is_one_of(error, &[ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION]);
    let mut file = match File::open(lock) {
        Ok(file) => file,
        Err(error) => return is_held(&error).then_some(None),
    };
    if let Err(error) = file.read(&mut [0]) {
        return is_held(&error).then_some(None);
    }
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(None)
}

fn is_one_of(error: &io::Error, codes: &[u32]) -> bool {
    let code = error.raw_os_error().map(i32::cast_unsigned);
    code.is_some_and(|code| codes.contains(&code))
}

/// The one real path of a file or folder, in a form that every program understands if there is
/// one: without `\\?\`.
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    Ok(plain(dunce::canonicalize(path)?))
}

/// The path of a share as people write it. A long one needs its mark.
fn plain(real: PathBuf) -> PathBuf {
    const LONGEST: usize = 240;
    let share = real.to_str().and_then(|text| text.strip_prefix(r"\\?\UNC\"));
    match share {
        Some(share) if share.len() <= LONGEST => PathBuf::from(format!(r"\\{share}")),
        _ => real,
    }
}

/// What tells the disk of `path` from others: its drive or share. Disks that are mounted in a folder
/// count as another one only where they are reached by a junction.
pub fn disk_of(path: &Path) -> Option<String> {
    let real = real_path(path).ok()?;
    let disk = real.components().next()?;
    Some(disk.as_os_str().to_string_lossy().to_uppercase())
}

/// Does it again and again, for a while, as long as somebody has a file open that is in the way.
pub fn patiently<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const IN_USE: &[u32] = &[ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION];
    for again in 0..TRIES {
        match act() {
            Err(error) if is_one_of(&error, IN_USE) => thread::sleep(FIRST_PAUSE * 2_u32.pow(again)),
            done => return done,
        }
    }
    act()
}

/// Makes the link at `link` once more, at `new`.
pub fn link_again(link: &Path, new: &Path) -> io::Result<()> {
    use std::os::windows::fs::{symlink_dir, symlink_file};
    let target = fs::read_link(link)?;
    if is_folder_link(link)? { symlink_dir(target, new) } else { symlink_file(target, new) }
}

/// Removes a link, not what it leads to.
pub fn remove_link(link: &Path) -> io::Result<()> {
    if is_folder_link(link)? { fs::remove_dir(link) } else { fs::remove_file(link) }
}

fn is_folder_link(link: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(link)?.file_type().is_symlink_dir())
}

/// Makes all that was written below `folder` survive a power cut.
pub fn sync_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_below(&entry.path())?;
        } else if !entry.metadata()?.permissions().readonly() {
            // Only what is open for writing can be flushed.
            patiently(|| File::options().write(true).open(entry.path()))?.sync_all()?;
        }
    }
    Ok(())
}

/// The same for a whole disk, which takes an administrator. Renames are as durable as the volume's
/// journal.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub fn sync_disk(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The same for the names in one folder.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a file a program, which its name does here.
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub fn make_executable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The text of a file's name.
pub fn os_string(name: Vec<u8>) -> OsString {
    match String::from_utf8(name) {
        Ok(name) => name.into(),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into(),
    }
}

/// What `--time` must say for restic to mean `time`: it has no zone, and restic reads it in the
/// PC's, whatever `TZ` says.
pub fn in_zone_of_restic(time: DateTime<Utc>) -> DateTime<Local> {
    time.with_timezone(&Local)
}

/// Whether a file may have this name.
pub fn can_hold(name: &str) -> bool {
    can_be_on_windows(name)
}

/// Whether a path with `/` between its parts means something else here: a backslash parts, too, and
/// a colon follows the letter of a drive.
pub fn leads_elsewhere(path: &str) -> bool {
    path.contains(['\\', ':'])
}

/// Whether the system counts the bytes that a process reads and writes.
pub const COUNTS_BYTES: bool = true;
pub use job::bytes_moved;

/// Whether others than its owner may read the file; access lists say, and ours are made so.
pub fn is_open_to_others(_: &Path) -> bool {
    false
}

/// The same permissions: here nothing in them keeps the owner from reading.
pub fn readable(permissions: &fs::Permissions) -> fs::Permissions {
    permissions.clone()
}

/// Whether the file or folder belongs to this user; the folder of a cache always does.
pub fn is_own(_: &Path) -> bool {
    true
}

/// Who the file or folder belongs to; access lists say more than that.
pub fn owner_of(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_named_as_people_write_it() {
        let long = format!(r"\\?\UNC\nas\games\{}", "x".repeat(300));
        for (real, expected) in [
            (r"\\?\UNC\nas\games\Sky", r"\\nas\games\Sky"),
            (r"C:\Games\Sky", r"C:\Games\Sky"),
            (long.as_str(), long.as_str()),
        ] {
            assert_eq!(plain(PathBuf::from(real)), Path::new(expected));
        }
    }

    #[test]
    fn a_file_that_somebody_holds_for_a_moment_is_waited_for() {
        use std::os::windows::fs::OpenOptionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        fs::write(&file, "old").unwrap();
        // As a virus scanner does, it lets nobody else in.
        let mut held = Some(File::options().read(true).share_mode(0).open(&file).unwrap());
        let mut tries = 0;
        let read = patiently(|| {
            tries += 1;
            if tries == 3 {
                held = None;
            }
            fs::read_to_string(&file)
        });
        assert_eq!((read.unwrap(), tries), ("old".to_owned(), 3));
        assert!(held.is_none());
    }

    #[test]
    fn a_private_folder_is_open_to_ourselves() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        for round in ["first", "again"] {
            keep_private(folder.path()).unwrap();
            fs::write(&token, round).unwrap();
            assert_eq!(fs::read_to_string(&token).unwrap(), round);
        }
        open_folders(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&token).unwrap(), "again");
    }
}
