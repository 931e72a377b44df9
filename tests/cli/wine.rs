//! A PC with Windows among PCs with Linux: the Windows program under wine, and the Linux program
//! beside it, on one cloud. `make windows-test` runs them.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::beginnings::{LEVEL, REGION, play_first};
use crate::support::pc::{assert_same, heard};
use crate::support::wine::{Windows, fake_restic, processes_with, windows_path};
use crate::support::{CONFLICT, Cloud};

#[test]
#[ignore = "wants wine"]
fn linux_and_windows_on_two_drives_have_equal_trees() {
    let cloud = Cloud::server();
    let linux = cloud.pc("Linux");
    let (one, other) = (Windows::on(cloud.pc("Windows")), Windows::on(cloud.pc("another drive")));
    play_first(&linux);
    linux.write("saves/W\u{f6}rld (1) \u{1f980}/data/what's %TEMP% & $HOME.dat", "odd names");
    linux.write("screenshots/2026-01-01 [a] {b}.png", "a picture");
    linux.push().expect(0, "ahead", "saved");
    for windows in [&one, &other] {
        windows.pull().expect(0, "behind", "restored");
        assert_same(&linux, windows);
        windows.push().expect(0, "in_sync", "nothing");
    }
    other.write(LEVEL, "day 2 on Windows");
    other.write("saves/W\u{fc}ste/region/r.0.0.mca", vec![3; 600_000]);
    other.remove("screenshots/2026-01-01 [a] {b}.png");
    other.push().expect(0, "ahead", "saved");
    linux.pull().expect(0, "behind", "restored");
    assert_same(&linux, &other);
    one.pull().expect(0, "behind", "restored");
    assert_same(&linux, &one);
    linux.push().expect(0, "in_sync", "nothing");
    linux.remove("saves/W\u{fc}ste");
    linux.push().expect(0, "ahead", "saved");
    one.pull().expect(0, "behind", "restored");
    assert_same(&linux, &one);
    assert!(!one.has("saves/W\u{fc}ste"), "a world that was deleted on Linux left its folder");
    cloud.check();
}

#[test]
#[ignore = "wants wine"]
fn names_that_windows_cannot_hold_are_skipped_and_stay_where_they_are() {
    let cloud = Cloud::folder();
    let (linux, windows) = (cloud.pc("Linux"), Windows::on(cloud.pc("Windows")));
    play_first(&linux);
    for path in ["saves/CON/level.dat", "saves/a:b/level.dat", "saves/World/data/what?.dat", "screenshots/dots..."] {
        linux.write(path, "not for Windows");
    }
    linux.push().expect(0, "ahead", "saved");
    let pulled = windows.pull().expect(0, "behind", "restored");
    for path in ["saves/CON:", "saves/a:b:", "saves/World/data/what?.dat:", "screenshots/dots...:"] {
        assert!(pulled.json["warnings"].to_string().contains(path), "nobody told of {path}: {}", pulled.stdout);
    }
    assert_eq!(windows.tree().len(), 3, "{:?}", windows.tree().keys());
    windows.push().expect(0, "in_sync", "nothing");

    // Saved twice, so that no later snapshot forgets it either.
    for day in 2..4 {
        windows.write(LEVEL, format!("day {day} on Windows"));
        windows.push().expect(0, "ahead", "saved");
    }
    linux.pull().expect(0, "behind", "restored");
    assert_eq!(linux.read(LEVEL), "day 3 on Windows");
    for path in ["saves/CON/level.dat", "saves/a:b/level.dat", "saves/World/data/what?.dat", "screenshots/dots..."] {
        assert_eq!(linux.read(path), "not for Windows");
    }
    // A PC that is new gets them from whoever has them.
    linux.write("options.txt", "fov:1.0\n");
    linux.push().expect(0, "ahead", "saved");
    let fresh = cloud.pc("fresh");
    fresh.pull().expect(0, "behind", "restored");
    assert_same(&linux, &fresh);
    // Renamed, it comes.
    fs::rename(linux.path("saves/CON"), linux.path("saves/Con World")).unwrap();
    linux.push().expect(0, "ahead", "saved");
    windows.pull().expect(0, "behind", "restored");
    assert_eq!(windows.read("saves/Con World/level.dat"), "not for Windows");
    cloud.check();
}

