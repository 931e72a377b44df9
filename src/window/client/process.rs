//! The process of the window, and the threads at its pipes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::interrupt::{self, Wish, lock};
use crate::platform;
use crate::window::protocol::Said;
use crate::window::texts::NO_WINDOW;

/// A window that has not read this many lines hangs.
const BACKLOG: usize = 256;
/// How long its end may come after that of its pipes.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often that is looked at.
const TICK: Duration = Duration::from_millis(50);

/// The window's process.
pub struct Process {
    /// The process itself.
    pub child: Child,
    /// Told when the last line is written.
    pub written: Receiver<()>,
    /// Lines to be written to it; what hangs must not make us wait.
    pub lines: SyncSender<String>,
    /// What the player did.
    pub said: Receiver<Said>,
    /// Why it ended, in its own words; drivers speak there, too.
    pub last_words: Arc<Mutex<String>>,
    /// Whether a question is open. If none is, what the player says is for the run.
    pub is_asked: Arc<AtomicBool>,
    /// Whether it is on the screen.
    pub is_ready: bool,
    /// When it was started.
    pub since: Instant,
}

impl Process {
    /// Whether it has ended well, because the player closed it.
    pub fn was_closed(&mut self) -> bool {
        // Its pipes may be gone a moment before it is.
        let deadline = Instant::now() + FAREWELL;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => thread::sleep(TICK),
                Ok(status) => return status.is_some_and(|status| status.success()),
                Err(_) => return false,
            }
        }
    }

    /// Starts it.
    pub fn start() -> std::io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        // It ends when our end of its stdin does. Launchers wait for who has their streams.
        command.arg("window").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = platform::start_window(&mut command)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (mut stdin, stdout) = pipes.ok_or(std::io::ErrorKind::BrokenPipe)?;
        let (lines, to_write) = sync_channel::<String>(BACKLOG);
        let (is_over, written) = channel::<()>();
        thread::spawn(move || {
            // Dropped with the last line.
            let _is_over = is_over;
            for line in to_write {
                if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        let (tell, said) = channel();
        let is_asked = Arc::new(AtomicBool::new(false));
        let is_question = Arc::clone(&is_asked);
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            for said in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                match (said, is_question.load(Ordering::SeqCst)) {
                    (Said::Cancel, false) => interrupt::wish(Wish::Cancel),
                    (Said::PlayAnyway, false) => interrupt::wish(Wish::PlayAnyway),
                    (said, _) => {
                        if tell.send(said).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        let last_words = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&last_words);
        let stderr = child.stderr.take();
        thread::spawn(move || {
            let lines = stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines().map_while(Result::ok));
            for line in lines {
                if let Some(words) = line.strip_prefix(NO_WINDOW) {
                    words.clone_into(&mut lock(&heard));
                }
            }
        });
        Ok(Self { child, written, lines, last_words, said, is_asked, is_ready: false, since: Instant::now() })
    }
}
