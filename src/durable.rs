//! Writing so that a crash or a power cut leaves the old or the new, never half of either.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

/// Replaces `file` by `content`, in one step.
pub fn replace(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    #[cfg(test)]
    crash::tick()?;
    let write = || -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        // Readable by this user alone, as temporary files are.
        let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        new.write_all(content)?;
        new.as_file().sync_all()?;
        new.persist(file)?;
        sync_folder(folder)
    };
    write().with_context(|| format!("could not write {}", file.display()))
}

/// Moves a file or folder. Within a filesystem that is one step; to another one, the copy is
/// complete before it appears and before the original goes.
pub fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    #[cfg(test)]
    crash::tick()?;
    let moved = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => move_over(from, to),
        other => other,
    };
    moved.with_context(|| format!("could not move {} to {}", from.display(), to.display()))
}

/// Moves a file, a link or a folder to another filesystem.
fn move_over(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        link_again(from, to)?;
        fs::remove_file(from)
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

#[cfg(unix)]
fn link_again(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(from)?, to)
}

#[cfg(windows)]
fn link_again(from: &Path, to: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_dir(fs::read_link(from)?, to)
}

fn copy_over(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let mut source = File::open(from)?;
    let metadata = source.metadata()?;
    let mut new = tempfile::Builder::new().prefix(".cloud-sync-new-").tempfile_in(folder)?;
    io::copy(&mut source, &mut new)?;
    new.as_file().set_modified(metadata.modified()?)?;
    new.as_file().set_permissions(metadata.permissions())?;
    new.as_file().sync_all()?;
    new.persist(to)?;
    sync_folder(folder)?;
    fs::remove_file(from)
}

/// Makes everything written below `folder` so far survive a power cut.
pub fn sync_below(folder: &Path) -> anyhow::Result<()> {
    sync_filesystem(folder).with_context(|| format!("could not write {} to the disk", folder.display()))
}

/// The same for renames, where one call does it; elsewhere they are as durable as the
/// filesystem's own journal.
pub fn sync_renames(folder: &Path) -> anyhow::Result<()> {
    if cfg!(target_os = "linux") { sync_below(folder) } else { Ok(()) }
}

/// Moves a file by copying it, so that it gets the access list of its new folder.
#[cfg(windows)]
pub fn move_into_fresh_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    copy_over(from, to).with_context(|| format!("could not move {} to {}", from.display(), to.display()))
}

#[cfg(target_os = "linux")]
fn sync_filesystem(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_filesystem(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_filesystem(&entry.path())?;
        } else {
            // Windows flushes only what is open for writing.
            File::options().write(true).open(entry.path())?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows has no such thing: a rename is as durable as the volume's journal.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Stands in for a power cut: after so many renames nothing works any more.
#[cfg(test)]
pub mod crash {
    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Lets `renames` more succeed; with none, all do.
    pub fn after(renames: Option<usize>) {
        LEFT.set(renames);
    }

    pub fn tick() -> anyhow::Result<()> {
        match LEFT.get() {
            Some(0) => anyhow::bail!("power cut"),
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
        Ok(())
    }
}
