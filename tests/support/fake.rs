//! A fake restic, set up.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::tools;

/// Puts a fake restic into `folder` that obeys `verbs`; what they do not name the real one does.
pub fn restic(folder: &Path, verbs: &Value) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let exe = folder.join(format!("restic{}", std::env::consts::EXE_SUFFIX));
    let _ = fs::remove_file(&exe);
    link(Path::new(env!("CARGO_BIN_EXE_fake-restic")), &exe);
    let script = json!({ "real": tools::restic(), "verbs": verbs });
    fs::write(folder.join("script.json"), script.to_string()).unwrap();
    exe
}

/// A copy could be inherited, still open for writing, by a child of another test, and then not run.
#[cfg(unix)]
fn link(program: &Path, exe: &Path) {
    std::os::unix::fs::symlink(program, exe).unwrap();
}

#[cfg(not(unix))]
fn link(program: &Path, exe: &Path) {
    fs::copy(program, exe).unwrap();
}

/// One run of a fake restic that records.
pub struct Run {
    /// The arguments, as they are debugged.
    pub arguments: String,
    /// The environment, a line each.
    pub environment: Vec<String>,
}

/// The runs in a record.
pub fn runs(record: &Path) -> Vec<Run> {
    let mut runs = Vec::<Run>::new();
    for line in fs::read_to_string(record).unwrap_or_default().lines() {
        match runs.last_mut() {
            Some(run) if !line.starts_with("[\"") => run.environment.push(line.to_owned()),
            _ => runs.push(Run { arguments: line.to_owned(), environment: Vec::new() }),
        }
    }
    runs
}
