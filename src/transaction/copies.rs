//! Undo copies: what pulls replaced and removed, kept for a while, and the way back.
//!
//! They age by the clock, the one thing here that does. A copy dated before this program existed was made
//! by a clock that was wrong, and ages from when a later run first saw it. What is too old is deleted by
//! a run a day after the first that found it so, so that a clock that jumps ahead deletes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::durable;
use crate::error::Result;
use crate::instance::digest::{digest_of, files_of};
use crate::instance::state::Manifest;
use crate::model::Unit;
use crate::paths::{self, world_of};
use crate::platform::patiently;
use crate::reading::read_if_there;
use crate::verb::Verb;

const KEPT: usize = 3;
const MAX_AGE: TimeDelta = TimeDelta::days(14);
/// How much later than one run another one must still find a copy too old.
const DOUBT: TimeDelta = TimeDelta::days(1);
const NOTE: &str = "undo.json";
/// More copies than anybody makes.
const MAX_NUMBER: u64 = 1 << 48;

/// What an undo copy says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Which one it is in the order they were made, since clocks may jump.
    pub number: u64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// When a later run first saw it. Its age counts from then if the clock was wrong when it
    /// was made.
    #[serde(default)]
    pub kept_since: Option<DateTime<Utc>>,
    /// When a later run first found it too old.
    #[serde(default)]
    pub old_since: Option<DateTime<Utc>>,
    /// The command that made it.
    pub command: Verb,
    /// Files that were put where none had been.
    pub added: Vec<String>,
    /// Worlds that are in it as a whole.
    pub worlds: Vec<String>,
    /// A digest of the files of every world that the command touched, as it left them.
    #[serde(default)]
    pub left: BTreeMap<String, String>,
}

impl Note {
    /// What the next undo copy says.
    pub fn new(
        ctx: &Context<'_>,
        command: Verb,
        added: Vec<String>,
        worlds: Vec<String>,
        left: BTreeMap<String, String>,
    ) -> Self {
        let number = list(&ctx.instance.undo()).last().map_or(1, |copy| copy.note.number + 1);
        Self { number, at: ctx.now, kept_since: None, old_since: None, command, added, worlds, left }
    }
}

/// An undo copy on disk.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Its folder's name.
    pub name: String,
    /// What it says about itself.
    pub note: Note,
}

/// A name for an undo copy that is made now.
pub fn new_name(ctx: &Context<'_>) -> String {
    let base = ctx.now.format("%Y-%m-%dT%H-%M-%SZ").to_string();
    let taken = |name: &str| ctx.instance.undo().join(name).exists();
    let numbered = (2..).map(|number| format!("{base}-{number:02}"));
    std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base)
}

/// The folder of the files in the undo copy at `copy`.
pub fn files(copy: &Path) -> PathBuf {
    copy.join("files")
}

/// Makes the folder of an undo copy, with its note.
pub fn begin(folder: &Path, note: &Note) -> Result<()> {
    fs::create_dir_all(files(folder)).with_context(|| format!("could not make {}", folder.display()))?;
    write_note(folder, note)
}

fn write_note(folder: &Path, note: &Note) -> Result<()> {
    let text = serde_json::to_vec_pretty(note).context("could not write the undo copy's note")?;
    Ok(durable::replace(&folder.join(NOTE), &text)?)
}

/// Deletes an undo copy.
pub fn remove(folder: &Path) -> Result<()> {
    // Without its note it is no undo copy any more, even if this is cut off here.
    let gone = match patiently(|| fs::remove_file(folder.join(NOTE))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => patiently(|| fs::remove_dir_all(folder)),
    };
    match gone {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => Ok(other.with_context(|| format!("could not remove {}", folder.display()))?),
    }
}

/// The undo copies, the oldest first.
pub fn list(folder: &Path) -> Vec<Copy> {
    let entries = fs::read_dir(folder).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
    let mut copies: Vec<_> = entries
        .into_iter()
        .filter_map(|entry| {
            let note: Note = serde_json::from_slice(&read_if_there(&entry.path().join(NOTE)).ok()??).ok()?;
            // It may have come with a modpack.
            let is_ours = note.number < MAX_NUMBER && note.added.iter().all(|path| paths::stays_inside(path));
            is_ours.then_some(Copy { name: entry.file_name().into_string().ok()?, note })
        })
        .collect();
    copies.sort_by_key(|copy| copy.note.number);
    copies
}

/// The files that lie in the copy, by their paths in the instance.
pub fn replaced(ctx: &Context<'_>, copy: &Copy) -> Vec<String> {
    files_below(&files(&ctx.instance.undo_copy(&copy.name))).unwrap_or_default()
}

/// Deletes what is too old: all but the last three, all that were kept for 14 days; one that
/// holds a whole world stays its 14 days. A clock that jumps ahead makes nothing old at once.
pub fn tidy(ctx: &Context<'_>) {
    let folder = ctx.instance.undo();
    let copies = list(&folder);
    let surplus = surplus(&copies, ctx.now);
    let newest = copies.last().map(|copy| copy.note.number);
    for copy in &copies {
        let place = folder.join(&copy.name);
        let done = if surplus.contains(&copy.name.as_str()) {
            ctx.log.line(&format!("removing the undo copy {}", copy.name));
            remove(&place)
        } else {
            let seen = aged(&copy.note, Some(copy.note.number) == newest, ctx.now);
            if seen == copy.note { Ok(()) } else { write_note(&place, &seen) }
        };
        if let Err(error) = done {
            ctx.log.line(&error.message());
        }
    }
}

