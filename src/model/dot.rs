//! The names of pushes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The random name of a push. It is never used again, so that it also names each version that the
/// push made. Players copy instance folders and restore disks from images; a counter would be used
/// twice then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dot(u64);

impl Dot {
    /// The dot of these random bytes.
    pub fn new(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }

    /// The dot that `text`, 16 hex digits, is.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_dot = text.len() == 16 && text.bytes().all(is_hex);
        is_dot.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Dot {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no name of a push"))
    }
}

impl From<Dot> for String {
    fn from(dot: Dot) -> Self {
        dot.to_string()
    }
}

/// A few dots, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Vec<Dot>")]
pub struct Dots(Vec<Dot>);

impl Dots {
    /// Whether `dot` is among them.
    pub fn contains(&self, dot: Dot) -> bool {
        self.0.binary_search(&dot).is_ok()
    }

    /// Adds `dot`.
    pub fn insert(&mut self, dot: Dot) {
        if let Err(place) = self.0.binary_search(&dot) {
            self.0.insert(place, dot);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The dots.
    pub fn iter(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().copied()
    }

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(Dot) -> bool) {
        self.0.retain(|dot| keep(*dot));
    }
}

impl From<Vec<Dot>> for Dots {
    fn from(dots: Vec<Dot>) -> Self {
        dots.into_iter().collect()
    }
}

impl FromIterator<Dot> for Dots {
    fn from_iter<I: IntoIterator<Item = Dot>>(dots: I) -> Self {
        let mut dots: Vec<_> = dots.into_iter().collect();
        dots.sort_unstable();
        dots.dedup();
        Self(dots)
    }
}

impl Extend<Dot> for Dots {
    fn extend<I: IntoIterator<Item = Dot>>(&mut self, dots: I) {
        dots.into_iter().for_each(|dot| self.insert(dot));
    }
}
