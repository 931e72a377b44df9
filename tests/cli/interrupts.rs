//! A run that is asked to end, by Ctrl+C or by a launcher: it ends restic, and leaves everything whole.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::beginnings::{LEVEL, REGION, everyone_has_something_to_do, goes_on, played, two_in_sync};
use crate::support::fake::{Fake, STEPS};
use crate::support::http::Gate;
use crate::support::pc::{assert_same, heard};
use crate::support::unchanged::Unchanged;
use crate::support::{Cloud, Ran};

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until restic is at work.
#[track_caller]
fn await_start<T>(started: &Receiver<T>) -> T {
    started.recv_timeout(Duration::from_mins(1)).expect("restic did not get so far")
}

/// Sends the signal and waits for the end.
#[track_caller]
fn end(child: Child, signal: Signal) -> Ran {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let said = heard(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.json["outcome"].as_str()), (130, Some("failed")), "{}", said.stderr);
    said.says("interrupted")
}

fn interrupts(signal: Signal, ignore: bool, steps: &[(&str, &str)]) {
    let cloud = Cloud::server();
    let (a, b, c) = everyone_has_something_to_do(&cloud);
    for (verb, step) in steps {
        let pc = if *verb == "push" { &c } else { &a };
        let before = Unchanged::of(pc, &cloud);
        let fake = Fake::new(&json!({}));
        let (pipe, started) = fake.pipe("started");
        fake.tell(&json!({*step: {"hang": true, "record": pipe, "ignore_signals": ignore}}));
        let child = spawn(&mut fake.command(pc, &[verb]));
        await_start(&started);
        end(child, signal);
        #[cfg(target_os = "linux")]
        fake.assert_gone();
        before.assert_kept(pc, &cloud);
    }
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    c.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
}

#[test]
fn an_interrupt_ends_restic_and_leaves_everything_whole() {
    let steps = [&STEPS[..], &[("push", "version"), ("pull", "version")]].concat();
    interrupts(Signal::INT, false, &steps);
    interrupts(Signal::TERM, false, &steps);
}

#[test]
fn a_restic_that_ignores_an_interrupt_is_ended() {
    interrupts(Signal::INT, true, &STEPS[..1]);
}

#[test]
fn a_restic_that_ignores_being_asked_to_end_is_ended() {
    interrupts(Signal::TERM, true, &STEPS[2..]);
}

#[test]
fn an_interrupt_during_a_real_upload_leaves_everything_whole() {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = played(&cloud);
    let before = Unchanged::of(&a, &cloud);
    let held = gate.holds("POST /steve/data/");
    let child = spawn(&mut a.command(&["push"]));
    await_start(&held);
    end(child, Signal::INT);
    before.assert_kept(&a, &cloud);
    gate.opens();
    goes_on(&cloud, &a, &b);
}

#[test]
fn an_interrupt_during_a_real_download_leaves_everything_whole() {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.write(REGION, vec![9; 2_000_000]);
    b.push().expect(0, "ahead", "saved");
    // The folders of that version get into A's cache, the files do not.
    a.write(LEVEL, "day 2 on A");
    a.pull().expect(3, "diverged", "cancelled");
    let before = Unchanged::of(&a, &cloud);
    let held = gate.holds("GET /steve/data/");
    let child = spawn(&mut a.command(&["pull", "--on-conflict=use-remote"]));
    await_start(&held);
    end(child, Signal::INT);
    before.assert_kept(&a, &cloud);
    assert!(a.undo_files().is_empty());
    gate.opens();
    a.run(&["pull", "--on-conflict=use-remote"]).expect(0, "behind", "took_remote");
    assert_same(&a, &b);
    a.assert_tidy();
}
