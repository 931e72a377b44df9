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
pub mod cloud;
pub mod command;
pub mod content;
pub mod context;
pub mod credentials;
mod durable;
pub mod env;
pub mod error;
pub mod exit;
pub mod instance;
mod interrupt;
pub mod model;
mod outcome;
mod panics;
mod paths;
mod platform;
pub mod player;
mod program;
mod reading;
mod run;
mod run_log;
pub mod sync;
pub mod transaction;
mod verb;
#[cfg(feature = "window")]
pub mod window;

pub use args::{Args, CatchUp, OnConflict};
pub use model::Divergence;
pub use outcome::{Done, ErrorText, Explained, Files, Outcome, Part, ScopeReport, Settled};
pub use verb::Verb;

use player::plain::{Plain, Volume};
pub use program::main;

/// Brings what other PCs saved. Prints nothing and asks nobody.
pub fn pull(args: &Args) -> Outcome {
    run::run(Verb::Pull, args, &Plain::new(Volume::Silent), command::sync::pull)
}

/// Saves what was played. Prints nothing and asks nobody.
pub fn push(args: &Args) -> Outcome {
    run::run(Verb::Push, args, &Plain::new(Volume::Silent), command::sync::push)
}

/// Compares this PC and the cloud. Changes nothing.
pub fn status(args: &Args) -> Outcome {
    run::run(Verb::Status, args, &Plain::new(Volume::Silent), |ctx, outcome| command::status::status(ctx, outcome))
}
