//! A history that others had a hand in: retention, another tool, the original client.

use std::fs;

use serde_json::json;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, play_first, two_in_sync};
use crate::support::fake::Fake;
use crate::support::pc::assert_same;
use crate::support::player::copy_folder;

#[test]
fn a_base_that_retention_removed_is_no_conflict_without_edits() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let old = a.base().unwrap();
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    cloud.restic(&["forget", &old]);
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_base_that_retention_removed_is_a_conflict_with_edits() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let old = a.base().unwrap();
    b.write(LEVEL, "day 2 on B");
    b.push().expect(0, "ahead", "saved");
    cloud.restic(&["forget", &old]);
    a.write(LEVEL, "day 2 on A");
    // Saved beside before anything is asked.
    a.pull().expect(3, "diverged", "cancelled");
    a.push().expect(0, "behind", "nothing");
    assert_eq!(a.read(LEVEL), "day 2 on A");
    assert_eq!(cloud.heads().len(), 2);
}

#[test]
fn an_incomplete_snapshot_removes_nothing_elsewhere_and_the_next_push_is_whole() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    // By hand, with the world missing, in the name of nobody's push.
    a.write("options.txt", "fov:0.7\n");
    let base = a.base().unwrap();
    let options = a.path("options.txt");
    cloud.restic(&[
        "backup",
        "--parent",
        &base,
        "--tag",
        "cloud-sync,files=3-0000000000000000",
        options.to_str().unwrap(),
    ]);
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 1", "an incomplete snapshot removed a world");
    b.write("hotbar.nbt", "x");
    b.push().expect(0, "ahead", "saved");
    assert!(cloud.files_of(&b.base().unwrap()).contains(LEVEL));
}

#[test]
fn the_snapshots_of_another_tool_count_like_any_other() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    play_first(&a);
    // As the original client saved: relative, in the instance, without our tags.
    let saved = std::process::Command::new(crate::support::tools::restic())
        .args(["backup", "--json", "saves", "options.txt"])
        .current_dir(&a.dir)
        .env_clear()
        .env("RESTIC_REPOSITORY", &cloud.repository)
        .env("RESTIC_PASSWORD", crate::support::cloud::PASSWORD)
        .env("RESTIC_CACHE_DIR", cloud.home.path().join("other-cache"))
        .status()
        .unwrap();
    assert!(saved.success());
    let id = cloud.snapshots()[0]["id"].as_str().unwrap().to_owned();
    let b = cloud.pc("B");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);

    // A still has the state that the original client left: an id and a time.
    let time = chrono::DateTime::<chrono::Utc>::from(a.now()).to_rfc3339();
    a.write(".cloud-sync/state.json", format!("{{\"snapshot_id\": \"{id}\", \"time\": \"{time}\"}}"));
    a.pull().expect(0, "in_sync", "nothing");
    assert_eq!(a.state()["version"], 4);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn edits_since_the_original_clients_last_sync_are_edits() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let base = a.base().unwrap();
    a.write(".cloud-sync/state.json", format!("{{\"snapshot_id\": \"{base}\", \"time\": \"2020-01-01T00:00:00Z\"}}"));
    // Its files are newer than that, but just as the base has them.
    a.status().expect(0, "in_sync", "nothing");
    a.write(LEVEL, "day 2 on A");
    a.status().expect(0, "ahead", "nothing");
    b.write(LEVEL, "day 2 on B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(3, "diverged", "cancelled");
    assert_eq!(a.read(LEVEL), "day 2 on A");
}

#[test]
fn another_repository_is_linked_anew_and_takes_nothing_away() {
    let (first, second) = (Cloud::folder(), Cloud::folder());
    let (a, _) = two_in_sync(&first);
    let stranger = second.pc("S");
    stranger.write("saves/Other/level.dat", "other");
    stranger.push().expect(0, "ahead", "saved");

    let url = format!("--url={}", second.url);
    let mut command = a.bare();
    command.args(["pull", "--json", &url, "--pack-folder"]).arg(&a.dir).arg("--token-file").arg(second.token_file());
    crate::support::pc::ran(&mut command).expect(0, "first_link", "restored");
    assert_eq!(a.read(LEVEL), "day 1");
    assert_eq!(a.read("saves/Other/level.dat"), "other");
}

