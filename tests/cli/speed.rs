//! What a launch waits for: how often restic is run, and what is asked of the server.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::support::beginnings::LEVEL;
use crate::support::fake::{Fake, Run};
use crate::support::pc::assert_same;
use crate::support::{Cloud, Pc};

/// Runs a command with this restic, which must do as expected with these verbs of it.
#[track_caller]
fn run(restic: &Fake, pc: &Pc, command: &str, divergence: &str, outcome: &str, verbs: &[&str]) {
    let before = restic.runs().len();
    restic.run(pc, &[command]).expect(0, divergence, outcome);
    let runs = restic.runs();
    let mut ran: Vec<_> = runs[before..].iter().map(Run::verb).filter(|verb| *verb != "version").collect();
    // Runs side by side begin in any order.
    ran.sort_by_key(|verb| verbs.iter().position(|wanted| wanted == verb));
    assert_eq!(ran, verbs, "{command} on {}", pc.name);
}

#[test]
fn before_a_game_two_runs_of_restic_side_by_side_tell_what_is_new_and_one_brings_it() {
    for cloud in [Cloud::folder(), Cloud::server()] {
        let (a, b, restic) = (cloud.pc("A"), cloud.pc("B"), Fake::recording(&json!({})));
        a.write(LEVEL, "day 1");
        run(&restic, &a, "push", "ahead", "saved", &["backup"]);
        run(&restic, &b, "pull", "behind", "restored", &["ls", "dump", "restore"]);
        for day in 2..4 {
            for (player, other) in [(&a, &b), (&b, &a)] {
                player.write(LEVEL, format!("day {day} on {}", player.name));
                run(&restic, player, "push", "ahead", "saved", &["backup"]);
                run(&restic, other, "pull", "behind", "restored", &["ls", "dump", "restore"]);
                run(&restic, other, "pull", "in_sync", "nothing", &[]);
                run(&restic, other, "push", "in_sync", "nothing", &[]);
                assert_same(player, other);
            }
        }
    }
}

#[test]
fn a_first_pull_reads_all_versions_and_the_latest_at_the_same_time() {
    let cloud = Cloud::folder();
    let (a, b, restic) = (cloud.pc("A"), cloud.pc("B"), Fake::recording(&json!({})));
    for day in 0..3 {
        a.write(LEVEL, format!("day {day}"));
        a.push().expect(0, "ahead", "saved");
    }
    // Two that make a new cache at the same time may cost a run more.
    b.status().expect(0, "behind", "nothing");
    run(&restic, &b, "pull", "behind", "restored", &["snapshots", "ls", "dump", "restore"]);
    assert_same(&a, &b);
}

#[test]
fn a_head_that_is_not_the_latest_by_the_clock_is_what_comes() {
    let cloud = Cloud::folder();
    let (a, b, c, restic) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"), Fake::recording(&json!({})));
    a.write(LEVEL, "day 1");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    // Kept for people, and later than all that cloud-sync made.
    cloud.restic_in(&a.dir, &["backup", "--tag", "rescue", "--time", "2035-01-01 00:00:00", "saves"]);
    c.status().expect(0, "behind", "nothing");
    run(&restic, &c, "pull", "behind", "restored", &["snapshots", "ls", "ls", "dump", "dump", "restore"]);
    assert_same(&b, &c);
}

#[test]
fn one_new_version_that_is_not_built_on_ours_is_not_taken_for_a_step() {
    let cloud = Cloud::folder();
    let (a, b, restic) = (cloud.pc("A"), cloud.pc("B"), Fake::recording(&json!({})));
    a.write(LEVEL, "A's world");
    a.write("options.txt", "fov:0.5\n");
    a.push().expect(0, "ahead", "saved");
    // B never pulled: its push is a second root.
    b.write("saves/Other/level.dat", "B's world");
    b.push().expect(0, "first_link", "saved");
    run(&restic, &a, "pull", "behind", "restored", &["ls", "dump", "restore"]);
    assert!(a.has(LEVEL) && a.has("saves/Other/level.dat"));
    // A has nothing to add, and B takes in what A saved.
    a.push().expect(0, "in_sync", "nothing");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn the_key_that_the_token_opens_is_tried_first() {
    let cloud = Cloud::folder();
    let (a, restic) = (cloud.pc("A"), Fake::recording(&json!({})));
    a.write(LEVEL, "day 1");
    a.push().expect(0, "ahead", "saved");
    let keys: Vec<_> =
        fs::read_dir(cloud.repository.join("keys")).unwrap().map(|key| key.unwrap().file_name()).collect();
    let key = keys[0].to_str().unwrap();
    let mut login = restic.command(&a, &["login", "--token-stdin"]);
    let mut login = login.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    login.stdin.take().unwrap().write_all(fs::read(&a.token_file).unwrap().as_slice()).unwrap();
    assert!(login.wait().unwrap().success());
    a.write(LEVEL, "day 2");
    run(&restic, &a, "push", "ahead", "saved", &["backup"]);
    let runs = restic.runs();
    let hint = format!("RESTIC_KEY_HINT={key}");
    assert!(runs.last().unwrap().environment.contains(&hint), "no {hint}");

    // A key that is gone costs a moment and nothing else.
    let config = fs::read_to_string(a.path(".cloud-sync/config.json")).unwrap().replace(key, &"0".repeat(64));
    assert!(config.contains(&"0".repeat(64)));
    fs::write(a.path(".cloud-sync/config.json"), config).unwrap();
    a.write(LEVEL, "day 3");
    run(&restic, &a, "push", "ahead", "saved", &["backup"]);
}
