//! What a launcher's hook asks in a window: the player's keys, and what lies on disk afterwards.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::beginnings::{LEVEL, diverged, play_first, two_in_sync};
use crate::support::cloud::PASSWORD;
use crate::support::display::Display;
use crate::support::fake::Fake;
use crate::support::pc::assert_same;
use crate::support::{CONFLICT, Cloud};

/// The height of the window with the question for a token, and of the smallest.
const CONNECT: u32 = 300;
const ANY: u32 = 100;

#[test]
fn each_answer_does_what_it_says() {
    let Some(display) = Display::start() else { return };
    let down = |times: usize| [vec!["Down"; times], vec!["Tab", "Return"]].concat();
    for (keys, code, level, worlds) in [
        (vec!["Escape"], 0, "day 2 on A", 1),
        (vec!["Tab", "Return"], 0, "day 2 on A", 1),
        (down(1), 0, "day 2 on A", 2),
        (down(2), 0, "day 2 on A", 1),
        (down(3), 0, "day 2 on B", 1),
        (vec!["Tab", "Tab", "Return"], 1, "day 2 on A", 1),
    ] {
        let cloud = Cloud::folder();
        let (a, _) = diverged(&cloud);
        let pull = display.hook(a.hook(&["pull"]));
        pull.wait_for_window(CONFLICT);
        pull.press(&keys);
        let ran = pull.end();
        assert_eq!(ran.code, code, "{keys:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(a.read(LEVEL), level, "{keys:?}");
        assert_eq!(std::fs::read_dir(a.path("saves")).unwrap().count(), worlds, "{keys:?}");
    }
}

#[test]
fn a_token_is_checked_before_it_is_kept_and_asked_for_until_it_is_right() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    a.push().expect(0, "ahead", "saved");
    let fresh = cloud.pc("fresh");
    let mut command = fresh.bare();
    command.args(["pull", &format!("--url={}", cloud.url), "--pack-folder"]).arg(&fresh.dir);
    let pull = display.hook(command);
    pull.wait_for_window(CONNECT);
    pull.write_text("steve:12345678");
    pull.press(&["Return"]);
    pull.wait_until(|| fresh.logs().contains("password is wrong"));
    assert!(!fresh.has(".cloud-sync/token"), "a wrong token was kept");
    // The window stays, and the field can be filled anew, as soon as it is back.
    pull.until_it_ends(|| {
        pull.press(&["ctrl+a"]);
        pull.write_text(&format!("steve:{PASSWORD}"));
        pull.press(&["Return"]);
    });
    let ran = pull.end();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_same(&a, &fresh);
    assert!(fresh.has(".cloud-sync/token"));
}

#[test]
fn skipping_the_token_starts_the_game_without_syncing() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::server();
    let fresh = cloud.pc("fresh");
    let mut command = fresh.bare();
    command.args(["pull", &format!("--url={}", cloud.url), "--pack-folder"]).arg(&fresh.dir);
    let pull = display.hook(command);
    pull.wait_for_window(CONNECT);
    pull.press(&["Escape"]);
    let ran = pull.end();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("not signed in"), "{}", ran.stdout);
}

#[test]
fn offline_it_can_be_tried_again_or_played_anyway() {
    let Some(display) = Display::start() else { return };
    for again in [true, false] {
        let mut cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.push().expect(0, "ahead", "saved");
        cloud.stop();
        let pull = display.hook(a.hook(&["pull"]));
        pull.wait_for_window(ANY);
        cloud.start();
        pull.press(&[if again { "Return" } else { "Escape" }]);
        let ran = pull.end();
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert_eq!(a.read(LEVEL), if again { "day 2" } else { "day 1" });
    }
}

#[test]
fn what_is_in_progress_can_be_left_and_nothing_has_changed() {
    let Some(display) = Display::start() else { return };
    for (keys, code) in [(&["Tab", "Return"][..], 0), (&["Tab", "Tab", "Return"], 1)] {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.push().expect(0, "ahead", "saved");
        let before = a.tree();
        // A cloud that takes its time.
        let fake = Fake::new(&json!({"restore": {"hang": true}}));
        let mut command = a.hook(&["pull"]);
        command.env("CLOUD_SYNC_RESTIC_BINARY", fake.exe());
        let pull = display.hook(command);
        pull.wait_for_window(ANY);
        pull.press(keys);
        let ran = pull.end();
        assert_eq!(ran.code, code, "{keys:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(a.tree(), before);
        a.assert_tidy();
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
    }
}

#[test]
fn a_window_that_dies_takes_nothing_with_it() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    let before = a.tree();
    let pull = display.hook(a.hook(&["pull"]));
    pull.wait_for_window(CONFLICT);
    pull.kill_window();
    let ran = pull.end();
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("there is no window"), "{}", ran.stdout);
    assert!(a.logs().contains("there is no window"));
    assert_eq!(a.tree(), before);
}

