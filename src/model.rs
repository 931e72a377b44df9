//! What is known of an instance, as values: units, their versions, and what becomes of them. Nothing
//! here touches a disk, a network or a clock.
//!
//! Each unit (a world, a setting, a server, any other file) has a history of its own. A version of it
//! is named by a [`Dot`], the random name of the push that made it. What a PC or a snapshot knows is a
//! [`Ledger`], and two ledgers [join](Ledger::join) unit by unit.

mod answer;
mod card;
mod divergence;
mod dot;
pub mod form;
pub mod icon;
mod judge;
mod ledger;
mod memory;
mod snapshot;
mod stat;
mod unit;
mod version;

pub use answer::Answer;
pub use card::{Card, Mode, Played, Source, World};
pub use divergence::{Cloud, Divergence, Here};
pub use dot::{Dot, Dots};
pub use form::{FormError, Parts, Saved};
pub use judge::{Decision, Judged, Now, Question, Step, Why};
pub use ledger::{Ledger, Push, Versions};
pub use memory::{Known, Memory, Saving};
pub use snapshot::{Snapshot, SnapshotId, tags};
pub use stat::{Hash, Stat, nanoseconds, same_time};
pub use unit::Unit;
pub use version::{Digest, Exempt, More, Version};

#[cfg(test)]
mod tests;
