//! What a world's own files say about it.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use valence_nbt::{Compound, Value};

use super::stats::{self, MAX_TICKS, TICKS_PER_SECOND};
use crate::content::nbt::{MAX_SIZE, Packing, Root};
use crate::content::picture;
use crate::model::{Mode, Played, Source, World};
use crate::reading::read_at_most;

/// A day in the game.
const TICKS_PER_DAY: u64 = 24_000;

/// Where a world says what it is.
const LEVEL: &str = "level.dat";

/// Its picture in the game's list.
const ICON: &str = "icon.png";

/// Where the time of day is since 26.1.
const CLOCKS: &str = "data/minecraft/world_clocks.dat";

impl World {
    /// Reads the world in `folder`, which is one of `saves`. It never fails: what cannot be read
    /// is not known, and a problem.
    pub fn read(folder: &Path) -> Self {
        let (data, problem) = match level(folder) {
            Ok(data) => (data, None),
            Err(error) => (Compound::new(), Some(format!("{error:#}"))),
        };
        let text = |tag: &Compound, key| match tag.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
            _ => None,
        };
        let age = ticks(&data, "Time");
        let day_time = ticks(&data, "DayTime").or_else(|| clock(folder)).or(age);
        let hardcore = |tag: &Compound| tag.get("hardcore").and_then(Value::as_bool).unwrap_or_default();
        let statistics = stats::play_time(folder).map(|ticks| (ticks, Source::Statistics));
        Self {
            name: text(&data, "LevelName"),
            last_played: data.get("LastPlayed").and_then(Value::as_i64).and_then(moment),
            day: day_time.map(|ticks| ticks / TICKS_PER_DAY),
            played: statistics
                .or(age.map(|ticks| (ticks, Source::Age)))
                .map(|(ticks, source)| Played { time: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND), source }),
            version: compound(&data, "Version").and_then(|version| text(version, "Name")),
            mode: data.get("GameType").and_then(Value::as_i64).and_then(Mode::of),
            // Since 26.1 it is in a compound of its own.
            hardcore: hardcore(&data) || compound(&data, "difficulty_settings").is_some_and(hardcore),
            problem,
        }
    }
}

/// The same `level.dat`, packed as it was, with another name for the world.
pub fn rename(level_dat: &[u8], name: &str) -> anyhow::Result<Vec<u8>> {
    let (packing, content) = Packing::unpack(level_dat)?;
    let mut root = Root::read(&content)?;
    let Some(Value::Compound(data)) = root.tag.get_mut("Data") else {
        anyhow::bail!("it is not a level.dat");
    };
    data.insert("LevelName", name);
    packing.pack(&root.write()?)
}

/// The picture of the world in `folder`, if it has one: a PNG file, small enough for a ledger.
pub fn icon(folder: &Path) -> Option<Vec<u8>> {
    picture::icon(&read_at_most(&folder.join(ICON), picture::MAX_FILE as u64).ok()?)
}

/// What `level.dat` holds.
fn level(folder: &Path) -> anyhow::Result<Compound> {
    let content = read_at_most(&folder.join(LEVEL), MAX_SIZE as u64).context("level.dat cannot be read")?;
    let (_, content) = Packing::unpack(&content).context("level.dat cannot be read")?;
    let mut root = Root::read(&content).context("level.dat cannot be read")?;
    match root.tag.remove("Data") {
        Some(Value::Compound(data)) => Ok(data),
        _ => Err(anyhow::anyhow!("level.dat holds no world")),
    }
}

/// The time of day since the world began.
fn clock(folder: &Path) -> Option<u64> {
    let content = read_at_most(&folder.join(CLOCKS), MAX_SIZE as u64).ok()?;
    let root = Root::read(&Packing::unpack(&content).ok()?.1).ok()?;
    let clocks = compound(&root.tag, "data").unwrap_or(&root.tag);
    ticks(compound(clocks, "minecraft:overworld")?, "total_ticks")
}

fn compound<'a>(tag: &'a Compound, key: &str) -> Option<&'a Compound> {
    match tag.get(key) {
        Some(Value::Compound(compound)) => Some(compound),
        _ => None,
    }
}

fn ticks(tag: &Compound, key: &str) -> Option<u64> {
    let ticks = tag.get(key).and_then(Value::as_i64)?;
    u64::try_from(ticks).ok().filter(|ticks| *ticks <= MAX_TICKS)
}

/// A time that the game can have written: it is from 2009, and 0 means never.
fn moment(millis: i64) -> Option<DateTime<Utc>> {
    const YEAR_2200: i64 = 7_258_118_400_000;
    (1..YEAR_2200).contains(&millis).then(|| DateTime::from_timestamp_millis(millis)).flatten()
}
