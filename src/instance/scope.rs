//! Which files of an instance are synced: `scope.json` or the built-in default, compiled, less
//! what belongs to the pack.
//!
//! Patterns are relative to the instance. `saves/` is the folder `saves` of the instance,
//! `**/logs/` a folder `logs` anywhere, `**/*.tmp` a file anywhere. An excluded folder
//! excludes all that is in it.
//!
//! The excludes that are built in begin below worlds, because a world may be called `logs`.

mod built_in;
mod explain;
mod pattern;
mod rules;

pub use built_in::DEFAULT_INCLUDE;
pub use explain::Reason;
pub use pattern::{Pattern, PatternError};
pub use rules::Scope;