#[test]
#[ignore = "wants wine"]
fn of_two_worlds_that_differ_in_case_one_comes_and_none_is_lost() {
    let cloud = Cloud::folder();
    let (linux, windows) = (cloud.pc("Linux"), Windows::on(cloud.pc("Windows")));
    play_first(&linux);
    linux.push().expect(0, "ahead", "saved");
    windows.pull().expect(0, "behind", "restored");
    linux.write("saves/WORLD/level.dat", "another world");
    linux.write("saves/WORLD/region/r.0.0.mca", vec![9; 1000]);
    linux.write("saves/New/level.dat", "new");
    linux.push().expect(0, "ahead", "saved");
    windows
        .pull()
        .expect(0, "behind", "restored")
        .warns("saves/WORLD: this disk cannot tell its name from saves/World");
    assert_eq!(windows.read(LEVEL), "day 1", "two worlds were mixed");
    assert!(fs::read(windows.path(REGION)).unwrap() == vec![7; 1_500_000], "two worlds were mixed");
    assert!(!windows.path("saves/WORLD").exists());
    windows.write(LEVEL, "day 2 on Windows");
    windows.push().expect(0, "ahead", "saved");
    linux.pull().expect(0, "behind", "restored");
    assert_eq!(
        (linux.read(LEVEL), linux.read("saves/WORLD/level.dat")),
        ("day 2 on Windows".into(), "another world".into())
    );

    // A new PC takes the first by name, and never both.
    let fresh = Windows::on(cloud.pc("fresh"));
    linux.write("options.txt", "fov:1.0\n");
    linux.push().expect(0, "ahead", "saved");
    fresh.pull().expect(0, "behind", "restored").warns("saves/World: this disk cannot tell its name from saves/WORLD");
    assert_eq!(fresh.read("saves/WORLD/level.dat"), "another world");
    assert!(!fresh.path("saves/World").exists());
    // A world that only got capitals is another name of the same.
    fs::rename(linux.path("saves/New"), linux.path("saves/NEW")).unwrap();
    linux.push().expect(0, "ahead", "saved");
    windows.pull().expect(0, "behind", "restored");
    assert_eq!(windows.read("saves/NEW/level.dat"), "new");
    windows.push().expect(0, "in_sync", "nothing");
    cloud.check();
}

#[test]
#[ignore = "wants wine"]
fn the_window_opens_under_windows_and_its_answer_counts() {
    let cloud = Cloud::folder();
    let (linux, windows) = (cloud.pc("Linux"), Windows::on(cloud.pc("Windows")));
    play_first(&linux);
    linux.push().expect(0, "ahead", "saved");
    windows.pull().expect(0, "behind", "restored");
    linux.write(LEVEL, "day 2 on Linux");
    linux.push().expect(0, "ahead", "saved");
    windows.write(LEVEL, "day 2 on Windows");
    let before = screens();
    let mut pull = windows.hook(&["pull"]);
    let mut pull = pull.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    let is_over = |pull: &mut std::process::Child| pull.try_wait().unwrap().is_some();
    // The cloud's, which is the fourth answer; pressed again while the window may not listen yet.
    while !is_over(&mut pull) {
        if Instant::now() > deadline {
            let _ = pull.kill();
            panic!("no answer was taken: {:?}", heard(pull.wait_with_output().unwrap()).stdout);
        }
        for screen in screens().into_iter().filter(|screen| !before.contains(screen)) {
            let window = ["search", "--onlyvisible", "--name", "^cloud-sync$"];
            let shape = screen.xdotool(&[&window[..], &["getwindowgeometry", "--shell"]].concat());
            let height = shape.lines().find_map(|line| line.strip_prefix("HEIGHT=")?.parse().ok());
            // The other screens are smaller, and keys mean something else on them.
            if height.is_some_and(|height: u32| height >= CONFLICT) {
                let keys = ["key", "--delay", "80", "Down", "Down", "Down", "Tab", "Return"];
                screen.xdotool(&[&window[..], &["windowfocus", "--sync"], &keys[..]].concat());
            }
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let ran = heard(pull.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(windows.read(LEVEL), "day 2 on Linux", "{}{}", ran.stdout, ran.stderr);
    assert!(windows.undo_files().values().any(|content| content == b"day 2 on Windows"));
}

#[test]
#[ignore = "wants wine"]
fn restic_dies_with_us_under_windows() {
    let cloud = Cloud::folder();
    let windows = Windows::on(cloud.pc("Windows"));
    play_first(&windows);
    let fake = fake_restic(&json!({"backup": {"hang": true}}));
    let mut push = windows.command(&["push"]);
    push.env("CLOUD_SYNC_RESTIC_BINARY", windows_path(fake.exe())).stdout(Stdio::null()).stderr(Stdio::null());
    let mut push = push.spawn().unwrap();
    let hanging = || processes_with(&windows_path(fake.folder()).to_string_lossy());
    wait_until("restic runs", || !hanging().is_empty());
    // What ran wine has become the Windows program.
    push.kill().unwrap();
    wait_until("restic dies", || hanging().is_empty());
    push.wait().unwrap();
    windows.push().expect(0, "ahead", "saved");
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A screen that nobody sees, and the key to it.
#[derive(PartialEq)]
struct Screen {
    name: String,
    key: Option<String>,
}

impl Screen {
    /// What it says, which is nothing where there is no window.
    fn xdotool(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("timeout");
        command.args(["20", "xdotool"]).args(arguments).env("DISPLAY", &self.name);
        command.envs(self.key.as_ref().map(|key| ("XAUTHORITY", key)));
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    }
}

/// The screens there are.
fn screens() -> Vec<Screen> {
    let lines =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let screen = |line: Vec<u8>| {
        let line = String::from_utf8_lossy(&line).into_owned();
        let words: Vec<_> = line.split('\0').collect();
        if !words.first()?.ends_with("Xvfb") {
            return None;
        }
        let name = words.get(1).filter(|word| word.starts_with(':'))?;
        let key = words.iter().position(|word| *word == "-auth").and_then(|at| words.get(at + 1));
        Some(Screen { name: (*name).to_owned(), key: key.map(|key| (*key).to_owned()) })
    };
    lines.filter_map(screen).collect()
}
