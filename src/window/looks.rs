//! How the window looks: dark and calm, as the launchers it appears beside.
//!
//! The fonts are its own for Latin, Greek and Cyrillic and the PC's for the rest, looked for when a name
//! needs them. Words of scripts that run from right to left are shaped, but lines that mix directions are
//! not reordered.

use eframe::egui::{
    Button, Color32, Context, CornerRadius, FontFamily, FontId, Frame, IconData, Label, Margin, Response, RichText,
    Stroke, TextStyle, Theme, Ui, Vec2, style::ScrollStyle, style::WidgetVisuals, vec2,
};

use crate::player::printable;

/// Behind everything.
pub const GROUND: Color32 = Color32::from_rgb(0x1d, 0x21, 0x27);
/// A card on it.
pub const CARD: Color32 = Color32::from_rgb(0x27, 0x2c, 0x34);
/// The line around a card.
pub const LINE: Color32 = Color32::from_rgb(0x3a, 0x41, 0x4c);
/// What can be pressed.
pub const CONTROL: Color32 = Color32::from_rgb(0x36, 0x3d, 0x48);
/// What is chosen or recommended.
pub const ACCENT: Color32 = Color32::from_rgb(0x4f, 0xa3, 0xe3);
/// Text on the accent.
pub const ON_ACCENT: Color32 = Color32::from_rgb(0x0c, 0x14, 0x1c);
/// What has the keyboard.
pub const FOCUS: Color32 = Color32::from_rgb(0xf2, 0xf5, 0xf8);
/// Text.
pub const TEXT: Color32 = Color32::from_rgb(0xdc, 0xe1, 0xe8);
/// Text that matters less.
pub const WEAK: Color32 = Color32::from_rgb(0xa3, 0xad, 0xba);
/// Text that matters more.
pub const STRONG: Color32 = Color32::from_rgb(0xff, 0xff, 0xff);
/// What is wrong.
pub const WRONG: Color32 = Color32::from_rgb(0xff, 0xa0, 0x7a);

/// From the edge of the window to what is in it.
pub const MARGIN: f32 = 20.0;

/// A name can be as long as its writer liked; nobody reads more.
const LONGEST: usize = 300;
/// How much of it there is within a sentence.
const SHORT: usize = 40;

/// Sets the looks.
pub fn apply(ctx: &Context) {
    ctx.set_theme(Theme::Dark);
    ctx.all_styles_mut(|style| {
        let font = |size| FontId::new(size, FontFamily::Proportional);
        style.text_styles = [
            (TextStyle::Heading, font(22.0)),
            (TextStyle::Body, font(15.5)),
            (TextStyle::Button, font(15.5)),
            (TextStyle::Small, font(13.5)),
            (TextStyle::Monospace, FontId::new(14.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = vec2(10.0, 8.0);
        style.spacing.button_padding = vec2(16.0, 8.0);
        style.spacing.interact_size = vec2(44.0, 36.0);
        style.spacing.icon_width = 20.0;
        style.spacing.icon_width_inner = 12.0;
        style.spacing.icon_spacing = 8.0;
        style.interaction.selectable_labels = false;
        // A bar beside what it scrolls, not over it.
        style.spacing.scroll = ScrollStyle { floating_allocated_width: 12.0, ..ScrollStyle::floating() };
        let visuals = &mut style.visuals;
        visuals.panel_fill = GROUND;
        visuals.window_fill = CARD;
        visuals.extreme_bg_color = Color32::from_rgb(0x14, 0x17, 0x1b);
        visuals.selection.bg_fill = Color32::from_rgb(0x2b, 0x5d, 0x85);
        visuals.selection.stroke = Stroke::new(2.0, ACCENT);
        visuals.weak_text_color = Some(WEAK);
        visuals.warn_fg_color = WRONG;
        visuals.error_fg_color = WRONG;
        let widget = |fill, line, text| WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: line,
            corner_radius: CornerRadius::same(6),
            fg_stroke: Stroke::new(1.5, text),
            expansion: 0.0,
        };
        let lit = Color32::from_rgb(0x44, 0x4d, 0x5a);
        let widgets = &mut visuals.widgets;
        widgets.noninteractive = widget(GROUND, Stroke::new(1.0, LINE), TEXT);
        widgets.inactive = widget(CONTROL, Stroke::new(1.0, LINE), TEXT);
        widgets.hovered = widget(lit, Stroke::new(1.0, WEAK), STRONG);
        widgets.active = widget(lit, Stroke::new(2.0, FOCUS), STRONG);
        widgets.open = widgets.hovered;
    });
}

/// A card: a filled frame.
pub fn card(is_marked: bool) -> Frame {
    // The line takes room: both kinds are as large.
    let (line, margin) = if is_marked { (Stroke::new(2.0, ACCENT), 13) } else { (Stroke::new(1.0, LINE), 14) };
    Frame::new().fill(CARD).stroke(line).corner_radius(8).inner_margin(Margin::same(margin))
}

/// The margin of a panel, without its line.
pub fn panel() -> Frame {
    Frame::new().fill(GROUND).inner_margin(Margin::symmetric(20, 14))
}

/// The one button that goes on.
pub fn main_button(ui: &mut Ui, text: &str) -> Response {
    ui.scope(|ui| {
        let widgets = &mut ui.visuals_mut().widgets;
        for (state, fill) in [
            (&mut widgets.inactive, ACCENT),
            (&mut widgets.hovered, Color32::from_rgb(0x6c, 0xb6, 0xee)),
            (&mut widgets.active, Color32::from_rgb(0x6c, 0xb6, 0xee)),
        ] {
            state.weak_bg_fill = fill;
            state.fg_stroke.color = ON_ACCENT;
        }
        ui.add(button(text).min_size(vec2(120.0, 38.0)))
    })
    .inner
}

/// Another button.
pub fn plain_button(ui: &mut Ui, text: &str) -> Response {
    ui.add(button(text).min_size(vec2(0.0, 38.0)))
}

fn button(text: &str) -> Button<'_> {
    Button::new(text).truncate()
}

/// A heading.
pub fn heading(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(shown(text)).heading().color(STRONG)).truncate());
}

