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

/// Whoever reads JSON gets it, even where the system gives hardly any memory.
#[cfg(target_os = "linux")]
#[test]
fn json_is_printed_with_little_memory_too() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    for kilobytes in [400_000, 600_000, 1_000_000] {
        for verb in ["status", "pull", "push"] {
            let inner = a.command(&[verb]);
            let mut command = std::process::Command::new("sh");
            command.args(["-c", &format!("ulimit -v {kilobytes}; exec \"$@\""), "sh"]);
            command.arg(inner.get_program()).args(inner.get_args()).current_dir(&a.home).env_clear();
            command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let json: Option<serde_json::Value> = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(json.map(|json| json["command"].clone()), Some(verb.into()), "{kilobytes}: {said}{errors}");
        }
    }
}
