//! A ledger as a field of something else, with all the holders: for `#[serde(with = "…")]`.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::row::{Gathered, PushRow, UnitRow};
use crate::model::ledger::Ledger;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    pushes: Vec<PushRow>,
    units: Vec<UnitRow>,
}

/// Writes `ledger`.
pub fn serialize<S: Serializer>(ledger: &Ledger, serializer: S) -> Result<S::Ok, S::Error> {
    let units = ledger.units.iter().filter(|(_, versions)| !versions.is_empty());
    Whole {
        pushes: ledger.pushes.iter().map(|(dot, push)| PushRow::new(*dot, push.clone())).collect(),
        units: units.map(|(unit, versions)| UnitRow::with_holders(unit, versions)).collect(),
    }
    .serialize(serializer)
}

/// Reads a ledger.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ledger, D::Error> {
    let Whole { pushes, units } = Whole::deserialize(deserializer)?;
    let mut gathered = Gathered::default();
    gathered.take(pushes, units).and_then(|()| gathered.into_whole()).map_err(D::Error::custom)
}
