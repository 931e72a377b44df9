//! Whether the game is running in an instance: it holds a lock on the `session.lock` of each
//! world it has open. The file outlives the game; only the lock counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The worlds that a running game has open, and the game's process where the system tells it.
pub fn open_worlds(instance: &Path) -> BTreeMap<String, Option<u32>> {
    let mut open = BTreeMap::new();
    let Ok(worlds) = fs::read_dir(instance.join("saves")) else { return open };
    for world in worlds.flatten() {
        if let Some(holder) = holder(&world.path().join("session.lock")) {
            open.insert(world.file_name().to_string_lossy().into_owned(), holder);
        }
    }
    open
}

/// Who holds the lock: nobody, somebody, or a process we know.
#[cfg(unix)]
#[expect(clippy::option_option, reason = "held or not, and by whom if that is known")]
fn holder(lock: &Path) -> Option<Option<u32>> {
    use rustix::process::{Flock, FlockType, fcntl_getlk};
    // Java takes a POSIX record lock, which flock(2) and std's locks do not see. Asking about
    // it needs no lock of our own, and a file opened for reading will do.
    // A pipe of that name would keep us waiting.
    let file = lock.is_file().then(|| fs::File::open(lock).ok())??;
    let found = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    // In another PID namespace (a flatpak) the lock is seen and its holder is not.
    Some(found.pid.map(|pid| pid.as_raw_pid().cast_unsigned()))
}

/// Windows refuses to read a range that another process has locked.
#[cfg(windows)]
#[expect(clippy::option_option, reason = "held or not, and by whom if that is known")]
fn holder(lock: &Path) -> Option<Option<u32>> {
    use std::io::Read as _;
    const ERROR_SHARING_VIOLATION: i32 = 32;
    const ERROR_LOCK_VIOLATION: i32 = 33;
    let read = fs::File::open(lock).and_then(|mut file| file.read(&mut [0]));
    let code = read.err()?.raw_os_error()?;
    matches!(code, ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION).then_some(None)
}
