//! Brings files of a snapshot into the staging folder. The instance is not touched.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, anyhow};

use crate::context::Context;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::front::{Progress, Step, human_bytes};
use crate::model::Unit;
use crate::names::Disk;
use crate::paths::{folders_to, parent};
use crate::platform::{self, patiently};
use crate::restic::{Listing, Restic, Status, include_line, write_lines};
use crate::tree::Stat;

/// With more patterns than this, matching costs more than fetching a few files too many.
const MAX_PATTERNS: usize = 400;
/// What must stay free on the disk.
const RESERVE: u64 = 32 << 20;

/// The staging folder of this run.
pub struct Staging {
    folder: PathBuf,
    journal: PathBuf,
    staged: BTreeSet<String>,
    /// Bytes that were fetched.
    pub bytes: u64,
}

impl Staging {
    /// An empty staging folder.
    pub fn begin(ctx: &Context<'_>) -> Result<Self> {
        let folder = ctx.instance.staging();
        clear(&folder)?;
        fs::create_dir_all(folder.join("files")).with_context(|| format!("could not make {}", folder.display()))?;
        let journal = ctx.instance.journal_file();
        Ok(Self { folder, journal, staged: BTreeSet::new(), bytes: 0 })
    }

    /// A file for a list that restic reads.
    pub fn list(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the staged file is.
    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.join("files").join(path)
    }

    /// Size and time of the staged file.
    pub fn stat(&self, path: &str) -> Result<Stat> {
        let file = self.file(path);
        let metadata = fs::symlink_metadata(&file).with_context(|| format!("could not read {}", file.display()))?;
        Ok(Stat::of(&metadata))
    }

    /// Fetches those of `paths` that are not staged yet.
    pub fn fetch(&mut self, ctx: &Context<'_>, restic: &Restic, listing: &Listing, paths: &[String]) -> Result<()> {
        let files = self.folder.join("files");
        let wanted = self.restore(ctx, restic, listing, paths, &files)?;
        self.take(ctx, listing, &wanted)
    }

    /// The same under another name: of `unit`, which comes as `new`. Gives the new paths.
    pub fn fetch_as(
        &mut self,
        ctx: &Context<'_>,
        restic: &Restic,
        listing: &Listing,
        paths: &[String],
        unit: &Unit,
        new: &Unit,
    ) -> Result<Vec<String>> {
        let beside = self.folder.join(listing.snapshot.id.as_str());
        let wanted = self.restore(ctx, restic, listing, paths, &beside)?;
        platform::open_folders(&beside).context("could not open the fetched folders")?;
        let (old, new) = (unit.path().unwrap_or_default(), new.path().unwrap_or_default());
        let umask = default_permissions(&self.folder)?;
        let mut placed = Vec::new();
        for path in wanted {
            let path_then = format!("{new}{}", &path[old.len()..]);
            move_file(&beside.join(path), &self.file(&path_then))?;
            let size = size_in(listing, path);
            self.take_file(ctx, &path_then, size, &umask)?;
            self.staged.insert(path_then.clone());
            self.bytes += size;
            placed.push(path_then);
        }
        clear(&beside)?;
        Ok(placed)
    }

    /// Stages a file with this content.
    pub fn write(&mut self, root: &Path, path: &str, content: &[u8]) -> Result<()> {
        let file = self.file(path);
        let make = || {
            fs::create_dir_all(file.parent().unwrap_or(&self.folder))?;
            patiently(|| fs::write(&file, content))
        };
        make().with_context(|| format!("could not write {}", file.display()))?;
        let umask = default_permissions(&self.folder)?;
        let live = fs::metadata(root.join(path)).ok().filter(fs::Metadata::is_file);
        let permissions = live.map_or(umask, |live| live.permissions());
        patiently(|| fs::set_permissions(&file, permissions.clone()))
            .with_context(|| format!("could not change {}", file.display()))?;
        self.staged.insert(path.to_owned());
        Ok(())
    }

