//! Writing so that a crash or a power cut leaves the old or the new, never half of either.
//!
//! On Windows files are copied into place, not moved: a move keeps the access list of another PC, and
//! with it strangers' rights or none of ours.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::platform::{self, patiently};

/// How the name of a file begins that is not complete yet, beside its place.
pub const UNFINISHED: &str = ".cloud-sync-new-";

/// Replaces `file` by `content`, in one step.
pub fn replace(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    #[cfg(test)]
    crash::tick(file)?;
    let write = || -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut new = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        platform::keep_private_file(new.path())?;
        new.write_all(content)?;
        new.as_file().sync_all()?;
        persist(new, file)?;
        platform::sync_folder(folder)
    };
    write().with_context(|| format!("could not write {}", file.display()))
}

/// Moves a file or folder. Within a filesystem that is one step; to another one, the copy is
/// complete before it appears and before the original goes.
pub fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    #[cfg(test)]
    crash::tick(to)?;
    let moved = match patiently(|| fs::rename(from, to)) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => move_over(from, to),
        other => other,
    };
    moved.with_context(|| format!("could not move {} to {}", from.display(), to.display()))
}

/// Moves a file, a link or a folder to another filesystem.
fn move_over(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        platform::link_again(from, to)?;
        platform::remove_link(from)
    } else if kind.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            move_over(&entry.path(), &to.join(entry.file_name()))?;
        }
        fs::remove_dir(from)
    } else {
        copy_over(from, to)
    }
}

fn copy_over(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let mut source = patiently(|| File::open(from))?;
    let metadata = source.metadata()?;
    let mut new = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    io::copy(&mut source, &mut new)?;
    new.as_file().set_modified(metadata.modified()?)?;
    new.as_file().set_permissions(metadata.permissions())?;
    new.as_file().sync_all()?;
    persist(new, to)?;
    platform::sync_folder(folder)?;
    drop(source);
    patiently(|| fs::remove_file(from))
}

/// Gives a new file its name, in the place of what has it.
fn persist(new: NamedTempFile, file: &Path) -> io::Result<()> {
    let mut unnamed = Some(new.into_temp_path());
    patiently(|| match unnamed.take() {
        Some(path) => path.persist(file).map_err(|error| {
            unnamed = Some(error.path);
            error.error
        }),
        None => Ok(()),
    })
}

/// Puts a file that was made for this place there. It gets what access its new folder grants,
/// even if it came with that of another PC.
pub fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !platform::MOVES_KEEP_FOREIGN_ACCESS {
        return rename(from, to);
    }
    #[cfg(test)]
    crash::tick(to)?;
    copy_over(from, to).with_context(|| format!("could not move {} to {}", from.display(), to.display()))
}

/// The files in `folder` that a program that was killed did not complete.
pub fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_unfinished =
        |entry: &fs::DirEntry| entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
    let files = entries.filter(is_unfinished).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.path()).collect()
}

/// Removes them. One that cannot be removed does no harm: it is never synced.
pub fn clear_unfinished(folder: &Path) {
    for file in unfinished(folder) {
        let _ = patiently(|| fs::remove_file(&file));
    }
}

/// Whether this user may make and remove files in the folder.
pub fn can_write_to(folder: &Path) -> bool {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder).is_ok()
}

/// Makes everything written below `folder` so far survive a power cut.
pub fn sync_below(folder: &Path) -> anyhow::Result<()> {
    platform::sync_below(folder).with_context(|| format!("could not write {} to the disk", folder.display()))
}

/// The same for all that was written and renamed, where one call does it. It opens no file, so that
/// it does not matter whose they are.
pub fn sync_disk(folder: &Path) -> anyhow::Result<()> {
    platform::sync_disk(folder).with_context(|| format!("could not write {} to the disk", folder.display()))
}

/// Stands in for a power cut, after which nothing works any more, and for a place that takes no file.
#[cfg(test)]
pub mod crash {
    use std::cell::{Cell, RefCell};
    use std::path::Path;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        static BARRED: RefCell<Option<String>> = const { RefCell::new(None) };
    }

    /// Lets `renames` more succeed; with none, all do.
    pub fn after(renames: Option<usize>) {
        LEFT.set(renames);
    }

    /// Lets the next thing not come to a path that ends so.
    pub fn bar(end: Option<&str>) {
        BARRED.set(end.map(str::to_owned));
    }

    pub fn tick(to: &Path) -> anyhow::Result<()> {
        if BARRED.with_borrow(|end| end.as_ref().is_some_and(|end| to.ends_with(end))) {
            bar(None);
            anyhow::bail!("it is barred");
        }
        match LEFT.get() {
            Some(0) => anyhow::bail!("power cut"),
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
        Ok(())
    }
}
