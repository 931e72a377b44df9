//! What one PC could not save is not gone: it is as it was before, on every other PC.

use crate::support::evening::{LEVEL, play_first};
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
    a.pull().expect(0, "diverged", "restored");
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
    a.pull().expect(3, "diverged", "cancelled").says("Home");
    assert_eq!((a.read(OPEN), c.read(OPEN)), ("as A saved it".to_owned(), "quite another world".to_owned()));
    c.run(&["pull", "--on-conflict=keep-both"]).expect(0, "diverged", "kept_both");
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
