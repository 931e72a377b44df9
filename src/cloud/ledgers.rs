//! Reading what the snapshots of a repository know.

mod without;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use crate::cloud::restic::{Listing, Restic, ResticError};
use crate::error::{Error, Kind, Result};
use crate::model::{Dot, FormError, Ledger, Parts, Saved, Snapshot, SnapshotId};

/// How many ledgers are read at most to find out what a repository still knows.
const MAX_LOOKED_BACK: usize = 16;
/// Where a snapshot has its ledger, below `.cloud-sync`.
const LEDGER: &str = "ledger.json";

/// What is new in a repository.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// What the new snapshots know, all together.
    pub ledger: Ledger,
    /// The new snapshots, and the pushes that made them; without one where it lacks files that its
    /// push saw, or is damaged, and counts for nothing.
    pub seen: BTreeMap<SnapshotId, Option<Dot>>,
    /// The new snapshots of which the ledger is damaged. One that was not doubted before is not seen,
    /// but looked at once more: it may have been this reading.
    pub doubted: BTreeSet<SnapshotId>,
    /// Those of which the ledger was read.
    pub read: BTreeMap<SnapshotId, BTreeSet<Dot>>,
    /// The new snapshots, the latest first.
    pub snapshots: Vec<Snapshot>,
    /// What one of them holds, if that was read on the way.
    pub listing: Option<Arc<Listing>>,
    /// The pushes of those that lack files.
    pub broken: BTreeSet<Dot>,
    /// What is wrong with some of them, for the log.
    pub problems: Vec<String>,
}

/// What a snapshot says.
enum Said {
    /// It has a ledger.
    Ledger(Box<Saved>),
    /// It has none: another tool made it, or an older version.
    Nothing,
    /// It lacks files that its push saw.
    Broken(String),
    /// Its ledger cannot be read, or is not there although a push made it.
    Damaged(String),
}

/// What is known of a repository before its news are read.
pub struct Before<'a> {
    /// The ids of all its snapshots.
    pub ids: &'a BTreeSet<SnapshotId>,
    /// What was taken in.
    pub known: &'a Ledger,
    /// The snapshots that were found damaged once.
    pub doubted: &'a BTreeSet<SnapshotId>,
}

/// Reads what `new` snapshots of the repository know. With as few runs of restic as it takes, since
/// each costs half a second.
pub fn read(restic: &Restic, new: &BTreeSet<SnapshotId>, before: Before<'_>) -> Result<News> {
    let ids = before.ids;
    let mut reader = Reader { restic, before, all: Vec::new(), news: News::default() };
    if let (1, Some(only)) = (new.len(), new.first()) {
        let (listing, own) = beside(|| restic.ls(only), || restic.own_files(only.as_str()));
        // Those that make the same cache get in each other's way.
        let listing = again(listing, || restic.ls(only))?;
        let own = again(own, || restic.own_files(only.as_str()))?;
        reader.news.snapshots = vec![listing.snapshot.clone()];
        reader.all.clone_from(&reader.news.snapshots);
        reader.news.listing = Some(Arc::new(listing));
        reader.take_in(&reader.all[0].clone(), &own)?;
        return Ok(reader.news);
    }
    // Most likely the latest one knows of all the others, and is what will be brought.
    let (snapshots, (latest, listing)) =
        beside(|| restic.snapshots(ids), || beside(|| restic.own_files("latest"), || restic.ls_latest()));
    reader.all = again(snapshots, || restic.snapshots(ids))?;
    reader.all.sort_by(|one, other| (other.time, &other.id).cmp(&(one.time, &one.id)));
    reader.news.snapshots = reader.all.iter().filter(|snapshot| new.contains(&snapshot.id)).cloned().collect();
    reader.news.listing = listing.ok().map(Arc::new);
    let latest = latest.ok();
    // Ours first: what another tool saved is told apart from them.
    let (ours, others): (Vec<_>, Vec<_>) =
        reader.news.snapshots.iter().cloned().partition(|snapshot| snapshot.push().is_some());
    for snapshot in ours.into_iter().chain(others) {
        if snapshot.is_rescue() {
            reader.news.seen.insert(snapshot.id.clone(), None);
            continue;
        }
        if reader.is_covered(&snapshot) {
            reader.news.seen.insert(snapshot.id.clone(), Some(snapshot.dot()));
            continue;
        }
        match &latest {
            // Of two of the same second restic may have taken either.
            Some(own) if is_of(own, &snapshot) => reader.take_in(&snapshot, own)?,
            _ => {
                let own = || restic.own_files(snapshot.id.as_str());
                reader.take_in(&snapshot, &again(own(), own)?)?;
            }
        }
    }
    Ok(reader.news)
}

