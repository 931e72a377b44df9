//! cloud-sync keeps one Minecraft instance the same on several PCs, through a restic
//! repository.
//!
//! ```text
//! arguments -> Context -> recover -> observe -> decide -> (ask) -> act -> Outcome -> exit code
//!              (once)                (reads)    (pure)            (writes)
//! ```
//!
//! # Example
//!
//! ```no_run
//! use cloud_sync::{Args, Done, pull, push};
//!
//! let args = Args {
//!     url: Some("https://sync.example.org".to_owned()),
//!     pack_folder: Some("/home/steve/instances/Sky/minecraft".into()),
//!     ..Args::default()
//! };
//! let before = pull(&args);
//! if before.done == Done::Failed {
//!     eprintln!("{:?}", before.error);
//! }
//! // ... the game ...
//! let after = push(&args);
//! println!("{} files saved", after.files.saved);
//! ```

pub mod args;
pub mod cli;
pub mod command;
pub mod context;
pub mod credentials;
mod durable;
pub mod env;
pub mod error;
pub mod exit;
pub mod front;
pub mod game;
pub mod instance;
mod interrupt;
pub mod ledgers;
pub mod local;
pub mod model;
mod names;
mod nbt;
mod outcome;
pub mod packwiz;
mod paths;
mod platform;
pub mod provision;
mod reading;
pub mod remote;
pub mod repository;
pub mod restic;
mod run_log;
pub mod scope;
pub mod settings;
pub mod snapshot;
pub mod state;
pub mod sync;
pub mod tree;
#[cfg(feature = "window")]
pub mod window;
pub mod world;

pub use args::{Args, CatchUp, OnConflict};
pub use model::Divergence;
pub use outcome::{Done, ErrorText, Explained, Files, Outcome, Part, ScopeReport, Settled};

use std::io::{IsTerminal as _, Write as _};
use std::panic::{self, PanicHookInfo};

use clap::{CommandFactory as _, Parser as _};

use cli::{Cli, Command, ScopeQuestion};
use context::Context;
use error::{Error, Kind, Result};
use exit::Exit;
use front::Front;
use front::plain::{Plain, Volume};
use front::terminal::Terminal;
use interrupt::Wish;

/// Brings what other PCs saved. Prints nothing and asks nobody.
pub fn pull(args: &Args) -> Outcome {
    run("pull", args, &Plain::new(Volume::Silent), command::sync::pull)
}

/// Saves what was played. Prints nothing and asks nobody.
pub fn push(args: &Args) -> Outcome {
    run("push", args, &Plain::new(Volume::Silent), command::sync::push)
}

/// Compares this PC and the cloud. Changes nothing.
pub fn status(args: &Args) -> Outcome {
    run("status", args, &Plain::new(Volume::Silent), |ctx, outcome| command::status::status(ctx, outcome))
}

/// The program: parses the command line, runs the command, reports.
pub fn main() -> Exit {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report_parse(&error),
    };
    #[cfg(feature = "window")]
    if matches!(cli.command, Command::Window) {
        return window::run();
    }
    end_on_panic(|info| {
        let text = front::printable(&info.to_string(), false);
        let mut err = std::io::stderr();
        let _ = writeln!(err, "cloud-sync: error: something is wrong in cloud-sync itself: {text}");
        let _ = writeln!(err, "cloud-sync: hint: nothing is lost; run it again, and tell us if it stays so");
    });
    platform::keep_streams();
    interrupt::install();
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "cloud-sync", &mut std::io::stdout());
        return Exit::Ok;
    }
    let name = cli.command.name();
    if let Err(error) = cli.rejoin() {
        return report(&cli.args, &Outcome::new(name).failed(&error, cli.args.strict));
    }
    let args = &cli.args;
    if cfg!(feature = "window") && cli.command.speaks_through_window() && !args.no_gui {
        platform::leave_own_console();
    }
    let front = front(name, args);
    if let Command::Run { game, .. } = &cli.command {
        return report(args, &command::run::run(args, &*front, game));
    }
    let outcome = run(name, args, &*front, |ctx, outcome| match &cli.command {
        Command::Pull { before, .. } => {
            command::before::run(ctx, before)?;
            command::sync::pull(ctx, outcome)
        }
        Command::Push(_) => command::sync::push(ctx, outcome),
        Command::Status(_) => command::status::status(ctx, outcome),
        Command::Scope { question: None } => command::scope::list(ctx, outcome),
        Command::Scope { question: Some(ScopeQuestion::Explain { path }) } => {
            command::scope::explain(ctx, path, outcome)
        }
        Command::Undo { list: false, .. } => command::undo::undo(ctx, outcome),
        Command::Undo { list: true, .. } => {
            command::undo::list(ctx);
            Ok(())
        }
        Command::Login { token_stdin, .. } => command::login::login(ctx, *token_stdin),
        Command::Logout(_) => command::login::logout(ctx, outcome),
        Command::Doctor(_) => command::doctor::doctor(ctx),
        Command::Run { .. } | Command::Completions { .. } => Ok(()),
        #[cfg(feature = "window")]
        Command::Window => Ok(()),
    });
    report(args, &outcome)
}

