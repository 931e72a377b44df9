//! Keeping both: another version of a world or a screenshot comes under another name.

use std::collections::BTreeSet;
use std::fs;

use chrono::{DateTime, Local, Utc};

use super::fetch::Staging;
use crate::context::Context;
use crate::model::{Ledger, Unit};
use crate::paths::{self, folder_of};
use crate::state::Manifest;
use crate::world::{self, World};

/// Longer names do not fit into a folder's name everywhere, counted in bytes.
const MAX_NAME: usize = 200;
/// What follows the last dot of a name is no ending if it is longer, counted like that.
const MAX_ENDING: usize = 20;

/// The names that are in use, in small letters: not every disk tells them from capitals.
pub struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// All that are in use here and in the cloud.
    pub fn new(ctx: &Context<'_>, local: &Manifest, ledger: &Ledger) -> Self {
        let folders = ["saves", "screenshots"].into_iter().flat_map(|folder| {
            let entries = fs::read_dir(ctx.instance.root().join(folder)).into_iter().flatten().flatten();
            entries.map(move |entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
        });
        // Pictures may lie in folders.
        let known = local.keys().filter_map(|path| Unit::of(path).path());
        let known = known.chain(ledger.units.keys().filter_map(Unit::path));
        Self { taken: folders.chain(known).map(|name| name.to_lowercase()).collect() }
    }

    /// A new name for `unit`, with the other PC and the day in it.
    pub fn name(&mut self, unit: &Unit, machine: &str, time: DateTime<Utc>) -> Unit {
        let day = time.with_timezone(&Local).format("%Y-%m-%d");
        let other: String = machine.chars().map(|letter| if is_safe(letter) { letter } else { '_' }).collect();
        let path = unit.path().unwrap_or_default();
        let (folder, file) = paths::split(&path);
        // A picture keeps its ending, a world has none, and neither has what only has a dot in it.
        let is_ending = |at: &usize| *at > 0 && file.len() - at <= MAX_ENDING && !unit.is_world();
        let (stem, ending) = match file.rfind('.').filter(is_ending) {
            Some(at) => file.split_at(at),
            None => (file, ""),
        };
        let name = |number: usize| {
            let number = if number > 1 { format!(" {number}") } else { String::new() };
            let mark = format!(" ({} {day}{number})", cut(&other, 60));
            let stem = cut(stem, MAX_NAME.saturating_sub(mark.len() + ending.len()));
            format!("{folder}/{stem}{mark}{ending}")
        };
        let mut number = 1;
        while !self.taken.insert(name(number).to_lowercase()) {
            number += 1;
        }
        match unit {
            Unit::World(_) => Unit::World(paths::name(&name(number)).to_owned()),
            _ => Unit::File(name(number)),
        }
    }
}

/// Tells the player what came beside. The game lists worlds by the name in level.dat.
pub fn tell(ctx: &Context<'_>, staging: &Staging, unit: &Unit, new: &Unit, machine: &str) {
    let (Some(folder), Some(world)) = (unit.world(), new.world()) else {
        ctx.note(&format!("{} is another picture on {machine}; it comes as {}", unit.name(), new.name()));
        return;
    };
    let place = folder_of(world);
    let level = paths::join(&place, "level.dat");
    let mark = world.strip_prefix(folder).map_or(world, str::trim_start);
    let title = World::read(&staging.file(&place)).name.unwrap_or_else(|| folder.to_owned());
    let renamed =
        staging.read(&level).and_then(|old| staging.replace(&level, &world::rename(&old, &format!("{title} {mark}"))?));
    if let Err(error) = renamed {
        ctx.warn(&format!("{world} shows under its old name in the game: {}", error.message()));
    }
    ctx.note(&format!("the version of {folder} that {machine} saved comes as a second world: {world}"));
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
