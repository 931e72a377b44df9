//! A history that others had a hand in: retention, another tool, the original client.

use crate::support::Cloud;
use crate::support::evening::{LEVEL, play_first, two_in_sync};
use crate::support::pc::assert_same;

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
    a.pull().expect(3, "diverged", "cancelled");
    a.push().expect(0, "diverged", "saved");
    assert_eq!(a.read(LEVEL), "day 2 on A");
    assert_eq!(cloud.heads().len(), 2);
}

#[test]
fn an_incomplete_snapshot_removes_nothing_elsewhere_and_the_files_come_back() {
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
    let id = cloud.heads().pop_first().unwrap();
    let b = cloud.pc("B");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);

    // A still has the state that the original client left: an id and a time.
    let time = chrono::DateTime::<chrono::Utc>::from(a.now()).to_rfc3339();
    a.write(".cloud-sync/state.json", format!("{{\"snapshot_id\": \"{id}\", \"time\": \"{time}\"}}"));
    a.pull().expect(0, "in_sync", "nothing");
    assert_eq!(a.state()["version"], 2);
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
    a.status().expect(0, "ahead", "nothing");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    // Nothing was edited in truth, which the contents tell.
    a.pull().expect(0, "diverged", "restored");
    assert_same(&a, &b);
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
