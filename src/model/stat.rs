//! A file, as far as it is compared without being read.

use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Size and time of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Length in bytes.
    pub size: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime: i64,
}

impl Stat {
    /// The part of `metadata` that we compare.
    pub fn of(metadata: &Metadata) -> Self {
        let mtime = metadata.modified().map_or(0, nanoseconds);
        Self { size: metadata.len(), mtime }
    }
}

/// `time` in nanoseconds since 1970, which reaches to the year 2262.
pub fn nanoseconds(time: SystemTime) -> i64 {
    let signed = |nanos: u128| i64::try_from(nanos).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => signed(after.as_nanos()),
        Err(before) => -signed(before.duration().as_nanos()),
    }
}

/// Disks of Windows keep a tenth of a microsecond.
pub fn same_time(one: i64, other: i64) -> bool {
    one == other || one.div_euclid(100) == other.div_euclid(100)
}

/// A digest of a file's content.
pub type Hash = [u8; 16];
