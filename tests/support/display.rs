//! A screen that nobody sees, the real window on it, and a player's keys and clicks.

use std::cell::OnceCell;
use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use cloud_sync::window::protocol::{Said, Show};

use super::pc::{Ran, heard};

/// Nobody waits longer for the window.
const PATIENCE: Duration = Duration::from_secs(50);

static SKIP_IS_SAID: Once = Once::new();

/// Set it where the programs must be there.
const REQUIRED: &str = "CLOUD_SYNC_REQUIRE_WINDOW_TESTS";

/// A screen, and the frames around its windows.
pub struct Display {
    server: Child,
    manager: Child,
    name: String,
}

impl Display {
    /// A screen; none where the programs for it are missing.
    pub fn start() -> Option<Self> {
        let missing: Vec<_> = ["Xvfb", "openbox", "xdotool"].into_iter().filter(|program| !is_there(program)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            assert!(std::env::var_os(REQUIRED).is_none(), "missing for the tests of the window: {missing}");
            // Past what catches the output of tests that pass.
            SKIP_IS_SAID.call_once(|| {
                let _ = writeln!(std::io::stderr(), "SKIPPED: the tests of the real window; this PC lacks {missing}");
            });
            return None;
        }
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-screen", "0", "2000x1600x24", "-nolisten", "tcp"]);
        let mut server = server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let name = format!(":{}", number.trim());
        let mut manager = Command::new("openbox");
        manager.env("DISPLAY", &name).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let manager = manager.spawn().unwrap();
        Some(Self { server, manager, name })
    }

