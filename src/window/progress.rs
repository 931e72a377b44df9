//! The screen of what is in progress.

use std::time::Duration;

use eframe::egui::accesskit::Role;
use eframe::egui::{Align, CentralPanel, Layout, Panel, Rect, RichText, Sense, Ui, Vec2, WidgetInfo, vec2};

use super::looks::{self, shown};
use super::pace::Pace;
use super::protocol::Said;
use super::texts;
use crate::player::Progress;
use crate::verb::Verb;

/// What runs, and how far it is.
#[derive(Default)]
pub struct Running {
    verb: Option<Verb>,
    note: String,
    progress: Option<Progress>,
    pace: Pace,
    given: Option<Given>,
}

/// What the player gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The whole launch.
    Up,
    /// The sync.
    Sync,
}

impl Running {
    /// A command that begins.
    pub fn of(verb: Option<Verb>) -> Self {
        Self { verb, ..Self::default() }
    }

    /// What happens now; how far the last thing was is over with it.
    pub fn note(&mut self, text: String) {
        self.note = text;
        self.progress = None;
    }

    /// How far it is.
    pub fn progress(&mut self, now: Duration, progress: Progress) {
        self.pace.note(now, &progress);
        self.progress = Some(progress);
    }

    /// The player gave something up.
    pub fn give(&mut self, given: Given) {
        self.given = Some(given);
        self.wait();
    }

    /// Nothing is known until the next thing is told.
    pub fn wait(&mut self) {
        self.note = String::new();
        self.progress = None;
    }

    /// Shows it; what the player says.
    pub fn ui(&mut self, ui: &mut Ui) -> Option<Said> {
        let mut said = None;
        let buttons = Panel::bottom("buttons").frame(looks::panel()).show_separator_line(false);
        if self.given.is_none() && self.verb.is_some() {
            buttons.show(ui, |ui| said = self.buttons(ui));
        }
        CentralPanel::default().frame(looks::panel()).show(ui, |ui| {
            looks::heading(ui, texts::progress_heading(self.verb));
            ui.add_space(4.0);
            match (self.given, &self.progress) {
                (Some(Given::Up), _) => line(ui, texts::STOPPING),
                (Some(Given::Sync), _) => line(ui, texts::GOING_ON),
                (None, Some(progress)) => self.bar(ui, progress),
                (None, None) if self.note.is_empty() => line(ui, texts::ONE_MOMENT),
                (None, None) => {
                    looks::paragraph(ui, &self.note, looks::TEXT);
                }
            }
        });
        said
    }

    /// What can be given up; none of it has the keyboard until the player asks for it.
    fn buttons(&self, ui: &mut Ui) -> Option<Said> {
        let is_before_game = matches!(self.verb, Some(Verb::Pull | Verb::Run));
        let cancel = if is_before_game { texts::CANCEL_LAUNCH } else { texts::CANCEL };
        let mut said = None;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if is_before_game && looks::plain_button(ui, texts::PLAY_WITHOUT).clicked() {
                said = Some(Said::PlayAnyway);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if looks::plain_button(ui, cancel).clicked() {
                    said = Some(Said::Cancel);
                }
            });
        });
        said
    }

    fn bar(&self, ui: &mut Ui, progress: &Progress) {
        let what = texts::step(progress.step);
        line(ui, what);
        paint_bar(ui, what, part(progress));
        let mut text = texts::amount(progress.bytes, progress.total_bytes);
        if let Some(rate) = self.pace.rate() {
            text = format!("{text}, {}", texts::rate(rate));
        }
        if let Some(left) = self.pace.left(progress) {
            text = format!("{text}, {}", texts::time_left(left));
        }
        line(ui, &text);
        looks::line(ui, RichText::new(shown(&progress.file)).small().color(looks::WEAK));
    }
}

fn line(ui: &mut Ui, text: &str) {
    looks::line(ui, RichText::new(text));
}

/// How much is done, from 0 to 1; none if the whole is not known.
#[expect(clippy::cast_precision_loss, reason = "a bar has some hundred pixels")]
fn part(progress: &Progress) -> Option<f32> {
    (progress.total_bytes > 0).then(|| (progress.bytes as f32 / progress.total_bytes as f32).min(1.0))
}

