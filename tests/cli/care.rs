//! What is no edit, what changes nothing, and who waits for whom.

use std::fs;

use crate::support::evening::{LEVEL, play_first, two_in_sync};
use crate::support::pc::assert_same;
use crate::support::{Cloud, Pc};

#[test]
fn a_file_that_was_only_rewritten_is_no_edit() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let mut later = a;
    later.clock = 60;
    later.write("options.txt", "fov:0.5\n");
    later.write(LEVEL, "day 1");
    later.status().expect(0, "in_sync", "nothing");
    later.push().expect(0, "in_sync", "nothing");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    later.pull().expect(0, "behind", "restored");
    assert_same(&later, &b);
}

#[test]
fn status_changes_nothing_at_all() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let everything = |pc: &Pc| {
        let mut files: Vec<_> = Vec::new();
        let mut open = vec![pc.dir.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                if metadata.is_dir() {
                    open.push(entry.path());
                }
                files.push((entry.path(), metadata.len(), metadata.modified().unwrap()));
            }
        }
        files.sort();
        files
    };
    let before = everything(&a);
    a.status().expect(0, "behind", "nothing");
    assert_eq!(everything(&a), before);
    let c = cloud.pc("C");
    c.status().expect(0, "behind", "nothing");
    assert_eq!(everything(&c), []);
}

#[test]
fn a_second_run_waits_for_the_first() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    let mut both: Vec<_> =
        (0..2).map(|_| a.command(&["push"]).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(cloud.snapshots().len(), 1);
}