/// Of the alive snapshots those that together know of all that is `known`, the latest first; none where
/// they do not.
pub fn told_by(restic: &Restic, ids: &BTreeSet<SnapshotId>, known: &Ledger) -> Result<Option<BTreeSet<SnapshotId>>> {
    let mut snapshots = restic.snapshots(ids)?;
    snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.time));
    let mut untold: BTreeSet<Dot> = known.pushes.keys().copied().collect();
    let mut told_by = BTreeSet::new();
    for snapshot in snapshots.iter().take(MAX_LOOKED_BACK) {
        if untold.is_empty() {
            break;
        }
        let own = restic.own_files(snapshot.id.as_str())?;
        let before = untold.len();
        match said(snapshot, &own)? {
            Said::Ledger(saved) => untold.retain(|dot| !saved.ledger.pushes.contains_key(dot)),
            // It was taken in as what came before it.
            Said::Nothing => {
                let older = snapshots.iter().filter(|older| older.time <= snapshot.time).map(|older| older.id.dot());
                older.for_each(|dot| {
                    untold.remove(&dot);
                });
            }
            Said::Broken(_) | Said::Damaged(_) => {}
        }
        if untold.len() < before {
            told_by.insert(snapshot.id.clone());
        }
    }
    Ok(untold.is_empty().then_some(told_by))
}

/// What a snapshot's ledger says; none where it has none that could be believed.
pub fn saved(restic: &Restic, snapshot: &Snapshot) -> Result<Option<Saved>> {
    Ok(match said(snapshot, &restic.own_files(snapshot.id.as_str())?)? {
        Said::Ledger(saved) => Some(*saved),
        Said::Nothing | Said::Broken(_) | Said::Damaged(_) => None,
    })
}

struct Reader<'a> {
    restic: &'a Restic,
    before: Before<'a>,
    /// All snapshots, the latest first; only the new one where it is alone.
    all: Vec<Snapshot>,
    news: News,
}

impl Reader<'_> {
    /// Whether a ledger that was read knows of this snapshot, so that joining its own changes nothing.
    fn is_covered(&self, snapshot: &Snapshot) -> bool {
        self.news.ledger.pushes.contains_key(&snapshot.dot())
    }

    fn take_in(&mut self, snapshot: &Snapshot, own: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        let (dot, ledger) = match said(snapshot, own)? {
            Said::Broken(why) => {
                self.news.problems.push(format!("{} is left alone: {why}", snapshot.id.short()));
                self.news.broken.extend(snapshot.push());
                self.news.seen.insert(snapshot.id.clone(), None);
                return Ok(());
            }
            Said::Damaged(why) => {
                self.news.problems.push(format!("{} is damaged: {why}", snapshot.id.short()));
                if !self.news.doubted.insert(snapshot.id.clone()) || self.before.doubted.contains(&snapshot.id) {
                    self.news.seen.insert(snapshot.id.clone(), None);
                }
                return Ok(());
            }
            Said::Ledger(saved) => (saved.push, saved.ledger),
            Said::Nothing => (snapshot.id.dot(), self.ledger_without(snapshot)?),
        };
        self.news.seen.insert(snapshot.id.clone(), Some(dot));
        self.news.read.insert(snapshot.id.clone(), ledger.pushes.keys().copied().collect());
        self.news.ledger = std::mem::take(&mut self.news.ledger).join(&ledger);
        Ok(())
    }
}

/// Whether these are the snapshot's own files.
fn is_of(own: &BTreeMap<String, Vec<u8>>, snapshot: &Snapshot) -> bool {
    let push = Saved::read(&parts(own)).ok().map(|saved| saved.push);
    push.is_some() && push == snapshot.push()
}

/// The files that make up the ledger.
fn parts(own: &BTreeMap<String, Vec<u8>>) -> Parts {
    let is_ledger = |path: &str| path == LEDGER || path.starts_with("ledger/");
    own.iter().filter(|(path, _)| is_ledger(path)).map(|(path, content)| (path.clone(), content.clone())).collect()
}

/// What the snapshot's own files say.
fn said(snapshot: &Snapshot, own: &BTreeMap<String, Vec<u8>>) -> Result<Said> {
    if snapshot.is_rescue() {
        return Ok(Said::Broken("it is kept for people".to_owned()));
    }
    // What another tool saves may carry the ledger of the last push.
    let Some(push) = snapshot.push() else { return Ok(Said::Nothing) };
    let parts = parts(own);
    match Saved::read(&parts) {
        Ok(saved) => {
            let promised = saved.files + parts.len() as u64;
            let is_whole = snapshot.files().is_none_or(|held| held == promised);
            Ok(match (saved.push == push, is_whole) {
                (true, true) => Said::Ledger(Box::new(saved)),
                (true, false) => Said::Broken("its push could not read everything".to_owned()),
                (false, _) => Said::Damaged("its ledger is that of another push".to_owned()),
            })
        }
        Err(FormError::Newer(form)) => {
            Err(Error::new(Kind::Stopped, format!("a newer cloud-sync has saved to this cloud (form {form})"))
                .hint("update cloud-sync on this PC; nothing was changed"))
        }
        Err(error) => Ok(Said::Damaged(error.to_string())),
    }
}

/// What was found out, at a second attempt if the first one failed.
fn again<T>(first: Result<T, ResticError>, run: impl FnOnce() -> Result<T, ResticError>) -> Result<T, ResticError> {
    match first {
        Err(ResticError::Failed(_) | ResticError::Garbage(_)) => run(),
        other => other,
    }
}

/// Does both at the same time.
fn beside<A: Send, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    thread::scope(|threads| {
        let other = threads.spawn(other);
        let one = one();
        match other.join() {
            Ok(other) => (one, other),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
