//! Files take their places, whole or not at all: a journal first, then moves that mean the same when
//! they are done twice, and an undo copy of all that was in the way.

pub mod copies;
pub mod journal;
mod moves;
mod recover;
mod space;
pub mod staging;
mod stash;
#[cfg(test)]
mod tests;

pub use journal::Journal;
pub use moves::{Moves, Source};
pub use recover::{pending, recover};
