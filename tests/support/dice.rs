//! Chance that can be replayed, and a kill at any moment.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A small generator of numbers, so that a series can be replayed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// One of so many, to index with.
    pub fn nth(&mut self, count: usize) -> usize {
        usize::try_from(self.roll(count as u64)).unwrap()
    }
}

/// Starts the command and kills it after `moment`, whatever it is doing then.
pub fn kill_after(mut command: Command, moment: Duration) {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while let Some(left) = moment.checked_sub(start.elapsed()) {
        thread::park_timeout(left);
    }
    let _ = child.kill();
    child.wait().unwrap();
}
