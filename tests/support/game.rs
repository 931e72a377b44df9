//! A game that does what it is told, and locks worlds as Minecraft does: `Game.java` on a real
//! JVM, or where there is none a stand-in that takes the same lock.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::Pc;

/// Longer than anything here takes.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Whether there is a Java that runs a source file.
static HAS_JAVA: LazyLock<bool> = LazyLock::new(|| {
    let modules = Command::new("java").arg("--list-modules").output();
    let found = modules.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("jdk.compiler"));
    if !found {
        let _ = writeln!(std::io::stderr(), "\nNO JAVA: the game of the tests is a stand-in, not a JVM\n");
    }
    found
});

/// The command line of the game.
pub fn command_line() -> Vec<String> {
    if *HAS_JAVA {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/Game.java");
        return vec!["java".to_owned(), source.to_str().unwrap().to_owned()];
    }
    let this = std::env::current_exe().unwrap();
    let arguments = ["--exact", "support::game::the_stand_in", "--nocapture", "--quiet", "--ignored"];
    std::iter::once(this.to_str().unwrap()).chain(arguments).map(str::to_owned).collect()
}

/// A running game.
pub struct Game {
    process: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Game {
    /// The game with this world open.
    pub fn in_world(pc: &Pc, world: &str) -> Self {
        let line = command_line();
        let mut game = Self::start(Command::new(&line[0]).args(&line[1..]).current_dir(&pc.dir));
        game.tell(&format!("open saves/{world}"));
        game
    }

    /// A command that is the game, or runs it and leaves stdin and stdout to it.
    pub fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || BufReader::new(stdout).lines().try_for_each(|line| sender.send(line.unwrap())));
        Self { process, stdin, lines }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Has it do something, and waits until it did.
    #[track_caller]
    pub fn tell(&mut self, line: &str) {
        self.write(line);
        self.wait_for(&format!("did {line}"));
    }

    /// Has it do something.
    pub fn write(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits for a line of output.
    #[track_caller]
    pub fn wait_for(&self, line: &str) {
        while self.lines.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("no {line:?}: {error}")) != line {}
    }

    /// Closes it and waits for its end, and for that of all that has its stdout.
    #[track_caller]
    pub fn close(mut self) -> (ExitStatus, Vec<String>) {
        drop(self.stdin.take());
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return (self.process.wait().unwrap(), rest),
                Err(RecvTimeoutError::Timeout) => panic!("something plays on after {rest:?}"),
            }
        }
    }
}

impl Drop for Game {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lock that Java takes.
#[cfg(unix)]
fn lock(file: &std::fs::File) {
    rustix::fs::fcntl_lock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
}

#[cfg(windows)]
fn lock(file: &std::fs::File) {
    file.try_lock().unwrap();
}

/// Does something while the game has this world open.
pub fn while_open<T>(pc: &Pc, world: &str, act: impl FnOnce() -> T) -> T {
    let file = std::fs::File::create(pc.path(world).join("session.lock")).unwrap();
    lock(&file);
    let result = act();
    drop(file);
    result
}

/// No test: the game where there is no Java.
#[test]
#[ignore = "what the tests run where there is no Java"]
#[expect(clippy::exit, reason = "it crashes when it is told to")]
fn the_stand_in() {
    use std::collections::BTreeMap;
    use std::fs::{self, File};
    use std::io::IsTerminal as _;

    let mut locks = BTreeMap::new();
    let stdin = std::io::stdin();
    // Somebody runs all tests that are ignored.
    if stdin.is_terminal() {
        return;
    }
    for line in stdin.lines() {
        let line = line.unwrap();
        let words: Vec<_> = line.splitn(3, ' ').collect();
        match words[..] {
            ["open", world] => {
                let file = File::create(Path::new(world).join("session.lock")).unwrap();
                (&file).write_all("\u{2603}".as_bytes()).unwrap();
                lock(&file);
                locks.insert(world.to_owned(), file);
            }
            ["close", world] => drop(locks.remove(world).unwrap()),
            ["write", file, text] => fs::write(file, text).unwrap(),
            ["crash", code] => std::process::exit(code.parse().unwrap()),
            _ => panic!("what is {line}?"),
        }
        println!("did {line}");
    }
}
