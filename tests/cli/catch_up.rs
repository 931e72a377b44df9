//! The session that was never uploaded: a pull saves it before it does anything else.

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, diverged, two_in_sync};

#[test]
fn edits_of_a_crashed_game_are_saved_beside_before_anything_is_joined_or_asked() {
    let cloud = Cloud::server();
    let (a, _) = diverged(&cloud);
    let before = a.tree();
    a.pull().expect(3, "diverged", "cancelled");
    assert_eq!(a.tree(), before);
    let heads = cloud.heads();
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().any(|id| cloud.content(id, LEVEL) == "day 2 on A"));
}

#[test]
fn a_player_may_leave_it_to_the_push() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.run(&["pull", "--catch-up=never"]).expect(0, "ahead", "nothing");
    assert_eq!(cloud.snapshots().len(), 1);
    b.write("saves/Other/level.dat", "of B");
    b.push().expect(0, "ahead", "saved");
    a.run(&["pull", "--catch-up=never"]).expect(0, "diverged", "restored");
    assert_eq!(cloud.snapshots().len(), 2);
    a.push().expect(0, "ahead", "saved");
    assert_eq!(cloud.heads().len(), 1);
}

#[test]
fn much_is_left_to_the_push_unless_it_is_asked_for() {
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    let large = std::fs::File::create(a.path("saves/World/region/large.mca")).unwrap();
    // A hole: large, and saved in no time.
    large.set_len((64 << 20) + 1).unwrap();
    drop(large);
    a.pull().expect(0, "ahead", "nothing");
    assert_eq!(cloud.snapshots().len(), 1);
    a.run(&["pull", "--catch-up=always"]).expect(0, "ahead", "saved");
    assert_eq!(cloud.snapshots().len(), 2);
}
