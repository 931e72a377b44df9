//! A story per cell of the decision table, and those that run through several.

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, REGION, diverged, play_first, two_in_sync};
use crate::support::pc::assert_same;

#[test]
fn there_and_back_between_two_pcs() {
    for cloud in [Cloud::server(), Cloud::folder()] {
        let (a, b) = two_in_sync(&cloud);
        assert_eq!(a.base(), b.base());

        b.write(LEVEL, "day 2");
        b.write("saves/Second World/level.dat", "new");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
        assert_eq!(a.read(LEVEL), "day 2");
        assert_eq!(a.undo_files()[LEVEL], b"day 1");

        a.pull().expect(0, "in_sync", "nothing");
        a.push().expect(0, "in_sync", "nothing");
        b.push().expect(0, "in_sync", "nothing");
        assert_eq!(cloud.heads().len(), 1);
        assert_eq!(cloud.snapshots().len(), 2);
        a.assert_tidy();
        b.assert_tidy();
        cloud.check();
    }
}

#[test]
fn only_what_is_in_scope_travels() {
    let cloud = Cloud::server();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    a.write("mods/big.jar", "mod");
    a.write("logs/latest.log", "log");
    a.write("saves/World/session.lock", "x");
    a.write("saves/World/data/DistantHorizons.sqlite", "huge");
    b.write("mods/other.jar", "mod of B");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    let names = b.names();
    assert_eq!(names, ["mods/other.jar", "options.txt", LEVEL, REGION]);
}

#[test]
fn a_deletion_travels_and_lies_in_the_undo_copy() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.remove("saves/World");
    b.push().expect(0, "ahead", "saved");
    let pulled = a.pull().expect(0, "behind", "restored").warns("World was deleted on another PC");
    assert_eq!(pulled.json["files"]["removed"], 2);
    assert!(!a.has("saves/World"));
    assert_eq!(a.undo_files()[LEVEL], b"day 1");
    assert_same(&a, &b);

    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.read(LEVEL), "day 1");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn clocks_decide_nothing() {
    for off in [3 * 86_400, -3 * 86_400] {
        let cloud = Cloud::server();
        let (a, mut b) = two_in_sync(&cloud);
        b.clock = off;
        b.write(LEVEL, "day 2");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_eq!(a.read(LEVEL), "day 2");

        a.write(LEVEL, "day 3");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        assert_eq!(b.read(LEVEL), "day 3");
        assert_same(&a, &b);
        assert_eq!(cloud.heads().len(), 1);

        // The newest version also sorts last for other tools.
        let mut snapshots = cloud.snapshots();
        snapshots
            .sort_by_key(|snapshot| chrono::DateTime::parse_from_rfc3339(snapshot["time"].as_str().unwrap()).unwrap());
        assert_eq!(snapshots.last().unwrap()["id"].as_str(), a.base().as_deref());
    }
}

// Neither.

#[test]
fn nothing_here_and_nothing_there_is_blank() {
    for cloud in [Cloud::server_without_repository(), Cloud::server(), Cloud::folder()] {
        let a = cloud.pc("A");
        a.status().expect(0, "blank", "nothing");
        a.pull().expect(0, "blank", "nothing");
        a.push().expect(0, "blank", "nothing");
        assert!(!cloud.repository.join("config").exists() || cloud.snapshots().is_empty());
    }
}

#[test]
fn the_first_push_makes_the_repository() {
    let cloud = Cloud::server_without_repository();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_pull_saves_small_edits_that_no_push_saved() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    // The game crashed, the launcher ran no push; the next launch pulls.
    a.pull().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 2");
}

// HeadOnly.

#[test]
fn a_new_pc_gets_everything() {
    let cloud = Cloud::server();
    let (_, _) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.push().expect(0, "behind", "nothing");
    c.status().expect(0, "behind", "nothing");
    c.pull().expect(0, "behind", "restored");
    assert_eq!(c.read(LEVEL), "day 1");
}

#[test]
fn first_link_brings_the_clouds_files_beside_the_local_ones() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.write("saves/Mine/level.dat", "mine");
    c.write("options.txt", "fov:0.9, mine\n");
    c.status().expect(0, "first_link", "nothing");
    c.pull().expect(0, "first_link", "restored");
    assert_eq!(c.read(LEVEL), "day 1");
    assert_eq!(c.read("options.txt"), "fov:0.5\n");
    assert_eq!(c.undo_files()["options.txt"], b"fov:0.9, mine\n");
    assert_eq!(c.read("saves/Mine/level.dat"), "mine");

    c.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
}

