//! A version of a world as a player knows it: its name, how far it is, how long it was played.

mod advice;
mod level;
mod stats;

pub use advice::{Advice, Further, in_words, recommend};
pub use level::{icon, rename};

pub use crate::model::{Mode, Played, Source, World};
