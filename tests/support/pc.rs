//! A PC: one instance on its own disk, its own home, its own clock.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::cloud::Cloud;
use super::tools;

/// A PC with one instance.
pub struct Pc {
    pub name: String,
    /// The instance.
    pub dir: PathBuf,
    pub home: PathBuf,
    pub url: String,
    pub token_file: PathBuf,
    /// How far its clock is off, in seconds.
    pub clock: i64,
    /// On a PC with Windows: what its `hook` and its `command` are there.
    #[cfg(target_os = "linux")]
    pub windows: Option<super::wine::Windows>,
}

/// What a run said and did.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The last line of stdout, if it is JSON.
    pub json: Value,
}

impl Ran {
    /// Checks the exit code, divergence and outcome.
    #[track_caller]
    pub fn expect(self, code: i32, divergence: &str, outcome: &str) -> Self {
        let found = (self.code, self.json["divergence"].as_str(), self.json["outcome"].as_str());
        assert_eq!(found, (code, Some(divergence), Some(outcome)), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that a warning contains `text`.
    #[track_caller]
    pub fn warns(self, text: &str) -> Self {
        let warnings = self.json["warnings"].to_string();
        assert!(warnings.contains(text), "no warning about {text:?} in {warnings}");
        self
    }

    /// Checks that the error's message or hint contains `text`, or a warning where it is none.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        if self.code == 0 {
            return self.warns(text);
        }
        assert!(
            self.json["error"].to_string().contains(text),
            "{text:?} is not said:\n{}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Pc {
    pub fn new(cloud: &Cloud, name: &str) -> Self {
        let home = cloud.home.path().join("pcs").join(name);
        // Each PC has its instances elsewhere.
        let dir = home.join(format!("instances of {name}")).join("minecraft");
        fs::create_dir_all(&dir).unwrap();
        let (url, token_file) = (cloud.url.clone(), cloud.token_file());
        Self {
            name: name.to_owned(),
            dir,
            home,
            url,
            token_file,
            clock: 0,
            #[cfg(target_os = "linux")]
            windows: None,
        }
    }

    /// A command of cloud-sync on this PC, without options.
    pub fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloud-sync"));
        command.env_clear().current_dir(&self.home).stdin(Stdio::null());
        for name in ["PATH", "SystemRoot", "TEMP", "TMP"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("HOME", &self.home)
            .env("CLOUD_SYNC_CACHE_DIR", self.home.join("cache"))
            .env("CLOUD_SYNC_RESTIC_BINARY", tools::restic())
            .env("CLOUD_SYNC_MACHINE", &self.name);
        if self.clock != 0 {
            command.env("CLOUD_SYNC_NOW", chrono::DateTime::<chrono::Utc>::from(self.now()).to_rfc3339());
        }
        command
    }

    /// A command as a launcher runs it, for people.
    pub fn hook(&self, arguments: &[&str]) -> Command {
        #[cfg(target_os = "linux")]
        if self.windows.is_some() {
            return super::wine::Windows::hook(self, arguments);
        }
        let mut command = self.bare();
        command.args(arguments).arg(format!("--url={}", self.url));
        command.arg("--pack-folder").arg(&self.dir).arg("--token-file").arg(&self.token_file);
        command
    }

    /// The same with JSON.
    pub fn command(&self, arguments: &[&str]) -> Command {
        #[cfg(target_os = "linux")]
        if let Some(windows) = &self.windows {
            return windows.command(self, arguments);
        }
        let mut command = self.hook(arguments);
        command.arg("--json");
        command
    }

    /// A command as a player types it in the game folder, with the token where `login` puts it.
    pub fn typed(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        command.args(arguments).current_dir(&self.dir);
        command
    }

    /// A command that gets no address, no token and no restic.
    pub fn isolated(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        command.args(arguments).arg("--pack-folder").arg(&self.dir);
        command.env_remove("CLOUD_SYNC_RESTIC_BINARY").env("PATH", "");
        command
    }

    /// Runs a command of cloud-sync.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    pub fn pull(&self) -> Ran {
        self.run(&["pull"])
    }

    pub fn push(&self) -> Ran {
        self.run(&["push"])
    }

    pub fn status(&self) -> Ran {
        self.run(&["status"])
    }

    /// A pull that answers all questions with this.
    pub fn answer(&self, answer: &str) -> Ran {
        self.run(&["pull", &format!("--on-conflict={answer}")])
    }

    /// Signs in with `text` on stdin.
    pub fn login(&self, url: &str, text: &str) -> Ran {
        let stdin = self.home.join("stdin");
        fs::write(&stdin, text).unwrap();
        let mut command = self.typed(&["login", "--token-stdin", "--json", &format!("--url={url}")]);
        ran(command.stdin(fs::File::open(stdin).unwrap()))
    }

    /// Writes `scope.json`.
    pub fn write_scope(&self, include: &[&str], exclude: &[&str]) {
        let scope = json!({ "include": include, "exclude": exclude });
        self.write(".cloud-sync/scope.json", scope.to_string());
    }

    /// The time by this PC's clock.
    pub fn now(&self) -> SystemTime {
        let off = Duration::from_secs(self.clock.unsigned_abs());
        if self.clock < 0 { SystemTime::now() - off } else { SystemTime::now() + off }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// The player, or the game, writes a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(self.now()).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path} on {}: {error}", self.name))
    }

    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Everything in the instance but our own folder.
    pub fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        tree(&self.dir)
    }