/// Makes a panic in any thread the end of the process, in the words of `say`. The next run tidies
/// up what this one leaves, as after any end.
#[expect(clippy::exit, reason = "there is nobody left who could return")]
fn end_on_panic(say: impl Fn(&PanicHookInfo<'_>) + Send + Sync + 'static) {
    panic::set_hook(Box::new(move |info| {
        say(info);
        std::process::exit(Exit::Failed.code());
    }));
}

fn run(
    name: &'static str,
    args: &Args,
    front: &dyn Front,
    command: impl FnOnce(&mut Context<'_>, &mut Outcome) -> Result<()>,
) -> Outcome {
    let mut outcome = Outcome::new(name);
    let mut ctx = match Context::new(args, front) {
        Ok(ctx) => ctx,
        Err(error) => return outcome.failed(&error, args.strict),
    };
    let result = command(&mut ctx, &mut outcome);
    front.finished();
    front.troubles().iter().for_each(|trouble| ctx.log.line(trouble));
    let result = grant(result);
    // No launch waits for a login.
    let strict = args.strict || name == "login";
    if let Err(error) = &result {
        if error.exit(strict) == Exit::Ok {
            let hint = error.hint_text().map(|hint| format!("; {hint}")).unwrap_or_default();
            ctx.warn(&format!("{}{hint}", error.message()));
        }
        outcome = outcome.failed(error, strict);
    }
    if let Some(error) = &mut outcome.error {
        // It may quote what restic said.
        error.message = ctx.log.redact(&error.message);
    }
    outcome.warnings = ctx.warnings();
    let json = ctx.log.redact(&outcome.to_json());
    ctx.log.line(&format!("exit {}: {json}", outcome.exit.code()));
    front.end(&outcome);
    outcome
}

/// A command that ended because the player wanted something else has not failed.
fn grant(result: Result<()>) -> Result<()> {
    let wish = interrupt::take_wish();
    match result {
        Err(error) if error.kind == Kind::Interrupted => Err(match wish {
            None => error,
            Some(Wish::Cancel) => Error::new(Kind::Cancelled, "cancelled; nothing was changed here"),
            Some(Wish::PlayAnyway) => {
                Error::new(Kind::Skipped, "playing without syncing").hint("what you play is saved at the next chance")
            }
        }),
        other => other,
    }
}

/// A person at a terminal is spoken with; a launcher's log gets plain lines.
fn front(command: &str, args: &Args) -> Box<dyn Front> {
    let volume = match (args.json && !args.verbose, args.quiet) {
        (true, _) => Volume::Silent,
        (false, true) => Volume::Quiet,
        (false, false) => Volume::Normal,
    };
    let is_terminal =
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && std::io::stdout().is_terminal();
    let plain: Box<dyn Front> = if is_terminal && volume != Volume::Silent {
        Box::new(Terminal::new(volume == Volume::Normal))
    } else {
        Box::new(Plain::new(volume))
    };
    // A launcher waits for these, and a window is all that it leaves us.
    let is_hook = matches!(command, "pull" | "push" | "run") || command == "login" && !is_terminal;
    if is_hook && !args.no_gui && volume != Volume::Silent { with_window(plain) } else { plain }
}

/// A window over `below`, where there may be one.
#[cfg(feature = "window")]
fn with_window(below: Box<dyn Front>) -> Box<dyn Front> {
    use front::window::Window;
    if platform::has_display() { Box::new(Window::new(below)) } else { below }
}

#[cfg(not(feature = "window"))]
fn with_window(below: Box<dyn Front>) -> Box<dyn Front> {
    below
}

/// Says why it failed, in few lines, since some launchers choke on more; then the JSON.
fn report(args: &Args, outcome: &Outcome) -> Exit {
    let mut err = std::io::stderr();
    if let Some(error) = &outcome.error {
        let unicode = err.is_terminal();
        let _ = writeln!(err, "cloud-sync: error: {}", front::printable(&error.message, unicode));
        if let Some(hint) = &error.hint {
            let _ = writeln!(err, "cloud-sync: hint: {}", front::printable(hint, unicode));
        }
    }
    if args.json {
        print_json(outcome);
    }
    outcome.exit
}

fn report_parse(error: &clap::Error) -> Exit {
    let _ = error.print();
    if !error.use_stderr() {
        return Exit::Ok;
    }
    // The command line could not be read, but whoever wrote --json reads only JSON.
    let by_variable = std::env::var_os(env::JSON).filter(|value| !value.is_empty());
    if by_variable.is_some() || std::env::args_os().any(|argument| argument == "--json") {
        let message = error.to_string();
        let first_line = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = Error::new(Kind::Usage, first_line).hint("see `cloud-sync --help`");
        print_json(&Outcome::new("").failed(&error, false));
    }
    Exit::Usage
}

fn print_json(outcome: &Outcome) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{}\n", outcome.to_json()).as_bytes());
    let _ = out.flush();
}
