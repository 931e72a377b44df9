//! The state of the window: what is shown, and what the player has said.
//!
//! Escape answers "later" for every world, as closing the window does, even for worlds that have another
//! answer by then: what is not confirmed is not meant.

use std::time::Duration;

use eframe::egui::{Context, Ui, Vec2, ViewportCommand, vec2};

use super::conflict::Question;
use super::connect::Connect;
use super::done::Done;
use super::offline;
use super::progress::{Given, Running};
use super::protocol::{Said, Show};

/// Everything the window knows.
#[derive(Default)]
pub struct App {
    /// The time since the window was opened.
    pub now: Duration,
    /// What the player said and nobody has taken yet.
    pub said: Vec<Said>,
    /// What is in progress while nothing is asked.
    running: Running,
    screen: Screen,
    sized_for: Size,
    frames: u32,
    is_over: bool,
}

/// What is on the screen.
#[derive(Default)]
enum Screen {
    #[default]
    Running,
    Connect(Connect),
    Conflict(Box<Question>),
    Offline(String),
    Done(Done),
}

/// The sizes a window can have.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Size {
    /// As it is opened.
    #[default]
    Small,
    Medium,
    Large,
}

impl Size {
    fn points(self) -> Vec2 {
        match self {
            Self::Small => vec2(560.0, 230.0),
            Self::Medium => vec2(560.0, 340.0),
            Self::Large => vec2(940.0, 760.0),
        }
    }
}

/// The size that the window is opened with.
pub fn first_size() -> Vec2 {
    Size::Small.points()
}

impl App {
    /// Takes what the window is to show.
    pub fn show(&mut self, show: Show) {
        match show {
            Show::Begin { verb, .. } => self.running = Running::of(verb),
            Show::Note(text) => {
                self.running.note(text);
                self.step_aside();
            }
            Show::Progress(progress) => {
                self.running.progress(self.now, progress);
                self.step_aside();
            }
            Show::SignIn { url, why } => {
                let before = match std::mem::take(&mut self.screen) {
                    Screen::Connect(connect) => Some(connect),
                    _ => None,
                };
                self.screen = Screen::Connect(Connect::ask(url, why, before));
            }
            Show::Conflict(conflict) if conflict.worlds.is_empty() => self.said.push(Said::Answers(Vec::new())),
            Show::Conflict(conflict) => self.screen = Screen::Conflict(Box::new(Question::new(conflict))),
            Show::Offline { why } => self.screen = Screen::Offline(why),
            Show::Done(text) => self.screen = Screen::Done(Done::new(text, self.now)),
            // What is said at the end stays for its moment.
            Show::Close => self.is_over |= !matches!(self.screen, Screen::Done(_)),
        }
    }

    /// Whether the window has nothing more to do.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The player closes the window: what is asked gets the answer that discards nothing.
    pub fn closed(&mut self) {
        let answer = match &self.screen {
            Screen::Conflict(question) => Some(question.all_later()),
            Screen::Connect(_) => Some(Said::Skip),
            Screen::Offline(_) => Some(Said::PlayAnyway),
            Screen::Running | Screen::Done(_) => None,
        };
        self.said.extend(answer);
        self.screen = Screen::Running;
        self.is_over = true;
    }

    /// What happens by itself as time goes by, even if nobody sees the window.
    pub fn tick(&mut self, ctx: &Context) {
        if let Screen::Done(done) = &self.screen {
            match done.left(self.now) {
                Some(left) => ctx.request_repaint_after(left),
                None => self.is_over = true,
            }
        }
    }

    /// Shows it all.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.count_frame(ui.ctx());
        self.fit(ui.ctx());
        let answer = match &mut self.screen {
            Screen::Running => self.running.ui(ui),
            Screen::Connect(connect) => connect.ui(ui),
            Screen::Conflict(question) => question.ui(ui),
            Screen::Offline(why) => offline::ui(ui, why),
            Screen::Done(done) => {
                self.is_over |= done.ui(ui);
                None
            }
        };
        if let Some(answer) = answer {
            self.answered(answer);
        }
    }

    /// Nothing can be said twice: what was asked gives way to what is in progress.
    fn answered(&mut self, answer: Said) {
        match &answer {
            Said::Token(_) => {}
            Said::Cancel => self.running.give(Given::Up),
            Said::Skip | Said::PlayAnyway => self.running.give(Given::Sync),
            Said::Answers(_) | Said::Retry | Said::Ready => self.running.wait(),
        }
        if !matches!(answer, Said::Token(_)) {
            self.screen = Screen::Running;
        }
        self.said.push(answer);
    }

    /// What happens is shown once nothing is asked any more.
    fn step_aside(&mut self) {
        if matches!(&self.screen, Screen::Connect(connect) if connect.is_checking()) {
            self.screen = Screen::Running;
        }
    }

    /// Tells that the window is there once its first frame is on the screen.
    fn count_frame(&mut self, ctx: &Context) {
        self.frames = self.frames.saturating_add(1);
        match self.frames {
            1 => ctx.request_repaint(),
            2 => self.said.push(Said::Ready),
            _ => {}
        }
    }

    /// Makes the window as large as what it shows needs, and no larger than the screen. Its
    /// middle stays where the player has it.
    fn fit(&mut self, ctx: &Context) {
        let size = match &self.screen {
            Screen::Running | Screen::Offline(_) | Screen::Done(_) => Size::Small,
            Screen::Connect(_) => Size::Medium,
            Screen::Conflict(_) => Size::Large,
        };
        if std::mem::replace(&mut self.sized_for, size) == size {
            return;
        }
        let (monitor, frame) = ctx.input(|input| (input.viewport().monitor_size, input.viewport().outer_rect));
        let mut points = size.points();
        if let Some(monitor) = monitor.filter(|size| size.x > 1.0 && size.y > 1.0) {
            points = points.min(monitor * 0.92);
        }
        if let Some(frame) = frame {
            ctx.send_viewport_cmd(ViewportCommand::OuterPosition(frame.center() - points * 0.5));
        }
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(points));
    }
}
