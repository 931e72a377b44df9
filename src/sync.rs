//! `pull`, `push` and `undo`: observe once, decide, ask where it must be, act, record.

mod ask;
mod bring;
mod exempt;
mod fetch;
mod game;
mod observe;
mod plan;
mod pull;
mod push;
mod record;
mod resolved;
mod save;
mod takeover;
mod undo;
mod view;

pub use game::stop_if_game_runs;
pub use observe::{Observation, Purpose};
pub use pull::pull;
pub use push::push;
pub use undo::undo;
