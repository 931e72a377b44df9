//! The real window, on a screen that nobody sees: what it is told, and what it says when keys
//! are pressed. (`make pictures` takes pictures of all its screens.)

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use cloud_sync::Verb;
use cloud_sync::content::world::{Played, Source, World, recommend};
use cloud_sync::player::{Answer, Card, Conflict, Contested, Progress, Step};
use cloud_sync::window::protocol::{Said, Show};

use crate::support::display::Display;

fn begin(verb: Verb) -> Show {
    Show::Begin { verb: Some(verb), machine: "Desktop".to_owned() }
}

fn world(name: &str, hours: u64, icon: Option<Vec<u8>>) -> Card {
    let last_played = DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours.cast_signed());
    let played = Played { time: Duration::from_secs(hours * 3600 + 1500), source: Source::Statistics };
    let world = World {
        name: Some(name.to_owned()),
        last_played: Some(last_played),
        day: Some(hours * 3),
        played: Some(played),
        version: Some("1.21.1".to_owned()),
        ..World::default()
    };
    Card { files: 1204, bytes: 340_000_000 + hours * 1_000_000, world, icon }
}

fn conflict(other_machine: &str, worlds: &[&str]) -> Conflict {
    let contested = |(number, name): (usize, &&str)| {
        let hours = number as u64;
        let (here, there) = (world(name, 12, Some(picture([90, 150, 70]))), world(name, 10 + hours % 4 * 2, None));
        Contested { folder: (*name).to_owned(), advice: recommend(&here.world, &there.world), here, there }
    };
    Conflict {
        whose: None,
        machine: "Desktop".to_owned(),
        time: None,
        other_machine: other_machine.to_owned(),
        other_time: DateTime::UNIX_EPOCH + TimeDelta::days(20_001),
        worlds: worlds.iter().enumerate().map(contested).collect(),
        more: 0,
    }
}

/// A small PNG in shades of one colour, as worlds have them.
fn picture(color: [u8; 3]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 64, 64);
    encoder.set_color(png::ColorType::Rgb);
    let shade = |at: usize| color.map(|part| part.saturating_sub(u8::try_from(at / 64 + at % 13).unwrap()));
    let pixels: Vec<u8> = (0..64 * 64).flat_map(shade).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}

fn half() -> Progress {
    let file = "saves/Skylands/region/r.-1.0.mca".to_owned();
    Progress { step: Step::Fetch, bytes: 120_000_000, total_bytes: 340_000_000, files: 3, total_files: 9, file }
}

#[test]
fn the_keyboard_answers_a_conflict() {
    let Some(display) = Display::start() else { return };
    let mut window = display.open(1.0, &[begin(Verb::Pull), Show::Conflict(conflict("Laptop", &["Skylands"]))]);
    window.wait_for_height(500);
    window.press(&["Down", "Down", "Down", "Tab"]);
    assert_eq!(window.press_until_said("Return"), Said::Answers(vec![Answer::UseRemote]));
    window.tell(&Show::Close);
    assert_eq!(window.end(), (0, vec![]));
}

#[test]
fn clicks_and_escape_answer_a_conflict() {
    let Some(display) = Display::start() else { return };
    let mut window = display.open(1.0, &[begin(Verb::Pull), Show::Conflict(conflict("Laptop", &["Skylands", "Ys"]))]);
    window.wait_for_height(500);
    window.press(&["Down", "Tab", "space"]);
    window.click(60, 35);
    assert_eq!(window.next(), Said::Answers(vec![Answer::KeepBoth; 2]));
    window.tell(&Show::Conflict(conflict("Laptop", &["Skylands", "Ys"])));
    window.wait_for_height(500);
    window.press(&["Down", "Down", "Escape"]);
    assert_eq!(window.next(), Said::Answers(vec![Answer::Later; 2]));
}

#[test]
fn a_token_is_typed_and_tried_again() {
    let Some(display) = Display::start() else { return };
    let sign_in = |why: &str| Show::SignIn { url: "https://sync.example.org".to_owned(), why: why.to_owned() };
    let mut window = display.open(1.0, &[begin(Verb::Pull), sign_in("no token is known")]);
    window.wait_for_height(300);
    window.write_text("steve");
    window.press(&["Return"]);
    window.write_text(":pass");
    window.press(&["Return"]);
    assert_eq!(window.next(), Said::Token("steve:pass".to_owned()));
    window.tell(&sign_in("the password is wrong"));
    assert_eq!(window.press_until_said("Escape"), Said::Skip);
}

#[test]
fn closing_by_the_frame_discards_nothing() {
    let Some(display) = Display::start() else { return };
    let worlds = conflict("Laptop", &["Skylands", "Ys"]);
    let mut window = display.open(1.0, &[begin(Verb::Pull), Show::Conflict(worlds)]);
    window.wait_for_height(500);
    window.press(&["Down", "Down"]);
    window.close();
    assert_eq!(window.next(), Said::Answers(vec![Answer::Later; 2]));
    assert_eq!(window.end(), (0, vec![]));

    let window = display.open(1.0, &[begin(Verb::Pull), Show::Progress(half())]);
    window.close();
    assert_eq!(window.end(), (0, vec![]));
}

