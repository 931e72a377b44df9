//! What is in the way of a file that comes, and where it goes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::durable;
use crate::instance::Instance;
use crate::instance::names::Disk;
use crate::paths::{self, folder_of};

/// What a folder is called while its name changes case.
const BETWEEN: &str = "~cloud-sync";

/// Where what was in the way goes.
pub struct Stash<'a> {
    root: &'a Path,
    files: PathBuf,
    disk: Disk,
    /// The folders whose names have the right case.
    respelled: RefCell<BTreeSet<String>>,
}

impl<'a> Stash<'a> {
    /// The stash of `instance` in the folder `files`.
    pub fn new(instance: &'a Instance, files: PathBuf) -> Self {
        Self { root: instance.root(), files, disk: Disk::of(instance), respelled: RefCell::default() }
    }

    /// Moves what is at `path` to the undo copy; nothing there is fine.
    pub fn put(&self, path: &str) -> anyhow::Result<()> {
        let live = self.root.join(path);
        if fs::symlink_metadata(&live).is_err() {
            return Ok(());
        }
        let mut copy = self.files.join(path);
        // Something appeared there after a crash: it is kept beside, never lost.
        let mut number = 1;
        while fs::symlink_metadata(&copy).is_ok() {
            copy = self.files.join(format!("{path}~{number}"));
            number += 1;
        }
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        durable::rename(&live, &copy)
    }

    /// Makes `path` free for a file: what is there goes, and so does a file where a folder of
    /// its path must be.
    pub fn make_way(&self, path: &str) -> anyhow::Result<()> {
        for folder in paths::folders_to(path) {
            if fs::metadata(self.root.join(folder)).is_ok_and(|found| !found.is_dir()) {
                self.put(folder)?;
            }
            self.respell(folder)?;
        }
        self.put(path)?;
        let live = self.root.join(path);
        let folder = live.parent().unwrap_or(self.root);
        fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))
    }

    /// Gives a folder that is there in another case the name that `path` has; a file that comes would
    /// else be in a folder of another name.
    fn respell(&self, path: &str) -> anyhow::Result<()> {
        if !self.disk.is_case_insensitive() || !self.respelled.borrow_mut().insert(path.to_owned()) {
            return Ok(());
        }
        let (parent, name) = paths::split(path);
        let names: Vec<_> = fs::read_dir(self.root.join(parent)).into_iter().flatten().flatten().collect();
        let names: Vec<_> = names.iter().filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect();
        let key = self.disk.folded(name);
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let folder = self.root.join(parent);
        // In two steps: to some systems a name in another case is the same name. One that was cut off
        // after the first is finished here, too.
        let between = format!("{name}{BETWEEN}");
        if let Some(other) = names.iter().find(|other| self.disk.folded(other) == key).filter(|_| !has(name)) {
            durable::rename(&folder.join(other), &folder.join(&between))?;
        }
        if !has(name) && fs::symlink_metadata(folder.join(&between)).is_ok() {
            durable::rename(&folder.join(&between), &folder.join(name))?;
        }
        Ok(())
    }

    /// Moves what is left of a removed world, which is not in the scope: its lock file, caches.
    /// What cannot be moved stays; it was never ours.
    pub fn sweep(&self, world: &str) {
        let folder = folder_of(world);
        if fs::symlink_metadata(self.root.join(&folder)).is_ok_and(|found| found.is_dir()) {
            self.sweep_folder(&folder);
        }
    }

    fn sweep_folder(&self, folder: &str) {
        let path = self.root.join(folder);
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let below = format!("{folder}/{name}");
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.sweep_folder(&below);
            } else {
                let _ = self.put(&below);
            }
        }
        let _ = fs::remove_dir(&path);
    }

    /// Removes the folders that a removed file leaves empty, but no folder of the instance
    /// itself.
    pub fn remove_empty_folders(&self, path: &str) {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if !parent.contains('/') || fs::remove_dir(self.root.join(parent)).is_err() {
                return;
            }
            folder = parent;
        }
    }
}
