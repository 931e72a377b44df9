//! An instance that an older version or the original client has synced goes on without a question.

use std::collections::{BTreeMap, BTreeSet};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::cloud::ledgers;
use crate::cloud::restic::Restic;
use crate::content::settings::Settings;
use crate::context::Context;
use crate::error::Result;
use crate::instance::digest::{digest_of_stats, digest_of_value, files_of, hash_file};
use crate::instance::scope::Scope;
use crate::instance::state::{Entry, Manifest, Older, Place, Recorded, State};
use crate::instance::tree::Tree;
use crate::model::{
    Dot, Dots, Hash, Known, Memory, More, Push, Saved, Snapshot, SnapshotId, Stat, Unit, Version, Versions, nanoseconds,
};
use crate::reading::read_at_most;

/// A file as it was here, and as the snapshot has it.
type Pairs = BTreeMap<String, (Stat, Stat)>;

/// Where what an older state says meets what the repository has.
pub struct TakeOver<'a> {
    /// The run.
    pub ctx: &'a Context<'a>,
    /// The state.
    pub older: &'a Older,
    /// The address of the repository.
    pub location: &'a str,
    /// What is on the disk.
    pub tree: &'a Tree,
    /// What is synced.
    pub scope: &'a Scope,
    /// The ids of all snapshots.
    pub ids: &'a BTreeSet<SnapshotId>,
}

impl TakeOver<'_> {
    /// The state that it comes to. An empty one where the repository does not have what it needs to tell.
    pub fn state(&self, restic: impl Fn() -> Result<Restic>) -> Result<State> {
        let older = self.older;
        let is_elsewhere = older.repository.as_deref().is_some_and(|known| known != self.location);
        let Some(base) = older.base.as_ref().filter(|_| !is_elsewhere) else { return Ok(State::default()) };
        self.ctx.log.line("taking over the state of an older version");
        let time = match &older.files {
            Recorded::Files(files) => return Ok(self.without_ledger(base, &older.seen, files)),
            Recorded::Since(_) if !self.ids.contains(base) => return Ok(State::default()),
            Recorded::Since(time) => *time,
        };
        let restic = restic()?;
        let listing = restic.ls(base)?;
        let own = ledgers::saved(&restic, &listing.snapshot)?;
        // The original client took every file newer than its last sync for an edit.
        let since = nanoseconds(time.into());
        let agreed = |path: &str, cloud: Stat| match self.tree.files.get(path) {
            Some(here) if here.size == cloud.size && here.mtime <= since => *here,
            _ => cloud,
        };
        let files = listing.files.iter().filter(|(path, _)| self.scope.contains(path));
        let pairs = files.map(|(path, cloud)| (path.clone(), (agreed(path, *cloud), *cloud))).collect();
        if let Some(saved) = own {
            return Ok(self.with_ledger(base, saved, &pairs));
        }
        // It took each snapshot for the successor of all that came before.
        let is_before = |other: &Snapshot| other.push().is_none() && other.time <= listing.snapshot.time;
        let before = restic.snapshots(self.ids)?.into_iter().filter(is_before).map(|other| other.id);
        Ok(self.without_ledger(base, &before.chain([base.clone()]).collect(), &pairs))
    }

    fn is_as_known(&self, path: &str, here: Stat) -> bool {
        self.tree.files.get(path) == Some(&here)
    }

    fn files(&self, pairs: &Pairs) -> Manifest {
        let root = self.ctx.instance.root();
        pairs
            .into_par_iter()
            .map(|(path, (here, cloud))| {
                // One that was changed since is compared with nothing that could be the same.
                let hash = self.is_as_known(path, *here).then(|| hash_file(&root.join(path)).ok()).flatten();
                (path.clone(), Entry::new(*here, *cloud, hash.unwrap_or(Hash::default())))
            })
            .collect()
    }

    fn place(&self, base: &SnapshotId, seen: BTreeMap<SnapshotId, Option<Dot>>) -> BTreeMap<String, Place> {
        let place = Place { base: Some(base.clone()), seen, ..Place::default() };
        BTreeMap::from([(self.location.to_owned(), place)])
    }

    /// The base has a ledger: the PC had that in place.
    fn with_ledger(&self, base: &SnapshotId, saved: Saved, pairs: &Pairs) -> State {
        let files = self.files(pairs);
        let known = |(unit, versions): (&Unit, &Versions)| {
            let applied: Dots = versions.dots().collect();
            let is_here = unit.path().is_none() || files_of(pairs, unit).next().is_some();
            let agreed = versions.iter().next().map(|(_, version)| version.digest);
            is_here.then(|| (unit.clone(), Known { agreed, applied, ..Known::default() }))
        };
        let known = saved.ledger.units.iter().filter_map(known).collect();
        let repositories = self.place(base, BTreeMap::from([(base.clone(), Some(saved.push))]));
        State { repositories, memory: Memory { ledger: saved.ledger, known }, files, ..State::default() }
    }

    /// The base has none, so that its files are what is known.
    fn without_ledger(&self, base: &SnapshotId, seen: &BTreeSet<SnapshotId>, pairs: &Pairs) -> State {
        let mut memory = Memory::default();
        let dot = base.dot();
        let dots = seen.iter().map(SnapshotId::dot).chain([dot]);
        memory.ledger.pushes = dots.map(|dot| (dot, Push::default())).collect();
        let clouds: BTreeMap<_, _> = pairs.iter().map(|(path, (_, cloud))| (path.clone(), *cloud)).collect();
        let units: BTreeSet<_> =
            clouds.keys().filter(|path| Settings::of(path).is_none()).map(|path| Unit::of(path)).collect();
        let mut take_in = |unit: Unit, agreed, version| {
            memory.ledger.units.entry(unit.clone()).or_default().insert(dot, version);
            memory.known.insert(unit, Known { agreed, applied: Dots::from_iter([dot]), ..Known::default() });
        };
        for unit in units {
            let files = || files_of(&clouds, &unit).map(|(path, stat)| (path.as_str(), *stat));
            let time = files().map(|(_, stat)| stat.mtime).max().unwrap_or_default();
            let version = Version::new(digest_of_stats(files()), time.div_euclid(1_000_000));
            take_in(unit, None, version);
        }
        for settings in Settings::ALL {
            let Some((here, _)) =
                pairs.get(settings.path()).filter(|(here, _)| self.is_as_known(settings.path(), *here))
            else {
                continue;
            };
            let file = self.ctx.instance.root().join(settings.path());
            let content = read_at_most(&file, here.size).unwrap_or_default();
            for (unit, value) in settings.read(&content).unwrap_or_default() {
                let digest = digest_of_value(&value);
                let more = More { value: Some(value), ..More::default() };
                let version = Version::new(digest, here.mtime.div_euclid(1_000_000)).with(more);
                take_in(unit, Some(digest), version);
            }
        }
        let repositories = self.place(base, seen.iter().map(|id| (id.clone(), Some(id.dot()))).collect());
        State { repositories, memory, files: self.files(pairs), ..State::default() }
    }
}