#[test]
fn it_closes_when_all_is_done_and_when_its_parent_is_gone() {
    let Some(display) = Display::start() else { return };
    let window = display.open(1.0, &[begin(Verb::Push), Show::Done("saved 3 files".to_owned())]);
    assert_eq!(window.end(), (0, vec![]));
    for line in ["{broken", "", "[1, 2]", "{\"begin\":7}"] {
        let mut window = display.open(1.0, &[begin(Verb::Pull)]);
        window.write(line);
        window.tell(&Show::Offline { why: "no route to host".to_owned() });
        assert_eq!(window.press_until_said("Return"), Said::Retry, "{line}");
        window.hang_up();
        assert_eq!(window.end().0, 0);
        if line.is_empty() {
            break;
        }
    }
}

#[test]
fn without_a_screen_it_says_so_in_one_line() {
    let mut window = Command::new(env!("CARGO_BIN_EXE_cloud-sync"));
    window.arg("window").stdin(Stdio::null()).env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    for display in [None, Some(":9999"), Some("nonsense")] {
        window.env_remove("DISPLAY").envs(display.map(|display| ("DISPLAY", display)));
        let output = window.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
        assert!(error.starts_with("cloud-sync: no window: ") && error.lines().count() == 1, "{error}");
    }
}

/// Not a test: takes pictures of every screen, for people to look at.
#[test]
#[ignore = "make pictures"]
fn pictures() {
    let Some(display) = Display::start() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, shows, keys) in all_screens() {
        for (scale, percent) in [(1.0, 100), (2.0, 200)] {
            let mut window = display.open(scale, &shows);
            std::thread::sleep(Duration::from_secs(1));
            if !keys.is_empty() {
                window.press(&keys);
                std::thread::sleep(Duration::from_millis(500));
            }
            window.photograph(&folder.join(format!("{name}-{percent}.png")));
            window.tell(&Show::Close);
            window.end();
        }
    }
    println!("the pictures are in {}", folder.display());
}

type Screen = (&'static str, Vec<Show>, Vec<&'static str>);

fn all_screens() -> Vec<Screen> {
    let sign_in = |why: &str| Show::SignIn { url: "https://sync.example.org/steve".to_owned(), why: why.to_owned() };
    let offline = "the cloud does not answer: connection to sync.example.org refused";
    let twelve: Vec<String> = (1..=12).map(|number| format!("World number {number}")).collect();
    let twelve: Vec<_> = twelve.iter().map(String::as_str).collect();
    let long = format!("The {} End", "Very ".repeat(40));
    let scripts = [
        "\u{65b0}\u{7684}\u{4e16}\u{754c}",
        "\u{639}\u{627}\u{644}\u{645} \u{62c}\u{62f}\u{64a}\u{62f}",
        "Emoji \u{1f3f0}\u{1f409}\u{2764}",
        "\u{41c}\u{438}\u{440} \u{421}\u{43a}\u{430}\u{439}",
        "\u{c138}\u{acc4}",
        "\u{3b1}\u{3b2}\u{3b3}",
    ];
    let mut problem = conflict("Laptop", &["Skylands"]);
    problem.worlds[0].there.world =
        World { problem: Some("level.dat cannot be read: it is too short".to_owned()), ..World::default() };
    problem.worlds[0].advice = recommend(&problem.worlds[0].here.world, &World::default());
    problem.more = 2;
    let pull = || begin(Verb::Pull);
    vec![
        ("connect", vec![pull(), sign_in("No token is known for this instance.")], vec![]),
        ("connect-wrong", vec![pull(), sign_in("The cloud did not accept that token.")], vec!["s", "t", "Return"]),
        ("conflict-one", vec![pull(), Show::Conflict(conflict("Laptop", &["Skylands"]))], vec!["Down"]),
        ("conflict-twelve", vec![pull(), Show::Conflict(conflict("Laptop", &twelve))], vec!["Down", "Tab", "space"]),
        ("conflict-long", vec![pull(), Show::Conflict(conflict(&long, &[&long, "b"]))], vec![]),
        ("conflict-scripts", vec![pull(), Show::Conflict(conflict("\u{7b14}\u{8bb0}\u{672c}", &scripts))], vec![]),
        ("conflict-problem", vec![pull(), Show::Conflict(problem)], vec!["Tab"]),
        ("progress-begin", vec![pull()], vec![]),
        ("progress-note", vec![pull(), Show::Note("Looking at what other PCs saved".to_owned())], vec![]),
        ("progress", vec![pull(), Show::Progress(half())], vec!["Tab"]),
        ("progress-unknown", vec![begin(Verb::Push), Show::Progress(Progress { total_bytes: 0, ..half() })], vec![]),
        ("progress-long", vec![pull(), Show::Progress(Progress { file: long.clone(), ..half() })], vec![]),
        ("offline", vec![pull(), Show::Offline { why: offline.to_owned() }], vec![]),
        ("done", vec![pull(), Show::Note(String::new()), Show::Done("Your worlds are up to date.".to_owned())], vec![]),
    ]
}
