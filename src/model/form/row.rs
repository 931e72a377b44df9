//! The entries of a ledger, and what is refused of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::FormError;
use super::limits::{MAX_EXEMPT, MAX_MACHINE, MAX_NAME, MAX_PUSHES, MAX_UNITS, MAX_VALUE, MAX_VERSIONS, MAX_WORLDS};
use crate::model::card::Card;
use crate::model::dot::{Dot, Dots};
use crate::model::icon::is_icon;
use crate::model::ledger::{Ledger, Push, Versions};
use crate::model::unit::Unit;
use crate::model::version::{Digest, Exempt, More, Version};

#[derive(Serialize, Deserialize)]
pub(super) struct PushRow(Dot, Push);

#[derive(Serialize, Deserialize)]
pub(super) struct UnitRow(Unit, Vec<VersionRow>);

#[derive(Serialize, Deserialize)]
struct VersionRow(Dot, Digest, i64, #[serde(default, skip_serializing_if = "Option::is_none")] Option<Box<Rest>>);

/// What few versions have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    weak: bool,
    #[serde(skip_serializing_if = "is_default")]
    kept_both: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy_of: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exempt: Option<Exempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<Card>,
    #[serde(skip_serializing_if = "Dots::is_empty")]
    holders: Dots,
    /// The snapshot does not hold its files; a push that does, if one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<Vec<Dot>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn to_json(row: &impl Serialize) -> String {
    // Nothing in a row can fail. If it did, no reader would take the part.
    serde_json::to_string(row).unwrap_or_else(|_| "null".to_owned())
}

impl PushRow {
    pub(super) fn new(dot: Dot, push: Push) -> Self {
        Self(dot, push)
    }

    pub(super) fn into_json(self) -> String {
        to_json(&self)
    }

    fn checked(self) -> Result<(Dot, Push), FormError> {
        let Self(dot, mut push) = self;
        if push.worlds.len() > MAX_WORLDS || push.gone.len() > MAX_WORLDS {
            return Err(FormError::damaged(format!("push {dot} has too many worlds")));
        }
        if let Some((end, _)) = push.machine.char_indices().nth(MAX_MACHINE) {
            push.machine.truncate(end);
        }
        Ok((dot, push))
    }
}

impl UnitRow {
    /// As a PC writes it for itself.
    pub(super) fn with_holders(unit: &Unit, versions: &Versions) -> Self {
        let row = |(dot, version): (Dot, &Version)| {
            VersionRow::new(dot, version, Rest { holders: version.holders.clone(), ..Rest::default() })
        };
        Self(unit.clone(), versions.iter().map(row).collect())
    }

    /// As a snapshot has it.
    pub(super) fn in_snapshot(unit: &Unit, versions: &Versions, lacks: &BTreeMap<Dot, Option<Dot>>) -> Self {
        let row = |(dot, version): (Dot, &Version)| {
            let lacks = lacks.get(&dot).map(|holder| holder.iter().copied().collect());
            VersionRow::new(dot, version, Rest { lacks, ..Rest::default() })
        };
        Self(unit.clone(), versions.iter().map(row).collect())
    }

    pub(super) fn into_json(self) -> String {
        to_json(&self)
    }
}

impl VersionRow {
    fn new(dot: Dot, version: &Version, rest: Rest) -> Self {
        let rest = match version.more.as_deref().cloned() {
            Some(More { value, weak, kept_both, copy_of, exempt, card }) => {
                // One that no reader takes is not written.
                let card = card.map(|card| Card { icon: card.icon.filter(|icon| is_icon(icon)), ..card });
                Rest { value, weak, kept_both, copy_of, exempt, card, ..rest }
            }
            None => rest,
        };
        Self(dot, version.digest, version.time, (rest != Rest::default()).then(|| Box::new(rest)))
    }
}

