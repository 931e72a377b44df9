//! A world that two PCs changed: what the player may answer, and what comes of it.

use crate::support::beginnings::{LEVEL, OTHER, REGION, diverged, settle, two_in_sync, two_worlds};
use crate::support::pc::assert_same;
use crate::support::world::Level;
use crate::support::{Cloud, Pc};

/// The worlds of an instance that were there under no such name before.
fn copies(pc: &Pc) -> Vec<String> {
    let worlds = std::fs::read_dir(pc.path("saves")).unwrap();
    let names = worlds.map(|world| world.unwrap().file_name().into_string().unwrap());
    let mut copies: Vec<_> = names.filter(|name| name.contains('(')).collect();
    copies.sort();
    copies
}

/// Both played the same world, each its own evening; B saved.
fn both_played(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    let skylands = |pc: &Pc, hours| {
        let level = Level::of("1.21.1").name("Skylands").day(7).played_hours(hours);
        level.write(&pc.path("saves/World"));
        // Nobody plays within the same tick of a disk's clock.
        let played = |path: &str| path.starts_with("saves/World/stats") || path == LEVEL;
        for (path, content) in pc.tree().into_iter().filter(|(path, _)| played(path)) {
            let at = std::time::SystemTime::now() + std::time::Duration::from_secs(hours.unsigned_abs());
            pc.write(&path, content);
            std::fs::File::options().write(true).open(pc.path(&path)).unwrap().set_modified(at).unwrap();
        }
    };
    skylands(&a, 3);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    skylands(&a, 4);
    a.write("saves/World/region/r.1.0.mca", "explored on A");
    skylands(&b, 6);
    b.write(REGION, "changed on B");
    b.push().expect(0, "ahead", "saved");
    (a, b)
}

#[test]
fn keep_both_brings_the_clouds_world_beside_with_a_name_of_its_own() {
    let cloud = Cloud::server();
    let (a, b) = both_played(&cloud);
    let mine = a.tree();
    let theirs = b.tree();
    let ran = a.answer("keep-both").expect(0, "diverged", "kept_both");
    assert_eq!(ran.json["conflicts"][0]["world"], "World");
    assert_eq!(ran.json["conflicts"][0]["answer"], "keep_both");
    let [copy] = &copies(&a)[..] else { panic!("{:?}", copies(&a)) };
    assert!(copy.starts_with("World (B 20"), "{copy}");
    for (path, content) in mine {
        assert!(a.tree()[&path] == content, "{path} has changed");
    }
    for (path, content) in theirs.iter().filter(|(path, _)| path.starts_with("saves/World/")) {
        let there = path.replace("saves/World/", &format!("saves/{copy}/"));
        assert!(path == LEVEL || a.tree()[&there] == *content, "{there} is not B's");
    }
    let name = |folder: &str| cloud_sync::content::world::World::read(&a.path(folder)).name.unwrap();
    assert_eq!(name("saves/World"), "Skylands");
    assert!(name(&format!("saves/{copy}")).starts_with("Skylands (B 20"), "{}", name(&format!("saves/{copy}")));

    settle(&cloud, &[&a, &b]);
    assert_eq!(&copies(&b), std::slice::from_ref(copy));
    assert_eq!(b.undo_files()[LEVEL], theirs[LEVEL], "what B had under the name is in its undo copy");
}

#[test]
fn keep_both_can_be_undone_and_done_again_without_a_clash() {
    let cloud = Cloud::server();
    let (a, b) = both_played(&cloud);
    let before = a.tree();
    a.answer("keep-both").expect(0, "diverged", "kept_both");
    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.tree(), before);
    a.run(&["undo"]).expect(0, "unknown", "undone");
    a.push().expect(0, "ahead", "saved");
    a.write(LEVEL, "again on A");
    b.write(LEVEL, "again on B");
    b.push().expect(0, "diverged", "saved");
    a.answer("keep-both").expect(0, "diverged", "kept_both");
    assert_eq!(copies(&a).len(), 2, "{:?}", copies(&a));
    settle(&cloud, &[&a, &b]);
}

