//! A PC with Windows, beside those with Linux: the same instance folder, and the Windows program
//! run in it by wine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::Value;

use super::fake::Fake;
use super::pc::Pc;

/// What the environment must tell: the program to run, how to run it without and with a screen,
/// where restic.exe is, and the folder of wine's own.
const PROGRAM: &str = "CLOUD_SYNC_WINE_PROGRAM";
const RUN: &str = "CLOUD_SYNC_WINE_RUN";
const GUI: &str = "CLOUD_SYNC_WINE_GUI";
const RESTIC: &str = "CLOUD_SYNC_WINE_RESTIC";
const PREFIX: &str = "CLOUD_SYNC_WINE_PREFIX";

static DRIVES: AtomicU8 = AtomicU8::new(b'h');

/// What makes a PC one with Windows: its instance is on a drive of its own.
pub struct Windows {
    drive: PathBuf,
    letter: char,
}

impl Windows {
    /// Gives the PC Windows.
    pub fn on(pc: Pc) -> Pc {
        let letter = char::from(DRIVES.fetch_add(1, Ordering::SeqCst));
        let drive = Path::new(&setting(PREFIX)).join("dosdevices").join(format!("{letter}:"));
        let _ = fs::remove_file(&drive);
        std::os::unix::fs::symlink(&pc.home, &drive).unwrap();
        Pc { windows: Some(Self { drive, letter }), ..pc }
    }

    /// The instance as Windows names it.
    fn instance(&self, pc: &Pc) -> String {
        let inner = pc.dir.strip_prefix(&pc.home).unwrap();
        format!("{}:\\{}", self.letter, inner.to_str().unwrap().replace('/', "\\"))
    }

    /// A command of the Windows program, without a screen.
    pub fn command(&self, pc: &Pc, arguments: &[&str]) -> Command {
        let mut command = bare(RUN, pc, arguments);
        command.arg("--pack-folder").arg(self.instance(pc)).arg("--json");
        command
    }

    /// A command as a launcher runs it, for people, with a screen, where drives are others.
    pub fn hook(pc: &Pc, arguments: &[&str]) -> Command {
        let mut command = bare(GUI, pc, arguments);
        command.arg("--pack-folder").arg(windows_path(&pc.dir));
        command
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.drive);
    }
}

fn bare(how: &str, pc: &Pc, arguments: &[&str]) -> Command {
    let how = setting(how);
    let mut words = how.split_whitespace();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(setting(PROGRAM)).args(arguments);
    command.arg(format!("--url={}", pc.url)).arg("--token-file").arg(windows_path(&pc.token_file));
    for name in ["CLOUD_SYNC_URL", "CLOUD_SYNC_PACK_FOLDER", "INST_MC_DIR", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    command
        .env("CLOUD_SYNC_CACHE_DIR", windows_path(&pc.home.join("cache")))
        .env("CLOUD_SYNC_RESTIC_BINARY", windows_path(Path::new(&setting(RESTIC))))
        .env("CLOUD_SYNC_MACHINE", &pc.name)
        .current_dir(&pc.home)
        .stdin(Stdio::null());
    command
}

/// A fake restic for Windows that obeys `verbs`.
pub fn fake_restic(verbs: &Value) -> Fake {
    let fake = Path::new(&setting(PROGRAM)).with_file_name("fake-restic.exe");
    Fake::of(&fake, windows_path(Path::new(&setting(RESTIC))).into(), verbs)
}

/// The file as Windows names it.
pub fn windows_path(file: &Path) -> OsString {
    format!("Z:{}", file.to_str().unwrap().replace('/', "\\")).into()
}

/// The processes that run a Windows program and have `word` in their command line.
pub fn processes_with(word: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let id = |entry: fs::DirEntry| -> Option<u32> {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        // What Windows programs start is named as Windows names it.
        (line.as_bytes().get(1) == Some(&b':') && line.contains(word))
            .then(|| entry.file_name().to_str()?.parse().ok())?
    };
    processes.filter_map(id).collect()
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; `make windows-test` sets it"))
}
