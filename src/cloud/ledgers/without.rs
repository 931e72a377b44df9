//! Snapshots without a ledger: of the original client, of restic by hand, of older versions. They
//! count as pushes, in the order of their times. What they changed is told by the sizes and times of
//! their files, since nothing else is known of their content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Reader;
use crate::cloud::restic::Listing;
use crate::content::settings::Settings;
use crate::error::Result;
use crate::instance::digest::{digest_of_stats, digest_of_value, files_of};
use crate::model::{Ledger, More, Push, Snapshot, Stat, Unit, Version};

impl Reader<'_> {
    /// The ledger that `snapshot` would have.
    pub(super) fn ledger_without(&mut self, snapshot: &Snapshot) -> Result<Ledger> {
        if self.all.len() < self.before.ids.len() {
            // What came before it counts.
            self.all = self.restic.snapshots(self.before.ids)?;
            self.all.sort_by(|one, other| (other.time, &other.id).cmp(&(one.time, &one.id)));
        }
        let listing = match self.news.listing.take() {
            Some(listing) if listing.snapshot.id == snapshot.id => listing,
            other => {
                self.news.listing = other;
                Arc::new(self.restic.ls(&snapshot.id)?)
            }
        };
        let is_before = |other: &&Snapshot| (other.time, &other.id) <= (snapshot.time, &snapshot.id);
        let mut ledger = Ledger::default();
        // One with a ledger is told of by that.
        let is_known = |other: &Snapshot| {
            let push = other.push();
            push.is_some_and(|push| {
                self.before.known.pushes.contains_key(&push) || self.news.ledger.pushes.contains_key(&push)
            })
        };
        let mut with_ledger = None;
        for older in self.all.iter().filter(is_before).filter(|older| !older.is_rescue()) {
            if older.id != snapshot.id && older.push().is_some() {
                with_ledger = with_ledger.or_else(|| is_known(older).then_some(older));
                continue;
            }
            let push = Push { machine: older.hostname.clone(), time: Some(older.time), ..Push::default() };
            ledger.pushes.insert(older.id.dot(), push);
        }
        let before = with_ledger.map(|older| self.restic.ls(&older.id)).transpose()?;
        let dot = snapshot.id.dot();
        for unit in units(&listing) {
            if before.as_ref().is_some_and(|before| stats(before, &unit) == stats(&listing, &unit)) {
                continue;
            }
            let time = files_of(&listing.files, &unit).map(|(_, stat)| stat.mtime).max().unwrap_or_default();
            let version = Version::new(
                digest_of_stats(files_of(&listing.files, &unit).map(|(path, stat)| (path.as_str(), *stat))),
                time.div_euclid(1_000_000),
            );
            ledger.units.entry(unit).or_default().insert(dot, version);
        }
        for settings in Settings::ALL {
            let Some(stat) = listing.files.get(settings.path()) else { continue };
            if before.as_ref().and_then(|before| before.files.get(settings.path())) == Some(stat) {
                continue;
            }
            let content = self.restic.file(&snapshot.id, settings.path())?;
            for (unit, value) in settings.read(&content).unwrap_or_default() {
                let more = More { value: Some(value.clone()), ..More::default() };
                let version = Version::new(digest_of_value(&value), stat.mtime.div_euclid(1_000_000)).with(more);
                ledger.units.entry(unit).or_default().insert(dot, version);
            }
        }
        self.news.listing.get_or_insert(listing);
        Ok(ledger)
    }
}

/// The units that have files in the listing.
fn units(listing: &Listing) -> BTreeSet<Unit> {
    let is_unit = |path: &&String| Settings::of(path).is_none() && !path.starts_with(".cloud-sync/");
    let units = listing.files.keys().filter(is_unit).map(|path| String::from(Unit::of(path)));
    // A name that cannot be is refused when it is to be put in place; here it is nobody's.
    units.filter_map(|unit| Unit::try_from(unit).ok()).collect()
}

fn stats(listing: &Listing, unit: &Unit) -> BTreeMap<String, Stat> {
    files_of(&listing.files, unit).map(|(path, stat)| (path.clone(), *stat)).collect()
}
