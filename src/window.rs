//! The window, which is a process of its own: a broken driver or a crash of it takes no sync
//! with it. It shows what it is told on stdin and says on stdout what the player does.

mod app;
pub mod client;
mod conflict;
mod connect;
mod done;
mod looks;
mod offline;
mod pace;
mod pipes;
mod progress;
pub mod protocol;
mod rove;
#[cfg(test)]
mod testing;
pub mod texts;

use std::io::Write as _;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use eframe::egui::{Context, Ui, ViewportBuilder, ViewportCommand};
use eframe::{CreationContext, Frame, NativeOptions};

use crate::exit::Exit;
use crate::panics::end_on_panic;
use app::App;
use protocol::Show;

/// The window's process, from its first line to its last.
pub fn run() -> Exit {
    end_on_panic(|_| say_why("it broke"));
    match open() {
        Ok(()) => return Exit::Ok,
        // Its text is all that was asked of OpenGL.
        Err(eframe::Error::NoGlutinConfigs(_, error)) => say_why(&format!("OpenGL does not work here: {error}")),
        Err(error) => say_why(&error.to_string()),
    }
    Exit::Failed
}

fn say_why(problem: &str) {
    let line = crate::player::printable(problem, false);
    let _ = writeln!(std::io::stderr(), "{}{line}", texts::NO_WINDOW);
}

fn open() -> eframe::Result {
    let viewport = ViewportBuilder::default()
        .with_title(texts::TITLE)
        .with_app_id(texts::TITLE)
        .with_icon(looks::icon())
        .with_inner_size(app::first_size())
        .with_min_inner_size([360.0, 220.0]);
    let options = NativeOptions { viewport, centered: true, ..NativeOptions::default() };
    eframe::run_native(texts::TITLE, options, Box::new(|creation| Ok(Box::new(Window::new(creation)))))
}

/// The app between its pipes.
struct Window {
    app: App,
    opened: Instant,
    heard: Receiver<Show>,
}

impl Window {
    fn new(creation: &CreationContext<'_>) -> Self {
        looks::apply(&creation.egui_ctx);
        Self { app: App::default(), opened: Instant::now(), heard: pipes::listen(&creation.egui_ctx) }
    }

    /// Says what there is to say, and closes the window once nothing is left to do.
    fn settle(&mut self, ctx: &Context) {
        pipes::say(&self.app.said);
        self.app.said.clear();
        if self.app.is_over() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _: &mut Frame) {
        self.app.now = self.opened.elapsed();
        for show in self.heard.try_iter() {
            self.app.show(show);
        }
        self.app.tick(ctx);
        if ctx.input(|input| input.viewport().close_requested()) && !self.app.is_over() {
            self.app.closed();
        }
        self.settle(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut Frame) {
        self.app.ui(ui);
        self.settle(ui.ctx());
    }

    fn clear_color(&self, _: &eframe::egui::Visuals) -> [f32; 4] {
        looks::GROUND.to_normalized_gamma_f32()
    }
}
