//! What the tests of both files need.

use std::collections::BTreeMap;

use super::Settings;
use crate::model::Unit;

/// Changes of units.
pub type Changes = BTreeMap<Unit, Option<String>>;

/// `units` with `changes` made.
pub fn applied(mut units: BTreeMap<Unit, String>, changes: &Changes) -> BTreeMap<Unit, String> {
    for (unit, value) in changes {
        match value {
            Some(value) => units.insert(unit.clone(), value.clone()),
            None => units.remove(unit),
        };
    }
    units
}

/// The changes that make `to` of `from`.
pub fn between(from: &BTreeMap<Unit, String>, to: &BTreeMap<Unit, String>) -> Changes {
    let gone = from.keys().map(|unit| (unit.clone(), None));
    gone.chain(to.iter().map(|(unit, value)| (unit.clone(), Some(value.clone())))).collect()
}

/// Reads and writes bytes that may be anything; whatever comes back, no panic does.
pub fn try_all(settings: Settings, content: &[u8], changes: &Changes) {
    let before = settings.read(content);
    let written = settings.write(content, changes);
    assert_eq!(settings.write(content, &Changes::new()), before.is_some().then(|| content.to_vec()));
    assert_eq!(written.is_some(), before.is_some());
    let values = changes.iter().filter_map(|(unit, value)| Some((unit.clone(), value.clone()?))).collect();
    settings.read(&settings.create(&values));
}
