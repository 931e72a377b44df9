//! Whether the game is running in an instance: it holds a lock on the `session.lock` of each
//! world it has open. The file outlives the game; only the lock counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::platform;

/// The worlds that a running game has open, and the game's process where the system tells it.
pub fn open_worlds(instance: &Path) -> BTreeMap<String, Option<u32>> {
    let mut open = BTreeMap::new();
    let Ok(worlds) = fs::read_dir(instance.join("saves")) else { return open };
    for world in worlds.flatten() {
        if let Some(holder) = platform::lock_holder(&world.path().join("session.lock")) {
            open.insert(world.file_name().to_string_lossy().into_owned(), holder);
        }
    }
    open
}
