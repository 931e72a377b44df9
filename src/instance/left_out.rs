//! What is in the scope and cannot be synced, and why.

use std::path::PathBuf;

use crate::paths::is_within;

/// Something in the scope that cannot be synced, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is, as far as it can be written.
    pub path: String,
    /// Its name on disk, relative to the instance.
    pub on_disk: PathBuf,
    /// Why it is left out.
    pub why: Why,
}

impl LeftOut {
    /// Whether it is `path`, or the folder that this lies in.
    pub fn holds(&self, path: &str) -> bool {
        is_within(path, &self.path)
    }
}

/// Why something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its name is no Unicode text; restic's listings cannot tell it.
    Name,
    /// A link where links are not followed.
    Link,
    /// A pipe, a device or a socket.
    Special,
    /// The file or folder cannot be read.
    Unreadable,
    /// A world that the running game holds.
    InUse,
    /// A world of which a part cannot be saved: without it, what travels would be mixed with what
    /// another PC has of that part.
    Torn,
    /// It changes while it is looked at.
    Changing,
}

impl Why {
    /// Whether it may well be synced by the next push.
    pub fn is_for_now(self) -> bool {
        matches!(self, Self::Unreadable | Self::InUse | Self::Torn | Self::Changing)
    }

    /// The reason in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Name => "its name is not valid Unicode",
            Self::Link => "it is a link",
            Self::Special => "it is no ordinary file",
            Self::Unreadable => "it cannot be read",
            Self::InUse => "the running game has it open",
            Self::Torn => "a part of it cannot be saved, and a world travels as a whole",
            Self::Changing => "something is writing to it",
        }
    }
}
