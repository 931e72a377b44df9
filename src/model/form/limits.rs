//! How large a ledger may be. What is beyond is taken for damage, for no PC would write it.

/// Bytes of all files together.
pub const MAX_BYTES: usize = 256 << 20;
/// Parts with units, and parts with pushes.
pub const MAX_PARTS: usize = 1 << 16;
/// Units.
pub const MAX_UNITS: usize = 2_000_000;
/// Pushes.
pub const MAX_PUSHES: usize = 1_000_000;
/// Versions of a unit.
pub const MAX_VERSIONS: usize = 1_000;
/// Bytes of a unit's name, with its kind.
pub const MAX_NAME: usize = 8 << 10;
/// Bytes of a setting's value.
pub const MAX_VALUE: usize = 64 << 10;
/// Characters of a machine's name. The rest is cut off.
pub const MAX_MACHINE: usize = 256;
/// Worlds that a push changed, and worlds that it deleted.
pub const MAX_WORLDS: usize = 10_000;
/// Entries in each list of what a version says nothing about.
pub const MAX_EXEMPT: usize = 10_000;
