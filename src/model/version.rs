//! One state of one unit.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::card::Card;
use super::dot::Dots;

/// What a version contains, by a digest: equal digests are equal contents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Digest {
    /// Of the contents.
    Content([u8; 16]),
    /// Of the sizes and times of the files: all that is known of a snapshot without a ledger.
    Stats([u8; 16]),
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(bytes) => f.write_str(&hex::encode(bytes)),
            Self::Stats(bytes) => write!(f, "~{}", hex::encode(bytes)),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = |text: &str| {
            let mut bytes = [0; 16];
            hex::decode_to_slice(text, &mut bytes).map(|()| bytes).map_err(|_| format!("{text:?} is no digest"))
        };
        match text.strip_prefix('~') {
            Some(stats) => bytes(stats).map(Self::Stats),
            None => bytes(&text).map(Self::Content),
        }
    }
}

/// The files of a world that a version says nothing about: a PC that has them keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exempt {
    /// The includes of the scope it was saved under, if that was not the built-in one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Its excludes, beside those that always hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Files that the PC's disk could not hold, by their paths in the instance.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub paths: BTreeSet<String>,
}

/// One state of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its content.
    pub digest: Digest,
    /// When its newest file was changed, in milliseconds since 1970 by the clock of the PC that
    /// saved it.
    pub time: i64,
    /// The pushes, beside the one that made it, whose snapshots have its files.
    pub holders: Dots,
    /// What few versions have.
    pub more: Option<Box<More>>,
}

/// What few versions have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct More {
    /// The value of a setting, which is in no file of its own.
    pub value: Option<String>,
    /// It was saved by a PC that had never taken anything in from this repository: its settings may
    /// be the game's defaults.
    pub weak: bool,
    /// The player kept another version as a world of its own.
    pub kept_both: bool,
    /// It is a copy of this content, which the player kept beside another version.
    pub copy_of: Option<Digest>,
    /// What it says nothing about.
    pub exempt: Option<Exempt>,
    /// What people know a world by.
    pub card: Option<Card>,
}

impl Version {
    /// A version without anything special.
    pub fn new(digest: Digest, time: i64) -> Self {
        Self { digest, time, holders: Dots::default(), more: None }
    }

    /// The same with `more`.
    #[must_use]
    pub fn with(mut self, more: More) -> Self {
        self.more = (more != More::default()).then(|| Box::new(more));
        self
    }

    /// The value of a setting.
    pub fn value(&self) -> Option<&str> {
        self.more.as_ref()?.value.as_deref()
    }

    /// Whether it loses against any other version of a setting or file.
    pub fn is_weak(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.weak)
    }

    /// Whether the player kept the other versions as worlds of their own.
    pub fn is_kept_both(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.kept_both)
    }

    /// What it is a copy of.
    pub fn copy_of(&self) -> Option<Digest> {
        self.more.as_ref()?.copy_of
    }

    /// What it says nothing about.
    pub fn exempt(&self) -> Option<&Exempt> {
        self.more.as_ref()?.exempt.as_ref()
    }

    /// What people know it by.
    pub fn card(&self) -> Option<&Card> {
        self.more.as_ref()?.card.as_ref()
    }
}
