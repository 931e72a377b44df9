//! The screen that asks for a token.

use eframe::egui::{Align, CentralPanel, Checkbox, Key, Label, Layout, Panel, RichText, ScrollArea, TextEdit, Ui};

use super::looks::{self, shown};
use super::protocol::Said;
use super::texts;
use crate::credentials::Token;

/// The question for a token. It prints nothing of what was entered.
pub struct Connect {
    url: String,
    why: String,
    entered: String,
    is_shown: bool,
    wrong: Option<&'static str>,
    is_checking: bool,
    wants_focus: bool,
}

impl Connect {
    /// Asks; `before` is the same question, to which there was no good answer.
    pub fn ask(url: String, why: String, before: Option<Self>) -> Self {
        // A typing error is mended more easily than typed anew.
        let (entered, is_shown) = before.map(|before| (before.entered, before.is_shown)).unwrap_or_default();
        Self { url, why, entered, is_shown, wrong: None, is_checking: false, wants_focus: true }
    }

    /// Whether a token was sent and nothing was heard of it.
    pub fn is_checking(&self) -> bool {
        self.is_checking
    }

    /// Shows it; what the player says.
    pub fn ui(&mut self, ui: &mut Ui) -> Option<Said> {
        let mut said = ui.input(|input| input.key_pressed(Key::Escape)).then_some(Said::Skip);
        let mut sends = false;
        Panel::bottom("buttons").frame(looks::panel()).show_separator_line(false).show(ui, |ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let text = if self.is_checking { texts::CHECKING } else { texts::CONNECT };
                ui.add_enabled_ui(!self.is_checking, |ui| sends |= looks::main_button(ui, text).clicked());
                if looks::plain_button(ui, texts::SKIP).clicked() {
                    said = Some(Said::Skip);
                }
            });
        });
        CentralPanel::default().frame(looks::panel()).show(ui, |ui| {
            looks::heading(ui, texts::CONNECT_HEADING);
            looks::line(ui, RichText::new(shown(&self.url)).monospace().color(looks::WEAK));
            ScrollArea::vertical().show(ui, |ui| {
                looks::paragraph(ui, &self.why, looks::TEXT);
                ui.add_space(8.0);
                sends |= self.field(ui);
            });
        });
        if sends && !self.is_checking {
            said = self.send().or(said);
        }
        said
    }

    /// The field; whether Enter was pressed in it.
    fn field(&mut self, ui: &mut Ui) -> bool {
        let label = ui.label(texts::TOKEN);
        let edit = TextEdit::singleline(&mut self.entered)
            .password(!self.is_shown)
            .hint_text(texts::TOKEN_LOOKS)
            .desired_width(f32::INFINITY);
        let field = ui.add_enabled(!self.is_checking, edit).labelled_by(label.id);
        if std::mem::take(&mut self.wants_focus) {
            field.request_focus();
        }
        if field.changed() {
            self.wrong = None;
        }
        match self.wrong {
            Some(wrong) => looks::paragraph(ui, &texts::no_token(wrong), looks::WRONG),
            None => ui.add(Label::new(RichText::new(texts::TOKEN_FROM).small().color(looks::WEAK)).wrap()),
        };
        ui.add(Checkbox::new(&mut self.is_shown, texts::SHOW_TOKEN));
        field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
    }

    /// Sends what can be a token; of what cannot, it says so.
    fn send(&mut self) -> Option<Said> {
        match Token::parse(&self.entered) {
            Ok(_) => {
                self.is_checking = true;
                Some(Said::Token(self.entered.trim().to_owned()))
            }
            Err(wrong) => {
                self.wrong = Some(wrong);
                self.wants_focus = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::accesskit::Role;
    use egui_kittest::Harness;
    use egui_kittest::kittest::{NodeT as _, Queryable as _};

    use super::*;
    use crate::verb::Verb;
    use crate::window::app::App;
    use crate::window::protocol::Show;
    use crate::window::testing::{begin, press, said, window, write};

    fn sign_in(why: &str) -> Show {
        Show::SignIn { url: "https://sync.example.org".to_owned(), why: why.to_owned() }
    }

    fn asked() -> Harness<'static, App> {
        window([begin(Verb::Pull), sign_in("no token is known")])
    }

    #[test]
    fn the_field_has_the_keyboard_and_hides_the_token() {
        let mut harness = asked();
        for label in ["https://sync.example.org", "no token is known", texts::TOKEN_FROM] {
            harness.get_by_label(label);
        }
        let field = harness.get_by_role_and_label(Role::PasswordInput, texts::TOKEN);
        assert!(field.is_focused());
        write(&mut harness, "steve:pa");
        press(&mut harness, &[Key::Tab, Key::Space]);
        harness.get_by_role_and_label(Role::CheckBox, texts::SHOW_TOKEN);
        let field = harness.get_by_role_and_label(Role::TextInput, texts::TOKEN);
        assert_eq!(field.accesskit_node().value().as_deref(), Some("steve:pa"));
    }

    #[test]
    fn enter_sends_the_token_and_what_was_wrong_with_it_is_told() {
        let mut harness = asked();
        write(&mut harness, " steve:pa ");
        press(&mut harness, &[Key::Enter]);
        assert_eq!(said(&harness), [Said::Token("steve:pa".to_owned())]);
        assert!(harness.get_by_role_and_label(Role::Button, texts::CHECKING).accesskit_node().is_disabled());
        press(&mut harness, &[Key::Enter]);
        harness.state_mut().show(sign_in("the password is wrong"));
        harness.run_steps(4);
        harness.get_by_label("the password is wrong");
        assert!(harness.get_by_role(Role::PasswordInput).is_focused());
        press(&mut harness, &[Key::Enter]);
        assert_eq!(said(&harness).len(), 2, "the token is still there, to be mended");
        harness.state_mut().show(Show::Note("looking at the cloud".to_owned()));
        harness.run_steps(2);
        harness.get_by_label("looking at the cloud");
    }

    #[test]
    fn what_is_no_token_is_told_and_not_sent() {
        let mut harness = asked();
        press(&mut harness, &[Key::Enter]);
        harness.get_by_label("That is no token: it is empty.");
        write(&mut harness, "steve");
        press(&mut harness, &[Key::Enter]);
        harness.get_by_label_contains("it has no colon");
        assert_eq!(said(&harness), []);
        write(&mut harness, ":pa");
        press(&mut harness, &[Key::Enter]);
        assert_eq!(said(&harness), [Said::Token("steve:pa".to_owned())]);
    }

    #[test]
    fn skipping_closing_and_escape_go_on_without() {
        let mut harness = asked();
        harness.get_by_role_and_label(Role::Button, texts::SKIP).click();
        harness.run_steps(2);
        assert_eq!(said(&harness), [Said::Skip]);
        let mut harness = asked();
        press(&mut harness, &[Key::Escape]);
        assert_eq!(said(&harness), [Said::Skip]);
        let mut harness = asked();
        harness.state_mut().closed();
        assert_eq!(said(&harness), [Said::Skip]);
    }
}
