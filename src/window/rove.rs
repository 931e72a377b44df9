//! Groups of rows of which one is chosen: a single stop of the Tab key, and the arrows move
//! the choice, as in any other program.

use eframe::egui::accesskit::Role;
use eframe::egui::text::{LayoutJob, TextWrapping};
use eframe::egui::{
    Color32, Event, EventFilter, Id, Key, Pos2, Rect, Response, Sense, Stroke, StrokeKind, TextStyle, Ui, WidgetInfo,
};

use super::looks;

/// The row that the arrow keys lead to, if the chosen one of these has the keyboard.
pub fn moved(ui: &Ui, rows: &[Id], chosen: usize) -> Option<usize> {
    let id = *rows.get(chosen)?;
    if !ui.memory(|memory| memory.has_focus(id)) {
        return None;
    }
    let filter = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
    // A slow PC draws less often than keys are pressed; none of them is lost.
    let to = ui.input(|input| {
        input.events.iter().fold(chosen, |at, event| match event {
            Event::Key { key, pressed: true, .. } => after(*key, at, rows.len() - 1),
            _ => at,
        })
    });
    let to_id = *rows.get(to).filter(|_| to != chosen)?;
    ui.memory_mut(|memory| memory.request_focus(to_id));
    Some(to)
}

/// Where a key leads to from the row at `at`.
fn after(key: Key, at: usize, last: usize) -> usize {
    match key {
        Key::ArrowDown | Key::ArrowRight => (at + 1).min(last),
        Key::ArrowUp | Key::ArrowLeft => at.saturating_sub(1),
        Key::Home | Key::PageUp => 0,
        Key::End | Key::PageDown => last,
        _ => at,
    }
}

/// Scrolls to what the Tab key has led to.
pub fn follow(ui: &Ui, response: &Response) {
    if response.gained_focus() && ui.input(|input| input.key_down(Key::Tab)) {
        response.scroll_to_me(None);
    }
}

/// Makes `rect` a row of a group. It can be clicked; only the chosen one takes the keyboard.
pub fn row(ui: &Ui, rect: Rect, id: Id, role: Role, is_chosen: bool, name: &str) -> Response {
    let sense = if is_chosen { Sense::click() } else { Sense::CLICK };
    let response = ui.interact(rect, id, sense);
    response.widget_info(|| WidgetInfo::selected(role, ui.is_enabled(), is_chosen, name));
    if response.clicked() {
        response.request_focus();
    }
    let fill = match (is_chosen, response.hovered()) {
        (true, _) => ui.visuals().selection.bg_fill.gamma_multiply(0.6),
        (false, true) => looks::CONTROL,
        (false, false) => looks::CARD,
    };
    ui.painter().rect(rect, 6, fill, Stroke::new(1.0, looks::LINE), StrokeKind::Inside);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 6, Stroke::new(2.0, looks::FOCUS), StrokeKind::Inside);
    }
    response
}

/// Writes a title and what it means into a row. It is painted, since screen readers have heard
/// it as the row's name; what did not fit is in the tooltip.
pub fn write(ui: &Ui, response: Response, room: Rect, title: &str, meaning: &str) {
    let mut place = room.min;
    let first = cut(ui, &mut place, room.width(), title, &TextStyle::Body, looks::STRONG);
    let second = cut(ui, &mut place, room.width(), meaning, &TextStyle::Small, looks::WEAK);
    if first || second {
        response.on_hover_text(format!("{title}\n{meaning}"));
    }
}

/// Paints one line; whether it was too long.
fn cut(ui: &Ui, place: &mut Pos2, width: f32, text: &str, style: &TextStyle, color: Color32) -> bool {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), style.resolve(ui.style()), color);
    job.wrap = TextWrapping::truncate_at_width(width);
    let galley = ui.painter().layout_job(job);
    let is_cut = galley.elided;
    let height = galley.size().y;
    ui.painter().galley(*place, galley, color);
    place.y += height + 2.0;
    is_cut
}
