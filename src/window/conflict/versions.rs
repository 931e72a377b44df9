//! Both versions of a world, side by side.

use std::collections::HashMap;

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align, ColorImage, Grid, Image, Layout, RichText, Sense, TextureHandle, TextureOptions, Ui, UiBuilder, vec2,
};

use crate::content::picture::Picture;
use crate::content::world::Further;
use crate::player::card::{self, rows};
use crate::player::{Card, Conflict, Contested};
use crate::window::looks::{self, shown};
use crate::window::texts;

/// The pictures that were looked at so far; none for what is no picture.
#[derive(Default)]
pub struct Pictures(HashMap<(usize, bool), Option<TextureHandle>>);

/// One of the two.
struct Side<'a> {
    title: &'static str,
    machine: &'a str,
    card: &'a Card,
    saved: Option<String>,
    is_advised: bool,
    picture: Option<TextureHandle>,
}

/// Shows the versions of the world of this `number`, and which one was played longer.
pub fn ui(ui: &mut Ui, conflict: &Conflict, world: &Contested, number: usize, pictures: &mut Pictures) {
    let further = world.advice.further;
    let mut picture = |is_here: bool, card: &Card| {
        let load = || {
            let Picture { size, pixels } = Picture::read(card.icon.as_ref()?)?;
            let image = ColorImage::from_rgba_unmultiplied(size, &pixels);
            Some(ui.ctx().load_texture(format!("world {number} {is_here}"), image, TextureOptions::NEAREST))
        };
        pictures.0.entry((number, is_here)).or_insert_with(load).clone()
    };
    let sides = [
        Side {
            title: texts::THIS_PC,
            machine: &conflict.machine,
            card: &world.here,
            saved: conflict.time.map(|time| texts::saved(&card::when(time))),
            is_advised: further == Further::Here,
            picture: picture(true, &world.here),
        },
        Side {
            title: texts::THE_CLOUD,
            machine: &conflict.other_machine,
            card: &world.there,
            saved: Some(texts::saved(&card::when(conflict.other_time))),
            is_advised: further == Further::There,
            picture: picture(false, &world.there),
        },
    ];
    let rows: Vec<_> = rows(&world.here).into_iter().zip(rows(&world.there)).map(|((_, a), (_, b))| [a, b]).collect();
    let is_row = |row: usize, label: &str| match rows.get(row) {
        // The same name on both sides is the world's, which stands above.
        Some([here, there]) if label == texts::NAME => here != there,
        Some([here, there]) => !here.is_empty() || !there.is_empty(),
        None => false,
    };
    let has_picture = sides.iter().any(|side| side.picture.is_some());
    // Both cards are as high as the higher one was when it was last drawn.
    let id = ui.scope_id().with(("cards", number, ui.available_width().to_bits()));
    let before = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or_default();
    let mut height: f32 = 0.0;
    ui.columns(2, |columns| {
        for (column, side) in columns.iter_mut().zip(&sides) {
            height = height.max(side.ui(column, &is_row, has_picture, before));
        }
    });
    if (height - before).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(id, height));
        ui.ctx().request_repaint();
    }
    looks::paragraph(ui, &texts::advice(&world.advice), looks::TEXT);
}

impl Side<'_> {
    /// Shows a card at least so high; how high it needs to be.
    fn ui(&self, ui: &mut Ui, is_row: &impl Fn(usize, &str) -> bool, has_picture: bool, least: f32) -> f32 {
        let name = texts::version(self.title, self.machine, self.is_advised);
        let group = UiBuilder::new().accessibility_role(Role::Group).accessibility_label(name);
        let card = |ui: &mut Ui| {
            ui.set_min_width(ui.available_width());
            let needed = ui.scope(|ui| self.content(ui, is_row, has_picture)).response.rect.height();
            ui.add_space((least - needed).max(0.0));
            needed
        };
        ui.scope_builder(group, |ui| looks::card(self.is_advised).show(ui, card).inner).inner
    }

    fn content(&self, ui: &mut Ui, is_row: &impl Fn(usize, &str) -> bool, has_picture: bool) {
        self.head(ui, has_picture);
        ui.add_space(4.0);
        self.rows(ui, is_row);
        if let Some(problem) = &self.card.world.problem {
            looks::paragraph(ui, problem, looks::WRONG);
        }
    }

    fn head(&self, ui: &mut Ui, has_picture: bool) {
        // These lines are no controls, which are high enough for a finger.
        ui.spacing_mut().interact_size.y = 0.0;
        ui.horizontal(|ui| {
            if let Some(picture) = &self.picture {
                ui.add(Image::new(picture).fit_to_exact_size(looks::PICTURE).corner_radius(4));
            } else if has_picture {
                let (rect, _) = ui.allocate_exact_size(looks::PICTURE, Sense::hover());
                ui.painter().rect_filled(rect, 4, looks::GROUND);
            }
            let height = if has_picture { looks::PICTURE.y } else { 0.0 };
            ui.allocate_ui_with_layout(vec2(ui.available_width(), height), Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.horizontal(|ui| {
                    ui.label(RichText::new(self.title).size(17.0).color(looks::STRONG));
                    if self.is_advised {
                        looks::badge(ui, texts::RECOMMENDED);
                    }
                });
                looks::line(ui, RichText::new(self.machine).color(looks::WEAK));
                if let Some(saved) = &self.saved {
                    looks::line(ui, RichText::new(saved).small().color(looks::WEAK));
                }
            });
        });
    }

    fn rows(&self, ui: &mut Ui, is_row: &impl Fn(usize, &str) -> bool) {
        let rows = rows(self.card).into_iter().enumerate();
        let known = rows.filter(|(row, (label, _))| is_row(*row, label)).map(|(_, row)| row);
        Grid::new(self.title).num_columns(2).spacing(vec2(12.0, 5.0)).min_row_height(18.0).show(ui, |ui| {
            for (label, value) in known {
                ui.label(RichText::new(label).small().color(looks::WEAK));
                let (value, color) = match value.as_str() {
                    "" => (texts::NOT_KNOWN.to_owned(), looks::WEAK),
                    value => (shown(value), looks::TEXT),
                };
                looks::line(ui, RichText::new(value).color(color));
                ui.end_row();
            }
        });
    }
}
