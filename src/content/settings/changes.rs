//! How values come into a file.

use std::collections::BTreeMap;

/// The longest value of a unit. All values travel in every ledger; what is longer stays local.
pub const MAX_VALUE: usize = 16 * 1024;

/// The new values of a file's units by their keys or addresses; none of one that goes.
pub type Changes<'a> = BTreeMap<&'a str, Option<&'a str>>;
