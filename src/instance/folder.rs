//! One instance on disk, and our own folder in it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::error::{Error, Kind, Result};
use crate::{interrupt, platform};

/// A Minecraft game folder.
#[derive(Clone, Debug)]
pub struct Instance {
    root: PathBuf,
}

impl Instance {
    /// The instance at `folder`, by its real path: restic and we must name files alike.
    pub fn open(folder: &Path) -> Result<Self> {
        let usage = |reason: &dyn std::fmt::Display| {
            Error::new(Kind::Usage, format!("the instance folder {} cannot be used: {reason}", folder.display())).hint(
                "a launcher that exports INST_MC_DIR, or runs its hooks in the game folder, needs no --pack-folder; else put the path in quotes",
            )
        };
        let root = platform::real_path(folder).map_err(|error| usage(&error))?;
        if !root.is_dir() {
            return Err(usage(&"it is not a folder"));
        }
        if root.to_str().is_none() {
            return Err(usage(&"its path is not valid Unicode"));
        }
        if root.to_string_lossy().contains(['\n', '\r']) {
            return Err(usage(&"its path has a line break in it"));
        }
        if root.parent().is_none() {
            return Err(usage(&"it is the root of a disk"));
        }
        Ok(Self { root })
    }

    /// The game folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Our own folder.
    pub fn ours(&self) -> PathBuf {
        self.root.join(".cloud-sync")
    }

    /// A file or folder in our own folder.
    pub fn own(&self, name: &str) -> PathBuf {
        self.ours().join(name)
    }

    /// `state.json`.
    pub fn state_file(&self) -> PathBuf {
        self.own("state.json")
    }

    /// `scope.json`.
    pub fn scope_file(&self) -> PathBuf {
        self.own("scope.json")
    }

    /// The token of this instance.
    pub fn token_file(&self) -> PathBuf {
        self.own("token")
    }

    /// What `login` remembers.
    pub fn config_file(&self) -> PathBuf {
        self.own("config.json")
    }

    /// A transaction that has not ended.
    pub fn journal_file(&self) -> PathBuf {
        self.own("journal.json")
    }

    /// Where files are put before they take their place.
    pub fn staging(&self) -> PathBuf {
        self.own("staging")
    }

    /// The undo copies.
    pub fn undo(&self) -> PathBuf {
        self.own("undo")
    }

    /// The undo copy of this name.
    pub fn undo_copy(&self, name: &str) -> PathBuf {
        self.undo().join(name)
    }

    /// Makes our own folder, readable by this user alone.
    pub fn prepare(&self) -> Result<()> {
        let ours = self.ours();
        let make = || -> io::Result<()> {
            match fs::symlink_metadata(&ours) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is in the way and is no folder")),
                // Another cloud-sync may make it at the same time.
                Err(_) => fs::create_dir_all(&ours)?,
            }
            platform::keep_private(&ours)
        };
        make().with_context(|| format!("could not make {}", ours.display())).map_err(not_writable)
    }

    /// Waits until no other cloud-sync works on this instance. `on_wait` is called once if
    /// there is one.
    pub fn lock(&self, on_wait: impl FnOnce()) -> Result<Lock> {
        let file = self.own("lock");
        let open = || File::options().create(true).truncate(false).write(true).open(&file);
        let file = open().with_context(|| format!("could not write {}", file.display())).map_err(not_writable)?;
        let mut on_wait = Some(on_wait);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    if let Some(on_wait) = on_wait.take() {
                        on_wait();
                    }
                    interrupt::check()?;
                    thread::sleep(Duration::from_millis(100));
                }
                Err(TryLockError::Error(error)) => Err(error).context("could not lock the instance")?,
            }
        }
    }
}

fn not_writable(error: anyhow::Error) -> Error {
    Error::caused(Kind::Failed, error).hint("the instance must be writable for the user who plays; nothing was changed")
}

/// Held while one cloud-sync works on an instance.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}
