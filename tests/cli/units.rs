//! Two PCs went on by themselves: worlds are settled one by one, and only those that both
//! changed are a question.

use crate::support::evening::{LEVEL, two_in_sync};
use crate::support::pc::assert_same;
use crate::support::{Cloud, Pc};

const OTHER: &str = "saves/Other/level.dat";

/// Two PCs in sync on two worlds.
fn two_worlds(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write(OTHER, "other 1");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    (a, b)
}

/// Both push what they have until nobody has anything new.
fn settle(cloud: &Cloud, pcs: &[&Pc]) {
    for _ in 0..2 {
        for pc in pcs {
            assert_eq!(pc.pull().code, 0, "{}", pc.name);
            assert_eq!(pc.push().code, 0, "{}", pc.name);
        }
    }
    assert_eq!(cloud.heads().len(), 1);
    for pc in &pcs[1..] {
        assert_same(pcs[0], pc);
    }
}

#[test]
fn different_worlds_changed_on_two_pcs_are_no_conflict() {
    for both_push in [false, true] {
        let cloud = Cloud::server();
        let (a, b) = two_worlds(&cloud);
        a.write(LEVEL, "world 2 on A");
        b.write(OTHER, "other 2 on B");
        b.push().expect(0, "ahead", "saved");
        if both_push {
            a.push().expect(0, "diverged", "saved");
        }
        a.pull().expect(0, "diverged", "restored");
        assert_eq!((a.read(LEVEL), a.read(OTHER)), ("world 2 on A".to_owned(), "other 2 on B".to_owned()));
        settle(&cloud, &[&a, &b]);
        assert_eq!(b.read(LEVEL), "world 2 on A");
    }
}

#[test]
fn only_the_world_that_both_changed_is_a_question() {
    for (answer, expected) in [("keep-local", "both on A"), ("use-remote", "both on B")] {
        let cloud = Cloud::server();
        let (a, b) = two_worlds(&cloud);
        a.write(LEVEL, "both on A");
        b.write(LEVEL, "both on B");
        b.write(OTHER, "only on B");
        a.write("saves/New on A/level.dat", "new");
        b.push().expect(0, "ahead", "saved");
        let before = a.tree();
        a.pull().expect(3, "diverged", "cancelled");
        assert_eq!(a.tree(), before);
        a.run(&["pull", &format!("--on-conflict={answer}")]);
        assert_eq!(a.read(LEVEL), expected);
        assert_eq!(a.read(OTHER), "only on B");
        assert_eq!(a.read("saves/New on A/level.dat"), "new");
        settle(&cloud, &[&a, &b]);
    }
}

#[test]
fn a_world_deleted_on_one_pc_and_played_on_the_other_stays() {
    let cloud = Cloud::server();
    let (a, b) = two_worlds(&cloud);
    a.remove("saves/Other");
    b.write(OTHER, "played on B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored").warns("is back");
    assert_eq!(a.read(OTHER), "played on B");

    a.write(OTHER, "played on A");
    b.remove("saves/Other");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored").warns("stays");
    assert_eq!(a.read(OTHER), "played on A");
    settle(&cloud, &[&a, &b]);
}

#[test]
fn a_deletion_on_one_side_alone_is_no_conflict() {
    let cloud = Cloud::server();
    let (a, b) = two_worlds(&cloud);
    a.remove("saves/Other");
    b.write(LEVEL, "played on B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored");
    assert!(!a.has(OTHER));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored").warns("Other was deleted");
    assert!(!b.has(OTHER));
    settle(&cloud, &[&a, &b]);
}

#[test]
fn the_same_edit_on_both_sides_is_no_conflict() {
    let cloud = Cloud::server();
    let (a, b) = two_worlds(&cloud);
    for pc in [&a, &b] {
        pc.write(LEVEL, "the same on both");
    }
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored");
    settle(&cloud, &[&a, &b]);
}

#[test]
fn of_two_versions_of_a_file_the_later_one_wins_and_the_other_is_kept() {
    let cloud = Cloud::server();
    let (mut a, b) = two_worlds(&cloud);
    a.clock = -600;
    a.write("hotbar.nbt", "earlier, on A");
    b.write("hotbar.nbt", "later, on B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored");
    assert_eq!(a.read("hotbar.nbt"), "later, on B");
    assert_eq!(a.undo_files()["hotbar.nbt"], b"earlier, on A");
    settle(&cloud, &[&a, &b]);
}

#[test]
fn three_pcs_that_all_went_on_end_with_one_version() {
    let cloud = Cloud::server();
    let (a, b) = two_worlds(&cloud);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    for (number, pc) in [&a, &b, &c].into_iter().enumerate() {
        pc.write(&format!("saves/Of {}/level.dat", pc.name), "mine");
        pc.write(&format!("screenshots/{number}.png"), "picture");
        assert_eq!(pc.push().code, 0);
    }
    assert_eq!(cloud.heads().len(), 3);
    settle(&cloud, &[&a, &b, &c]);
    for name in ["A", "B", "C"] {
        assert!(a.has(&format!("saves/Of {name}/level.dat")));
    }
}
