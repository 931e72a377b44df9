//! Worlds and files: which snapshot has them, what of them is fetched, and whether it is what their
//! versions say.

use std::collections::{BTreeMap, BTreeSet};

use super::Bring;
use crate::cloud::restic::Listing;
use crate::error::{Error, Kind, Result};
use crate::instance::digest::hash_file;
use crate::instance::state::{Entry, Manifest};
use crate::model::{Digest, Unit, Version};
use crate::paths::is_within;
use crate::sync::exempt::is_content_of;
use crate::sync::fetch::Fetch;
use crate::sync::plan::{self, Files};
use crate::sync::resolved::Resolved;

impl Bring<'_> {
    /// Fetches what comes, unit by unit, and checks it against the versions. What one snapshot has
    /// damaged is looked for in the others that have it.
    pub(super) fn stage_units(&mut self, resolved: &mut Resolved) -> Result<()> {
        let comes = resolved.comes.iter().filter(|(unit, _)| unit.path().is_some());
        let mut wanted: BTreeMap<_, _> =
            comes.map(|(unit, (_, versions))| (unit.clone(), self.source.holders(unit, versions))).collect();
        let mut damaged = BTreeSet::new();
        loop {
            let hopeless: Vec<_> = wanted.extract_if(.., |_, holders| holders.is_empty()).collect();
            for (unit, _) in hopeless {
                let why = if damaged.contains(&unit) {
                    "what the cloud has of it is damaged"
                } else {
                    "no version in the cloud has its files any more"
                };
                self.ctx.warn(&format!("{} could not be brought: {why}", unit.name()));
                resolved.abandon(&unit);
            }
            let Some(id) = self.source.best(wanted.values()) else { return Ok(()) };
            let listing = self.source.listing(&id)?;
            self.warn_of_specials(&listing);
            let units: BTreeSet<_> =
                wanted.iter().filter(|(_, holders)| holders.contains(&id)).map(|(unit, _)| unit.clone()).collect();
            let bad = self.stage_from(&listing, &units, resolved)?;
            self.main.get_or_insert(id.clone());
            for unit in &self.files.refused {
                // It is none of this PC's as long as it cannot be here.
                resolved.abandon(unit);
            }
            for unit in units {
                if bad.contains(&unit) {
                    wanted.entry(unit.clone()).and_modify(|holders| {
                        holders.remove(&id);
                    });
                    damaged.insert(unit);
                } else {
                    wanted.remove(&unit);
                }
            }
        }
    }

    fn warn_of_specials(&self, listing: &Listing) {
        for special in listing.specials.iter().filter(|path| self.seen.scope.contains(path)) {
            let what = if special.contains(char::REPLACEMENT_CHARACTER) {
                "has a name that is not valid Unicode"
            } else {
                "is a link or no ordinary file"
            };
            self.ctx.warn(&format!("skipped: {special} {what} in the cloud"));
        }
    }

    /// Fetches these units from one snapshot. Gives those that are not what their versions say.
    fn stage_from(&mut self, listing: &Listing, units: &BTreeSet<Unit>, resolved: &Resolved) -> Result<BTreeSet<Unit>> {
        let bad = self.try_from(listing, units, resolved, false)?;
        // A file of another content may have the same size and time as the one that is here.
        let bad = if bad.is_empty() { bad } else { self.try_from(listing, &bad, resolved, true)? };
        for path in listing.files.keys().filter(|path| bad.contains(&Unit::of(path))) {
            self.staging.remove(path);
        }
        Ok(bad)
    }

    fn try_from(
        &mut self,
        listing: &Listing,
        units: &BTreeSet<Unit>,
        resolved: &Resolved,
        anew: bool,
    ) -> Result<BTreeSet<Unit>> {
        let mut plans = BTreeMap::new();
        for unit in units {
            let versions = resolved.comes.get(unit).into_iter().flat_map(|(_, versions)| versions.iter());
            let Some(version) = { versions }.find_map(|dot| self.source.version(unit, dot)) else { continue };
            let local = &self.seen.local;
            let mut files = plan::files(unit, version, &listing.files, &local.files, &self.seen.scope, anew)?;
            // What was left out was warned of; it stays as the player made it.
            let left: BTreeSet<_> = files.fetch.extract_if(.., |path| local.tree.leaves_out(path)).collect();
            self.files.impossible.remove(unit);
            if !left.is_empty() {
                self.files.impossible.insert(unit.clone(), left);
            }
            plans.insert(unit.clone(), (version, files));
        }
        self.refuse(&mut plans, &resolved.goes);
        let fetch: Vec<_> = plans.values().flat_map(|(_, files)| files.fetch.iter().cloned()).collect();
        Fetch { ctx: self.ctx, restic: self.source.restic()?, listing }.stage(&mut self.staging, &fetch)?;
        let mut bad = BTreeSet::new();
        for (unit, (version, files)) in plans {
            if !self.take(listing, &unit, version, &files)? {
                bad.insert(unit);
            }
        }
        Ok(bad)
    }

    /// Takes out of the plans what this disk cannot hold beside what stays: a world whole, if its name
    /// is the reason.
    fn refuse(&mut self, plans: &mut BTreeMap<Unit, (&Version, Files)>, goes: &BTreeSet<Unit>) {
        let local = &self.seen.local.files;
        let removed: BTreeSet<_> = plans.values().flat_map(|(_, files)| &files.remove).collect();
        let is_going = |path: &String| removed.contains(path) || goes.iter().any(|unit| unit.holds(path));
        let stays = local.keys().filter(|path| !is_going(path)).map(String::as_str);
        let coming = plans.values().flat_map(|(_, files)| files.fetch.iter().map(String::as_str));
        let refused = self.disk.refused(stays, coming);
        for (path, why) in &refused {
            self.ctx.warn(&format!("skipped: {path}: {}", why.text()));
        }
        let is_refused = |path: &String| refused.keys().any(|outer| is_within(path, outer));
        let whole = plans.extract_if(.., |unit, _| unit.path().is_some_and(|path| is_refused(&path)));
        self.files.refused.extend(whole.map(|(unit, _)| unit));
        for (unit, (_, files)) in plans {
            let refused: Vec<_> = files.fetch.extract_if(.., |path| is_refused(path)).collect();
            if !refused.is_empty() {
                self.files.impossible.entry(unit.clone()).or_default().extend(refused);
            }
        }
    }

    /// Checks what was fetched of a unit, and notes how its files will be; false if they are not what
    /// the version says.
    fn take(&mut self, listing: &Listing, unit: &Unit, version: &Version, files: &Files) -> Result<bool> {
        let mut staged = Manifest::new();
        for path in &files.fetch {
            let mut entry = self.staged_entry(path)?;
            entry = Entry::new(entry.here, listing.files[path], entry.hash);
            staged.insert(path.clone(), entry);
        }
        let local = &self.seen.local.files;
        let is_whole = files.is_all_in_scope && !self.files.impossible.contains_key(unit);
        if is_whole && matches!(version.digest, Digest::Content(_)) {
            let hash_of = |path: &String| staged.get(path).or_else(|| local.get(path)).map(|entry| entry.hash);
            let contents: Vec<_> = files.all.iter().filter_map(|path| Some((path.as_str(), hash_of(path)?))).collect();
            if !is_content_of(unit, version, &contents) {
                return Ok(false);
            }
        }
        for (path, entry) in staged {
            match local.get(&path) {
                // It was only rewritten.
                Some(here) if here.hash == entry.hash => {
                    self.files.kept.insert(path.clone(), Entry::new(here.here, entry.in_cloud(), here.hash));
                    self.files.staged.remove(&path);
                }
                _ => {
                    self.files.staged.insert(path, entry);
                }
            }
        }
        for path in files.same.iter().chain(&files.exempt) {
            let here = &local[path];
            let cloud = listing.files.get(path).copied().unwrap_or(here.in_cloud());
            self.files.kept.insert(path.clone(), Entry::new(here.here, cloud, here.hash));
        }
        self.files.remove.extend(files.remove.iter().cloned());
        Ok(true)
    }

    /// A staged file as it is.
    pub(super) fn staged_entry(&self, path: &str) -> Result<Entry> {
        let hash = hash_file(&self.staging.file(path))
            .map_err(|error| Error::new(Kind::Failed, format!("could not read {path}: {error}")))?;
        let stat = self.staging.stat(path)?;
        Ok(Entry::new(stat, stat, hash))
    }
}
