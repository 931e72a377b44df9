//! Files take their places, whole or not at all: a journal first, then moves that mean the same when
//! they are done twice, and an undo copy of all that was in the way.

mod apart;
pub mod copies;
pub mod journal;
mod moves;
mod recover;
mod set_apart;
mod space;
pub mod staging;
mod stash;
#[cfg(test)]
mod tests;

pub use apart::Apart;
pub use journal::Journal;
pub use moves::{Moves, Source};
pub use recover::{pending, recover};
