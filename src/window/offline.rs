//! The screen where the cloud cannot be reached.

use eframe::egui::{Align, CentralPanel, Key, Layout, Panel, ScrollArea, Ui};

use super::protocol::Said;
use super::{looks, texts};

/// Shows why; what the player says.
pub fn ui(ui: &mut Ui, why: &str) -> Option<Said> {
    let mut said = ui.input(|input| input.key_pressed(Key::Escape)).then_some(Said::PlayAnyway);
    Panel::bottom("buttons").frame(looks::panel()).show_separator_line(false).show(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let retry = looks::main_button(ui, texts::RETRY);
            if ui.memory(|memory| memory.focused().is_none()) {
                retry.request_focus();
            }
            if retry.clicked() {
                said = Some(Said::Retry);
            }
            if looks::plain_button(ui, texts::PLAY_ANYWAY).clicked() {
                said = Some(Said::PlayAnyway);
            }
        });
    });
    CentralPanel::default().frame(looks::panel()).show(ui, |ui| {
        looks::heading(ui, texts::OFFLINE_HEADING);
        ui.add_space(4.0);
        ScrollArea::vertical().show(ui, |ui| {
            looks::paragraph(ui, why, looks::TEXT);
            looks::paragraph(ui, texts::OFFLINE_MEANS, looks::WEAK);
        });
    });
    said
}

#[cfg(test)]
mod tests {
    use eframe::egui::Key;
    use eframe::egui::accesskit::Role;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::verb::Verb;
    use crate::window::protocol::Show;
    use crate::window::testing::{begin, press, said, window};

    #[test]
    fn it_says_why_and_trying_again_has_the_keyboard() {
        for (keys, expected) in [
            (&[Key::Enter][..], Said::Retry),
            (&[Key::Tab, Key::Enter], Said::PlayAnyway),
            (&[Key::Escape], Said::PlayAnyway),
        ] {
            let mut harness = window([begin(Verb::Pull), Show::Offline { why: "no route to host".to_owned() }]);
            harness.get_by_label("no route to host");
            assert!(harness.get_by_role_and_label(Role::Button, texts::RETRY).is_focused());
            press(&mut harness, keys);
            assert_eq!(said(&harness), [expected], "{keys:?}");
        }
    }

    #[test]
    fn closing_it_plays_on() {
        let mut harness = window([begin(Verb::Pull), Show::Offline { why: "no route to host".to_owned() }]);
        harness.state_mut().closed();
        assert_eq!(said(&harness), [Said::PlayAnyway]);
    }
}
