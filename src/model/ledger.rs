//! What one snapshot, or one PC, knows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::dot::Dot;
use super::unit::Unit;
use super::version::Version;

/// What is known: every push that was taken in, and for each unit the versions that nothing
/// supersedes. A unit without a version was deleted, or never was. Two versions of a unit are an open
/// question, and may stay that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The pushes that were taken in.
    pub pushes: BTreeMap<Dot, Push>,
    /// The current versions of each unit.
    pub units: BTreeMap<Unit, Versions>,
}

/// The current versions of a unit, by the pushes that made them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(Vec<(Dot, Version)>);

/// What people want to know of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// The PC that made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// When, by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<DateTime<Utc>>,
    /// The worlds that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worlds: Vec<String>,
    /// The worlds that it deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// How many other units it changed or deleted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub others: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Versions {
    /// The version that `dot` made.
    pub fn get(&self, dot: Dot) -> Option<&Version> {
        self.0.binary_search_by_key(&dot, |(dot, _)| *dot).ok().map(|place| &self.0[place].1)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, dot: Dot) -> Option<&mut Version> {
        self.0.binary_search_by_key(&dot, |(dot, _)| *dot).ok().map(|place| &mut self.0[place].1)
    }

    /// Whether `dot` made one of them.
    pub fn contains(&self, dot: Dot) -> bool {
        self.get(dot).is_some()
    }

    /// Adds a version.
    pub fn insert(&mut self, dot: Dot, version: Version) {
        match self.0.binary_search_by_key(&dot, |(dot, _)| *dot) {
            Ok(place) => self.0[place].1 = version,
            Err(place) => self.0.insert(place, (dot, version)),
        }
    }

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(Dot, &Version) -> bool) {
        self.0.retain(|(dot, version)| keep(*dot, version));
    }

    /// The versions.
    pub fn iter(&self) -> impl Iterator<Item = (Dot, &Version)> {
        self.0.iter().map(|(dot, version)| (*dot, version))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Dot, &mut Version)> {
        self.0.iter_mut().map(|(dot, version)| (*dot, version))
    }

    /// The pushes that made them.
    pub fn dots(&self) -> impl Iterator<Item = Dot> + '_ {
        self.0.iter().map(|(dot, _)| *dot)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Dot, Version)> for Versions {
    fn from_iter<I: IntoIterator<Item = (Dot, Version)>>(versions: I) -> Self {
        let mut all = Self::default();
        versions.into_iter().for_each(|(dot, version)| all.insert(dot, version));
        all
    }
}

impl Ledger {
    /// The least upper bound of two ledgers: commutative, associative and idempotent. A version that
    /// one side lacks although it took in the push that made it was superseded there.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        for (unit, theirs) in &other.units {
            let ours = self.units.entry(unit.clone()).or_default();
            for (dot, version) in theirs.iter() {
                if let Some(known) = ours.get_mut(dot) {
                    known.holders.extend(version.holders.iter());
                } else if !self.pushes.contains_key(&dot) {
                    ours.insert(dot, version.clone());
                }
            }
        }
        let superseded = |unit: &Unit, dot: Dot| {
            other.pushes.contains_key(&dot) && !other.units.get(unit).is_some_and(|theirs| theirs.contains(dot))
        };
        self.units.retain(|unit, versions| {
            versions.retain(|dot, _| !superseded(unit, dot));
            !versions.is_empty()
        });
        for (dot, push) in &other.pushes {
            self.pushes.entry(*dot).or_insert_with(|| push.clone());
        }
        self
    }

    /// The current versions of `unit`.
    pub fn versions(&self, unit: &Unit) -> impl Iterator<Item = (Dot, &Version)> {
        self.units.get(unit).into_iter().flat_map(Versions::iter)
    }
}
