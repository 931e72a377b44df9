//! What happens on the disk while a push saves.

use serde_json::{Value, json};

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, OTHER, REGION, two_in_sync, two_worlds};
use crate::support::fake::Fake;
use crate::support::pc::{Pc, assert_same};

/// A map tool, a backup mod or a server writes to this file of the PC just before restic reads it, so many
/// times.
fn written_during_backup(pc: &Pc, path: &str, times: usize) -> Fake {
    let write: Value =
        [(pc.path(path).to_str().unwrap().to_owned(), json!("written during push {turn}"))].into_iter().collect();
    Fake::new(&json!({"backup": {"real_first": true, "times": times, "write": write}}))
}

#[test]
fn a_world_that_is_written_to_for_a_moment_is_saved_as_it_is_then() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    written_during_backup(&a, REGION, 1).run(&a, &["push"]).expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(REGION)), ("day 2".to_owned(), "written during push 1".to_owned()));
    assert_same(&a, &b);
    a.push().expect(0, "in_sync", "nothing");
}

#[test]
fn a_world_that_is_written_to_all_the_time_is_named_and_is_mixed_on_no_other_pc() {
    let cloud = Cloud::folder();
    let (a, b) = two_worlds(&cloud);
    a.write(LEVEL, "day 2");
    a.write(OTHER, "other 2");
    let push = written_during_backup(&a, REGION, usize::MAX).run(&a, &["push"]);
    push.expect(8, "ahead", "saved").says("saves/World");
    b.pull().says("World could not be brought");
    assert_eq!((b.read(LEVEL), b.read(OTHER)), ("day 1".to_owned(), "other 2".to_owned()));
    assert!(!b.read(REGION).starts_with("written"));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_catch_up_does_not_save_a_world_that_is_written_to() {
    let cloud = Cloud::folder();
    let (a, b) = two_worlds(&cloud);
    a.write(LEVEL, "day 2");
    b.write(OTHER, "other 2");
    b.push().expect(0, "ahead", "saved");
    written_during_backup(&a, REGION, 1).run(&a, &["pull"]).says("something writes to World");
    assert_eq!((a.read(LEVEL), a.read(OTHER)), ("day 2".to_owned(), "other 2".to_owned()));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}