    /// The names of all that.
    pub fn names(&self) -> Vec<String> {
        self.tree().into_keys().collect()
    }

    /// All that the logs say.
    pub fn logs(&self) -> String {
        let logs = tree(&self.path(".cloud-sync/logs"));
        logs.into_values().map(|log| String::from_utf8_lossy(&log).into_owned()).collect()
    }

    /// `state.json`.
    pub fn state(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path(".cloud-sync/state.json")).unwrap()).unwrap()
    }

    /// The base in `state.json`.
    pub fn base(&self) -> Option<String> {
        let places = self.state()["repositories"].as_object().cloned().unwrap_or_default();
        places.values().find_map(|place| place["base"].as_str().map(str::to_owned))
    }

    /// The files in all undo copies, with what they contain; later ones win.
    pub fn undo_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let Ok(copies) = fs::read_dir(self.path(".cloud-sync/undo")) else { return found };
        let mut copies: Vec<_> = copies.map(|copy| copy.unwrap().path()).collect();
        copies.sort();
        for copy in copies {
            found.extend(tree(&copy.join("files")));
        }
        found
    }

    /// The cloud-sync folder holds nothing of an unfinished run.
    #[track_caller]
    pub fn assert_tidy(&self) {
        for name in ["staging", "journal.json"] {
            assert!(!self.has(&format!(".cloud-sync/{name}")), "{name} was left on {}", self.name);
        }
    }
}

/// Runs a command and takes in what it says.
pub fn ran(command: &mut Command) -> Ran {
    heard(command.output().unwrap())
}

/// Takes in what a program said.
pub fn heard(output: Output) -> Ran {
    let stdout = String::from_utf8(output.stdout).expect("stdout is not UTF-8");
    let stderr = String::from_utf8(output.stderr).expect("stderr is not UTF-8");
    let json = stdout.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran { code: output.status.code().unwrap_or(-1), stdout, stderr, json }
}

/// All files below `folder` but cloud-sync's own, following links, by their paths in it.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        let Ok(entries) = fs::read_dir(folder.join(&inner)) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let path = inner.join(entry.file_name());
            if entry.file_name() == OsStr::new(".cloud-sync") {
                continue;
            }
            if fs::metadata(entry.path()).is_ok_and(|found| found.is_dir()) {
                open.push(path);
            } else {
                let name = path.to_string_lossy();
                let name = if cfg!(windows) { name.replace('\\', "/") } else { name.into_owned() };
                found.insert(name, fs::read(entry.path()).unwrap_or_default());
            }
        }
    }
    found
}

/// Every file below `folder`, cloud-sync's own, too.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() { open.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

/// Makes a pipe, which nobody may read who does not want to wait for ever.
#[cfg(unix)]
pub fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg("--").arg(path).status().unwrap().success());
}

/// Two PCs have the same files with the same content.
#[track_caller]
pub fn assert_same(one: &Pc, other: &Pc) {
    let (left, right) = (one.tree(), other.tree());
    assert!(left.keys().eq(right.keys()), "{} has {:?}, {} has {:?}", one.name, left.keys(), other.name, right.keys());
    for (path, content) in left {
        assert!(content == right[&path], "{path} differs between {} and {}", one.name, other.name);
    }
}
