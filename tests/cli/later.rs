//! A decision that is put off: all else goes on, and the question stays open until it is answered.

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, OTHER, REGION, settle, settle_with, two_in_sync, two_worlds};
use crate::support::pack::install;
use crate::support::pc::assert_same;

#[test]
fn deciding_later_brings_all_else_and_asks_again() {
    let cloud = Cloud::server();
    let (a, b) = two_worlds(&cloud);
    a.write(LEVEL, "world on A");
    b.write(LEVEL, "world on B");
    b.write(OTHER, "other 2, on B");
    b.write("saves/New/level.dat", "new on B");
    b.push().expect(0, "ahead", "saved");

    let ran = a.answer("later").expect(0, "diverged", "later").warns("asks again");
    assert_eq!(ran.json["conflicts"][0]["answer"], "later");
    assert_eq!(a.read(LEVEL), "world on A");
    assert_eq!(a.read(OTHER), "other 2, on B");
    assert_eq!(a.read("saves/New/level.dat"), "new on B");

    // Played on with all of it, and saved beside: the decision is still open.
    a.write(LEVEL, "world on A, played on");
    a.write(OTHER, "other 3, on A");
    a.push().expect(0, "diverged", "saved");
    assert_eq!(cloud.open_questions(&a.base().unwrap()), ["w/World".to_owned()].into());
    let before = a.tree();
    a.pull().expect(3, "behind", "cancelled").says("played World,");
    assert_eq!(a.tree(), before);

    // The other PC is asked about that world alone, too: what A took in is no question there.
    b.write("saves/New/level.dat", "new 2, on B");
    b.pull().expect(3, "diverged", "cancelled").says("played World,");
    b.answer("use-remote").expect(0, "behind", "took_remote");
    assert_eq!(b.read(LEVEL), "world on A, played on");
    assert_eq!(b.read(OTHER), "other 3, on A");
    assert_eq!(b.read("saves/New/level.dat"), "new 2, on B");
    b.push().expect(0, "ahead", "saved");

    // Which settles it for A.
    a.pull().expect(0, "behind", "restored");
    settle(&cloud, &[&a, &b]);
}

#[test]
fn deciding_later_can_be_decided_by_the_one_who_did() {
    for choice in ["keep-local", "use-remote", "keep-both"] {
        for pushed in [false, true] {
            let cloud = Cloud::folder();
            let (a, b) = two_in_sync(&cloud);
            a.write(LEVEL, "on A");
            b.write(LEVEL, "on B");
            b.write("options.txt", "fov:0.9\n");
            b.push().expect(0, "ahead", "saved");
            a.answer("later").expect(0, "diverged", "later");
            if pushed {
                a.write("screenshots/a.png", "picture");
                a.push().expect(0, "diverged", "saved");
            }
            assert_eq!(a.answer(choice).code, 0, "{choice}");
            let expected = if choice == "use-remote" { "on B" } else { "on A" };
            assert_eq!(a.read(LEVEL), expected, "{choice}");
            assert_eq!(a.read("options.txt"), "fov:0.9\n");
            settle(&cloud, &[&a, &b]);
            assert_eq!(b.read(LEVEL), expected, "{choice}");
        }
    }
}

#[test]
fn deciding_later_at_first_sight_keeps_the_question_open() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let c = cloud.pc("C");
    c.write(LEVEL, "C's own");
    c.write("screenshots/c.png", "picture");
    c.answer("later").expect(0, "first_link", "later");
    assert_eq!(c.read(LEVEL), "C's own");
    assert!(!c.has(REGION), "two worlds are mixed");
    assert_eq!(c.read("options.txt"), "fov:0.5\n");
    c.pull().expect(3, "diverged", "cancelled");
    c.push().expect(0, "behind", "nothing");
    c.pull().expect(3, "behind", "cancelled");
    c.answer("keep-local").expect(0, "behind", "kept_local");
    c.push().expect(0, "ahead", "saved");
    settle(&cloud, &[&a, &b, &c]);
    assert_eq!(a.read(LEVEL), "C's own");
}

#[test]
fn an_instance_that_lost_its_files_can_decide_later() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    for pc in [&b, &a] {
        pc.write(LEVEL, format!("on {}", pc.name));
        assert_eq!(pc.push().code, 0);
    }
    a.remove("saves");
    a.remove("options.txt");
    a.answer("later").expect(0, "local_lost", "later");
    assert_eq!((a.read("options.txt"), a.read(LEVEL)), ("fov:0.5\n".to_owned(), "on A".to_owned()));
    a.pull().expect(3, "behind", "cancelled");
    a.answer("use-remote").expect(0, "behind", "took_remote");
    assert_same(&a, &b);
    settle(&cloud, &[&a, &b]);
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
            install(&a, &[("options.txt", "fov:0.0\nlang:en_us\n")]);
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
