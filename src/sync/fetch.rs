//! Brings files of a snapshot into the staging folder. The instance is not touched.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context as _, anyhow};

use crate::cloud::restic::{Listing, Restic, Status, include_line, write_lines};
use crate::context::Context;
use crate::error::Result;
use crate::instance::names::Disk;
use crate::model::Unit;
use crate::paths::{folders_to, parent};
use crate::player::{Progress, Step, human_bytes};
use crate::transaction::staging::{self, Staging};
use crate::{durable, platform};

/// With more patterns than this, matching costs more than fetching a few files too many.
const MAX_PATTERNS: usize = 400;

/// A snapshot to fetch from.
pub struct Fetch<'a> {
    /// The run.
    pub ctx: &'a Context<'a>,
    /// The restic that fetches.
    pub restic: &'a Restic,
    /// What the snapshot holds.
    pub listing: &'a Listing,
}

impl Fetch<'_> {
    /// Stages those of `paths` that are not staged yet.
    pub fn stage(&self, staging: &mut Staging, paths: &[String]) -> Result<()> {
        let wanted: Vec<_> = paths.iter().filter(|path| !staging.holds(path)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.restore(staging, &wanted, &staging.file(""))?;
        staging.take_in(wanted.into_iter().map(|path| (path.as_str(), size_in(self.listing, path))))
    }

    /// Stages files of `unit` as those of `new`. Gives their new paths.
    pub fn stage_as(&self, staging: &mut Staging, paths: &[String], unit: &Unit, new: &Unit) -> Result<Vec<String>> {
        let beside = staging.aside(self.listing.snapshot.id.as_str());
        self.restore(staging, &paths.iter().collect::<Vec<_>>(), &beside)?;
        platform::open_folders(&beside).context("could not open the fetched folders")?;
        let (old, new) = (unit.path().unwrap_or_default(), new.path().unwrap_or_default());
        let renamed: Vec<_> = paths.iter().map(|path| (path, format!("{new}{}", &path[old.len()..]))).collect();
        for (path, name) in &renamed {
            staging.adopt(&beside.join(path), name)?;
        }
        staging.take_in(renamed.iter().map(|(path, name)| (name.as_str(), size_in(self.listing, path))))?;
        staging::clear(&beside)?;
        Ok(renamed.into_iter().map(|(_, name)| name).collect())
    }

    /// Lets restic restore these files to `target`.
    fn restore(&self, staging: &Staging, wanted: &[&String], target: &Path) -> Result<()> {
        let Self { ctx, restic, listing } = self;
        let bytes = wanted.iter().map(|path| size_in(listing, path)).sum();
        staging.check_space(bytes)?;
        let (total, from) = (wanted.len() as u64, listing.snapshot.id.short());
        ctx.detail(&format!("fetching {total} files, {}, from {from}", human_bytes(bytes)));

        let include = match patterns(wanted, listing, &self.impossible(wanted)) {
            Some(patterns) => {
                let file = staging.aside("include");
                write_lines(&file, patterns)?;
                Some(file)
            }
            None => None,
        };
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
        restored
    }

    /// What restic must not even try to restore: what this disk cannot hold beside `wanted`. Links may
    /// be forbidden, and nobody wants those of another PC.
    fn impossible(&self, wanted: &[&String]) -> BTreeSet<String> {
        let all = self.listing.files.keys().chain(&self.listing.folders).map(String::as_str);
        let refused = Disk::of(&self.ctx.instance).refused(wanted.iter().map(|path| path.as_str()), all);
        refused.into_keys().chain(self.listing.specials.iter().cloned()).collect()
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::Stat;

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
