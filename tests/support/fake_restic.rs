//! A restic that misbehaves on demand. It obeys the file `script.json` beside it, which says
//! for each verb what to do; a verb that the script does not name is done by the real restic.

#![expect(
    clippy::unwrap_used,
    clippy::struct_excessive_bools,
    reason = "it is told what to do by tests, and may fail as it likes"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

/// What stands for the number of the run.
const TURN: &str = "{turn}";

#[derive(Deserialize)]
struct Script {
    real: String,
    verbs: std::collections::BTreeMap<String, Behaviour>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Behaviour {
    /// Behave like this so many times, then do as the real restic does.
    times: Option<usize>,
    /// Do as the real restic does first, and end with its exit code unless `exit` is another.
    real_first: bool,
    /// Do as the real restic does with these arguments more.
    real_with: Option<Vec<String>>,
    /// Append the arguments and the environment to this file.
    record: Option<String>,
    /// Somebody writes these files while it runs, with the number of the run in the place of `{turn}`.
    write: std::collections::BTreeMap<String, String>,
    stdout: Vec<String>,
    stderr: Vec<String>,
    /// Print no end of text.
    flood: bool,
    /// Close nothing and never end.
    hang: bool,
    /// Do not react to an interrupt.
    ignore_signals: bool,
    exit: Option<u8>,
}

fn main() -> ExitCode {
    let script = beside("script.json");
    let script: Script = serde_json::from_slice(&std::fs::read(script).unwrap()).unwrap();
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let verb = arguments.first().map(|verb| verb.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(behaviour) = script.verbs.get(&verb).or_else(|| script.verbs.get("*")) else {
        return run_real(&script.real, &arguments);
    };
    if behaviour.times.is_some_and(|times| times < count(&verb)) {
        return run_real(&script.real, &arguments);
    }
    if behaviour.ignore_signals {
        ctrlc::set_handler(|| {}).unwrap();
    }
    if let Some(file) = &behaviour.record {
        let environment: Vec<_> =
            std::env::vars_os().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        let record = format!("{arguments:?}\n{}\n", environment.join("\n"));
        let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
        file.write_all(record.as_bytes()).unwrap();
    }
    for (file, content) in &behaviour.write {
        let content = if content.contains(TURN) { content.replace(TURN, &turn().to_string()) } else { content.clone() };
        std::fs::write(file, content).unwrap();
    }
    let mut out = std::io::stdout();
    for line in &behaviour.stdout {
        let _ = writeln!(out, "{line}");
    }
    for line in &behaviour.stderr {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    if behaviour.flood {
        while writeln!(out, "spam and eggs").is_ok() {}
        return ExitCode::FAILURE;
    }
    if behaviour.hang {
        loop {
            thread::sleep(Duration::from_hours(1));
        }
    }
    let is_real = behaviour.real_first || behaviour.real_with.is_some();
    let more = behaviour.real_with.iter().flatten().map(Into::into);
    let arguments: Vec<_> = arguments.into_iter().chain(more).collect();
    let code = if is_real { run_real(&script.real, &arguments) } else { ExitCode::SUCCESS };
    behaviour.exit.map_or(code, ExitCode::from)
}

/// A file beside the name that this was called by, which may be a link to the program.
fn beside(name: &str) -> std::path::PathBuf {
    Path::new(&std::env::args_os().next().unwrap()).with_file_name(name)
}

/// How often `verb` was asked for, this time included.
fn count(verb: &str) -> usize {
    let file = beside(&format!("count-{verb}"));
    let marks = std::fs::read_to_string(&file).unwrap_or_default() + "|";
    std::fs::write(&file, &marks).unwrap();
    marks.len()
}

/// Which run this is that writes.
fn turn() -> usize {
    count("turn")
}

fn run_real(real: &str, arguments: &[std::ffi::OsString]) -> ExitCode {
    let status = Command::new(real).args(arguments).status().unwrap();
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}
