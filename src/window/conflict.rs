//! The screen that asks about worlds with two versions.

mod choices;
mod versions;
mod worlds;

use eframe::egui::{Align, CentralPanel, Checkbox, Key, Layout, Panel, RichText, ScrollArea, Ui};

use super::looks::{self, shown};
use super::protocol::Said;
use super::{rove, texts};
use crate::player::card::QUESTION;
use crate::player::{Answer, Conflict, Contested};
use versions::Pictures;

/// The question, and what the player has answered so far.
pub struct Question {
    conflict: Conflict,
    answers: Vec<Answer>,
    /// The world that is looked at.
    current: usize,
    is_for_all: bool,
    wants_focus: bool,
    pictures: Pictures,
}

impl Question {
    /// Asks; until the player says otherwise, nothing is decided.
    pub fn new(mut conflict: Conflict) -> Self {
        conflict.other_machine = shown(&conflict.other_machine);
        conflict.machine = shown(&conflict.machine);
        conflict.whose = conflict.whose.as_deref().map(shown);
        Self {
            answers: vec![Answer::Later; conflict.worlds.len()],
            conflict,
            current: 0,
            is_for_all: false,
            wants_focus: true,
            pictures: Pictures::default(),
        }
    }

    /// The answer that decides nothing.
    pub fn all_later(&self) -> Said {
        Said::Answers(vec![Answer::Later; self.conflict.worlds.len()])
    }

    /// Shows it; what the player says.
    pub fn ui(&mut self, ui: &mut Ui) -> Option<Said> {
        let mut said = ui.input(|input| input.key_pressed(Key::Escape)).then(|| self.all_later());
        Panel::top("story").frame(looks::panel()).show(ui, |ui| self.story(ui));
        Panel::bottom("buttons").frame(looks::panel()).show(ui, |ui| said = self.buttons(ui).or(said.take()));
        if self.conflict.worlds.len() > 1 {
            let width = (ui.available_width() * 0.3).clamp(150.0, 260.0);
            let panel = Panel::left("worlds").frame(looks::panel()).resizable(false).exact_size(width);
            panel.show(ui, |ui| self.list(ui));
        }
        CentralPanel::default().frame(looks::panel()).show(ui, |ui| {
            // Each world begins at its top.
            ScrollArea::vertical().id_salt(("world", self.current)).auto_shrink(false).show(ui, |ui| self.world(ui));
        });
        said
    }

    fn story(&self, ui: &mut Ui) {
        let worlds: Vec<_> = self.conflict.worlds.iter().map(name).collect();
        let worlds: Vec<_> = worlds.iter().map(String::as_str).collect();
        looks::heading(ui, &texts::conflict_heading(&worlds));
        let whose = self.conflict.whose.as_deref().map(looks::short);
        let story = texts::conflict_story(whose.as_deref(), &looks::short(&self.conflict.other_machine));
        looks::paragraph(ui, &story, looks::TEXT);
        looks::paragraph(ui, texts::NOTHING_IS_DELETED, looks::TEXT);
        if self.conflict.more > 0 {
            looks::paragraph(ui, &texts::more_versions(self.conflict.more), looks::WEAK);
        }
    }

