//! Whether the moves of a journal fit on the disks that they lead to: `saves` may be a link to
//! another one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::moves::Moves;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::player::human_bytes;
use crate::{paths, platform};

/// What must stay free on a disk.
const RESERVE: u64 = 32 << 20;

/// What comes to one disk.
struct Load {
    /// A folder on it.
    folder: PathBuf,
    bytes: u64,
}

/// Stops where a disk is too full. A move within a disk needs no room.
pub fn check(instance: &Instance, moves: &Moves) -> Result<()> {
    let ours = instance.ours();
    let Some(own_disk) = platform::disk_of(&ours) else { return Ok(()) };
    let mut disks = BTreeMap::new();
    let mut loads = BTreeMap::<String, Load>::new();
    for (path, coming) in
        moves.place.iter().map(|(path, stat)| (path, stat.size)).chain(moves.remove.iter().map(|path| (path, 0)))
    {
        let folder = paths::parent(path);
        let (disk, place) = disks.entry(folder).or_insert_with(|| {
            let place = nearest(&instance.root().join(folder));
            (platform::disk_of(&place).unwrap_or_else(|| own_disk.clone()), place)
        });
        if *disk == own_disk {
            continue;
        }
        let leaving = fs::metadata(instance.root().join(path)).map_or(0, |found| found.len());
        // What leaves goes to the undo copy, before anything comes.
        for (disk, folder, bytes) in [(&*disk, &*place, coming.saturating_sub(leaving)), (&own_disk, &ours, leaving)] {
            loads.entry(disk.clone()).or_insert_with(|| Load { folder: folder.clone(), bytes: 0 }).bytes += bytes;
        }
    }
    for Load { folder, bytes } in loads.values().filter(|load| load.bytes > 0) {
        let free = fs4::available_space(folder).unwrap_or(u64::MAX);
        if free < bytes.saturating_add(RESERVE) {
            let (folder, bytes, free) = (folder.display(), human_bytes(*bytes), human_bytes(free));
            return Err(Error::new(
                Kind::Failed,
                format!("the disk of {folder} is too full: {bytes} are to go there and {free} are free"),
            )
            .hint("free some space and try again; nothing was changed"));
        }
    }
    Ok(())
}

/// The folder itself, or the nearest above it that is there.
fn nearest(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(folder).to_owned()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::model::Stat;

    #[test]
    fn a_full_disk_behind_a_link_stops_everything_before_it_begins() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let instance = Instance::open(here.path()).unwrap();
        instance.prepare().unwrap();
        std::os::unix::fs::symlink(there.path(), here.path().join("saves")).unwrap();
        let place =
            |path: &str, size| Moves { place: [(path.to_owned(), Stat { size, mtime: 0 })].into(), ..Moves::default() };
        check(&instance, &place("saves/World/level.dat", 1)).unwrap();
        // Within a disk it is a move, and what is fetched is there already.
        check(&instance, &place("screenshots/a.png", 1 << 60)).unwrap();
        if platform::disk_of(here.path()) != platform::disk_of(there.path()) {
            let error = check(&instance, &place("saves/World/level.dat", 1 << 60)).unwrap_err();
            assert!(error.message().contains("too full"), "{error}");
        }
    }
}