    /// Lets restic restore those of `paths` that are not staged yet to `target`, and gives these.
    fn restore<'p>(
        &self,
        ctx: &Context<'_>,
        restic: &Restic,
        listing: &Listing,
        paths: &'p [String],
        target: &Path,
    ) -> Result<Vec<&'p String>> {
        let wanted: Vec<&String> = paths.iter().filter(|path| !self.staged.contains(*path)).collect();
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let bytes = wanted.iter().map(|path| size_in(listing, path)).sum();
        self.check_space(bytes)?;
        ctx.detail(&format!(
            "fetching {} files, {}, from {}",
            wanted.len(),
            human_bytes(bytes),
            listing.snapshot.id.short()
        ));

        let include = match patterns(&wanted, listing, &impossible(ctx, &wanted, listing)) {
            Some(patterns) => {
                let file = self.list("include");
                write_lines(&file, patterns)?;
                Some(file)
            }
            None => None,
        };
        let total = wanted.len() as u64;
        let mut on_status = |status: &Status| {
            ctx.progress(&Progress {
                step: Step::Fetch,
                bytes: status.bytes_done,
                total_bytes: status.total_bytes,
                files: status.files_done.min(total),
                total_files: total,
                file: String::new(),
            });
        };
        let restored: Result<()> = thread::scope(|threads| {
            // While restic reads back what it wrote, that goes to the disk, where that needs no access
            // to files that may have come with another PC's. If it cannot, only this first one to
            // try hears of it.
            let (written, is_written) = mpsc::channel();
            let writing = threads.spawn(move || is_written.recv().map_or(Ok(()), |()| durable::sync_disk(target)));
            let on_written = move || {
                let _ = written.send(());
            };
            let restored =
                restic.restore(&listing.snapshot.id, target, include.as_deref(), &mut on_status, &on_written);
            drop(on_written);
            restored?;
            Ok(writing.join().unwrap_or_else(|_| Err(anyhow!("what was fetched may not be on the disk")))?)
        });
        ctx.front().finished();
        restored.map(|()| wanted)
    }

    /// Checks the fetched files and makes them the player's.
    fn take(&mut self, ctx: &Context<'_>, listing: &Listing, wanted: &[&String]) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let umask = default_permissions(&self.folder)?;
        for path in wanted {
            let size = size_in(listing, path);
            self.take_file(ctx, path, size, &umask)?;
            self.staged.insert((*path).clone());
            self.bytes += size;
        }
        Ok(())
    }

    /// Checks a fetched file and makes it the player's: with the permissions of the file it
    /// will replace, or those of a new one; never those of the other PC.
    fn take_file(&self, ctx: &Context<'_>, path: &str, size: u64, new: &fs::Permissions) -> Result<()> {
        let file = self.file(path);
        let metadata = fs::symlink_metadata(&file).with_context(|| format!("restic did not restore {path}"))?;
        if !metadata.is_file() || metadata.len() != size {
            return Err(Error::new(Kind::Failed, format!("restic restored {path} in another size than it announced"))
                .hint("nothing was changed; run it again"));
        }
        let live = fs::metadata(ctx.instance.root().join(path)).ok().filter(fs::Metadata::is_file);
        let permissions = live.map_or_else(|| new.clone(), |live| live.permissions());
        patiently(|| fs::set_permissions(&file, permissions.clone()))
            .with_context(|| format!("could not change {}", file.display()))?;
        Ok(())
    }

    fn check_space(&self, bytes: u64) -> Result<()> {
        let free = fs4::available_space(&self.folder).unwrap_or(u64::MAX);
        if free < bytes.saturating_add(RESERVE) {
            return Err(Error::new(
                Kind::Failed,
                format!(
                    "the disk is too full: {} are to be fetched and {} are free",
                    human_bytes(bytes),
                    human_bytes(free)
                ),
            )
            .hint("free some space and try again; nothing was changed"));
        }
        Ok(())
    }

    /// What the staged file contains.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.file(path);
        Ok(fs::read(&file).with_context(|| format!("could not read {}", file.display()))?)
    }

    /// Gives the staged file another content. Its time is that of now: restic takes a file of
    /// the same size and time for the one that it knows.
    pub fn replace(&self, path: &str, content: &[u8]) -> Result<()> {
        let file = self.file(path);
        Ok(patiently(|| fs::write(&file, content)).with_context(|| format!("could not write {}", file.display()))?)
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

/// What restic must not even try to restore: what this disk cannot hold beside `wanted`. Links may
/// be forbidden, and nobody wants those of another PC.
fn impossible(ctx: &Context<'_>, wanted: &[&String], listing: &Listing) -> BTreeSet<String> {
    let all = listing.files.keys().chain(&listing.folders).map(String::as_str);
    let refused = Disk::of(&ctx.instance).refused(wanted.iter().map(|path| path.as_str()), all);
    refused.into_keys().chain(listing.specials.iter().cloned()).collect()
}

/// The lines that make restic restore `wanted`, or none where it had better restore all. It must
/// not meet `impossible`.
fn patterns(wanted: &[&String], listing: &Listing, impossible: &BTreeSet<String>) -> Option<Vec<Vec<u8>>> {
    let wanted_bytes: u64 = wanted.iter().map(|path| size_in(listing, path)).sum();
    let all_bytes: u64 = listing.files.values().map(|stat| stat.size).sum();
    let is_free = impossible.is_empty();
    if is_free && wanted.len() * 10 >= listing.files.len() * 8 && wanted_bytes >= all_bytes / 2 {
        return None;
    }
    let barred: BTreeSet<_> = impossible.iter().flat_map(|path| folders_to(path)).collect();
    let gives_way = |path: &&&str| path.contains('/') && !barred.contains(parent(path));
    let mut chosen: BTreeSet<&str> = wanted.iter().map(|path| path.as_str()).collect();
    while chosen.len() > MAX_PATTERNS {
        // The deepest names give way to their folders.
        let depth_of = |path: &&str| path.matches('/').count();
        let Some(depth) = chosen.iter().filter(gives_way).map(depth_of).max() else {
            if is_free {
                return None;
            }
            break;
        };
        let is_deepest = |path: &&str| depth_of(path) == depth && gives_way(&path);
        chosen = chosen.iter().map(|path| if is_deepest(path) { parent(path) } else { path }).collect();
    }
    let mut lines = Vec::with_capacity(chosen.len());
    for mut path in chosen {
        // A list cannot hold a line break; the folder then stands for the file.
        let line = loop {
            match include_line(path) {
                Some(line) => break line,
                None if path.contains('/') => path = parent(path),
                None => return None,
            }
        };
        lines.push(line);
    }
    Some(lines)
}

fn size_in(listing: &Listing, path: &str) -> u64 {
    listing.files.get(path).map_or(0, |stat| stat.size)
}

/// Moves a file within the staging folder.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    let moved = fs::create_dir_all(to.parent().unwrap_or(to)).and_then(|()| patiently(|| fs::rename(from, to)));
    Ok(moved.with_context(|| format!("could not move {} to {}", from.display(), to.display()))?)
}