    fn buttons(&self, ui: &mut Ui) -> Option<Said> {
        let mut said = None;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if looks::main_button(ui, texts::CONTINUE).clicked() {
                said = Some(Said::Answers(self.answers.clone()));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if looks::plain_button(ui, texts::CANCEL_LAUNCH).clicked() {
                    said = Some(Said::Cancel);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.count(ui));
            });
        });
        said
    }

    fn count(&self, ui: &mut Ui) {
        let decided = self.answers.iter().filter(|answer| **answer != Answer::Later).count();
        let text = texts::decided(decided, self.answers.len());
        looks::line(ui, RichText::new(text).small().color(looks::WEAK));
    }

    fn list(&mut self, ui: &mut Ui) {
        let other = &self.conflict.other_machine;
        let worlds = self.conflict.worlds.iter().zip(&self.answers);
        let rows: Vec<_> =
            worlds.map(|(world, answer)| (name(world), texts::answer_in_short(*answer, other))).collect();
        if let Some(chosen) = worlds::ui(ui, &rows, self.current) {
            self.current = chosen;
        }
    }

    fn world(&mut self, ui: &mut Ui) {
        let Some(world) = self.conflict.worlds.get(self.current) else { return };
        ui.spacing_mut().item_spacing.y = 6.0;
        if self.conflict.worlds.len() > 1 {
            looks::line(ui, RichText::new(name(world)).size(18.0).color(looks::STRONG));
        }
        versions::ui(ui, &self.conflict, world, self.current, &mut self.pictures);
        ui.add_space(4.0);
        ui.label(RichText::new(format!("{QUESTION}?")).color(looks::STRONG));
        let answer = self.answers.get(self.current).copied().unwrap_or(Answer::Later);
        let takes_focus = std::mem::take(&mut self.wants_focus);
        if let Some(chosen) = choices::ui(ui, &self.conflict, world, self.current, answer, takes_focus) {
            self.answer(chosen);
        }
        let count = self.answers.len();
        if count > 1 {
            let same = ui.add(Checkbox::new(&mut self.is_for_all, texts::same_for_all(count)));
            rove::follow(ui, &same);
            if same.changed() {
                self.answer(self.answers.get(self.current).copied().unwrap_or(Answer::Later));
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        if self.is_for_all {
            self.answers.fill(answer);
        } else if let Some(slot) = self.answers.get_mut(self.current) {
            *slot = answer;
        }
    }
}

/// What a player calls a world: the name that the game shows, or that of its folder.
fn name(world: &Contested) -> String {
    let name = [&world.here, &world.there].into_iter().find_map(|card| card.world.name.as_deref());
    shown(name.unwrap_or(&world.folder))
}

#[cfg(test)]
mod tests {
    use eframe::egui::accesskit::{Role, Toggled};
    use eframe::egui::{Event, Modifiers};
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::*;
    use crate::verb::Verb;
    use crate::window::app::App;
    use crate::window::testing::{all, begin, conflict, press, said, window};
    use Key::{ArrowDown, ArrowUp, End, Enter, Escape, Space, Tab};

    fn asked(worlds: usize) -> Harness<'static, App> {
        window([begin(Verb::Pull), conflict(worlds)])
    }

    fn key_event(key: Key, pressed: bool) -> Event {
        Event::Key { key, physical_key: None, pressed, repeat: false, modifiers: Modifiers::NONE }
    }

    fn chosen(harness: &Harness<'_, App>) -> String {
        let is_chosen = |node: &egui_kittest::Node<'_>| node.accesskit_node().toggled() == Some(Toggled::True);
        let mut nodes = harness.get_all_by_role(Role::RadioButton).filter(is_chosen);
        let label = nodes.next().and_then(|node| node.accesskit_node().label()).unwrap_or_default();
        assert!(nodes.next().is_none(), "one answer is chosen");
        label
    }

    #[test]
    fn both_versions_and_the_answers_have_names_and_roles() {
        let harness = asked(1);
        harness.get_by_label("Two versions of \"World 1\"");
        harness.get_by_label("This PC (Desktop)");
        harness.get_by_label("The cloud (Laptop), recommended");
        harness.get_by_label("Recommended, since the cloud's was played 2 h longer.");
        harness.get_by_label(texts::NOTHING_IS_DELETED);
        assert_eq!(harness.get_all_by_label("in-game day").count(), 2);
        assert_eq!(harness.get_all_by_role(Role::RadioButton).count(), 4);
        harness.get_by_role_and_label(Role::RadioGroup, QUESTION);
        harness.get_by_role_and_label(Role::Button, texts::CONTINUE);
        assert!(harness.query_by_role(Role::CheckBox).is_none(), "one world has no others");
        assert!(harness.query_by_role(Role::ListBox).is_none());
    }

    #[test]
    fn the_keyboard_begins_where_nothing_is_decided() {
        let mut harness = asked(1);
        let later = harness.get_by_label_contains("Decide later");
        assert!(later.is_focused());
        assert!(chosen(&harness).starts_with("Decide later"));
        press(&mut harness, &[Enter, Space]);
        assert_eq!(said(&harness), [], "a stray key answers nothing");
        press(&mut harness, &[Tab, Enter]);
        assert_eq!(said(&harness), all(Answer::Later, 1));
    }

    #[test]
    fn the_arrows_choose_and_tab_leads_on() {
        for (downs, expected) in
            [(1, Answer::KeepBoth), (2, Answer::KeepLocal), (3, Answer::UseRemote), (9, Answer::UseRemote)]
        {
            let mut harness = asked(1);
            press(&mut harness, &vec![ArrowDown; downs]);
            press(&mut harness, &[Tab, Enter]);
            assert_eq!(said(&harness), all(expected, 1));
        }
        let mut harness = asked(1);
        press(&mut harness, &[ArrowDown, ArrowDown, ArrowUp]);
        assert!(chosen(&harness).starts_with("Keep both"));
    }

    #[test]
    fn keys_that_come_between_two_frames_all_count() {
        let mut harness = asked(1);
        let frame = |pressed| [ArrowDown, ArrowDown].map(|key| key_event(key, pressed));
        harness.input_mut().events.extend(frame(true).into_iter().chain(frame(false)));
        harness.run_steps(3);
        assert!(chosen(&harness).starts_with("This PC's version"));
    }

    #[test]
    fn escape_and_closing_decide_nothing() {
        let mut harness = asked(12);
        press(&mut harness, &[ArrowDown, ArrowDown, ArrowDown, Escape]);
        assert_eq!(said(&harness), all(Answer::Later, 12));
        let mut harness = asked(12);
        press(&mut harness, &[ArrowDown]);
        harness.state_mut().closed();
        assert_eq!(said(&harness), all(Answer::Later, 12));
    }

    #[test]
    fn a_click_cancels_the_launch() {
        let mut harness = asked(2);
        harness.get_by_role_and_label(Role::Button, texts::CANCEL_LAUNCH).click();
        harness.run_steps(3);
        assert_eq!(said(&harness), [Said::Cancel]);
        harness.get_by_label(texts::STOPPING);
    }

    #[test]
    fn each_of_twelve_worlds_has_its_answer() {
        let mut harness = asked(12);
        harness.get_by_label("12 worlds have two versions");
        assert_eq!(harness.get_all_by_role(Role::ListBoxOption).count(), 12);
        harness.get_by_label_contains("Keep both").click();
        harness.run_steps(3);
        harness.get_by_label("World 2: decide later").click();
        harness.run_steps(3);
        harness.get_by_label_contains("Laptop's version (recommended)").click();
        harness.run_steps(3);
        harness.get_by_label("World 1: keep both");
        harness.get_by_label("2 of 12 decided; you are asked about the others next time.");
        harness.get_by_label(texts::CONTINUE).click();
        harness.run_steps(3);
        let mut expected = vec![Answer::Later; 12];
        expected[..2].copy_from_slice(&[Answer::KeepBoth, Answer::UseRemote]);
        assert_eq!(said(&harness), [Said::Answers(expected)]);
    }

    #[test]
    fn the_keyboard_reaches_the_last_world() {
        let mut harness = asked(12);
        harness.get_by_label("World 1: decide later").focus();
        harness.run_steps(3);
        press(&mut harness, &[ArrowDown, End, Tab, ArrowDown, ArrowDown]);
        harness.get_by_label("World 12: this PC's version");
    }

    #[test]
    fn one_answer_can_be_for_all() {
        let mut harness = asked(12);
        press(&mut harness, &[ArrowDown, Tab, Space]);
        let same = harness.get_by_role_and_label(Role::CheckBox, "The same for all 12 worlds");
        assert_eq!(same.accesskit_node().toggled(), Some(Toggled::True));
        harness.get_by_label("World 12: keep both");
        harness.get_by_label_contains("This PC's version: It is").click();
        harness.run_steps(3);
        harness.get_by_label(texts::CONTINUE).click();
        harness.run_steps(3);
        assert_eq!(said(&harness), all(Answer::KeepLocal, 12));
    }

    #[test]
    fn the_layout_holds_where_there_is_little_room() {
        for size in [[360.0, 220.0], [640.0, 360.0], [1900.0, 1000.0]] {
            let mut harness = asked(3);
            harness.set_size(size.into());
            harness.run_steps(4);
            let button = harness.get_by_label(texts::CONTINUE).rect();
            assert!(button.right() <= size[0] && button.bottom() <= size[1], "{size:?} {button:?}");
        }
    }
}