impl Rest {
    fn checked(self) -> Result<Self, &'static str> {
        let is_long = |value: &String| value.len() > MAX_VALUE;
        let is_large = |exempt: &Exempt| {
            [exempt.include.len(), exempt.exclude.len(), exempt.paths.len()].into_iter().any(|count| count > MAX_EXEMPT)
        };
        if self.value.as_ref().is_some_and(is_long) {
            return Err("too long a value");
        }
        if self.exempt.as_ref().is_some_and(is_large) {
            return Err("too much that it says nothing about");
        }
        if self.lacks.as_ref().is_some_and(|holders| holders.len() > 1) {
            return Err("two pushes that hold its files");
        }
        Ok(self)
    }
}

/// A ledger while it is read.
#[derive(Default)]
pub(super) struct Gathered {
    ledger: Ledger,
    lacks: BTreeMap<Unit, BTreeMap<Dot, Option<Dot>>>,
}

impl Gathered {
    /// Adds entries. A push comes before the units that name it.
    pub(super) fn take(&mut self, pushes: Vec<PushRow>, units: Vec<UnitRow>) -> Result<(), FormError> {
        for row in pushes {
            let (dot, push) = row.checked()?;
            if self.ledger.pushes.insert(dot, push).is_some() {
                return Err(FormError::damaged(format!("push {dot} is there twice")));
            }
        }
        if self.ledger.pushes.len() > MAX_PUSHES || self.ledger.units.len() + units.len() > MAX_UNITS {
            return Err(FormError::damaged("it has too many entries"));
        }
        units.into_iter().try_for_each(|row| self.take_unit(row))
    }

    fn take_unit(&mut self, UnitRow(unit, rows): UnitRow) -> Result<(), FormError> {
        let name = String::from(unit.clone());
        let refuse = |reason: &str| FormError::damaged(format!("{reason}: {name:?}"));
        if name.len() > MAX_NAME {
            return Err(refuse("too long a name"));
        }
        if rows.is_empty() || rows.len() > MAX_VERSIONS {
            return Err(refuse("no versions, or too many"));
        }
        let count = rows.len();
        let mut versions = Vec::with_capacity(count);
        let mut lacks = BTreeMap::new();
        for VersionRow(dot, digest, time, rest) in rows {
            let rest = rest.map(|rest| *rest).unwrap_or_default().checked().map_err(refuse)?;
            let named = rest.holders.iter().chain(rest.lacks.iter().flatten().copied()).chain([dot]);
            if let Some(dot) = { named }.find(|dot| !self.ledger.pushes.contains_key(dot)) {
                return Err(refuse(&format!("push {dot} is not known")));
            }
            if let Some(holders) = rest.lacks {
                lacks.insert(dot, holders.first().copied());
            }
            let Rest { value, weak, kept_both, copy_of, exempt, card, holders, .. } = rest;
            let more = More { value, weak, kept_both, copy_of, exempt, card };
            versions.push((dot, Version { holders, ..Version::new(digest, time).with(more) }));
        }
        let versions: Versions = versions.into_iter().collect();
        if versions.len() < count {
            return Err(refuse("a version is there twice"));
        }
        if !lacks.is_empty() {
            self.lacks.insert(unit.clone(), lacks);
        }
        if self.ledger.units.insert(unit, versions).is_some() {
            return Err(refuse("a unit is there twice"));
        }
        Ok(())
    }

    /// The ledger of a snapshot, and what the snapshot lacks.
    #[expect(clippy::type_complexity, reason = "they are two fields of `Saved`")]
    pub(super) fn into_snapshot(self) -> Result<(Ledger, BTreeMap<Unit, BTreeMap<Dot, Option<Dot>>>), FormError> {
        if self.ledger.units.values().flat_map(Versions::iter).any(|(_, version)| !version.holders.is_empty()) {
            return Err(FormError::damaged("it names holders"));
        }
        Ok((self.ledger, self.lacks))
    }

    /// The ledger of a PC, which holds no files itself.
    pub(super) fn into_whole(self) -> Result<Ledger, FormError> {
        if self.lacks.is_empty() { Ok(self.ledger) } else { Err(FormError::damaged("it lacks files")) }
    }
}
