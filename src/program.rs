//! The program: parses the command line, runs the command, reports.

use std::io::{IsTerminal as _, Write as _};

use clap::{CommandFactory as _, Parser as _};

use crate::args::Args;
use crate::cli::{Cli, Command, ScopeQuestion};
use crate::credentials::without_tokens;
use crate::error::{Error, Kind};
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::panics::end_on_panic;
use crate::player::plain::{Plain, Volume};
use crate::player::terminal::Terminal;
use crate::player::{self, Front};
use crate::run::{hide, run};
use crate::verb::Verb;
#[cfg(feature = "window")]
use crate::window;
use crate::{command, env, interrupt, platform};

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
    let verb = cli.command.verb();
    say_panics(verb, cli.args.json);
    platform::keep_streams();
    interrupt::install();
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut Cli::command(), "cloud-sync", &mut std::io::stdout());
        return Exit::Ok;
    }
    if let Err(error) = cli.rejoin() {
        return report(&cli.args, &hide(Outcome::new(verb).failed(&error, cli.args.strict)));
    }
    let args = &cli.args;
    if cfg!(feature = "window") && cli.command.speaks_through_window() && !args.no_gui {
        platform::leave_own_console();
    }
    let front = front(verb, args);
    if let Command::Run { game, .. } = &cli.command {
        return report(args, &command::run::run(args, &*front, game));
    }
    let outcome = run(verb, args, &*front, |ctx, outcome| match &cli.command {
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

/// A panic ends the process in words of ours, and in JSON for who reads that.
fn say_panics(verb: Verb, has_json: bool) {
    const HINT: &str = "nothing is lost; run it again, and tell us if it stays so";
    end_on_panic(move |info| {
        let text = player::printable(&info.to_string(), false);
        let what = format!("something is wrong in cloud-sync itself: {text}");
        let mut err = std::io::stderr();
        let _ = writeln!(err, "cloud-sync: error: {what}");
        let _ = writeln!(err, "cloud-sync: hint: {HINT}");
        if has_json {
            print_json(&Outcome::new(verb).failed(&Error::new(Kind::Failed, what).hint(HINT), false));
        }
    });
}

/// A person at a terminal is spoken with; a launcher's log gets plain lines.
fn front(verb: Verb, args: &Args) -> Box<dyn Front> {
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
    let is_hook = matches!(verb, Verb::Pull | Verb::Push | Verb::Run) || verb == Verb::Login && !is_terminal;
    if is_hook && !args.no_gui && volume != Volume::Silent { with_window(plain) } else { plain }
}

/// A window over `below`, where there may be one.
#[cfg(feature = "window")]
fn with_window(below: Box<dyn Front>) -> Box<dyn Front> {
    use window::client::Client;
    if platform::has_display() { Box::new(Client::new(below)) } else { below }
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
        let _ = writeln!(err, "cloud-sync: error: {}", player::printable(&error.message, unicode));
        if let Some(hint) = &error.hint {
            let _ = writeln!(err, "cloud-sync: hint: {}", player::printable(hint, unicode));
        }
    }
    if args.json {
        print_json(outcome);
    }
    outcome.exit
}

fn report_parse(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Ok;
    }
    let _ = write!(std::io::stderr(), "{}", without_tokens(&error.render().to_string()));
    // The command line could not be read, but whoever wrote --json reads only JSON.
    let by_variable = std::env::var_os(env::JSON).filter(|value| !value.is_empty());
    if by_variable.is_some() || std::env::args_os().any(|argument| argument == "--json") {
        let message = without_tokens(&error.to_string());
        let first_line = message.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let error = Error::new(Kind::Usage, first_line).hint("see `cloud-sync --help`");
        print_json(&Outcome::new(None).failed(&error, false));
    }
    Exit::Usage
}

fn print_json(outcome: &Outcome) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{}\n", outcome.to_json()).as_bytes());
    let _ = out.flush();
}