/// The note with what this run saw of its age.
fn aged(note: &Note, is_newest: bool, now: DateTime<Utc>) -> Note {
    let kept_since = note.kept_since.or((!is_newest).then_some(now));
    let old_since = is_old(note, now).then(|| note.old_since.filter(|since| *since <= now).unwrap_or(now));
    Note { kept_since, old_since, ..note.clone() }
}

fn is_old(note: &Note, now: DateTime<Utc>) -> bool {
    // No copy is older than this program.
    let is_likely = note.at.year() >= 2026;
    let since = if is_likely { Some(note.at) } else { note.kept_since };
    since.is_some_and(|since| now - since > MAX_AGE)
}

fn surplus(copies: &[Copy], now: DateTime<Utc>) -> Vec<&str> {
    let recent = copies.len().saturating_sub(KEPT);
    let is_surplus = |(index, copy): &(usize, &Copy)| {
        let is_surely_old = copy.note.old_since.is_some_and(|since| now - since >= DOUBT) && is_old(&copy.note, now);
        is_surely_old || *index < recent && copy.note.worlds.is_empty()
    };
    copies.iter().enumerate().filter(is_surplus).map(|(_, copy)| copy.name.as_str()).collect()
}

/// A digest of every world that one of `touched` is in, where `after` are the files; empty of one that has
/// none.
pub fn digests<'a>(touched: impl Iterator<Item = &'a String>, after: &Manifest) -> BTreeMap<String, String> {
    let worlds: BTreeSet<_> = touched.filter_map(|path| world_of(path)).collect();
    let digest = |world: &str| {
        let unit = Unit::World(world.to_owned());
        let digest = digest_of(&unit, files_of(after, &unit));
        (world.to_owned(), digest.map(|digest| digest.to_string()).unwrap_or_default())
    };
    worlds.into_iter().map(digest).collect()
}

/// All files below `folder`, by their paths in it.
pub fn files_below(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        let entries =
            fs::read_dir(folder.join(&inner)).with_context(|| format!("could not read {}", folder.display()))?;
        for entry in entries {
            let entry = entry.context("could not read the undo copy")?;
            let path = inner.join(entry.file_name());
            if entry.file_type().context("could not read the undo copy")?.is_dir() {
                open.push(path);
            } else if let Some(path) = path.to_str() {
                found.push(path.replace(std::path::MAIN_SEPARATOR, "/"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The worlds of which `removed` takes every file of `all`.
pub fn whole_worlds<'a>(
    removed: impl Iterator<Item = &'a String>,
    all: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let removed: BTreeSet<_> = removed.collect();
    let mut worlds = BTreeMap::<&str, bool>::new();
    for path in all {
        if let Some(world) = world_of(path) {
            *worlds.entry(world).or_insert(true) &= removed.contains(path);
        }
    }
    worlds.into_iter().filter(|(_, whole)| *whole).map(|(world, _)| world.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(name: &str, days_ago: i64, worlds: &[&str]) -> Copy {
        let at = DateTime::UNIX_EPOCH + TimeDelta::days(100 - days_ago);
        let worlds = worlds.iter().map(|world| (*world).to_owned()).collect();
        let number = u64::from(name.as_bytes()[0]);
        Copy {
            name: name.to_owned(),
            note: Note {
                number,
                at,
                kept_since: Some(at),
                old_since: None,
                command: Verb::Pull,
                added: Vec::new(),
                worlds,
                left: BTreeMap::new(),
            },
        }
    }

    /// The copies that a run deletes, after one three days before it.
    fn deleted(copies: &[Copy], now: DateTime<Utc>) -> Vec<String> {
        let before = now - TimeDelta::days(3);
        let seen = |copy: &Copy| Copy { note: aged(&copy.note, false, before), ..copy.clone() };
        let copies: Vec<_> = copies.iter().map(seen).collect();
        surplus(&copies, now).into_iter().map(str::to_owned).collect()
    }

    fn day(number: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(number)
    }

    #[test]
    fn a_clock_that_was_wrong_when_a_copy_was_made_does_not_age_it() {
        let mut made_in_1970 = copy("a", 100, &["W"]);
        made_in_1970.note.kept_since = None;
        assert_eq!(deleted(&[made_in_1970], day(100)), Vec::<String>::new());
    }

    #[test]
    fn a_clock_that_is_wrong_now_deletes_nothing() {
        let mut fresh = copy("a", 0, &["W"]);
        for now in [day(3000), day(100), day(101), day(3000), day(3000) + TimeDelta::hours(3)] {
            assert_eq!(surplus(std::slice::from_ref(&fresh), now), Vec::<&str>::new(), "at {now}");
            fresh.note = aged(&fresh.note, true, now);
        }
    }

    #[test]
    fn the_last_three_stay_and_whole_worlds_stay_fourteen_days() {
        let copies = [
            copy("a", 18, &["W"]),
            copy("b", 13, &["W"]),
            copy("c", 12, &[]),
            copy("d", 3, &[]),
            copy("e", 2, &[]),
            copy("f", 1, &[]),
        ];
        assert_eq!(deleted(&copies, day(100)), ["a", "c"]);
    }
}
