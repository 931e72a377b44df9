//! The list of worlds, each with its answer so far.

use eframe::egui::accesskit::Role;
use eframe::egui::{Id, ScrollArea, Sense, Ui, UiBuilder, vec2};

use crate::window::{rove, texts};

/// How high a row is.
const HEIGHT: f32 = 48.0;

/// Shows the list; the world that the player chose, if it is another one.
pub fn ui(ui: &mut Ui, worlds: &[(String, String)], current: usize) -> Option<usize> {
    let base = ui.scope_id().with("worlds");
    let ids: Vec<Id> = (0..worlds.len()).map(|index| base.with(index)).collect();
    let moved = rove::moved(ui, &ids, current);
    let mut chosen = moved;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let group = UiBuilder::new().accessibility_role(Role::ListBox).accessibility_label(texts::WORLDS);
        ui.scope_builder(group, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            for (index, ((name, answer), id)) in worlds.iter().zip(&ids).enumerate() {
                let is_current = index == moved.unwrap_or(current);
                let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
                let spoken = format!("{name}: {answer}");
                let response = rove::row(ui, rect, *id, Role::ListBoxOption, is_current, &spoken);
                if response.clicked() {
                    chosen = Some(index);
                }
                rove::follow(ui, &response);
                if moved == Some(index) {
                    response.scroll_to_me(None);
                }
                rove::write(ui, response, rect.shrink2(vec2(10.0, 5.0)), name, answer);
            }
        });
    });
    chosen.filter(|chosen| *chosen != current)
}
