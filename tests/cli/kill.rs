//! Killed at any moment of pull and push: after one more run every file is whole.
//!
//! What a run does, it does in a second or less; the moments are drawn from a measured run of
//! the same kind, so that all of its phases are hit. `CLOUD_SYNC_KILL_SEED` replays a series.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::beginnings::two_in_sync;
use crate::support::dice::{Dice, kill_after};
use crate::support::pc::{assert_same, ran};
use crate::support::{Cloud, Pc};

/// An evening of play: some files change, come or go.
fn play(pc: &Pc, day: u64, dice: &mut Dice) {
    pc.write("saves/World/level.dat", format!("day {day}"));
    for _ in 0..=dice.roll(4) {
        let region = dice.roll(6);
        let size = 50_000 + usize::try_from(dice.roll(900_000)).unwrap();
        let byte = u8::try_from(day % 251).unwrap();
        pc.write(&format!("saves/World/region/r.{region}.mca"), vec![byte; size]);
    }
    let visit = format!("saves/Visit {}/level.dat", dice.roll(3));
    if pc.has(&visit) && dice.roll(2) == 0 {
        pc.remove(visit.rsplit_once('/').unwrap().0);
    } else {
        pc.write(&visit, format!("visited on day {day}"));
    }
    pc.write("options.txt", format!("fov:{day}\n"));
}

/// A moment in a run of this length: anywhere, and as often in its last third.
fn moment(whole: Duration, dice: &mut Dice) -> Duration {
    let part = if dice.roll(2) == 0 { dice.roll(1100) } else { 700 + dice.roll(350) };
    whole * u32::try_from(part).unwrap() / 1000
}

/// Kills so many pushes and as many pulls.
fn series(cloud: &Cloud, rounds: u64, series: u64) {
    let seed = std::env::var("CLOUD_SYNC_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() * 10 + series
    });
    println!("CLOUD_SYNC_KILL_SEED={seed}");
    let mut dice = Dice(seed);
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let timed = |pc: &Pc, verb: &str| {
        let start = Instant::now();
        assert_eq!(pc.run(&[verb]).code, 0);
        start.elapsed()
    };
    play(&a, 0, &mut dice);
    timed(&a, "push");
    timed(&b, "pull");
    play(&a, 1, &mut dice);
    let (push, pull) = (timed(&a, "push"), timed(&b, "pull"));

    for day in 2..rounds + 2 {
        // They take turns, so that both push and both pull.
        let (writer, reader) = if day % 2 == 0 { (&a, &b) } else { (&b, &a) };
        play(writer, day, &mut dice);
        let played = writer.tree();
        kill_after(writer.command(&["push"]), moment(push, &mut dice));
        assert_eq!(writer.tree(), played, "a push touched the instance on day {day}");
        let pushed = ran(&mut writer.command(&["push"]));
        assert_eq!(pushed.code, 0, "day {day}: {}", pushed.stdout);
        let divergence = pushed.json["divergence"].as_str().unwrap();
        assert!(matches!(divergence, "ahead" | "in_sync"), "day {day}: {divergence} after a killed push");

        kill_after(reader.command(&["pull"]), moment(pull, &mut dice));
        let pulled = ran(&mut reader.command(&["pull"]));
        assert_eq!(pulled.code, 0, "day {day}: {}", pulled.stdout);
        let divergence = pulled.json["divergence"].as_str().unwrap();
        assert!(matches!(divergence, "behind" | "in_sync"), "day {day}: {divergence} after a killed pull");
        assert_same(writer, reader);
        reader.assert_tidy();
        assert_eq!(cloud.heads().len(), 1, "day {day}");
        reader.run(&["push"]).expect(0, "in_sync", "nothing");
    }
    cloud.check();
}

/// How many pushes and pulls are killed; `CLOUD_SYNC_KILL_ROUNDS` is for where programs start slowly.
fn rounds() -> u64 {
    std::env::var("CLOUD_SYNC_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(50)
}

#[test]
fn a_hundred_kills_with_a_folder_as_the_cloud() {
    series(&Cloud::folder(), rounds(), 1);
}

#[test]
fn a_hundred_kills_with_a_server_as_the_cloud() {
    series(&Cloud::server(), rounds(), 2);
}

/// Kills a pull while it puts files in place; false if it was done before that.
fn kill_in_the_middle(pc: &Pc) -> bool {
    let mut child = pc.command(&["pull"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !pc.has(".cloud-sync/journal.json") && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
    let _ = child.kill();
    child.wait().unwrap();
    pc.has(".cloud-sync/journal.json")
}

#[test]
fn a_world_that_was_played_after_a_killed_pull_is_a_question_and_never_cut_to_pieces() {
    const FILES: usize = 600;
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let explore = |pc: &Pc, day: u64| {
        for number in 0..FILES {
            pc.write(&format!("saves/World/region/r.{number}.mca"), format!("of day {day}"));
        }
        pc.write("saves/World/level.dat", format!("day {day}"));
        pc.write("options.txt", format!("fov:0.{day}\n"));
    };
    let mut day = 1;
    loop {
        day += 1;
        assert!(day < 40, "no pull was killed in the middle");
        explore(&b, day);
        b.push().expect(0, "ahead", "saved");
        if kill_in_the_middle(&a) {
            break;
        }
        assert_eq!(a.pull().code, 0);
    }
    a.write("saves/World/level.dat", "played on A");
    for number in 0..4 {
        a.write(&format!("saves/World/region/r.{number}.mca"), "played on A");
    }
    let world = |pc: &Pc| pc.tree().into_iter().filter(|(path, _)| path.starts_with("saves/")).collect::<Vec<_>>();
    let played = world(&a);
    a.pull().expect(3, "diverged", "cancelled");
    assert!(world(&a) == played, "the world that was played is cut to pieces");
    a.run(&["pull", "--on-conflict=keep-local"]).expect(0, "behind", "kept_local");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert!(world(&a) == played && world(&b) == played, "the world that was played is cut to pieces");
    assert_same(&a, &b);
    cloud.check();
}
