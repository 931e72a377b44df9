//! What the game's files mean.

pub mod nbt;
pub mod picture;
pub mod settings;
pub mod world;
