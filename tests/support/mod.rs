//! What the stories are told with.

pub mod beginnings;
#[cfg(target_os = "linux")]
pub mod bench;
pub mod cloud;
pub mod dice;
#[cfg(all(target_os = "linux", feature = "window"))]
pub mod display;
pub mod fake;
pub mod game;
pub mod http;
#[cfg(target_os = "linux")]
pub mod measure;
pub mod model;
pub mod pack;
pub mod pc;
pub mod player;
#[cfg(target_os = "linux")]
pub mod proxy;
#[cfg(target_os = "linux")]
pub mod terminal;
pub mod tools;
pub mod unchanged;
#[cfg(target_os = "linux")]
pub mod wine;
pub mod world;

pub use cloud::Cloud;
pub use pc::{Pc, Ran};

/// The height of the window with a conflict.
#[cfg(target_os = "linux")]
pub const CONFLICT: u32 = 600;