#[test]
fn a_player_who_has_seen_enough_progress_is_asked_all_the_same() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    // Another cloud-sync is at work, so that there is something to watch.
    let busy = std::fs::File::options().write(true).open(a.path(".cloud-sync/lock")).unwrap();
    busy.lock().unwrap();
    let pull = display.hook(a.hook(&["pull"]));
    pull.wait_for_window(ANY);
    pull.press(&["alt+F4"]);
    pull.wait_until(|| !display.has_window());
    drop(busy);
    pull.wait_for_window(CONFLICT);
    pull.press(&["Down", "Down", "Down", "Tab", "Return"]);
    let ran = pull.end();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(a.read(LEVEL), "day 2 on B");
}

#[test]
fn a_window_that_is_killed_while_it_opens_takes_nothing_with_it_either() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    let before = a.tree();
    for moment in [0, 40, 120, 400] {
        let pull = display.hook(a.hook(&["pull"]));
        pull.kill_child_after(Duration::from_millis(moment));
        let ran = pull.end();
        assert_eq!(ran.code, 3, "{moment} ms: {}{}", ran.stdout, ran.stderr);
        assert_eq!(a.tree(), before);
        a.assert_tidy();
    }
}

#[test]
fn without_a_screen_or_a_driver_there_is_nobody_to_ask() {
    let Some(display) = Display::start() else { return };
    for (name, value) in [
        ("DISPLAY", ":4711"),
        ("DISPLAY", ""),
        ("__EGL_VENDOR_LIBRARY_FILENAMES", "/nowhere"),
        ("LD_LIBRARY_PATH", "/nowhere"),
    ] {
        let cloud = Cloud::folder();
        let (a, _) = diverged(&cloud);
        let mut command = a.hook(&["pull"]);
        command.env("CLOUD_SYNC_ON_CONFLICT", "ask");
        let hook = if name == "DISPLAY" {
            display.hook_with(command, name, value)
        } else {
            // A driver that cannot draw.
            command.env(name, value).env("LIBGL_DRIVERS_PATH", "/nowhere").env("__GLX_VENDOR_LIBRARY_NAME", "none");
            display.hook(command)
        };
        if name == "DISPLAY" {
            let ran = hook.end();
            assert_eq!(ran.code, 3, "{name}={value}: {}{}", ran.stdout, ran.stderr);
        } else {
            // Whatever the driver makes of it: a question or none, but an end.
            let ran = hook.end_or_escape();
            assert!(matches!(ran.code, 0 | 3), "{name}={value}: {}{}", ran.stdout, ran.stderr);
        }
    }
}

#[test]
fn a_push_that_took_a_while_says_that_all_is_saved_and_the_launcher_need_not_wait_for_that() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    // Another cloud-sync is at work.
    let busy = std::fs::File::options().write(true).open(a.path(".cloud-sync/lock")).unwrap();
    busy.lock().unwrap();
    let push = display.hook(a.hook(&["push"]));
    push.wait_for_window(ANY);
    drop(busy);
    let ran = push.end();
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(display.has_window(), "it says nothing at the end");
    let deadline = Instant::now() + Duration::from_secs(20);
    while display.has_window() {
        assert!(Instant::now() < deadline, "it stays for ever");
    }
}

#[test]
fn nothing_opens_while_packwiz_is_at_work() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    let mut command = a.hook(&["pull"]);
    command.args(["--", "sleep", "4"]);
    let pull = display.hook(command);
    while !pull.is_over() {
        assert!(!display.has_window(), "a window for what is not ours");
    }
    assert_eq!(pull.end().code, 0);
}

#[test]
fn nothing_opens_for_what_is_done_at_once() {
    let Some(display) = Display::start() else { return };
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    for verb in ["pull", "push"] {
        let ran = display.hook(a.hook(&[verb])).end();
        assert_eq!(ran.code, 0, "{}", ran.stdout);
        assert!(!ran.stdout.contains("window"), "{}", ran.stdout);
        assert!(!display.has_window(), "{verb} opened a window");
    }
}
