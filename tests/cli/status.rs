//! `status` tells, and changes nothing.

use std::fs;

use crate::support::beginnings::{LEVEL, two_in_sync};
use crate::support::{Cloud, Pc};

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