    /// Opens the window at `scale` and waits until it says that it is there.
    pub fn open(&self, scale: f32, shows: &[Show]) -> Window<'_> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cloud-sync"));
        process.arg("window").env("DISPLAY", &self.name).env_remove("WAYLAND_DISPLAY");
        process.env("LIBGL_ALWAYS_SOFTWARE", "1").env("WINIT_X11_SCALE_FACTOR", scale.to_string());
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = process.spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let said = serde_json::from_str(&line.unwrap()).expect("a line is something that is said");
                if tell.send(said).is_err() {
                    return;
                }
            }
        });
        let stdin = process.stdin.take();
        let mut window = Window { display: self, process, stdin, said, id: OnceCell::new() };
        for show in shows {
            window.tell(show);
        }
        assert_eq!(window.next(), Said::Ready);
        window
    }

    /// Starts a command of cloud-sync as a launcher does, which gives no terminal.
    pub fn hook(&self, command: Command) -> Hook<'_> {
        self.hook_with(command, "DISPLAY", &self.name)
    }

    /// The same, with one variable otherwise.
    pub fn hook_with(&self, mut command: Command, name: &str, value: &str) -> Hook<'_> {
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env_remove("WAYLAND_DISPLAY").env(name, value);
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Hook { display: self, process: RefCell::new(process) }
    }

    /// Whether a window of ours is on the screen.
    pub fn has_window(&self) -> bool {
        let mut search = Command::new("timeout");
        search.args(["50", "xdotool", "search", "--name", "^cloud-sync$"]).env("DISPLAY", &self.name);
        search.output().unwrap().status.success()
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args(["50", "xdotool"]).args(arguments).env("DISPLAY", &self.name);
        let output = command.output().unwrap();
        assert!(output.status.success(), "xdotool {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for process in [&mut self.manager, &mut self.server] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A command that a launcher has started, and waits for.
pub struct Hook<'a> {
    display: &'a Display,
    process: RefCell<Child>,
}

impl Hook<'_> {
    /// Waits until its window shows a screen of at least this height, and gives it the keyboard.
    #[track_caller]
    pub fn wait_for_window(&self, least: u32) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let id = self.display.xdotool(&["search", "--sync", "--onlyvisible", "--name", "^cloud-sync$"]);
            if height(&self.display.xdotool(&["getwindowgeometry", "--shell", &id])) >= least {
                self.display.xdotool(&["windowactivate", "--sync", &id]);
                // Keys that come before its first look at the keyboard are lost, and nothing tells when that was.
                std::thread::sleep(Duration::from_millis(300));
                return;
            }
            assert!(Instant::now() < deadline, "the window stayed small");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn press(&self, keys: &[&str]) {
        let arguments: Vec<_> = ["key", "--delay", "80"].iter().chain(keys).copied().collect();
        self.display.xdotool(&arguments);
    }

    pub fn write_text(&self, text: &str) {
        self.display.xdotool(&["type", "--delay", "60", text]);
    }

    /// Kills the window's process, as a broken driver would.
    pub fn kill_window(&self) {
        let id = self.display.xdotool(&["search", "--sync", "--onlyvisible", "--name", "^cloud-sync$"]);
        let pid = self.display.xdotool(&["getwindowpid", &id]);
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    }

    /// Kills the window's process so long after it was started.
    #[track_caller]
    pub fn kill_child_after(&self, moment: Duration) {
        let parent = self.process.borrow().id();
        let find = || {
            let children =
                std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
            let is_window = |pid: &&str| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.split(|byte| *byte == 0).nth(1) == Some(b"window")
            };
            children.split_whitespace().find(is_window).map(str::to_owned)
        };
        self.wait_until(|| find().is_some());
        std::thread::sleep(moment);
        let pid = find().expect("the window ended by itself");
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait_until(&self, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(!self.is_over() && Instant::now() < deadline, "it never came to that");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn is_over(&self) -> bool {
        self.process.borrow_mut().try_wait().unwrap().is_some()
    }

    /// Does something again and again until the command has ended.
    #[track_caller]
    pub fn until_it_ends(&self, act: impl Fn()) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_over() && self.display.has_window() {
            assert!(Instant::now() < deadline, "it did not end");
            act();
            let next = Instant::now() + Duration::from_secs(3);
            while !self.is_over() && Instant::now() < next {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Waits for its end; if a window comes all the same, Escape answers it.
    pub fn end_or_escape(self) -> Ran {
        while !self.is_over() {
            // It may be gone at any moment.
            let mut escape = Command::new("timeout");
            escape.args([
                "5",
                "xdotool",
                "search",
                "--name",
                "^cloud-sync$",
                "windowactivate",
                "--sync",
                "key",
                "Escape",
            ]);
            let _ = escape.env("DISPLAY", &self.display.name).stderr(Stdio::null()).status();
        }
        self.end()
    }

    /// Waits for its end; the exit code, stdout and stderr.
    #[track_caller]
    pub fn end(self) -> Ran {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_over() {
            if Instant::now() > deadline {
                let _ = self.process.borrow_mut().kill();
                panic!("it did not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        heard(self.process.into_inner().wait_with_output().unwrap())
    }
}

fn height(shell: &str) -> u32 {
    shell.lines().find_map(|line| line.strip_prefix("HEIGHT=")).unwrap().parse().unwrap()
}

/// The window's process.
pub struct Window<'a> {
    display: &'a Display,
    process: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<Said>,
    id: OnceCell<String>,
}

impl Window<'_> {
    pub fn tell(&mut self, show: &Show) {
        self.write(&serde_json::to_string(show).unwrap());
    }

    /// Writes any line into its stdin.
    pub fn write(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Ends its stdin, as the end of its parent would.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// The next thing that is said.
    #[track_caller]
    pub fn next(&mut self) -> Said {
        if let Ok(said) = self.said.recv_timeout(PATIENCE) {
            return said;
        }
        panic!("the window said nothing; it wrote {:?}", self.last_words());
    }

    /// Presses a key until something is said; for screens that look as large as others.
    #[track_caller]
    pub fn press_until_said(&mut self, key: &str) -> Said {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.press(&[key]);
            if let Ok(said) = self.said.recv_timeout(Duration::from_millis(500)) {
                return said;
            }
        }
        panic!("{key} made the window say nothing")
    }

    /// The window on the screen, which has the keyboard from then on.
    fn id(&self) -> &str {
        self.id.get_or_init(|| {
            let id = self.display.xdotool(&["search", "--sync", "--onlyvisible", "--name", "^cloud-sync$"]);
            self.display.xdotool(&["windowactivate", "--sync", &id]);
            id
        })
    }

    /// Presses keys as slowly as people do: a busy PC that draws seldom must see Tab before it
    /// sees what is pressed after it.
    pub fn press(&self, keys: &[&str]) {
        self.id();
        let arguments: Vec<_> = ["key", "--delay", "250"].iter().chain(keys).copied().collect();
        self.display.xdotool(&arguments);
    }

    pub fn write_text(&self, text: &str) {
        self.id();
        self.display.xdotool(&["type", "--delay", "60", text]);
    }

    /// Clicks so far from the lower right corner.
    pub fn click(&self, right: u32, bottom: u32) {
        let (width, height) = self.size();
        let (x, y) = ((width - right).to_string(), (height - bottom).to_string());
        self.display.xdotool(&["mousemove", "--window", self.id(), &x, &y, "sleep", "0.2", "click", "1"]);
    }

    /// Waits until a screen is shown that makes the window larger than this.
    #[track_caller]
    pub fn wait_for_height(&self, least: u32) {
        let deadline = Instant::now() + PATIENCE;
        while self.size().1 < least {
            assert!(Instant::now() < deadline, "the window stayed small");
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(300));
    }

    fn size(&self) -> (u32, u32) {
        let shell = self.display.xdotool(&["getwindowgeometry", "--shell", self.id()]);
        let value = |name: &str| shell.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap();
        (value("WIDTH="), value("HEIGHT="))
    }

    /// Closes it by its frame.
    pub fn close(&self) {
        self.press(&["alt+F4"]);
    }

    /// Writes what it looks like into `file`, a PNG.
    pub fn photograph(&self, file: &Path) {
        let mut import = Command::new("timeout");
        import.args(["30", "import", "-window", self.id()]).arg(file).env("DISPLAY", &self.display.name);
        assert!(import.status().unwrap().success(), "no picture");
    }

    /// Waits until it has ended; the exit code and what nobody has heard yet.
    #[track_caller]
    pub fn end(mut self) -> (i32, Vec<Said>) {
        let mut rest = Vec::new();
        loop {
            match self.said.recv_timeout(PATIENCE) {
                Ok(said) => rest.push(said),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the window did not close"),
            }
        }
        (self.process.wait().unwrap().code().unwrap_or(-1), rest)
    }

    fn last_words(&mut self) -> String {
        let _ = self.process.kill();
        let mut text = String::new();
        let _ = self.process.stderr.take().unwrap().read_to_string(&mut text);
        text
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
