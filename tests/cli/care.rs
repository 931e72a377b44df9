//! What must not make anyone lose a file, or wait for nothing.

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

/// Makes a PC one whose disk cannot hold a world that it has from the cloud.
fn refuse(pc: &Pc, world: &str) {
    pc.remove(&format!("saves/{world}"));
    let file = pc.path(".cloud-sync/state.json");
    let mut state = pc.state();
    state["refused"] = serde_json::json!([format!("saves/{world}")]);
    fs::write(file, state.to_string()).unwrap();
}

#[test]
fn a_world_that_takes_the_name_of_one_the_disk_refused_is_another_one() {
    for (push_first, saves_between) in [(true, false), (false, false), (true, true), (false, true)] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        a.write("saves/World/level.dat", "A's world");
        a.write("saves/World/region/r.0.0.mca", "A's land");
        a.write("options.txt", "fov:0.5\n");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        refuse(&b, "World");
        b.pull().expect(0, "in_sync", "nothing");
        b.push().expect(0, "in_sync", "nothing");
        if saves_between {
            // That says nothing about what the disk refused, and deletes nothing elsewhere.
            b.write("options.txt", "fov:0.7\n");
            b.push().expect(0, "ahead", "saved");
            a.pull().expect(0, "behind", "restored");
            a.push().expect(0, "in_sync", "nothing");
        }
        b.write("saves/World/level.dat", "B's world");
        if push_first {
            assert_eq!(b.push().code, 0);
            a.pull().expect(3, "diverged", "cancelled").says("World");
        } else {
            assert_eq!(b.pull().code, 3);
        }
        assert_eq!(
            (a.read("saves/World/level.dat"), a.has("saves/World/region/r.0.0.mca")),
            ("A's world".into(), true)
        );
        assert_eq!(b.read("saves/World/level.dat"), "B's world");
    }
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

#[cfg(unix)]
#[test]
fn a_command_runs_before_the_pull_and_stops_it_if_it_fails() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    let pull = |script: &str| {
        let mut command = b.command(&["pull"]);
        crate::support::pc::ran(command.args(["--", "sh", "-c", script]).current_dir(&b.dir))
    };
    let failed = pull("echo broken > mark; exit 42");
    failed.expect(42, "unknown", "failed").says("sh failed with exit code 42");
    assert_eq!((b.read("mark"), b.read(LEVEL)), ("broken\n".to_owned(), "day 1".to_owned()));
    #[cfg(unix)]
    pull("kill -9 $$").expect(128 + 9, "unknown", "failed");
    // What the pack brings along, the pull replaces by the player's own.
    let pulled = pull("echo of the pack > options.txt; echo hello");
    assert!(pulled.stdout.starts_with("hello\n"));
    assert_eq!((pulled.code, b.read(LEVEL)), (0, "day 2".to_owned()));
    let mut missing = b.command(&["pull"]);
    crate::support::pc::ran(missing.args(["--", "no-such-program"]))
        .expect(1, "unknown", "failed")
        .says("no-such-program");
}