/// A bar; of what has no known end, a piece of it wanders.
fn paint_bar(ui: &mut Ui, name: &str, part: Option<f32>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 12.0), Sense::hover());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ProgressIndicator, true, name);
        info.value = part.map(|part| f64::from(part * 100.0).floor());
        info
    });
    ui.painter().rect_filled(rect, 6, ui.visuals().extreme_bg_color);
    let done = if let Some(part) = part {
        // Shorter than it is high it would be no bar.
        Rect::from_min_size(rect.min, vec2((rect.width() * part).max(rect.height()), rect.height()))
    } else {
        ui.ctx().request_repaint_after(Duration::from_millis(60));
        let way = rect.width() * 0.75;
        let time = ui.input(|input| input.time);
        #[expect(clippy::cast_possible_truncation, reason = "it is between 0 and 1")]
        let place = (time * 0.8).sin().mul_add(0.5, 0.5) as f32;
        Rect::from_min_size(rect.min + Vec2::X * (way * place), vec2(rect.width() * 0.25, rect.height()))
    };
    ui.painter().rect_filled(done, 6, looks::ACCENT);
}

#[cfg(test)]
mod tests {
    use eframe::egui::Key;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::*;
    use crate::player::Step;
    use crate::verb::Verb;
    use crate::window::protocol::Show;
    use crate::window::testing::{begin, press, said, window};

    fn half() -> Show {
        let file = "saves/World/region/r.0.0.mca".to_owned();
        Show::Progress(Progress {
            step: Step::Fetch,
            bytes: 120_000_000,
            total_bytes: 240_000_000,
            file,
            ..Progress::default()
        })
    }

    #[test]
    fn it_tells_what_happens_and_how_far_it_is() {
        let mut harness = window([begin(Verb::Pull), Show::Note("looking at the cloud".to_owned())]);
        harness.get_by_label("looking at the cloud");
        harness.state_mut().show(half());
        harness.run_steps(2);
        for label in ["Syncing before the game", "120 of 240 MB", "saves/World/region/r.0.0.mca"] {
            harness.get_by_label(label);
        }
        let bar = harness.get_by_role(Role::ProgressIndicator);
        assert_eq!(bar.accesskit_node().numeric_value(), Some(50.0));
    }

    #[test]
    fn the_rate_and_the_time_left_come_later() {
        let mut harness = window([begin(Verb::Pull), half()]);
        for (second, bytes) in [(2, 140_000_000), (4, 160_000_000)] {
            harness.state_mut().now = Duration::from_secs(second);
            let progress = Progress { bytes, total_bytes: 240_000_000, ..Progress::default() };
            harness.state_mut().show(Show::Progress(progress));
        }
        harness.run_steps(2);
        harness.get_by_label("160 of 240 MB, 10 MB/s, a few seconds left");
    }

    #[test]
    fn a_launch_can_be_cancelled_or_go_on_without() {
        for (keys, expected, then) in [
            (&[Key::Tab, Key::Enter][..], Said::PlayAnyway, texts::GOING_ON),
            (&[Key::Tab, Key::Tab, Key::Space], Said::Cancel, texts::STOPPING),
        ] {
            let mut harness = window([begin(Verb::Pull), half()]);
            press(&mut harness, keys);
            assert_eq!(said(&harness), [expected]);
            harness.get_by_label(then);
            assert!(harness.query_by_role(Role::Button).is_none(), "nothing can be given up twice");
        }
    }

    #[test]
    fn after_the_game_there_is_only_cancel() {
        let harness = window([begin(Verb::Push), half()]);
        harness.get_by_role_and_label(Role::Button, texts::CANCEL);
        assert!(harness.query_by_label(texts::PLAY_WITHOUT).is_none());
    }

    #[test]
    fn a_stray_key_gives_nothing_up() {
        let mut harness = window([begin(Verb::Pull), half()]);
        press(&mut harness, &[Key::Enter, Key::Space, Key::Escape]);
        harness.state_mut().closed();
        assert_eq!(said(&harness), []);
    }
}
