//! What a version of a world says about itself, whichever version of the game wrote it and
//! whatever happened to its files.

use std::fs;
use std::io::{Read as _, Write as _};
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use cloud_sync::content::world::{Further, Mode, Played, Source, World, recommend, rename};
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::world::{Level, PLAYER, gzip};

const VERSIONS: [&str; 7] = ["1.7.10", "1.12.2", "1.13", "1.16.5", "1.17", "1.21.1", "26.1"];

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn read(level: &Level) -> World {
    let folder = folder();
    level.write(folder.path());
    World::read(folder.path())
}

/// A world of which only `level.dat` is there.
fn read_level_dat(content: &[u8]) -> World {
    let folder = folder();
    fs::write(folder.path().join("level.dat"), content).unwrap();
    World::read(folder.path())
}

fn hours(hours: u64, source: Source) -> Played {
    Played { time: Duration::from_secs(hours * 60 * 60), source }
}

#[test]
fn every_version_of_the_game_tells_how_far_a_world_is() {
    for version in VERSIONS {
        let level = Level::of(version).name("My World").day(12).played_hours(3).last_played(1_750_000_000_000);
        let world = World {
            name: Some("My World".to_owned()),
            last_played: DateTime::from_timestamp_millis(1_750_000_000_000),
            day: Some(12),
            played: Some(hours(3, Source::Statistics)),
            version: (version != "1.7.10").then(|| version.to_owned()),
            mode: Some(Mode::Survival),
            hardcore: false,
            problem: None,
        };
        assert_eq!(read(&level), world, "{version}");
        let played = Some(hours(3, Source::Age));
        assert_eq!(read(&level.without_statistics()), World { played, ..world }, "{version}");
    }
}

