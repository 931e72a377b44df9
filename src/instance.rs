//! The instance on this PC: where its files are, which of them are synced, and what was synced last.

pub mod digest;
mod folder;
pub mod game;
pub mod left_out;
pub mod local;
pub mod names;
pub mod packwiz;
pub mod scope;
pub mod state;
pub mod tree;

pub use folder::{Instance, Lock};
