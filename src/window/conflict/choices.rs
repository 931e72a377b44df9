//! The answers to one world, of which one is chosen.

use eframe::egui::accesskit::Role;
use eframe::egui::{Id, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use crate::player::card::{self, ANSWERS, QUESTION};
use crate::player::{Answer, Conflict, Contested};
use crate::window::{looks, rove, texts};

/// How high an answer is.
const HEIGHT: f32 = 48.0;

/// Shows them; the one that the player chose, if it is another one.
pub fn ui(
    ui: &mut Ui,
    conflict: &Conflict,
    world: &Contested,
    number: usize,
    answer: Answer,
    takes_focus: bool,
) -> Option<Answer> {
    let base = ui.scope_id().with(("choices", number));
    let ids: [Id; ANSWERS.len()] = std::array::from_fn(|index| base.with(index));
    let current = ANSWERS.iter().position(|other| *other == answer).unwrap_or_default();
    let moved = rove::moved(ui, &ids, current);
    let mut chosen = moved;
    let group = UiBuilder::new().accessibility_role(Role::RadioGroup).accessibility_label(QUESTION);
    ui.scope_builder(group, |ui| {
        ui.spacing_mut().item_spacing.y = 5.0;
        for (index, (offered, id)) in ANSWERS.into_iter().zip(ids).enumerate() {
            let is_chosen = index == moved.unwrap_or(current);
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
            let (title, meaning) = (card::title(conflict, world, offered), texts::meaning(offered));
            let spoken = format!("{title}: {meaning}");
            let response = rove::row(ui, rect, id, Role::RadioButton, is_chosen, &spoken);
            if takes_focus && is_chosen {
                response.request_focus();
            }
            if response.clicked() {
                chosen = Some(index);
            }
            rove::follow(ui, &response);
            if moved == Some(index) {
                response.scroll_to_me(None);
            }
            dot(ui, rect, is_chosen);
            let room = Rect::from_min_max(rect.min + vec2(46.0, 5.0), rect.max - vec2(10.0, 5.0));
            rove::write(ui, response, room, &title, meaning);
        }
    });
    chosen.and_then(|chosen| ANSWERS.get(chosen).copied()).filter(|chosen| *chosen != answer)
}

/// Shows by its shape, not by colour alone, whether it is chosen.
fn dot(ui: &Ui, row: Rect, is_chosen: bool) {
    let center = pos2(row.left() + 24.0, row.center().y);
    let (line, fill) = if is_chosen { (looks::ACCENT, looks::ACCENT) } else { (looks::WEAK, looks::CARD) };
    ui.painter().circle(center, 9.0, looks::GROUND, (2.0, line));
    if is_chosen {
        ui.painter().circle_filled(center, 5.0, fill);
    }
}
