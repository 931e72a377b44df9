//! A person at a terminal: what is on the screen, and the keys that are pressed.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

pub const DOWN: &str = "\u{1b}[B";
pub const ENTER: &str = "\r";
pub const ESCAPE: &str = "\u{1b}";

/// Nobody waits longer for the next words.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program at a terminal of its own.
pub struct Terminal {
    script: Child,
    said: Receiver<Vec<u8>>,
    /// All that was on the screen so far.
    pub screen: String,
    /// What was on it when it was looked at last.
    seen: usize,
}

impl Terminal {
    /// Starts the command, with its variables and its folder, at a terminal.
    pub fn start(command: &Command) -> Self {
        let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap().replace('\'', "'\\''"));
        let line: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
        script.env_clear().env("TERM", "xterm").env("SHELL", "/bin/sh");
        for (name, value) in command.get_envs() {
            script.envs(value.map(|value| (name, value)));
        }
        script.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().unwrap();
        let mut stdout = script.stdout.take().unwrap();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stdout.read(&mut buffer) {
                if tell.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { script, said, screen: String::new(), seen: 0 }
    }

    /// Waits until `text` is on the screen, after what was waited for before.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.screen[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.said.recv_timeout(left) else {
                panic!("{text:?} was never on the screen:\n{}", self.screen)
            };
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    pub fn press(&mut self, keys: &str) {
        let stdin = self.script.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits for the end and gives the exit code.
    pub fn end(mut self) -> (i32, String) {
        while let Ok(bytes) = self.said.recv_timeout(PATIENCE) {
            self.screen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (self.script.wait().unwrap().code().unwrap_or(-1), self.screen)
    }
}