#[test]
fn a_server_that_lost_its_newest_version_rolls_nobody_back() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write("saves/Castle/level.dat", "new");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    // It came back from a backup that is older.
    cloud.restic(&["forget", &a.base().unwrap()]);
    a.pull().expect(0, "ahead", "saved");
    assert_eq!((a.read(LEVEL), a.has("saves/Castle/level.dat")), ("day 2".to_owned(), true));
    assert_eq!(cloud.heads().len(), 1);
    b.pull();
    assert_same(&a, &b);
    assert_eq!(b.push().code, 0);
    assert_eq!(cloud.heads().len(), 1);
}

#[test]
fn after_the_cloud_was_emptied_a_pc_that_is_behind_rolls_nobody_back() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.write("saves/Castle/level.dat", "new");
    b.push().expect(0, "ahead", "saved");
    cloud.empty();
    a.push().expect(0, "remote_emptied", "saved");
    // What A saved is what B's went on from: there is nothing to ask.
    assert_eq!(b.pull().code, 0);
    assert_eq!((b.read(LEVEL), b.has("saves/Castle/level.dat")), ("day 2".to_owned(), true));
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn retention_that_leaves_the_first_version_makes_no_conflict() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let mut between = Vec::new();
    for day in 2..5 {
        a.write(LEVEL, format!("day {day}"));
        a.push().expect(0, "ahead", "saved");
        between.push(a.base().unwrap());
    }
    b.pull().expect(0, "behind", "restored");
    between.pop();
    for id in &between {
        cloud.restic(&["forget", id]);
    }
    for pc in [&a, &b] {
        assert_eq!(pc.pull().code, 0);
        assert_eq!(pc.read(LEVEL), "day 4");
    }
    assert_eq!(cloud.heads().len(), 1);
}

#[test]
fn two_pcs_of_the_original_client_go_on_without_a_question() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    // Each machine's snapshots form a chain of their own.
    let save = |pc: &crate::support::Pc| {
        let saved = std::process::Command::new(crate::support::tools::restic())
            .args(["backup", "--host", &pc.name, "saves", "options.txt"])
            .current_dir(&pc.dir)
            .stdout(std::process::Stdio::null())
            .env_clear()
            .env("RESTIC_REPOSITORY", &cloud.repository)
            .env("RESTIC_PASSWORD", crate::support::cloud::PASSWORD)
            .env("RESTIC_CACHE_DIR", cloud.home.path().join("other-cache"))
            .status()
            .unwrap();
        assert!(saved.success());
    };
    play_first(&a);
    save(&a);
    play_first(&b);
    b.write(LEVEL, "day 2");
    save(&b);
    let snapshots = cloud.snapshots();
    let state = |host: &str| {
        let snapshot = snapshots.iter().find(|snapshot| snapshot["hostname"] == host).unwrap();
        format!("{{\"snapshot_id\": {}, \"time\": \"2100-01-01T00:00:00Z\"}}", snapshot["id"])
    };
    a.write(".cloud-sync/state.json", state("A"));
    b.write(".cloud-sync/state.json", state("B"));
    b.pull().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    c.pull().expect(0, "in_sync", "nothing");
    assert_same(&a, &c);
}

#[test]
fn a_world_that_came_after_the_original_clients_last_sync_is_an_edit_however_old_its_files_are() {
    let cloud = Cloud::folder();
    let (mut a, b) = two_in_sync(&cloud);
    let state = format!("{{\"snapshot_id\": \"{}\", \"time\": \"2100-01-01T00:00:00Z\"}}", a.base().unwrap());
    a.write(".cloud-sync/state.json", state);
    a.clock = -3 * 365 * 86_400;
    a.write("saves/Downloaded/level.dat", "an old map");
    a.clock = 0;
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("saves/Downloaded/level.dat"), "an old map");
}

#[test]
fn a_pc_that_lost_its_files_gets_back_what_it_had_saved_beside_another() {
    for joined in [false, true] {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        a.write("saves/Of A/level.dat", "of A");
        a.push().expect(0, "ahead", "saved");
        b.write("saves/Of B/level.dat", "of B");
        b.push().expect(0, "diverged", "saved");
        if joined {
            a.pull().expect(0, "behind", "restored");
        }
        a.remove("saves");
        a.remove("options.txt");
        a.pull().expect(0, "local_lost", "restored");
        assert_eq!(a.read("saves/Of A/level.dat"), "of A");
        assert_eq!(a.read("saves/Of B/level.dat"), "of B");
        a.push();
        b.pull();
        b.push();
        a.pull();
        assert_eq!(b.read("saves/Of A/level.dat"), "of A");
        assert_same(&a, &b);
    }
}

