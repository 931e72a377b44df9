//! The two pipes between cloud-sync and its window.

use std::io::{self, BufRead, Write as _};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use eframe::egui::Context;

use super::protocol::{Said, Show};

/// Listens on stdin, and wakes the window for every line. The end of it closes the window.
pub fn listen(ctx: &Context) -> Receiver<Show> {
    let (sender, heard) = mpsc::channel();
    let ctx = ctx.clone();
    thread::spawn(move || {
        let told = shows(io::stdin().lock()).chain([Show::Close]);
        for show in told {
            if sender.send(show).is_err() {
                return;
            }
            ctx.request_repaint();
        }
    });
    heard
}

/// What the lines say, up to their end; a line that says nothing is passed over.
fn shows(mut lines: impl BufRead) -> impl Iterator<Item = Show> {
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            if let Ok(show) = serde_json::from_slice(&line) {
                return Some(show);
            }
        }
    })
}

/// Says it on stdout. Where nobody listens any more, stdin has ended, too.
pub fn say(said: &[Said]) {
    let mut out = io::stdout().lock();
    for said in said {
        if let Ok(line) = serde_json::to_string(said) {
            let _ = writeln!(out, "{line}");
            let _ = out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_line_is_passed_over() {
        let lines = b"{\"note\":\"a\"}\n\n{broken\n\xff\xfe\n{\"unheard\":1}\n\"close\"\n{\"note\":\"b";
        let heard: Vec<_> = shows(&lines[..]).collect();
        assert_eq!(heard, [Show::Note("a".to_owned()), Show::Close]);
    }
}
