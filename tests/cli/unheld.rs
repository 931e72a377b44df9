//! Versions that no snapshot has, because a push was killed or refused, and copies that are not there.

use serde_json::json;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, OTHER, diverged, two_in_sync, two_worlds};
use crate::support::fake::Fake;
use crate::support::pc::{Pc, assert_same};

/// A push that ends before restic has saved anything.
fn push_in_vain(pc: &Pc) {
    let refused = json!({"backup": {"exit": 1, "stderr": ["Fatal: something is wrong with the disk"]}});
    assert_ne!(Fake::new(&refused).run(pc, &["push"]).code, 0);
}

#[test]
fn all_comes_back_to_a_pc_that_lost_its_files_after_a_push_in_vain() {
    let cloud = Cloud::folder();
    let (a, b) = two_worlds(&cloud);
    a.write(LEVEL, "day 2");
    push_in_vain(&a);
    a.remove("saves");
    a.remove("options.txt");
    a.pull().expect(0, "local_lost", "restored");
    assert_same(&a, &b);
    a.push().expect(0, "in_sync", "nothing");
}

#[test]
fn what_a_push_in_vain_did_not_save_is_saved_before_it_is_given_up() {
    let cloud = Cloud::folder();
    let (a, b) = diverged(&cloud);
    push_in_vain(&a);
    let ran = a.run(&["pull", "--on-conflict=use-remote"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert_same(&a, &b);
    let saved = cloud.snapshots().iter().any(|snapshot| {
        let id = snapshot["id"].as_str().unwrap();
        cloud.files_of(id).contains(LEVEL) && cloud.content(id, LEVEL) == "day 2 on A"
    });
    assert!(saved, "what was given up is in no snapshot");
}

#[test]
fn a_deletion_that_a_catch_up_could_not_save_is_saved_by_the_next_push() {
    let cloud = Cloud::folder();
    let (a, b) = two_worlds(&cloud);
    a.write("hotbar.nbt", "sword");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.write(OTHER, "other 2");
    b.push().expect(0, "ahead", "saved");
    a.remove("hotbar.nbt");
    let refused = json!({"backup": {"times": 1, "exit": 1, "stderr": ["Fatal: something is wrong with the disk"]}});
    Fake::new(&refused).run(&a, &["pull"]).says("could not be saved now");
    assert!(!a.has("hotbar.nbt"));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert!(!b.has("hotbar.nbt"));
}

#[test]
fn a_world_that_one_snapshot_alone_had_is_saved_again_when_retention_removed_that() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    b.write_scope(&["saves/World/", "options.txt"], &[]);
    a.write(OTHER, "only on A");
    a.push().expect(0, "ahead", "saved");
    let gone = a.base().unwrap();
    b.pull();
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    cloud.restic(&["forget", &gone]);
    // A's own snapshot was its base, and is not there any more.
    for _ in 0..2 {
        assert_eq!(a.pull().code, 0);
        assert_eq!(a.push().code, 0);
    }
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    assert_eq!((c.read(OTHER), c.read(LEVEL)), ("only on A".to_owned(), "day 2".to_owned()));
}

#[test]
fn a_deletion_reaches_every_repository() {
    let (cloud, second) = (Cloud::folder(), Cloud::folder());
    let (a, _) = two_worlds(&cloud);
    let there = |pc: &Pc, other: &Cloud, verb: &str| {
        let mut command = pc.bare();
        command.args([verb, "--json", &format!("--url={}", other.url), "--on-conflict=keep-local", "--pack-folder"]);
        command.arg(&pc.dir).arg("--token-file").arg(other.token_file());
        crate::support::pc::ran(&mut command)
    };
    assert_eq!(there(&a, &second, "push").code, 0);
    let c = second.pc("C");
    c.pull().expect(0, "behind", "restored");
    assert!(c.has(OTHER));
    a.remove("saves/Other");
    a.push().expect(0, "ahead", "saved");
    assert_eq!(there(&a, &second, "push").code, 0);
    c.pull().expect(0, "behind", "restored");
    assert!(!c.has("saves/Other"));
}

#[test]
fn a_copy_that_was_undone_is_made_again_when_both_are_kept_once_more() {
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    a.run(&["pull", "--on-conflict=keep-both"]).expect(0, "diverged", "kept_both");
    a.run(&["undo"]).expect(0, "unknown", "undone");
    let worlds = |pc: &Pc| std::fs::read_dir(pc.path("saves")).unwrap().count();
    assert_eq!(worlds(&a), 1);
    let again = a.run(&["pull", "--on-conflict=keep-both"]);
    assert_eq!(again.code, 0, "{}", again.stdout);
    a.push();
    let c = cloud.pc("C");
    assert_eq!(c.run(&["pull", "--on-conflict=keep-both"]).code, 0);
    let levels: std::collections::BTreeSet<_> = std::fs::read_dir(c.path("saves"))
        .unwrap()
        .map(|world| std::fs::read_to_string(world.unwrap().path().join("level.dat")).unwrap())
        .collect();
    assert_eq!(levels.into_iter().collect::<Vec<_>>(), ["day 2 on A", "day 2 on B"]);
}