#[test]
fn a_world_whose_level_dat_is_damaged_is_kept_beside_all_the_same() {
    let cloud = Cloud::folder();
    let (a, b) = diverged(&cloud);
    a.answer("keep-both").expect(0, "diverged", "kept_both").warns("under its old name");
    let copy = &copies(&a)[0];
    assert_eq!(a.read(&format!("saves/{copy}/level.dat")), "day 2 on B");
    settle(&cloud, &[&a, &b]);
}

#[test]
fn a_machine_with_a_wild_name_makes_a_world_with_a_tame_one() {
    let cloud = Cloud::folder();
    let (a, mut b) = two_in_sync(&cloud);
    b.name = "C:\\PC/of <Steve>?".to_owned();
    a.write(LEVEL, "A's");
    b.write(LEVEL, "B's");
    b.push().expect(0, "ahead", "saved");
    a.answer("keep-both").expect(0, "diverged", "kept_both");
    let copy = &copies(&a)[0];
    assert!(copy.starts_with("World (C__PC_of _Steve__ 20"), "{copy}");
}

#[test]
fn a_machine_whose_name_is_no_text_makes_a_world_that_is_synced() {
    let cloud = Cloud::folder();
    let (a, mut b) = two_in_sync(&cloud);
    b.name = "B\u{fffd}".to_owned();
    a.write(LEVEL, "A's");
    b.write(LEVEL, "B's");
    b.push().expect(0, "ahead", "saved");
    a.answer("keep-both").expect(0, "diverged", "kept_both");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn most_played_is_told_by_play_time_and_not_by_clocks() {
    let cloud = Cloud::server();
    let (mut a, b) = both_played(&cloud);
    a.clock = 30 * 86_400;
    a.write("saves/World/region/r.2.0.mca", "later by the clock");
    a.answer("most-played").expect(0, "diverged", "took_remote");
    assert_same(&a, &b);
    settle(&cloud, &[&a, &b]);
}

#[test]
fn most_played_asks_where_it_cannot_be_told() {
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    let before = a.tree();
    let said = a.answer("most-played").expect(3, "diverged", "cancelled").says("nobody is here to choose");
    assert!(!said.json["error"]["hint"].as_str().unwrap().contains("most-played"), "what did not help is no help");
    assert_eq!(a.tree(), before);
}

#[test]
fn what_is_given_up_is_in_the_history_and_in_the_undo_copy() {
    for first_link in [false, true] {
        let cloud = Cloud::folder();
        let (a, b) = diverged(&cloud);
        if first_link {
            a.remove(".cloud-sync/state.json");
        }
        let mine = a.read(LEVEL);
        assert_eq!(a.answer("use-remote").code, 0);
        assert_same(&a, &b);
        assert_eq!(a.undo_files()[LEVEL], mine.as_bytes());
        let snapshots = cloud.snapshots();
        let ids = snapshots.iter().map(|snapshot| snapshot["id"].as_str().unwrap());
        assert!(ids.clone().any(|id| cloud.content(id, LEVEL) == mine), "it is in no snapshot");
        settle(&cloud, &[&a, &b]);
    }
}

#[test]
fn it_is_told_where_a_version_that_is_given_up_stays() {
    for (catch_up, place) in [("never", "this PC's stays in the undo copy"), ("auto", "stays in the history and in")] {
        let cloud = Cloud::folder();
        let (a, _) = diverged(&cloud);
        a.run(&["pull", "--on-conflict=use-remote", &format!("--catch-up={catch_up}")]).expect(
            0,
            "diverged",
            "took_remote",
        );
        let logs = a.logs();
        assert!(logs.contains(place), "{place:?} is not in {logs}");
        assert_eq!(a.undo_files()[LEVEL], b"day 2 on A");
    }
}

#[test]
fn a_world_that_only_this_pc_does_not_see_is_not_deleted_elsewhere_by_an_answer() {
    let cloud = Cloud::folder();
    let (a, b) = two_worlds(&cloud);
    a.write(LEVEL, "on A");
    b.write(LEVEL, "on B");
    b.push().expect(0, "ahead", "saved");
    // Its disk is not there.
    a.remove("saves/Other");
    a.answer("use-remote").expect(0, "diverged", "took_remote").warns("Other is not here any more");
    assert_eq!(a.read(LEVEL), "on B");
    b.answer("keep-local").expect(0, "behind", "kept_local");
    assert_eq!(b.read(OTHER), "other 1");
    // Nor by the next pull.
    a.answer("keep-local").warns("Other is not here any more");
    b.pull();
    assert_eq!(b.read(OTHER), "other 1");
    a.push().warns("saved without Other");
    b.pull();
    assert!(!b.has(OTHER));
}

#[test]
fn two_pictures_of_one_name_are_both_kept() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write("screenshots/2026-11-20.png", "of A");
    b.write("screenshots/2026-11-20.png", "of B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored");
    assert_eq!(a.read("screenshots/2026-11-20.png"), "of A");
    settle(&cloud, &[&a, &b]);
    let pictures: Vec<_> = b.tree().into_iter().filter(|(path, _)| path.starts_with("screenshots/")).collect();
    assert_eq!(pictures.len(), 2, "{pictures:?}");
    let of_b = pictures.iter().find(|(_, content)| content == b"of B").unwrap();
    assert!(of_b.0.starts_with("screenshots/2026-11-20 (B 20") && of_b.0.ends_with(").png"), "{}", of_b.0);
}

