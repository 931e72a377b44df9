//! The question at a terminal: what the player sees, and what the keys do.

use std::path::Path;

use crate::support::beginnings::{LEVEL, REGION, diverged, two_in_sync};
use crate::support::terminal::{DOWN, ENTER, ESCAPE, Terminal};
use crate::support::world::Level;
use crate::support::{Cloud, Pc};

/// A pull at a terminal.
fn pull(pc: &Pc) -> Terminal {
    Terminal::start(&pc.hook(&["pull", "--no-gui"]))
}

#[test]
fn a_player_sees_both_versions_and_which_was_played_longer() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let play = |pc: &Pc, day, hours| {
        let folder = pc.path("saves/World");
        Level::of("1.21.1").name("Skylands").day(day).played_hours(hours).write(&folder);
    };
    play(&a, 12, 3);
    play(&b, 30, 5);
    b.push().expect(0, "ahead", "saved");
    let mut terminal = pull(&a);
    for text in [
        "World World",
        "this PC (A)",
        "the cloud (B)",
        "name",
        "Skylands",
        "in-game day",
        "12",
        "30",
        "played",
        "3 h",
        "5 h",
        "1.21.1",
        "Recommended: the cloud's; the cloud's was played 2 h longer",
        "Decide later",
        "(recommended)",
        "Cancel",
    ] {
        terminal.wait_for(text);
    }
    terminal.press(&[DOWN, DOWN, DOWN, ENTER].concat());
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!(a.tree()[LEVEL], b.tree()[LEVEL]);
}

#[test]
fn what_is_marked_first_and_escape_decide_nothing() {
    for key in [ENTER, ESCAPE] {
        let cloud = Cloud::folder();
        let (a, b) = diverged(&cloud);
        b.write("options.txt", "fov:0.9\n");
        b.push().expect(0, "ahead", "saved");
        let mut terminal = pull(&a);
        terminal.wait_for("Cancel");
        terminal.press(key);
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("asks again"), "{screen}");
        assert_eq!((a.read(LEVEL), a.read("options.txt")), ("day 2 on A".to_owned(), "fov:0.9\n".to_owned()));
        a.pull().expect(3, "behind", "cancelled");
    }
}

#[test]
fn each_world_has_its_answer_or_one_is_for_all() {
    for for_all in [false, true] {
        let cloud = Cloud::folder();
        let (a, b) = diverged(&cloud);
        for (pc, name) in [(&a, "A"), (&b, "B")] {
            for world in ["Xanadu", "Ys"] {
                pc.write(&format!("saves/{world}/level.dat"), format!("{world} of {name}"));
            }
        }
        b.push().expect(0, "ahead", "saved");
        let mut terminal = pull(&a);
        // The first world: this PC's version.
        terminal.wait_for("World World");
        terminal.wait_for("Cancel");
        terminal.press(&[DOWN, DOWN, ENTER].concat());
        terminal.wait_for("The same for the other 2 worlds");
        if for_all {
            terminal.press("y");
        } else {
            terminal.press("n");
            // The second: keep both.
            terminal.wait_for("World Xanadu");
            terminal.wait_for("Cancel");
            terminal.press(&[DOWN, ENTER].concat());
            terminal.wait_for("The same for the other world (Ys)?");
            terminal.press("n");
            // The third: the cloud's.
            terminal.wait_for("World Ys");
            terminal.wait_for("Cancel");
            terminal.press(&[DOWN, DOWN, DOWN, ENTER].concat());
        }
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert_eq!(a.read(LEVEL), "day 2 on A");
        assert_eq!(a.read("saves/Xanadu/level.dat"), "Xanadu of A");
        assert_eq!(a.read("saves/Ys/level.dat"), if for_all { "Ys of A" } else { "Ys of B" });
        let copies = std::fs::read_dir(a.path("saves")).unwrap().count() - 3;
        assert_eq!(copies, usize::from(!for_all));
    }
}

#[test]
fn cancel_changes_nothing_and_stops_the_launch() {
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    let before = a.tree();
    let mut terminal = pull(&a);
    terminal.wait_for("Cancel");
    terminal.press(&[DOWN, DOWN, DOWN, DOWN, ENTER].concat());
    let (code, screen) = terminal.end();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("nothing was changed here"), "{screen}");
    assert_eq!(a.tree(), before);
    assert!(Path::new(&a.path(REGION)).exists());
}

#[test]
fn ctrl_c_at_the_question_ends_it() {
    let cloud = Cloud::folder();
    let (a, _) = diverged(&cloud);
    let before = a.tree();
    let mut terminal = pull(&a);
    terminal.wait_for("Cancel");
    terminal.press("\u{3}");
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    assert_eq!(a.tree(), before);
}