/// A short word that marks something.
pub fn badge(ui: &mut Ui, text: &str) {
    let frame = Frame::new().stroke(Stroke::new(1.0, ACCENT)).corner_radius(4).inner_margin(Margin::symmetric(6, 1));
    frame.show(ui, |ui| ui.label(RichText::new(text).small().color(ACCENT)));
}

/// A line that is cut off where there is no more room; the whole of it is in its tooltip.
pub fn line(ui: &mut Ui, text: RichText) -> Response {
    ui.add(Label::new(text).truncate())
}

/// Text of any length in a few lines.
pub fn paragraph(ui: &mut Ui, text: &str, color: Color32) -> Response {
    ui.add(Label::new(RichText::new(shown(text)).color(color)).wrap())
}

/// A name or message from elsewhere, fit to be shown.
pub fn shown(text: &str) -> String {
    let mut shown = printable(text, true);
    if let Some((end, _)) = shown.char_indices().nth(LONGEST) {
        shown.truncate(end);
        shown.push_str(" ...");
    }
    shown
}

/// A name within a sentence.
pub fn short(name: &str) -> String {
    match name.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{} ...", name[..end].trim_end()),
        None => name.to_owned(),
    }
}

/// The room for a picture.
pub const PICTURE: Vec2 = Vec2::splat(64.0);

/// The picture in the taskbar: a cloud.
pub fn icon() -> IconData {
    const SIDE: u8 = 64;
    // Centers and radii of what it is made of, and how far it reaches down.
    const PUFFS: [(f32, f32, f32); 4] = [(18.0, 38.0, 12.0), (30.0, 27.0, 15.0), (45.0, 35.0, 13.0), (31.0, 42.0, 9.0)];
    const BOTTOM: f32 = 49.0;
    let mut rgba = Vec::with_capacity(usize::from(SIDE) * usize::from(SIDE) * 4);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (x, y) = (f32::from(x) + 0.5, f32::from(y) + 0.5);
            let is_in = |(left, top, radius): &(f32, f32, f32)| (x - left).hypot(y - top) < *radius;
            let is_cloud = y < BOTTOM && PUFFS.iter().any(is_in);
            rgba.extend(if is_cloud { ACCENT } else { Color32::TRANSPARENT }.to_array());
        }
    }
    IconData { rgba, width: SIDE.into(), height: SIDE.into() }
}
