//! A folder with a restic that misbehaves on demand; see `fake_restic.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::pc::{Pc, Ran, ran};
use super::tools;

/// A fake restic of its own.
pub struct Fake {
    folder: TempDir,
}

impl Fake {
    /// A restic that does with the verbs in `script` as told, and with others as the real one.
    pub fn new(script: &Value) -> Self {
        // On the disk of the program, because a link to it, unlike a copy, is never still open
        // for writing when it is to run.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let fake = Self { folder };
        fs::hard_link(env!("CARGO_BIN_EXE_fake-restic"), fake.exe()).unwrap();
        fake.tell(script);
        fake
    }

    /// Changes what it does.
    pub fn tell(&self, script: &Value) {
        let script = json!({"real": tools::restic(), "verbs": script});
        fs::write(self.folder.path().join("script.json"), script.to_string()).unwrap();
    }

    pub fn exe(&self) -> PathBuf {
        self.folder.path().join(format!("restic{}", std::env::consts::EXE_SUFFIX))
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of cloud-sync that runs it, with little patience.
    pub fn command(&self, pc: &Pc, arguments: &[&str]) -> Command {
        let mut command = pc.command(arguments);
        command.env("CLOUD_SYNC_RESTIC_BINARY", self.exe()).env("CLOUD_SYNC_PATIENCE", "1");
        command
    }

    pub fn run(&self, pc: &Pc, arguments: &[&str]) -> Ran {
        ran(&mut self.command(pc, arguments))
    }

    /// A pipe in its folder that tells when the fake writes its `record` into it.
    #[cfg(unix)]
    pub fn pipe(&self, name: &str) -> (PathBuf, std::sync::mpsc::Receiver<String>) {
        let pipe = self.file(name);
        super::pc::make_pipe(&pipe);
        let (sender, receiver) = std::sync::mpsc::channel();
        let file = pipe.clone();
        std::thread::spawn(move || sender.send(fs::read_to_string(file).unwrap()));
        (pipe, receiver)
    }

    /// Checks that no process of it is left.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn assert_gone(&self) {
        let left: Vec<_> = processes_of(self.folder.path());
        assert!(left.is_empty(), "still running: {left:?}");
    }
}

/// The processes whose program lies in `folder`.
#[cfg(target_os = "linux")]
fn processes_of(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe.starts_with(folder))).collect()
}

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
