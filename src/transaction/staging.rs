//! The staging folder: what is to be put in place, before any of it is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::model::Stat;
use crate::platform::{self, patiently};
use crate::player::human_bytes;

/// What must stay free on the disk.
const RESERVE: u64 = 32 << 20;

/// The staging folder of this run.
pub struct Staging {
    root: PathBuf,
    folder: PathBuf,
    journal: PathBuf,
    staged: BTreeSet<String>,
    /// Bytes that were fetched.
    pub bytes: u64,
}

impl Staging {
    /// An empty staging folder.
    pub fn begin(instance: &Instance) -> Result<Self> {
        let folder = instance.staging();
        clear(&folder)?;
        fs::create_dir_all(files(instance)).with_context(|| format!("could not make {}", folder.display()))?;
        let (root, journal) = (instance.root().to_owned(), instance.journal_file());
        Ok(Self { root, folder, journal, staged: BTreeSet::new(), bytes: 0 })
    }

    /// A file for a list that restic reads, or a folder that it restores to.
    pub fn aside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the staged file is; of the empty path, the folder of all.
    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.join(FILES).join(path)
    }

    /// Whether a file is staged for this path.
    pub fn holds(&self, path: &str) -> bool {
        self.staged.contains(path)
    }

    /// Size and time of the staged file.
    pub fn stat(&self, path: &str) -> Result<Stat> {
        let file = self.file(path);
        let metadata = fs::symlink_metadata(&file).with_context(|| format!("could not read {}", file.display()))?;
        Ok(Stat::of(&metadata))
    }

    /// What the staged file contains.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.file(path);
        Ok(fs::read(&file).with_context(|| format!("could not read {}", file.display()))?)
    }

    /// Stages a file with this content.
    pub fn write(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let file = self.file(path);
        let make = || {
            fs::create_dir_all(file.parent().unwrap_or(&self.folder))?;
            patiently(|| fs::write(&file, content))
        };
        make().with_context(|| format!("could not write {}", file.display()))?;
        self.give_permissions(path, &self.default_permissions()?)?;
        self.staged.insert(path.to_owned());
        Ok(())
    }

    /// Gives the staged file another content. Its time is that of now: restic takes a file of
    /// the same size and time for the one that it knows.
    pub fn replace(&self, path: &str, content: &[u8]) -> Result<()> {
        let file = self.file(path);
        Ok(patiently(|| fs::write(&file, content)).with_context(|| format!("could not write {}", file.display()))?)
    }

    /// Takes in what was restored to the folder of all: the path and the size of each file.
    pub fn take_in<'p>(&mut self, restored: impl Iterator<Item = (&'p str, u64)>) -> Result<()> {
        let permissions = self.default_permissions()?;
        for (path, size) in restored {
            let file = self.file(path);
            let metadata = fs::symlink_metadata(&file).with_context(|| format!("restic did not restore {path}"))?;
            if !metadata.is_file() || metadata.len() != size {
                return Err(Error::new(
                    Kind::Failed,
                    format!("restic restored {path} in another size than it announced"),
                )
                .hint("nothing was changed; run it again"));
            }
            self.give_permissions(path, &permissions)?;
            self.staged.insert(path.to_owned());
            self.bytes += size;
        }
        Ok(())
    }

    /// Moves a file that was restored `aside` to where it is staged.
    pub fn adopt(&self, from: &Path, path: &str) -> Result<()> {
        let to = self.file(path);
        let moved = fs::create_dir_all(to.parent().unwrap_or(&to)).and_then(|()| patiently(|| fs::rename(from, &to)));
        Ok(moved.with_context(|| format!("could not move {} to {}", from.display(), to.display()))?)
    }

    /// Forgets a staged file.
    pub fn remove(&mut self, path: &str) {
        if self.staged.remove(path) {
            // What stays is removed with the folder.
            let _ = patiently(|| fs::remove_file(self.file(path)));
        }
    }

    /// Stops where the disk is too full for so many bytes.
    pub fn check_space(&self, bytes: u64) -> Result<()> {
        let free = fs4::available_space(&self.folder).unwrap_or(u64::MAX);
        if free >= bytes.saturating_add(RESERVE) {
            return Ok(());
        }
        let (bytes, free) = (human_bytes(bytes), human_bytes(free));
        Err(Error::new(Kind::Failed, format!("the disk is too full: {bytes} are to be fetched and {free} are free"))
            .hint("free some space and try again; nothing was changed"))
    }

    /// Makes a staged file the player's: with the permissions of the file that it will replace, or
    /// those of a `new` one; never those of the other PC.
    fn give_permissions(&self, path: &str, new: &fs::Permissions) -> Result<()> {
        let file = self.file(path);
        let live = fs::metadata(self.root.join(path)).ok().filter(fs::Metadata::is_file);
        // What comes in the place of a file that nobody can read can be read all the same.
        let permissions = live.map_or_else(|| new.clone(), |live| platform::readable(&live.permissions()));
        Ok(patiently(|| fs::set_permissions(&file, permissions.clone()))
            .with_context(|| format!("could not change {}", file.display()))?)
    }

    /// The permissions that a new file of this user has.
    fn default_permissions(&self) -> Result<fs::Permissions> {
        // Folders come with the permissions of another PC, too.
        platform::open_folders(&self.file("")).context("could not open the fetched folders")?;
        let probe = self.folder.join("new");
        let permissions =
            fs::File::create(&probe).and_then(|file| file.metadata()).map(|metadata| metadata.permissions());
        Ok(permissions.with_context(|| format!("could not write {}", probe.display()))?)
    }
}

impl Drop for Staging {
    /// Only a journal can still need what is staged.
    fn drop(&mut self) {
        if !self.journal.exists() {
            // What cannot be removed now is removed by the next run.
            let _ = clear(&self.folder);
        }
    }
}

/// Where the staged files are in the staging folder.
const FILES: &str = "files";

/// The folder of the staged files.
pub fn files(instance: &Instance) -> PathBuf {
    instance.staging().join(FILES)
}

/// Removes the staging folder, whatever permissions another PC's folders brought along.
pub fn clear(staging: &Path) -> Result<()> {
    let removed = match patiently(|| fs::remove_dir_all(staging)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            platform::open_folders(staging).and_then(|()| fs::remove_dir_all(staging))
        }
        other => other,
    };
    Ok(removed.with_context(|| format!("could not empty {}", staging.display()))?)
}