#[test]
fn first_link_with_a_world_on_both_sides_asks_and_mixes_nothing() {
    let cloud = Cloud::server();
    two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.write(LEVEL, "another world of the same name");
    c.write("saves/World/region/r.1.1.mca", "only here");
    let before = c.tree();
    c.pull().expect(3, "first_link", "cancelled");
    assert_eq!(c.tree(), before);

    c.run(&["pull", "--on-conflict=use-remote"]).expect(0, "first_link", "took_remote");
    assert_eq!(c.read(LEVEL), "day 1");
    assert!(!c.has("saves/World/region/r.1.1.mca"), "two versions of a world are mixed");
    assert_eq!(c.undo_files()["saves/World/region/r.1.1.mca"], b"only here");
    assert_eq!(c.undo_files()[LEVEL], b"another world of the same name");
}

#[test]
fn first_link_with_the_same_world_copied_by_hand_asks_nothing() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    // Copied without its times, so that only the content can tell.
    for (path, content) in a.tree() {
        c.write(&path, content);
    }
    c.pull().expect(0, "first_link", "restored");
    c.push().expect(0, "in_sync", "nothing");
    assert_eq!(cloud.heads().len(), 1);
}

#[test]
fn a_push_at_first_link_is_a_second_root_and_the_next_pull_settles_it() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.write(LEVEL, "another world");
    c.push().expect(0, "first_link", "saved");
    assert_eq!(cloud.heads().len(), 2);
    c.pull().expect(3, "behind", "cancelled");
    c.run(&["pull", "--on-conflict=keep-local"]).expect(0, "behind", "kept_local");
    c.push().expect(0, "ahead", "saved");
    assert_eq!(cloud.heads().len(), 1);
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read(LEVEL), "another world");
}

// BaseOnly.

#[test]
fn an_account_emptied_by_its_operator_costs_no_file() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let before = a.tree();
    cloud.empty();
    a.status().expect(0, "remote_emptied", "nothing");
    a.pull().expect(0, "remote_emptied", "nothing").warns("the cloud is empty");
    assert_eq!(a.tree(), before);
    a.push().expect(0, "remote_emptied", "saved");

    // B was not told, but what A saved anew is what it went on from.
    b.write(LEVEL, "day 2");
    assert_eq!(b.pull().code, 0);
    assert_eq!(b.read(LEVEL), "day 2");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_push_to_an_emptied_account_saves_anew() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    cloud.empty();
    a.push().expect(0, "remote_emptied", "saved");
    assert_eq!(cloud.heads().len(), 1);
    // What A saved is built on nothing that B knows, but it is just what B has.
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    b.push().expect(0, "in_sync", "nothing");
}

// Same.

#[test]
fn a_folder_emptied_by_the_player_is_filled_again_and_never_saved() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.remove("saves");
    a.remove("options.txt");
    a.status().expect(0, "local_lost", "nothing");
    a.push().expect(5, "local_lost", "stopped").says("--allow-empty");
    assert_eq!(cloud.snapshots().len(), 1);
    a.pull().expect(0, "local_lost", "restored");
    assert_same(&a, &b);
}

#[test]
fn an_empty_instance_is_saved_only_if_the_player_insists() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.remove("saves");
    a.remove("options.txt");
    a.run(&["push", "--allow-empty"]).expect(0, "local_lost", "saved");
    b.pull().expect(0, "behind", "restored").warns("World was deleted");
    assert!(b.tree().is_empty());
    assert_eq!(b.undo_files()[LEVEL], b"day 1");
}

// Moved.

#[test]
fn a_push_without_edits_does_not_overwrite_a_newer_cloud() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.push().expect(0, "behind", "nothing");
    assert_eq!(cloud.snapshots().len(), 2);
}

