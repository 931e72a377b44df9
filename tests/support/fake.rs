//! A folder with a restic that misbehaves on demand; see `fake_restic.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::pc::{Pc, Ran, ran};
use super::tools;

/// Who pulls or pushes, and the verb of restic that does wrong then.
pub const STEPS: [(&str, &str); 3] = [("push", "backup"), ("pull", "snapshots"), ("pull", "restore")];

/// A fake restic in a folder of its own.
pub struct Fake {
    folder: TempDir,
    exe: PathBuf,
    /// The real restic, as the fake must name it.
    real: PathBuf,
}

impl Fake {
    /// A restic that does with the verbs in `script` as told, and with others as the real one.
    pub fn new(script: &Value) -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_fake-restic")), tools::restic(), script)
    }

    /// The same with another fake and another real one: those of Windows.
    pub fn of(program: &Path, real: PathBuf, script: &Value) -> Self {
        // On the disk of the program, because a link to it, unlike a copy, is never still open
        // for writing when it is to run.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut exe = folder.path().join("restic");
        exe.set_extension(program.extension().unwrap_or_default());
        if fs::hard_link(program, &exe).is_err() {
            // The one of Windows may be on another disk; it is wine that reads it.
            fs::copy(program, &exe).unwrap();
        }
        let fake = Self { folder, exe, real };
        fake.tell(script);
        fake
    }

    /// One that does as the real one, but for the verbs in `script`, and whose `runs` are told.
    pub fn recording(script: &Value) -> Self {
        let fake = Self::new(script);
        let mut script = script.clone();
        script["*"] = json!({"real_first": true, "record": fake.record()});
        fake.tell(&script);
        fake
    }

    /// Changes what it does.
    pub fn tell(&self, script: &Value) {
        let script = json!({"real": self.real, "verbs": script});
        fs::write(self.file("script.json"), script.to_string()).unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn exe(&self) -> &Path {
        &self.exe
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file that `runs` reads: the `record` of a verb that is to be told.
    pub fn record(&self) -> PathBuf {
        self.file("record")
    }

    /// The runs that it recorded.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::<Run>::new();
        for line in fs::read_to_string(self.record()).unwrap_or_default().lines() {
            match runs.last_mut() {
                Some(run) if !line.starts_with("[\"") => run.environment.push(line.to_owned()),
                _ => runs.push(Run { arguments: line.to_owned(), environment: Vec::new() }),
            }
        }
        runs
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

/// One run of a fake restic that was recorded.
pub struct Run {
    /// The arguments, as they are debugged.
    pub arguments: String,
    /// The environment, a line each.
    pub environment: Vec<String>,
}

impl Run {
    /// The verb of restic.
    pub fn verb(&self) -> &str {
        self.arguments.split('"').nth(1).unwrap_or_default()
    }
}
