//! How long a world was played, from its players' statistics: a JSON file for each of them.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use serde_json::Value;

use crate::reading::read_at_most;

/// The game's clock ticks so often.
pub const TICKS_PER_SECOND: u64 = 20;

/// Nobody played longer: a hundred years.
pub const MAX_TICKS: u64 = TICKS_PER_SECOND * 60 * 60 * 24 * 366 * 100;

/// Where the files are: since 26.1, and since 1.7.2.
const FOLDERS: [&str; 2] = ["players/stats", "stats"];

/// The largest file that is read. One of a large modpack has some hundred kilobytes.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// The most that is read in all.
const MAX_TOTAL: u64 = 64 * 1024 * 1024;

/// The most files that are read.
const MAX_FILES: usize = 1000;

/// The ticks that all players together played; none if it is not known of all who are there.
pub(super) fn play_time(world: &Path) -> Option<u64> {
    // A world that was converted may have kept the old folder, so the newer one counts.
    FOLDERS.iter().find_map(|folder| total(&world.join(folder)).transpose())?.ok()
}

fn total(folder: &Path) -> anyhow::Result<Option<u64>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
            ensure!(files.len() <= MAX_FILES, "too many players");
        }
    }
    let mut total = None;
    let mut left = MAX_TOTAL;
    for path in files {
        let content = read_at_most(&path, MAX_SIZE.min(left))?;
        left = left.saturating_sub(content.len() as u64);
        if let Some(ticks) = ticks(&serde_json::from_slice(&content)?)? {
            total = Some(total.unwrap_or(0) + ticks);
            ensure!(total <= Some(MAX_TICKS), "nobody plays that long");
        }
    }
    Ok(total)
}

/// What one file tells. A player who has just come has no play time yet.
fn ticks(statistics: &Value) -> anyhow::Result<Option<u64>> {
    let custom = &statistics["stats"]["minecraft:custom"];
    let names = [
        &custom["minecraft:play_time"],
        // 1.13 to 1.16; it always counted ticks.
        &custom["minecraft:play_one_minute"],
        // Before 1.13.
        &statistics["stat.playOneMinute"],
    ];
    let Some(value) = names.into_iter().find(|value| !value.is_null()) else {
        return Ok(None);
    };
    let ticks = value.as_u64().filter(|ticks| *ticks <= MAX_TICKS);
    ensure!(ticks.is_some(), "no play time");
    Ok(ticks)
}
