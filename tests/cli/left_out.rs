//! What one PC could not save is not gone: it is as it was before, on every other PC.

use crate::support::beginnings::{LEVEL, play_first};
use crate::support::game::Game;
use crate::support::pc::assert_same;
use crate::support::{Cloud, Pc};

const OPEN: &str = "saves/Home/level.dat";

/// B has saved all but the world that its game has open, which A saved before.
fn b_saved_all_but_one(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    a.write(OPEN, "as A saved it");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "day 2");
    let game = Game::in_world(&b, "Home");
    b.push().expect(8, "ahead", "saved").warns("Home");
    drop(game);
    (a, b)
}

#[test]
fn a_new_pc_gets_it_as_it_was_before() {
    let cloud = Cloud::folder();
    let (a, b) = b_saved_all_but_one(&cloud);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    assert_eq!((c.read(OPEN), c.read(LEVEL)), ("as A saved it".to_owned(), "day 2".to_owned()));
    c.push().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
    // It is what they agree on, and no edit.
    b.write(OPEN, "played on B");
    b.push().expect(0, "ahead", "saved");
    for pc in [&a, &c] {
        pc.pull().expect(0, "behind", "restored");
        assert_eq!(pc.read(OPEN), "played on B");
    }
}

#[test]
fn a_pc_that_was_behind_does_not_roll_it_back() {
    let cloud = Cloud::folder();
    let (a, c) = (cloud.pc("A"), cloud.pc("C"));
    a.write(OPEN, "day 1");
    a.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    a.write(OPEN, "day 2");
    a.write("saves/Home/region/r.0.0.mca", "day 2");
    a.push().expect(0, "ahead", "saved");
    a.write("options.txt", "fov:0.7\n");
    let game = Game::in_world(&a, "Home");
    a.push().expect(8, "ahead", "saved");
    drop(game);
    c.pull().expect(0, "behind", "restored");
    assert_eq!(c.read(OPEN), "day 2");
    c.push().expect(0, "in_sync", "nothing");
    c.write("options.txt", "fov:0.9\n");
    c.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_eq!((a.read(OPEN), a.read("options.txt")), ("day 2".to_owned(), c.read("options.txt")));
}

#[test]
fn another_world_of_that_name_is_a_question() {
    let cloud = Cloud::folder();
    let (a, _) = b_saved_all_but_one(&cloud);
    a.pull().expect(0, "behind", "restored");
    let c = cloud.pc("C");
    c.write(OPEN, "quite another world");
    c.pull().expect(3, "first_link", "cancelled").says("Home");
    c.push().expect(0, "first_link", "saved");
    a.pull().expect(3, "behind", "cancelled").says("Home");
    assert_eq!((a.read(OPEN), c.read(OPEN)), ("as A saved it".to_owned(), "quite another world".to_owned()));
    c.run(&["pull", "--on-conflict=keep-both"]).expect(0, "behind", "kept_both");
    assert_eq!(c.read(OPEN), "quite another world");
    assert!(c.tree().values().any(|content| content == b"as A saved it"));
}

#[test]
fn a_pc_that_lost_its_files_gets_it_back_and_deletes_it_nowhere() {
    let cloud = Cloud::folder();
    let (a, _) = b_saved_all_but_one(&cloud);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    for path in ["saves", "options.txt"] {
        c.remove(path);
    }
    c.pull().expect(0, "local_lost", "restored");
    assert_eq!(c.read(OPEN), "as A saved it");
    c.write(LEVEL, "day 3");
    c.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
}

#[test]
fn it_is_found_behind_many_saves_without_it() {
    let cloud = Cloud::folder();
    let (a, b) = b_saved_all_but_one(&cloud);
    for day in 3..9 {
        let game = Game::in_world(&b, "Home");
        b.write(LEVEL, format!("day {day}"));
        assert_eq!(b.push().code, 8);
        drop(game);
    }
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    a.pull().expect(0, "behind", "restored");
    assert_eq!((c.read(OPEN), c.read(LEVEL)), ("as A saved it".to_owned(), "day 8".to_owned()));
    assert_same(&a, &c);
}

#[test]
fn it_can_be_deleted_afterwards() {
    let cloud = Cloud::folder();
    let (a, b) = b_saved_all_but_one(&cloud);
    b.remove("saves/Home");
    b.push().expect(0, "ahead", "saved").warns("saved without Home");
    // A was behind all the time.
    a.pull().expect(0, "behind", "restored").warns("Home was deleted");
    assert!(!a.has(OPEN));
    a.push().expect(0, "in_sync", "nothing");
    b.pull().expect(0, "in_sync", "nothing");
    assert_same(&a, &b);
}

#[test]
fn a_version_that_was_given_up_before_does_not_come_back() {
    let cloud = Cloud::folder();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    a.write(OPEN, "A's");
    a.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    b.write(OPEN, "B's, and given up");
    b.write("hotbar.nbt", "B's");
    b.push().expect(0, "first_link", "saved");
    b.run(&["pull", "--on-conflict=use-remote"]).expect(0, "behind", "took_remote");
    let game = Game::in_world(&b, "Home");
    b.push().expect(8, "in_sync", "nothing");
    drop(game);
    b.push().expect(0, "ahead", "saved");
    for pc in [&c, &cloud.pc("D")] {
        pc.pull();
        assert_eq!((pc.read(OPEN), pc.read("hotbar.nbt")), ("A's".to_owned(), "B's".to_owned()), "on {}", pc.name);
    }
}

#[cfg(unix)]
#[test]
fn much_that_is_left_out_elsewhere_leaves_no_world_half() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    a.write("saves/World/region/r.1.0.mca", "torn down later");
    a.write("saves/Gone/level.dat", "deleted later");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    for number in 0..50 {
        a.write(&format!("screenshots/real {number}.png"), "x");
        let link = a.path(&format!("screenshots/link {number}.png"));
        std::os::unix::fs::symlink("/etc/hostname", link).unwrap();
    }
    a.remove("saves/World/region/r.1.0.mca");
    a.write(LEVEL, "day 2");
    a.remove("saves/Gone");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(
        (b.read(LEVEL), b.has("saves/World/region/r.1.0.mca")),
        ("day 2".to_owned(), false),
        "a mix of two days"
    );
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    assert!(!c.has("saves/Gone/level.dat"), "what was deleted is back");
}

#[test]
fn settings_that_were_left_out_are_joined_with_what_is_known() {
    for _ in 0..3 {
        let cloud = Cloud::folder();
        let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
        a.write("options.txt", "fov:0.1\nlang:en\nguiScale:1\n");
        play_first(&a);
        a.push().expect(0, "ahead", "saved");
        for pc in [&b, &c] {
            pc.pull().expect(0, "behind", "restored");
        }
        let game = Game::in_world(&a, "World");
        a.write("hotbar.nbt", "x");
        a.push().expect(8, "ahead", "saved");
        drop(game);
        for pc in [&b, &c] {
            pc.pull().expect(0, "behind", "restored");
        }
        c.write(LEVEL, "day 2 on C");
        c.write("options.txt", "fov:0.5\nlang:de\n");
        c.push().expect(0, "ahead", "saved");
        b.write("options.txt", "fov:0.9\n");
        b.pull().expect(0, "diverged", "restored");
        assert_eq!(b.read(LEVEL), "day 2 on C");
    }
}
