//! What the tests of the screens share: an app in a harness without a screen.

use chrono::DateTime;
use eframe::egui::{Event, Key};
use egui_kittest::Harness;

use super::app::App;
use super::looks;
use super::protocol::{Said, Show};
use crate::content::world::{Advice, Further, World};
use crate::player::{Answer, Card, Conflict, Contested};
use crate::verb::Verb;

/// A window on no screen that shows this.
pub fn window(shows: impl IntoIterator<Item = Show>) -> Harness<'static, App> {
    let mut app = App::default();
    for show in shows {
        app.show(show);
    }
    let mut harness = Harness::builder()
        .with_size([940.0, 740.0])
        .allow_missing_glyphs()
        .with_context_setup(looks::apply)
        .build_ui_state(|ui, app: &mut App| app.ui(ui), app);
    harness.run_steps(4);
    harness
}

/// Presses keys, one after the other.
pub fn press(harness: &mut Harness<'_, App>, keys: &[Key]) {
    for key in keys {
        harness.key_press(*key);
        harness.run_steps(3);
    }
}

/// Types a text.
pub fn write(harness: &mut Harness<'_, App>, text: &str) {
    harness.event(Event::Text(text.to_owned()));
    harness.run_steps(2);
}

/// What was said since the window is ready.
pub fn said(harness: &Harness<'_, App>) -> Vec<Said> {
    let said = &harness.state().said;
    assert_eq!(said.first(), Some(&Said::Ready));
    said[1..].to_vec()
}

/// A command that began.
pub fn begin(verb: Verb) -> Show {
    Show::Begin { verb: Some(verb), machine: "Desktop".to_owned() }
}

/// A conflict about this many worlds.
pub fn conflict(worlds: usize) -> Show {
    let card = |name: &str| Card {
        files: 3,
        bytes: 340_000_000,
        world: World { name: Some(name.to_owned()), day: Some(12), ..World::default() },
        icon: None,
    };
    let world = |number: usize| {
        let name = format!("World {number}");
        Contested {
            here: card(&name),
            there: card(&name),
            folder: name,
            advice: Advice { further: Further::There, reason: "the cloud's was played 2 h longer".to_owned() },
        }
    };
    Show::Conflict(Conflict {
        whose: None,
        machine: "Desktop".to_owned(),
        other_machine: "Laptop".to_owned(),
        time: None,
        other_time: DateTime::UNIX_EPOCH,
        worlds: (1..=worlds).map(world).collect(),
        more: 0,
    })
}

/// The same answer this many times.
pub fn all(answer: Answer, worlds: usize) -> Vec<Said> {
    vec![Said::Answers(vec![answer; worlds])]
}
