//! What is known on this PC, joined with what is new in the cloud: what every unit is judged by.

use std::collections::{BTreeMap, BTreeSet};

use super::exempt::is_content_of;
use crate::instance::digest::{digest_of_stats, files_of};
use crate::instance::local::Local;
use crate::instance::state::State;
use crate::model::{Digest, Dot, Known, Ledger, Now, SnapshotId, Unit, Version};

/// One state, seen with the news.
pub struct View<'a> {
    local: &'a Local,
    state: &'a State,
    /// What was known, joined with what is new.
    pub ledger: Ledger,
    /// The snapshots that this repository has, by their pushes.
    pub alive: BTreeMap<Dot, SnapshotId>,
    held: BTreeSet<Dot>,
    elsewhere: BTreeSet<Dot>,
    aliases: BTreeMap<(Unit, Dot), Digest>,
    is_first_contact: bool,
}

impl<'a> View<'a> {
    /// Sees `local` by `state` and `news`, in the repository at `location` that has these snapshots.
    pub fn new(
        local: &'a Local,
        state: &'a State,
        news: &Ledger,
        location: &str,
        alive: BTreeMap<Dot, SnapshotId>,
    ) -> Self {
        let known = &state.memory.ledger;
        let others = state.repositories.iter().filter(|(other, _)| *other != location);
        let has_synced = state.repositories.get(location).is_some_and(|place| !place.seen.is_empty());
        let mut view = Self {
            local,
            state,
            ledger: known.clone().join(news),
            held: alive.keys().copied().collect(),
            alive,
            elsewhere: others.flat_map(|(_, place)| place.seen.values().copied().flatten()).collect(),
            aliases: BTreeMap::new(),
            is_first_contact: !has_synced
                && !news.pushes.is_empty()
                && !known.pushes.keys().any(|dot| news.pushes.contains_key(dot)),
        };
        view.aliases = view.find_aliases();
        view
    }

    /// What every unit is judged by.
    pub fn now(&self) -> Now<'_> {
        Now {
            ledger: &self.ledger,
            before: &self.state.memory.ledger,
            known: &self.state.memory.known,
            here: &self.local.units,
            aliases: &self.aliases,
            alive: &self.held,
            elsewhere: &self.elsewhere,
            is_first_contact: self.is_first_contact,
        }
    }

    /// Versions that are equal to what is here, or was agreed on, although their digests are made
    /// otherwise.
    fn find_aliases(&self) -> BTreeMap<(Unit, Dot), Digest> {
        let mut aliases = BTreeMap::new();
        for (unit, versions) in &self.ledger.units {
            let known = self.state.memory.known.get(unit);
            let here = self.local.units.get(unit).map(|(digest, _)| *digest);
            let is_applied = |known: &&Known, digest| {
                let mine = known.applied.iter().filter_map(|dot| versions.get(dot));
                mine.map(|version| version.digest).any(|mine| mine == digest)
            };
            for (dot, version) in versions.iter() {
                let agreed = known.filter(|known| is_applied(known, version.digest)).and_then(|known| known.agreed);
                let is_odd = matches!(version.digest, Digest::Stats(_)) || version.exempt().is_some();
                if let Some(digest) = agreed.or_else(|| here.filter(|_| is_odd && self.is_here(unit, version))) {
                    aliases.insert((unit.clone(), dot), digest);
                }
            }
        }
        aliases
    }

    /// Whether what is here of `unit` is `version`, as far as that has a say.
    fn is_here(&self, unit: &Unit, version: &Version) -> bool {
        let files = files_of(&self.local.files, unit);
        match version.digest {
            Digest::Stats(_) => {
                let stats = files.map(|(path, entry)| (path.as_str(), entry.in_cloud()));
                digest_of_stats(stats) == version.digest
            }
            Digest::Content(_) => {
                let contents: Vec<_> = files.map(|(path, entry)| (path.as_str(), entry.hash)).collect();
                is_content_of(unit, version, &contents)
            }
        }
    }
}