#[test]
fn a_picture_with_a_long_ending_is_kept_beside_too() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let name = format!("screenshots/a.{}", "x".repeat(245));
    a.write(&name, "of A");
    b.write(&name, "of B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored");
    assert_eq!(a.read(&name), "of A");
    assert_eq!(a.tree().into_iter().filter(|(path, _)| path.starts_with("screenshots/")).count(), 2);
}

#[test]
fn a_picture_in_a_folder_is_not_put_over_one_that_was_kept_beside_before() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    for evening in ["1", "2"] {
        a.write("screenshots/sub/a.png", format!("of A, {evening}"));
        b.write("screenshots/sub/a.png", format!("of B, evening {evening}"));
        b.push();
        a.pull().expect(0, "diverged", "restored");
    }
    let pictures: Vec<_> = a.tree().into_iter().filter(|(path, _)| path.starts_with("screenshots/")).collect();
    let has = |content: &str| pictures.iter().any(|(_, one)| one == content.as_bytes());
    for content in ["of A, 2", "of B, evening 1", "of B, evening 2"] {
        assert!(has(content), "{content}: {pictures:?}");
    }
}

#[test]
fn two_pcs_that_kept_both_of_a_third_are_asked_about_each_other() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.pull();
    a.write(LEVEL, "on A");
    b.write(LEVEL, "on B");
    c.write(LEVEL, "on C");
    b.push();
    // Neither A nor C knows of the other.
    for pc in [&a, &c] {
        pc.run(&["pull", "--on-conflict=keep-both", "--catch-up=never"]);
    }
    a.push();
    c.push();
    a.pull().expect(3, "behind", "cancelled");
    c.pull().expect(3, "behind", "cancelled");
    assert_eq!((a.read(LEVEL), c.read(LEVEL)), ("on A".to_owned(), "on C".to_owned()));
}

#[test]
fn a_world_that_was_played_on_since_both_were_kept_is_not_given_up() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    for (pc, level) in [(&a, "on A"), (&b, "on B")] {
        pc.write(LEVEL, level);
        pc.push();
    }
    for (pc, level) in [(&a, "on A, played on"), (&b, "on B, played on")] {
        pc.answer("keep-both");
        pc.write(LEVEL, level);
    }
    a.push();
    b.push();
    a.pull().expect(3, "behind", "cancelled");
    b.pull().expect(3, "behind", "cancelled");
    assert_eq!((a.read(LEVEL), b.read(LEVEL)), ("on A, played on".to_owned(), "on B, played on".to_owned()));
}
