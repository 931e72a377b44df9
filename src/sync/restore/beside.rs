//! Keeping both: the cloud's version of a world or a screenshot comes under another name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use chrono::Local;

use super::Restore;
use crate::error::Result;
use crate::paths::{self, folder_of, world_at};
use crate::sync::units::Unit;
use crate::world::{self, World};

/// Longer names do not fit into a folder's name everywhere, counted in bytes.
const MAX_NAME: usize = 200;
/// What follows the last dot of a name is no ending if it is longer, counted like that.
const MAX_ENDING: usize = 20;

impl Restore<'_> {
    /// Gives the fetched files at `paths` the names under which they come, and tells these.
    pub(super) fn put_beside(&mut self, paths: &[String]) -> Result<Vec<String>> {
        let mut taken = self.names();
        let mut names = BTreeMap::<String, String>::new();
        let mut placed = Vec::new();
        for path in paths {
            let unit = Unit::of(path).path();
            let name = names.entry(unit.clone()).or_insert_with(|| self.name_beside(&unit, &mut taken));
            let new = format!("{name}{}", &path[unit.len()..]);
            self.staging.rename(path, &new)?;
            placed.push(new);
        }
        for (unit, name) in &names {
            match world_at(name) {
                Some(world) => self.tell_world(unit, world),
                None => {
                    self.ctx.note(&format!("{unit} is another picture on {}; it comes as {name}", self.saver_of(unit)));
                }
            }
            if let Some(outside) = placed.iter().find(|path| path.starts_with(name) && !self.seen.scope.contains(path))
            {
                self.ctx.warn(&format!("{outside} is not synced by your scope.json"));
            }
        }
        Ok(placed)
    }

    /// All names that are in use on either side, in small letters: not every disk tells them
    /// from capitals.
    fn names(&self) -> BTreeSet<String> {
        let folders = ["saves", "screenshots"].into_iter().flat_map(|folder| {
            let entries = fs::read_dir(self.ctx.instance.root().join(folder)).into_iter().flatten().flatten();
            entries.map(move |entry| format!("{folder}/{}", entry.file_name().to_string_lossy()).to_lowercase())
        });
        // Pictures may lie in folders.
        let known = self.listing.files.keys().chain(self.seen.tree.files.keys());
        folders.chain(known.map(|path| Unit::of(path).path().to_lowercase())).collect()
    }

    /// A new name for `unit`, with the other PC and the day in it.
    fn name_beside(&self, unit: &str, taken: &mut BTreeSet<String>) -> String {
        let day = self.listing.snapshot.time.with_timezone(&Local).format("%Y-%m-%d");
        let other: String =
            self.saver_of(unit).chars().map(|letter| if is_safe(letter) { letter } else { '_' }).collect();
        let (folder, file) = paths::split(unit);
        // A picture keeps its ending, a world has none, and neither has what only has a dot in it.
        let is_ending = |at: &usize| *at > 0 && file.len() - at <= MAX_ENDING && folder != "saves";
        let (stem, ending) = match file.rfind('.').filter(is_ending) {
            Some(at) => file.split_at(at),
            None => (file, ""),
        };
        let mark = |number: usize| {
            let number = if number > 1 { format!(" {number}") } else { String::new() };
            format!(" ({} {day}{number})", cut(&other, 60))
        };
        let name = |number: usize| {
            let mark = mark(number);
            let stem = cut(stem, MAX_NAME.saturating_sub(mark.len() + ending.len()));
            format!("{folder}/{stem}{mark}{ending}")
        };
        let mut number = 1;
        while !taken.insert(name(number).to_lowercase()) {
            number += 1;
        }
        name(number)
    }

    /// The game lists worlds by the name in level.dat.
    fn tell_world(&self, unit: &str, world: &str) {
        let place = folder_of(world);
        let level = paths::join(&place, "level.dat");
        let folder = paths::name(unit);
        let mark = world.strip_prefix(folder).map_or(world, str::trim_start);
        let title = World::read(&self.staging.file(&place)).name.unwrap_or_else(|| folder.to_owned());
        let renamed = self
            .staging
            .read(&level)
            .and_then(|old| self.staging.replace(&level, &world::rename(&old, &format!("{title} {mark}"))?));
        if let Err(error) = renamed {
            self.ctx.warn(&format!("{world} shows under its old name in the game: {}", error.message()));
        }
        self.ctx.note(&format!(
            "the version of {folder} that {} saved comes as a second world: {world}",
            self.saver_of(unit)
        ));
    }
}

/// Whether the character may be in a file's name on every system, and in one that is synced.
fn is_safe(letter: char) -> bool {
    let is_odd = letter.is_control() || letter == char::REPLACEMENT_CHARACTER;
    !is_odd && !matches!(letter, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
}

/// The beginning of `text` that has no more than `bytes`.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}