/// The permissions that a new file of this user has.
fn default_permissions(folder: &Path) -> Result<fs::Permissions> {
    // Folders come with the permissions of another PC, too.
    platform::open_folders(&folder.join("files")).context("could not open the fetched folders")?;
    let probe = folder.join("new");
    let permissions = fs::File::create(&probe).and_then(|file| file.metadata()).map(|metadata| metadata.permissions());
    Ok(permissions.with_context(|| format!("could not write {}", probe.display()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn listing(paths: impl IntoIterator<Item = String>) -> Listing {
        let files: BTreeMap<_, _> = paths.into_iter().map(|path| (path, Stat { size: 10, mtime: 0 })).collect();
        let snapshot = serde_json::json!({"id": "0".repeat(64), "time": "2026-01-01T00:00:00Z"});
        Listing {
            snapshot: serde_json::from_value(snapshot).unwrap(),
            files,
            folders: Vec::new(),
            specials: Vec::new(),
        }
    }

    fn lines(listing: &Listing, wanted: &[String]) -> Option<Vec<String>> {
        let lines = patterns(&wanted.iter().collect::<Vec<_>>(), listing, &BTreeSet::new())?;
        Some(lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect())
    }

    #[test]
    fn few_files_are_named_one_by_one_and_most_files_not_at_all() {
        let all: Vec<_> = (0..10).map(|n| format!("saves/W/{n}")).collect();
        assert_eq!(
            lines(&listing(all.clone()), &all[..2]),
            Some(vec!["/saves/W/0".to_owned(), "/saves/W/1".to_owned()])
        );
        assert_eq!(lines(&listing(all.clone()), &all[..9]), None);
    }

    #[test]
    fn many_files_are_named_by_their_folders() {
        let all: Vec<_> = (0..5000).map(|n| format!("saves/W{}/{n}", n % 4)).collect();
        let wanted: Vec<_> = all.iter().filter(|path| path.starts_with("saves/W1/")).cloned().collect();
        assert_eq!(lines(&listing(all), &wanted), Some(vec!["/saves/W1".to_owned()]));
    }

    #[test]
    fn what_the_disk_cannot_hold_is_not_even_tried() {
        let names = |world: &str| (0..300).map(|n| format!("saves/{world}/{n}")).collect::<Vec<_>>();
        let impossible = BTreeSet::from(["saves/B/a:b".to_owned()]);
        let wanted = [names("A"), names("B"), names("C")].concat();
        let listing = listing(wanted.iter().chain(&impossible).cloned());
        let lines = patterns(&wanted.iter().collect::<Vec<_>>(), &listing, &impossible).unwrap();
        let lines: BTreeSet<_> = lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
        // One folder has it, and its files come by their own names.
        let folders = ["/saves/A".to_owned(), "/saves/C".to_owned()];
        let expected = folders.into_iter().chain(names("B").into_iter().map(|path| format!("/{path}")));
        assert_eq!(lines, expected.collect());
    }

    #[test]
    fn a_line_break_in_a_name_is_left_to_its_folder() {
        let all: Vec<_> = (0..9).map(|n| format!("saves/W/{n}\n")).collect();
        assert_eq!(lines(&listing(all.clone()), &all[..1]), Some(vec!["/saves/W".to_owned()]));
    }
}
