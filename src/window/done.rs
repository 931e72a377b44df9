//! The last screen: what came of it.

use std::time::Duration;

use eframe::egui::{CentralPanel, Event, RichText, Ui};

use super::{looks, texts};

/// How long it stays.
const STAYS: Duration = Duration::from_secs(2);

/// What came of it.
pub struct Done {
    text: String,
    since: Duration,
}

impl Done {
    /// It is done at `now`.
    pub fn new(text: String, now: Duration) -> Self {
        Self { text, since: now }
    }

    /// How long it still stays.
    pub fn left(&self, now: Duration) -> Option<Duration> {
        STAYS.checked_sub(now.saturating_sub(self.since)).filter(|left| !left.is_zero())
    }

    /// Shows it; whether the player has seen enough.
    pub fn ui(&self, ui: &mut Ui) -> bool {
        CentralPanel::default().frame(looks::panel()).show(ui, |ui| {
            ui.add_space(looks::MARGIN);
            looks::paragraph(ui, &self.text, looks::STRONG);
            looks::line(ui, RichText::new(texts::CLOSES).small().color(looks::WEAK));
        });
        ui.input(|input| {
            let ends = |event: &Event| matches!(event, Event::Key { pressed: true, .. });
            input.pointer.any_pressed() || input.events.iter().any(ends)
        })
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Context, Key};
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::verb::Verb;
    use crate::window::protocol::Show;
    use crate::window::testing::{begin, press, said, window};

    #[test]
    fn it_stays_two_seconds() {
        let mut harness = window([begin(Verb::Push), Show::Done("saved 3 files".to_owned())]);
        harness.get_by_label("saved 3 files");
        let ctx = Context::default();
        for (millis, is_over) in [(1900, false), (2000, true)] {
            harness.state_mut().now = Duration::from_millis(millis);
            harness.state_mut().tick(&ctx);
            assert_eq!(harness.state().is_over(), is_over);
        }
        assert_eq!(said(&harness), []);
    }

    #[test]
    fn a_key_or_a_click_ends_it() {
        let mut harness = window([Show::Done("saved 3 files".to_owned())]);
        press(&mut harness, &[Key::Space]);
        assert!(harness.state().is_over());
        let mut harness = window([Show::Done("saved 3 files".to_owned())]);
        harness.get_by_label("saved 3 files").click();
        harness.run_steps(2);
        assert!(harness.state().is_over());
    }
}
