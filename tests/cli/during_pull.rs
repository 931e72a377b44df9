//! What happens on the disk while a pull fetches.

use std::fs;

use serde_json::json;

use crate::support::beginnings::{LEVEL, REGION, two_in_sync};
use crate::support::fake::Fake;
use crate::support::{Cloud, Pc};

/// B has saved a day more than A has.
fn a_is_behind(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    b.write(LEVEL, "day 2");
    b.write(REGION, "day 2");
    b.push().expect(0, "ahead", "saved");
    (a, b)
}

#[test]
fn a_world_that_is_played_while_files_are_fetched_is_not_replaced() {
    let cloud = Cloud::folder();
    let (a, _) = a_is_behind(&cloud);
    let region = fs::read(a.path(REGION)).unwrap();
    let played = a.path(LEVEL).display().to_string();
    let fake = Fake::new(&json!({"restore": {"real_first": true, "write": {played: "played meanwhile"}}}));
    fake.run(&a, &["pull"]).expect(5, "behind", "stopped").says("changed while");
    assert_eq!(a.read(LEVEL), "played meanwhile");
    assert_eq!(fs::read(a.path(REGION)).unwrap(), region);
    a.assert_tidy();
    // Now it is what it is: both went on.
    a.pull().expect(3, "diverged", "cancelled");
    assert_eq!(a.read(LEVEL), "played meanwhile");
}

#[test]
fn what_is_written_elsewhere_while_files_are_fetched_is_in_nobodys_way() {
    let cloud = Cloud::folder();
    let (a, b) = a_is_behind(&cloud);
    let other = a.path("screenshots");
    fs::create_dir_all(&other).unwrap();
    let shot = other.join("new.png").display().to_string();
    let fake = Fake::new(&json!({"restore": {"real_first": true, "write": {shot: "a picture"}}}));
    fake.run(&a, &["pull"]).expect(0, "behind", "restored");
    assert_eq!((a.read(LEVEL), a.read("screenshots/new.png")), ("day 2".to_owned(), "a picture".to_owned()));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("screenshots/new.png"), "a picture");
}
