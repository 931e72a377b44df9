//! Where an answer, a pack or a new scope meets something else.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::evening::{LEVEL, REGION, two_in_sync};
use crate::support::{Cloud, Pc};

const SHIPPED: &str = "fov:0.0\nlang:en_us\n";

fn write_scope(pc: &Pc, include: &[&str]) {
    pc.write(".cloud-sync/scope.json", json!({ "include": include }).to_string());
}

/// packwiz puts the pack's settings in place.
fn ship_settings(pc: &Pc) {
    pc.write("options.txt", SHIPPED);
    let hash = json!({ "type": "sha256", "value": hex::encode(Sha256::digest(SHIPPED)) });
    let entry = json!({ "hash": hash, "cachedLocation": "options.txt" });
    pc.write("packwiz.json", json!({ "cachedFiles": { "options.txt": entry } }).to_string());
}

#[test]
fn what_was_not_saved_is_no_question_when_a_pack_reset_the_settings() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write("screenshots/1.png", "picture");
    ship_settings(&a);
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
    write_scope(&a, &["saves/", "options.txt", "hotbar.nbt"]);
    a.pull().expect(0, "ahead", "saved");
    assert_eq!(a.read(LEVEL), "day 2");
    assert!(!a.has(REGION), "what was deleted here is back");
}
