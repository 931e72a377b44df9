//! Where an answer, a pack or a new scope meets something else.

use crate::support::evening::{LEVEL, OTHER, REGION, diverged, settle_with, two_in_sync, two_worlds};
use crate::support::pack::install;
use crate::support::pc::assert_same;
use crate::support::{Cloud, Pc};

const SHIPPED: &str = "fov:0.0\nlang:en_us\n";

#[test]
fn what_was_not_saved_is_no_question_when_a_pack_reset_the_settings() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write("screenshots/1.png", "picture");
    install(&a, &[("options.txt", SHIPPED)]);
    a.pull().expect(0, "ahead", "saved");
    assert_eq!((a.read(LEVEL), a.read("options.txt")), ("day 2".to_owned(), "fov:0.5\n".to_owned()));
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 2");
}

#[test]
fn what_was_not_saved_is_no_question_when_the_scope_grows() {
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.remove(REGION);
    a.write("hotbar.nbt", "x");
    a.write_scope(&["saves/", "options.txt", "hotbar.nbt"], &[]);
    a.pull().expect(0, "ahead", "saved");
    assert_eq!(a.read(LEVEL), "day 2");
    assert!(!a.has(REGION), "what was deleted here is back");
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
    b.answer("keep-local").expect(0, "diverged", "kept_local");
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
fn the_loss_of_a_world_that_came_with_a_decision_put_off_is_told_by_the_push() {
    for first_link in [true, false] {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        if first_link {
            a.remove(".cloud-sync/state.json");
        }
        a.write(LEVEL, "on A");
        b.write(LEVEL, "on B");
        b.write("saves/New/level.dat", "new on B");
        b.push().expect(0, "ahead", "saved");
        a.answer("later");
        if !first_link {
            // Whatever else a pull has to do in between.
            install(&a, &[("options.txt", SHIPPED)]);
            a.answer("later");
            assert_eq!(a.read("options.txt"), "fov:0.5\n");
        }
        a.remove("saves/New");
        a.write("screenshots/1.png", "picture");
        let told = a.answer("later");
        if !first_link {
            told.warns("New is not here any more");
        }
        assert_eq!(b.answer("keep-local").code, 0);
        assert_eq!(b.read("saves/New/level.dat"), "new on B");
        a.push().warns("saved without New");
    }
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

/// Two PCs with another world each, under one name, of which only A's is in its scope.
fn with_worlds_of_their_own(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("options.txt", "fov:0.5\n");
    a.write(LEVEL, "A's world");
    a.write("screenshots/1.png", "of A");
    a.push().expect(0, "ahead", "saved");
    b.write_scope(&["options.txt"], &[]);
    b.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "B's world");
    (a, b)
}

#[test]
fn a_decision_put_off_about_what_a_new_scope_takes_in_stays_open() {
    let cloud = Cloud::folder();
    let (a, b) = with_worlds_of_their_own(&cloud);
    b.write("screenshots/1.png", "of B");
    b.remove(".cloud-sync/scope.json");
    b.answer("later").expect(0, "ahead", "later");
    b.answer("later").expect(0, "first_link", "later");
    assert_eq!(b.read(LEVEL), "B's world");
    assert_eq!(b.tree().into_iter().filter(|(path, _)| path.starts_with("screenshots/")).count(), 2);
    b.push();
    a.pull().expect(3, "diverged", "cancelled").says("played World,");
    b.pull().expect(3, "diverged", "cancelled").says("played World,");
    a.answer("keep-both").expect(0, "diverged", "kept_both");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_push_of_a_scope_that_grew_does_not_supersede_a_world_unseen() {
    let cloud = Cloud::folder();
    let (a, b) = with_worlds_of_their_own(&cloud);
    b.remove(".cloud-sync/scope.json");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(3, "diverged", "cancelled").says("played World,");
    b.pull().expect(3, "diverged", "cancelled").says("played World,");
    b.answer("keep-local").expect(0, "diverged", "kept_local");
    assert_eq!(b.read("screenshots/1.png"), "of A");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn what_a_narrower_scope_left_out_comes_when_it_widens() {
    for widens_before_the_push in [true, false] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        a.write_scope(&["options.txt", "saves/", "config/"], &[]);
        b.write_scope(&["options.txt", "saves/"], &[]);
        a.write("options.txt", "fov:0.5\n");
        a.write("config/mod.toml", "of A");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        a.write(OTHER, "x");
        a.push().expect(0, "ahead", "saved");
        if widens_before_the_push {
            b.write_scope(&["options.txt", "saves/", "config/"], &[]);
        }
        b.write(LEVEL, "x");
        b.push().expect(0, "diverged", "saved");
        b.write_scope(&["options.txt", "saves/", "config/"], &[]);
        b.pull().expect(0, "diverged", "restored");
        assert_eq!(b.read("config/mod.toml"), "of A");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
    }
}

#[test]
fn three_pcs_that_put_off_a_decision_push_nothing_for_ever_and_lose_nothing() {
    for choice in ["use-remote", "keep-both"] {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        let c = cloud.pc("C");
        c.pull().expect(0, "behind", "restored");
        for pc in [&a, &b, &c] {
            pc.write(LEVEL, format!("on {}", pc.name));
            pc.write(&format!("saves/{}/level.dat", pc.name), "own");
            pc.write("screenshots/1.png", format!("of {}", pc.name));
        }
        b.push();
        c.push();
        for _ in 0..3 {
            assert_eq!(a.answer("later").code, 0);
        }
        let pictures = a.tree().keys().filter(|path| path.starts_with("screenshots/")).count();
        assert_eq!(pictures, 3);
        a.push();
        for pc in [&b, &c, &a, &b, &c] {
            assert_eq!(pc.answer("later").code, 0);
            pc.push();
        }
        assert!(b.has("saves/A/level.dat") && b.has("saves/C/level.dat"));
        let count = cloud.snapshots().len();
        for pc in [&a, &b, &c] {
            assert_eq!(pc.answer("later").code, 0);
            pc.push();
        }
        assert_eq!(cloud.snapshots().len(), count, "it never settles");
        for _ in 0..2 {
            assert_eq!(b.answer(choice).code, 0);
        }
        b.push();
        settle_with(&cloud, &[&a, &b, &c], "keep-local");
        for name in ["A", "B", "C"] {
            assert!(c.has(&format!("saves/{name}/level.dat")));
        }
        assert!(c.tree().keys().filter(|path| path.starts_with("screenshots/")).count() >= 3);
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
fn a_push_does_not_save_the_settings_of_the_pack_over_the_players() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    // The launch was offline, so that the pull could do nothing about it.
    install(&a, &[("options.txt", SHIPPED)]);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("options.txt"), "fov:0.5\n");
    a.pull();
    assert_eq!(a.read("options.txt"), "fov:0.5\n");
}