#[test]
fn all_players_of_a_world_count() {
    let folder = folder();
    Level::of("1.21.1").played_hours(3).write(folder.path());
    let stats = folder.path().join("stats");
    fs::copy(stats.join(PLAYER), stats.join("guest.json")).unwrap();
    fs::write(stats.join("newcomer.json"), r#"{"stats":{},"DataVersion":3955}"#).unwrap();
    fs::write(stats.join("notes.txt"), "not a player").unwrap();
    assert_eq!(World::read(folder.path()).played, Some(hours(6, Source::Statistics)));
}

#[test]
fn statistics_that_cannot_be_read_are_no_play_time() {
    for broken in [
        "",
        "{",
        r#"{"stats":{"minecraft:custom":{"minecraft:play_time":-1}}}"#,
        r#"{"stats":{"minecraft:custom":{"minecraft:play_time":"long"}}}"#,
        r#"{"stats":{"minecraft:custom":{"minecraft:play_time":9223372036854775807}}}"#,
        &"[".repeat(100_000),
        &" ".repeat(5 * 1024 * 1024),
    ] {
        let folder = folder();
        Level::of("1.21.1").played_hours(3).write(folder.path());
        fs::write(folder.path().join("stats/guest.json"), broken).unwrap();
        assert_eq!(World::read(folder.path()).played, Some(hours(3, Source::Age)));
    }
}

#[test]
fn a_world_that_was_converted_counts_from_its_new_folder() {
    let folder = folder();
    Level::of("1.21.1").played_hours(3).write(folder.path());
    Level::of("26.1").played_hours(4).write(folder.path());
    assert_eq!(World::read(folder.path()).played, Some(hours(4, Source::Statistics)));
}

#[test]
fn times_that_cannot_be_are_not_known() {
    let level = Level::of("1.12.2").without_statistics();
    for odd in [-1, i64::MIN, i64::MAX] {
        let world = read(&level.clone().last_played(odd).played_ticks(odd));
        assert_eq!((world.last_played, world.played), (None, None), "{odd}");
    }
    assert_eq!(read(&level.clone().day(-3)).day, Some(0), "the world's age");
    assert_eq!(read(&level.last_played(0)).last_played, None);
}

#[test]
fn a_world_without_a_whole_level_dat_says_so() {
    let folder = folder();
    assert!(World::read(folder.path()).problem.unwrap().contains("level.dat cannot be read"));
    assert!(World::read(&folder.path().join("none")).problem.is_some());
    fs::create_dir(folder.path().join("level.dat")).unwrap();
    assert!(World::read(folder.path()).problem.unwrap().contains("it is no ordinary file"));

    let world = read(&Level::of("1.21.1").name("My World").played_hours(3).damaged());
    assert!(world.problem.unwrap().contains("damaged"));
    assert_eq!((world.name, world.played), (None, Some(hours(3, Source::Statistics))));

    for content in [&b""[..], b"\0", b"level", &[10, 0, 0, 0], &gzip(b""), &gzip(&[10, 0, 0, 0]), &[0; 1000]] {
        assert!(read_level_dat(content).problem.is_some(), "{content:?}");
        assert!(rename(content, "Other").is_err());
    }
}

#[test]
fn a_level_dat_that_means_harm_is_a_problem_and_no_more() {
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    let compounds = [&[10, 0, 0][..], &[10, 0, 0].repeat(100_000)].concat();
    let lists = [&[10, 0, 0, 9, 0, 0][..], &[9, 0, 0, 0, 1].repeat(100_000)].concat();
    let array = [10, 0, 0, 12, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0];
    for content in [bomb, gzip(&compounds), gzip(&lists), gzip(&array), compounds, lists, array.to_vec()] {
        assert!(read_level_dat(&content).problem.is_some());
        assert!(rename(&content, "Other").is_err());
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_keeps_nobody_waiting() {
    let folder = folder();
    let pipe = |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    pipe(&folder.path().join("level.dat"));
    fs::create_dir(folder.path().join("stats")).unwrap();
    pipe(&folder.path().join("stats").join(PLAYER));
    assert!(World::read(folder.path()).problem.is_some());
}

#[test]
fn a_world_gets_another_name_and_nothing_else() {
    for version in VERSIONS {
        for name in ["My World (from the laptop)", "W\u{f6}rld \u{1f980}", "", "\0"] {
            let (old, new) = (Level::of(version).name("My World").day(12), Level::of(version).name(name).day(12));
            let mut renamed = Vec::new();
            GzDecoder::new(&rename(&old.level_dat(), name).unwrap()[..]).read_to_end(&mut renamed).unwrap();
            assert!(renamed == new.unpacked(), "{version} {name}");
            assert!(rename(&old.unpacked(), name).unwrap() == new.unpacked(), "{version} {name}");
        }
    }
    assert!(rename(&Level::of("1.21.1").level_dat(), &"x".repeat(70_000)).is_err());
}

#[test]
fn a_level_dat_of_another_packing_is_read_and_stays_so() {
    let level = Level::of("1.21.1").name("My World");
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&level.unpacked()).unwrap();
    let zlib = encoder.finish().unwrap();
    for content in [&zlib, &level.unpacked(), &level.level_dat()] {
        assert_eq!(read_level_dat(content).name.as_deref(), Some("My World"));
    }
    let mut renamed = Vec::new();
    ZlibDecoder::new(&rename(&zlib, "Other").unwrap()[..]).read_to_end(&mut renamed).unwrap();
    assert!(renamed == level.name("Other").unpacked());
}

#[test]
fn play_time_decides_which_version_is_further_and_clocks_do_not() {
    let level = Level::of("1.21.1");
    let long = read(&level.clone().played_hours(14).last_played(1_000_000_000_000));
    let short = read(&level.clone().played_hours(12).last_played(2_000_000_000_000));
    let advice = recommend(&short, &long);
    assert_eq!(advice.further, Further::There);
    assert_eq!(advice.reason, "the cloud's was played 2 h longer (14 h against 12 h)");
    let unknown = read(&level.without_statistics().damaged());
    assert_eq!(recommend(&short, &unknown).reason, "their play time is not known");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn damage_is_a_problem_and_never_the_end(
        version in prop::sample::select(&VERSIONS[..]),
        is_packed in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let level = Level::of(version).name("My World").played_hours(3);
        let mut content = if is_packed { level.level_dat() } else { level.unpacked() };
        for (at, byte) in flips {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if is_cut {
            content.truncate(length.index(content.len()));
        }
        let world = read_level_dat(&content);
        let renamed = rename(&content, "Other");
        if world.problem.is_none() {
            prop_assert_eq!(read_level_dat(&renamed.unwrap()), World { name: Some("Other".to_owned()), ..world });
        }
    }
}
