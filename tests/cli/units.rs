//! Two PCs went on by themselves: worlds are settled one by one, and only those that both
//! changed are a question.

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, OTHER, settle, two_in_sync, two_worlds};

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
        a.pull().expect(0, if both_push { "behind" } else { "diverged" }, "restored");
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

#[test]
fn a_decision_that_is_not_pushed_yet_is_no_edit_of_files() {
    let cloud = Cloud::server();
    let (a, b) = two_worlds(&cloud);
    a.write(LEVEL, "on A");
    b.write(LEVEL, "on B");
    b.push().expect(0, "ahead", "saved");
    a.push().expect(0, "diverged", "saved");
    a.run(&["pull", "--on-conflict=use-remote"]).expect(0, "behind", "took_remote");
    b.write(LEVEL, "on B, later");
    b.push().expect(0, "diverged", "saved");
    a.pull().expect(0, "diverged", "restored");
    assert_eq!(a.read(LEVEL), "on B, later");
}

#[test]
fn an_instance_that_lost_its_files_and_got_others_mixes_no_worlds() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write("saves/New World/level.dat", "B's");
    b.write("saves/New World/region/r.1.mca", "B's");
    b.push().expect(0, "ahead", "saved");
    a.remove("saves");
    a.remove("options.txt");
    a.write("saves/New World/level.dat", "A's own");
    a.write("saves/New World/region/r.2.mca", "A's");
    a.pull().expect(3, "diverged", "cancelled").warns("World is not here any more");
    a.run(&["pull", "--on-conflict=keep-local"]).expect(0, "diverged", "kept_local");
    assert_eq!(a.read("saves/New World/level.dat"), "A's own");
    assert!(!a.has("saves/New World/region/r.1.mca"), "two worlds are mixed");
    settle(&cloud, &[&a, &b]);
}

#[cfg(unix)]
#[test]
fn what_is_left_out_for_good_does_not_keep_worlds_from_being_exact() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write("shared-servers.dat", "servers");
    std::os::unix::fs::symlink("shared-servers.dat", a.path("servers.dat")).unwrap();
    a.remove("saves/World");
    a.write(LEVEL, "another world of the same name");
    a.push().expect(0, "ahead", "saved").warns("servers.dat");
    b.pull().expect(0, "behind", "restored");
    let world = |pc: &crate::support::Pc| {
        pc.tree().into_iter().filter(|(path, _)| path.starts_with("saves/")).collect::<Vec<_>>()
    };
    assert_eq!(world(&a), world(&b));
}

#[test]
fn a_version_that_was_brought_once_is_no_question_later() {
    for s0_is_a_head in [true, false] {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        let mut c = cloud.pc("C");
        c.clock = 60;
        let a_goes_on = || {
            a.write("options.txt", "fov:0.7\n");
            assert_eq!(a.push().code, 0);
        };
        if !s0_is_a_head {
            a_goes_on();
        }
        c.write("screenshots/of C.png", "picture");
        c.push().expect(0, "first_link", "saved");
        assert_eq!(b.pull().code, 0);
        assert!(b.has("screenshots/of C.png"));
        b.write(LEVEL, "day 2");
        if s0_is_a_head {
            a_goes_on();
        }
        assert_eq!(b.pull().code, 0);
        assert_eq!(b.read(LEVEL), "day 2", "A has nothing but what B went on from");
        settle(&cloud, &[&a, &b, &c]);
    }
}

#[test]
fn after_both_took_in_the_other_only_what_changed_since_counts() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write("saves/Of A/level.dat", "of A, 1");
    a.write("saves/Of A/region/r.0.mca", "of A");
    a.push().expect(0, "ahead", "saved");
    b.write("saves/Of B/level.dat", "of B, 1");
    b.push().expect(0, "diverged", "saved");
    a.pull().expect(0, "behind", "restored");
    b.pull().expect(0, "behind", "restored");
    a.remove("saves/Of A/region");
    a.write("saves/Of A/level.dat", "of A, 2");
    b.write("saves/Of B/level.dat", "of B, 2");
    a.push().expect(0, "ahead", "saved");
    b.push().expect(0, "diverged", "saved");
    for pc in [&a, &b] {
        pc.pull().expect(0, "behind", "restored");
        assert_eq!(pc.read("saves/Of A/level.dat"), "of A, 2");
        assert_eq!(pc.read("saves/Of B/level.dat"), "of B, 2");
        assert!(!pc.has("saves/Of A/region/r.0.mca"), "two versions are mixed on {}", pc.name);
    }
    settle(&cloud, &[&a, &b]);
}

#[test]
fn the_last_common_version_is_not_the_one_with_the_latest_clock() {
    let cloud = Cloud::folder();
    let (a, mut b) = two_worlds(&cloud);
    b.clock = 86_400;
    b.write("options.txt", "fov:0.9\n");
    b.push().expect(0, "ahead", "saved");
    b.clock = 0;
    a.write(OTHER, "other 2");
    a.push().expect(0, "diverged", "saved");
    // On top of A's, with what B had saved in the future taken in.
    b.pull().expect(0, "behind", "restored");
    b.push().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "behind", "restored");
    a.write(LEVEL, "world 3 on A");
    a.push().expect(0, "ahead", "saved");
    b.write(OTHER, "other 3 on B");
    b.push().expect(0, "diverged", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(OTHER)), ("world 3 on A".to_owned(), "other 3 on B".to_owned()));
    settle(&cloud, &[&a, &b]);
}

#[test]
fn a_world_that_came_back_once_can_be_deleted_again() {
    let cloud = Cloud::folder();
    let (a, b) = two_worlds(&cloud);
    b.write(OTHER, "other 2");
    b.push().expect(0, "ahead", "saved");
    a.remove("saves/Other");
    a.push().expect(0, "diverged", "saved");
    a.pull().expect(0, "behind", "restored").warns("is back");
    b.pull();
    a.write(LEVEL, "world 2");
    a.push().expect(0, "ahead", "saved");
    b.remove("saves/Other");
    b.write("options.txt", "fov:0.9\n");
    b.push().expect(0, "diverged", "saved");
    a.pull().expect(0, "behind", "restored");
    assert!(!a.has(OTHER));
    settle(&cloud, &[&a, &b]);
}

#[test]
fn a_world_that_comes_back_with_fewer_files_is_no_edit() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    b.remove("saves/World/region");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.remove("saves/World");
    a.pull().expect(0, "diverged", "restored").warns("is back");
    assert_eq!(a.read(LEVEL), "day 2");
    a.push().expect(0, "in_sync", "nothing");
}
