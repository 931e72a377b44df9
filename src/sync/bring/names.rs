//! New names for what is kept beside.

use std::collections::BTreeSet;
use std::fs;

use chrono::{DateTime, Local, Utc};

use crate::context::Context;
use crate::instance::state::Manifest;
use crate::model::{Ledger, Unit};
use crate::paths;

/// Longer names do not fit into a folder's name everywhere, counted in bytes.
const MAX_NAME: usize = 200;
/// What follows the last dot of a name is no ending if it is longer, counted like that.
const MAX_ENDING: usize = 20;

/// The names that are in use, in small letters: some disks ignore case.
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
