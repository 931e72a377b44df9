//! `undo`: what a pull replaced comes back, as long as no world would be mixed by it.

use std::fs;

use crate::support::beginnings::{LEVEL, two_in_sync};
use crate::support::{Cloud, Pc};

#[test]
fn an_undo_mixes_no_world_that_was_played_since() {
    for saved in [false, true] {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        a.write(LEVEL, "day 2");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        b.write("saves/World/region/r.2.mca", "played on B");
        if saved {
            b.push().expect(0, "ahead", "saved");
        }
        let before = b.tree();
        b.run(&["undo"]).expect(5, "unknown", "stopped").says("played since");
        assert_eq!(b.tree(), before);
    }
}

#[test]
fn an_undo_of_an_undo_mixes_no_world_that_was_played_between() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    for day in ["day 1", "day 2", "day 1"] {
        b.run(&["undo"]).expect(0, "unknown", "undone");
        assert_eq!(b.read(LEVEL), day);
    }
    b.write("saves/World/region/r.2.mca", "played on B");
    let before = b.tree();
    b.run(&["undo"]).expect(5, "unknown", "stopped").says("played since");
    assert_eq!(b.tree(), before);
}

#[test]
fn a_world_made_again_after_its_deletion_can_still_be_undone() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write("saves/World/session.lock", "x");
    a.remove("saves/World");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.write("saves/World/session.lock", "a new one");
    b.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(b.read(LEVEL), "day 1");
}

#[test]
fn undo_copies_are_kept_for_the_last_three_pulls_and_whole_worlds_longer() {
    let cloud = Cloud::server();
    let (mut a, b) = two_in_sync(&cloud);
    b.remove("saves/World");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    for day in 0..5 {
        b.write("options.txt", format!("fov:{day}\n"));
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
    }
    let copies = |pc: &Pc| fs::read_dir(pc.path(".cloud-sync/undo")).unwrap().count();
    assert_eq!(copies(&a), 4);
    assert_eq!(a.undo_files()[LEVEL], b"day 1");

    // A clock may have jumped, so that one run alone believes nothing.
    for (days, left) in [(15, 4), (17, 2)] {
        a.clock = days * 86_400;
        b.write("options.txt", format!("fov:0.{days}\n"));
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_eq!(copies(&a), left, "after {days} days");
    }
}
