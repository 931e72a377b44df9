//! What a PC remembers of its units, and what a push makes of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::dot::{Dot, Dots};
use super::ledger::{Ledger, Push};
use super::unit::Unit;
use super::version::{Digest, Version};

/// What is known of one unit on this PC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The content that the disk and the versions in `applied` agreed on. In `state.json` that is as it was
    /// then; once the disk was looked at, it is what of that is in the scope and in reach now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Digest>,
    /// The versions that it is.
    #[serde(default, skip_serializing_if = "Dots::is_empty")]
    pub applied: Dots,
    /// The versions that lost against it by rule: it is none of them, but what comes after it supersedes
    /// them, too.
    #[serde(default, skip_serializing_if = "Dots::is_empty")]
    pub beaten: Dots,
    /// The versions that the next push supersedes, beside these: what was decided and not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<Dots>,
    /// The player kept the other versions as units of their own, and no push has told that yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_both: bool,
    /// It is a copy of this content, and no push has saved it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<Digest>,
}

impl Known {
    /// Whether a push has something to tell of the unit, of which this is `here`.
    pub fn is_dirty(&self, here: Option<Digest>) -> bool {
        here != self.agreed || self.owed.is_some()
    }

    /// Makes the next push supersede these versions, too.
    pub fn owe(&mut self, dots: impl IntoIterator<Item = Dot>) {
        self.owed.get_or_insert_default().extend(dots);
    }
}

/// All that a PC remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Everything that was taken in.
    pub ledger: Ledger,
    /// What of it lies on the disk.
    pub known: BTreeMap<Unit, Known>,
}

/// A push, before it is made.
#[derive(Clone, Debug)]
pub struct Saving {
    /// The units that were edited or are owed, and can be saved now.
    pub changed: BTreeSet<Unit>,
    /// Those that nobody's snapshot holds any more.
    pub unheld: BTreeSet<Unit>,
}

impl Saving {
    /// Whether there is nothing to save.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.unheld.is_empty()
    }
}

impl Memory {
    /// What a push has to save of what is `here`, but for the units that are not `is_ready`. `alive` are
    /// the pushes whose snapshots the repository has.
    pub fn saving(
        &self,
        here: &BTreeMap<Unit, (Digest, i64)>,
        alive: &BTreeSet<Dot>,
        is_ready: impl Fn(&Unit) -> bool,
    ) -> Saving {
        let digest = |unit: &Unit| here.get(unit).map(|(digest, _)| *digest);
        let is_dirty = |unit: &&Unit| match self.known.get(*unit) {
            Some(known) => known.is_dirty(digest(unit)),
            None => here.contains_key(*unit),
        };
        let units: BTreeSet<_> = here.keys().chain(self.known.keys()).collect();
        let changed = units.into_iter().filter(is_dirty).filter(|unit| is_ready(unit)).cloned().collect();
        let is_held = |unit: &Unit, dot: Dot| {
            let version = self.ledger.units.get(unit).and_then(|versions| versions.get(dot));
            // A setting is in the ledger itself: whoever knows of the push has it.
            alive.contains(&dot)
                || version.is_some_and(|version| {
                    version.value().is_some() || version.holders.iter().any(|holder| alive.contains(&holder))
                })
        };
        let is_unheld = |(unit, known): &(&Unit, &Known)| {
            here.contains_key(*unit) && !known.applied.is_empty() && !known.applied.iter().any(|dot| is_held(unit, dot))
        };
        let unheld =
            self.known.iter().filter(is_unheld).map(|(unit, _)| unit.clone()).filter(|unit| is_ready(unit)).collect();
        Saving { changed, unheld }
    }

    /// Makes what is `here` of the changed units the versions that `dot` made: each supersedes what it
    /// grew out of or was decided against, and nothing else.
    pub fn save(
        &mut self,
        changed: &BTreeSet<Unit>,
        here: &BTreeMap<Unit, (Digest, i64)>,
        dot: Dot,
        push: Push,
        version_of: impl Fn(&Unit, Digest, i64, &Known) -> Version,
    ) {
        for unit in changed {
            let known = self.known.entry(unit.clone()).or_default();
            let mut gone = known.applied.clone();
            gone.extend(known.beaten.iter());
            gone.extend(known.owed.iter().flat_map(Dots::iter));
            let versions = self.ledger.units.entry(unit.clone()).or_default();
            versions.retain(|dot, _| !gone.contains(dot));
            if let Some((digest, time)) = here.get(unit) {
                versions.insert(dot, version_of(unit, *digest, *time, known));
                *known = Known { agreed: Some(*digest), applied: Dots::from_iter([dot]), ..Known::default() };
            } else {
                self.known.remove(unit);
            }
            if self.ledger.units.get(unit).is_some_and(super::ledger::Versions::is_empty) {
                self.ledger.units.remove(unit);
            }
        }
        self.ledger.pushes.insert(dot, push);
    }
}