/// Of all that was saved the latest stays.
fn retain_the_latest(cloud: &Cloud) {
    let mut snapshots = cloud.snapshots();
    snapshots.sort_by_key(|snapshot| snapshot["time"].as_str().unwrap().to_owned());
    snapshots.pop();
    for snapshot in snapshots {
        cloud.restic(&["forget", snapshot["id"].as_str().unwrap()]);
    }
}

#[test]
fn what_a_version_that_retention_removed_had_left_out_is_deleted_nowhere() {
    let cloud = Cloud::folder();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    a.write("saves/Castle/level.dat", "only on A");
    play_first(&a);
    a.push().expect(0, "ahead", "saved");
    b.write(".cloud-sync/scope.json", r#"{"exclude": ["saves/Castle/"]}"#);
    b.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    // B has no castle, but says who has it.
    c.pull().expect(0, "behind", "restored");
    c.write(LEVEL, "day 3");
    c.push().expect(0, "ahead", "saved");
    assert_eq!(c.read("saves/Castle/level.dat"), "only on A");
    retain_the_latest(&cloud);
    a.pull().expect(0, "behind", "restored");
    assert_eq!((a.read("saves/Castle/level.dat"), a.read(LEVEL)), ("only on A".to_owned(), "day 3".to_owned()));
    a.push().expect(0, "in_sync", "nothing");
    assert_same(&a, &c);
}

#[test]
fn what_another_tool_saves_hides_nobodys_push() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write("saves/Second/level.dat", "second");
    a.push().expect(0, "ahead", "saved");
    // It is the latest, and knows of no push.
    let by_hand = cloud.pc("by hand");
    play_first(&by_hand);
    cloud.restic_in(&by_hand.dir, &["backup", "saves", "options.txt"]);
    b.run(&["pull", "--on-conflict=keep-local"]);
    assert_eq!(b.read("saves/Second/level.dat"), "second", "the push that came before it was not taken in");
}

#[test]
fn what_another_tool_saves_of_a_synced_instance_counts_although_it_carries_an_old_ledger() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 9");
    cloud.restic_in(&a.dir, &["backup", "."]);
    // Nobody knows what that tool had seen, so that it replaces nothing unasked.
    b.pull().expect(3, "behind", "cancelled");
    b.run(&["pull", "--on-conflict=use-remote"]).expect(0, "behind", "took_remote");
    assert_eq!(b.read(LEVEL), "day 9");
}

#[test]
fn a_ledger_that_was_read_badly_once_is_read_again() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write("saves/Second/level.dat", "second");
    a.push().expect(0, "ahead", "saved");
    // What it says ends before it began, and all seems well.
    Fake::new(&json!({"dump": {"times": 1}})).run(&b, &["pull"]).expect(0, "behind", "restored");
    assert_eq!(b.read("saves/Second/level.dat"), "second");
    assert_same(&a, &b);
}

#[test]
fn a_push_of_which_the_ledger_is_damaged_is_told_and_left_out() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let hostile = cloud.pc("hostile");
    play_first(&hostile);
    hostile
        .write(".cloud-sync/ledger.json", r#"{"form":1,"push":"00000000000000ff","files":9,"pushes":[],"units":[]}"#);
    cloud.restic_in(&hostile.dir, &["backup", "--tag", "push=00000000000000ff", ".cloud-sync", "saves"]);
    for _ in 0..2 {
        b.pull().says("is damaged in the cloud");
    }
    let quiet = b.pull();
    assert_eq!(quiet.json["warnings"], json!([]));
    quiet.expect(0, "in_sync", "nothing");
    a.write(LEVEL, "day 9");
    a.push().expect(0, "diverged", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 9");
}

#[test]
fn a_server_that_goes_back_and_forward_again_asks_nothing() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let keep = |from: &std::path::Path, name: &str| {
        let to = cloud.home.path().join(name);
        copy_folder(from, &to);
        to
    };
    let show = |backup: &std::path::Path| {
        fs::remove_dir_all(&cloud.repository).unwrap();
        copy_folder(backup, &cloud.repository);
    };
    let older = keep(&cloud.repository, "older");
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    a.write(LEVEL, "day 3");
    a.push().expect(0, "ahead", "saved");
    let newer = keep(&cloud.repository, "newer");
    // The backup was put back, and then the newer disk was found again.
    show(&older);
    for pc in [&a, &b] {
        assert_eq!(pc.pull().code, 0);
    }
    show(&newer);
    for pc in [&b, &a, &b] {
        let pulled = pc.pull();
        assert_eq!((pulled.code, &pulled.json["conflicts"]), (0, &json!([])), "{}", pulled.stdout);
        assert_eq!(pc.read(LEVEL), "day 3");
    }
    assert_same(&a, &b);
}