#[test]
fn an_emptied_instance_gets_the_newer_version() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.remove("saves");
    a.remove("options.txt");
    a.push().expect(5, "local_lost", "stopped");
    a.pull().expect(0, "local_lost", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_crash_between_game_and_push_then_a_pull_elsewhere_loses_neither_session() {
    let cloud = Cloud::server();
    let (a, b) = diverged(&cloud);
    let before = a.tree();
    a.status().expect(0, "diverged", "nothing");
    a.run(&["pull", "--catch-up=never"]).expect(3, "diverged", "cancelled");
    a.run(&["pull", "--catch-up=never", "--on-conflict=cancel"]).expect(1, "diverged", "cancelled");
    assert_eq!(a.tree(), before);

    // The push does not ask: it saves beside.
    a.push().expect(0, "diverged", "saved").warns("another PC has saved, too");
    let heads = cloud.heads();
    assert_eq!(heads.len(), 2);
    let saved: Vec<_> = heads.iter().map(|head| cloud.content(head, LEVEL)).collect();
    assert!(saved.contains(&"day 2 on A".to_owned()) && saved.contains(&"day 2 on B".to_owned()));
    assert_eq!(a.tree(), before);
    assert_eq!(b.read(LEVEL), "day 2 on B");
}

#[test]
fn keep_local_supersedes_the_clouds_version_which_stays_in_the_history() {
    let cloud = Cloud::server();
    let (a, b) = diverged(&cloud);
    let theirs = b.base().unwrap();
    a.run(&["pull", "--on-conflict=keep-local"]).expect(0, "diverged", "kept_local");
    assert_eq!(a.read(LEVEL), "day 2 on A");
    a.push().expect(0, "ahead", "saved");
    let merge = cloud.snapshots().into_iter().find(|snapshot| snapshot["id"].as_str() == a.base().as_deref()).unwrap();
    assert!(merge["parent"].is_string());
    assert_eq!(cloud.heads(), [a.base().unwrap()].into());
    assert_eq!(cloud.content(&theirs, LEVEL), "day 2 on B");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert_eq!(b.undo_files()[LEVEL], b"day 2 on B");
}

#[test]
fn use_remote_brings_the_clouds_version_and_keeps_the_edits_in_the_undo_copy() {
    let cloud = Cloud::server();
    let (a, b) = diverged(&cloud);
    a.run(&["pull", "--on-conflict=use-remote"]).expect(0, "diverged", "took_remote");
    assert_same(&a, &b);
    assert_eq!(a.undo_files()[LEVEL], b"day 2 on A");
    // What was given up had been saved before; the push tells the cloud of the decision.
    let given_up = cloud.snapshots().into_iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned());
    assert!(given_up.into_iter().any(|id| cloud.content(&id, LEVEL) == "day 2 on A"));
    a.push().expect(0, "ahead", "saved");
    assert_eq!(cloud.heads().len(), 1);

    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.read(LEVEL), "day 2 on A");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

// Forked.

#[test]
fn two_pushes_from_one_base_are_both_found_and_neither_is_lost() {
    for answer in ["keep-local", "use-remote"] {
        let cloud = Cloud::server();
        let (a, b) = diverged(&cloud);
        a.push().expect(0, "diverged", "saved");
        // Both are clean now, and both see the other.
        for pc in [&a, &b] {
            pc.status().expect(0, "behind", "nothing");
            pc.pull().expect(3, "behind", "cancelled");
            // There is nothing to save, and no need for one version more.
            pc.push().expect(0, "behind", "nothing");
        }
        let outcome = if answer == "keep-local" { "kept_local" } else { "took_remote" };
        a.run(&["pull", &format!("--on-conflict={answer}")]).expect(0, "behind", outcome);
        a.push().expect(0, "ahead", "saved");
        assert_eq!(cloud.heads().len(), 1);
        b.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
        let expected = if answer == "keep-local" { "day 2 on A" } else { "day 2 on B" };
        assert_eq!(a.read(LEVEL), expected);
        let all: Vec<_> = cloud.snapshots().iter().map(|s| cloud.content(s["id"].as_str().unwrap(), LEVEL)).collect();
        for version in ["day 1", "day 2 on A", "day 2 on B"] {
            assert!(all.contains(&version.to_owned()), "{version} is lost");
        }
    }
}

#[test]
fn with_several_versions_in_the_cloud_they_are_settled_one_by_one() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    for pc in [&a, &b, &c] {
        pc.write(LEVEL, format!("day 2 on {}", pc.name));
        assert_eq!(pc.push().code, 0);
    }
    assert_eq!(cloud.heads().len(), 3);
    let d = cloud.pc("D");
    d.pull().expect(3, "behind", "cancelled");
    d.run(&["pull", "--on-conflict=use-remote"]).expect(0, "behind", "took_remote");
    assert_eq!(d.read(LEVEL), "day 2 on C");
    d.push().expect(0, "ahead", "saved");
    assert_eq!(cloud.heads().len(), 1);
    for pc in [&a, &b, &c] {
        pc.pull().expect(0, "behind", "restored");
        assert_same(pc, &d);
    }
}
