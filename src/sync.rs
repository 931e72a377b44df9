//! One cycle: recover, observe, decide, ask where it must, act, record.

pub mod apply;
mod ask;
mod beside;
mod bring;
mod exempt;
pub mod fetch;
pub mod observe;
pub mod plan;
pub mod pull;
pub mod push;
mod takeover;
pub mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::counted;
use crate::game;
use crate::interrupt;
use crate::model::Divergence;
use crate::outcome::Outcome;
use crate::paths::folder_of;
use crate::snapshot::SnapshotId;
use crate::state::State;
use crate::tree::{LeftOut, Why};
use observe::{Observation, Purpose};
use pull::Pull;
use push::Upload;

/// How often a push is tried if a file cannot be read; the last time without that file.
const ATTEMPTS: usize = 4;
/// How long a file that cannot be read is waited for.
const WAIT_FOR_FILE: Duration = Duration::from_secs(3);

/// Makes the instance equal to the cloud, as far as that loses nothing.
pub fn pull(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<()> {
    wait_for_game(ctx);
    stop_if_game_runs(ctx)?;
    apply::recover(ctx)?;
    let seen = observe(ctx, account, &[], Purpose::Pull, outcome)?;
    Pull { ctx, account, seen: &seen }.run(outcome)
}

/// Saves the instance to the cloud.
pub fn push(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<()> {
    wait_for_game(ctx);
    let busy = game::open_worlds(ctx.instance.root()).into_keys();
    let mut apart: Vec<_> = busy.map(|world| (folder_of(&world), Why::InUse)).collect();
    if !apart.is_empty() && apply::pending(&ctx.instance)?.is_some() {
        stop_if_game_runs(ctx)?;
    }
    apply::recover(ctx)?;
    for attempt in 1..=ATTEMPTS {
        let seen = observe(ctx, account, &apart, Purpose::Push, outcome)?;
        if !has_to_save(ctx, &seen)? {
            return save_nothing(ctx, &seen);
        }
        match push::save(ctx, account, &seen, &seen.state, &seen.saving(&seen.state), outcome)? {
            Upload::Whole(_) => return tell_what_was_left(ctx, &seen),
            // A snapshot that lacks files is nobody's. The last one leaves out what cannot be read.
            Upload::Broken { unreadable, .. } if attempt < ATTEMPTS => {
                if !wait_for(ctx, &unreadable) || attempt + 1 == ATTEMPTS {
                    apart.extend(unreadable.into_iter().map(|path| (path, Why::Unreadable)));
                }
            }
            Upload::Broken { unreadable, .. } => return Err(incomplete(ctx, &unreadable)),
        }
    }
    Ok(())
}

/// Whether there is something to save, and it may be saved.
fn has_to_save(ctx: &Context<'_>, seen: &Observation) -> Result<bool> {
    let is_empty = seen.saving(&seen.state).is_empty() && !seen.must_tell(&seen.state);
    match seen.divergence {
        Divergence::LocalLost if !ctx.args.allow_empty => Err(empty()),
        Divergence::LocalLost => Ok(true),
        Divergence::RemoteEmptied if seen.local.units.is_empty() && !ctx.args.allow_empty => {
            ctx.warn("the cloud is empty, and so is this instance: nothing to save");
            Ok(false)
        }
        Divergence::FirstLink | Divergence::Diverged if !is_empty && !seen.unseen().is_empty() => {
            ctx.warn("another PC has saved, too; both versions are kept, and the next pull joins them, asking only about worlds that both changed");
            Ok(true)
        }
        _ => Ok(!is_empty),
    }
}

fn observe(
    ctx: &Context<'_>,
    account: &Account,
    apart: &[(String, Why)],
    purpose: Purpose,
    outcome: &mut Outcome,
) -> Result<Observation> {
    let seen = Observation::make(ctx, account, apart, purpose, &mut outcome.base)?;
    if outcome.divergence == Divergence::Unknown {
        // How it was when the command began.
        outcome.divergence = seen.divergence;
    }
    outcome.base = seen.place().base;
    outcome.head = seen.head();
    Ok(seen)
}

/// `state` with what was found out of the repository, and the new times of files that were only
/// rewritten.
pub fn settled(seen: &Observation, state: &State) -> State {
    let mut next = state.clone();
    for (path, entry) in &seen.local.files {
        if let Some(known) = next.files.get_mut(path).filter(|known| known.hash == entry.hash) {
            known.cloud = Some(known.in_cloud()).filter(|cloud| *cloud != entry.here);
            known.here = entry.here;
        }
    }
    let has_saved = state.repositories.get(&seen.location).map(|place| &place.base) != Some(&seen.place().base);
    let place = next.repositories.entry(seen.location.clone()).or_default();
    let own = place.base.clone().filter(|_| has_saved);
    place.seen.retain(|id, _| seen.ids.contains(id) || Some(id) == own.as_ref());
    place.seen.extend(seen.news.seen.iter().map(|(id, dot)| (id.clone(), *dot)));
    let before = if has_saved { place.told_by.take() } else { seen.told_by.clone() };
    place.told_by = told_by(seen, state, before);
    next
}

/// The snapshots that together know of every push that is known once the news are taken in.
fn told_by(seen: &Observation, state: &State, before: Option<BTreeSet<SnapshotId>>) -> Option<BTreeSet<SnapshotId>> {
    let read = &seen.news.read;
    let is_told = |dot| read.values().any(|pushes| pushes.contains(dot));
    let known = before.or_else(|| state.memory.ledger.pushes.keys().all(is_told).then(BTreeSet::new))?;
    let dot_of = |id: &SnapshotId| {
        let place = state.repositories.get(&seen.location);
        place.and_then(|place| place.seen.get(id)).or_else(|| seen.news.seen.get(id)).copied().flatten()
    };
    let all: BTreeSet<_> = known.into_iter().chain(read.keys().cloned()).collect();
    // Of one that another knows of nobody has to be asked.
    let is_covered = |id: &SnapshotId| {
        dot_of(id).is_some_and(|dot| read.iter().any(|(other, pushes)| other != id && pushes.contains(&dot)))
    };
    Some(all.iter().filter(|id| !is_covered(id)).cloned().collect())
}

/// A game that is closing still saves, and lets go of its worlds when it is done.
fn wait_for_game(ctx: &Context<'_>) {
    let Some(patience) = ctx.args.wait_for_game.map(Duration::from_secs) else { return };
    let begin = Instant::now();
    let is_open = || !game::open_worlds(ctx.instance.root()).is_empty();
    if is_open() {
        ctx.note("waiting for the game to close");
    }
    while is_open() && begin.elapsed() < patience && !interrupt::requested() {
        thread::sleep(Duration::from_millis(200));
    }
}

/// Files must not be replaced under a running game.
pub fn stop_if_game_runs(ctx: &Context<'_>) -> Result<()> {
    let Some((world, holder)) = game::open_worlds(ctx.instance.root()).into_iter().next() else { return Ok(()) };
    let process = holder.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    Err(Error::new(
        Kind::GameRunning,
        format!("the game is running in this instance and has the world {world} open{process}"),
    )
    .hint("close the game and start again; nothing was changed"))
}

/// Nothing to save that can be read now; what cannot be is told.
fn save_nothing(ctx: &Context<'_>, seen: &Observation) -> Result<()> {
    let later: Vec<_> = left_for_now(seen).collect();
    if later.is_empty() {
        ctx.note(&match seen.divergence {
            Divergence::Blank => nothing_at_all(ctx),
            Divergence::Behind | Divergence::FirstLink => {
                "nothing to save; the cloud is newer, the next pull brings it".to_owned()
            }
            Divergence::Diverged => {
                "nothing to save; another PC has saved, too, and the next pull joins both".to_owned()
            }
            _ => "nothing to save".to_owned(),
        });
        return Ok(());
    }
    for left in &later {
        ctx.warn(&format!("not saved: {}: {}", left.path, left.why.text()));
    }
    Err(Error::new(Kind::Partial, format!("{} not saved", counted(later.len(), "file or world")))
        .hint("push again when the game is closed and the files can be read"))
}

fn left_for_now(seen: &Observation) -> impl Iterator<Item = &LeftOut> {
    seen.local.tree.left_out.iter().filter(|left| left.why.is_for_now())
}

/// A player must know what is not safe yet.
fn tell_what_was_left(ctx: &Context<'_>, seen: &Observation) -> Result<()> {
    for left in &seen.local.tree.left_out {
        ctx.warn(&format!("not saved: {}: {}", left.path, left.why.text()));
    }
    let mut later = BTreeMap::<_, Vec<_>>::new();
    for left in left_for_now(seen) {
        later.entry(left.why.text()).or_default().push(left.path.as_str());
    }
    if later.is_empty() {
        return Ok(());
    }
    let what: Vec<_> = later.into_iter().map(|(why, paths)| format!("{} ({why})", paths.join(", "))).collect();
    Err(Error::new(Kind::Partial, format!("saved all but {}", what.join("; "))).hint("push again when that is over"))
}

/// Whether all the files can be read, at once or after a short while. Where restic named none, they
/// came or went meanwhile.
fn wait_for(ctx: &Context<'_>, unreadable: &BTreeSet<String>) -> bool {
    let is_readable = |path: &String| File::open(ctx.instance.root().join(path)).is_ok();
    let deadline = Instant::now() + WAIT_FOR_FILE;
    while Instant::now() < deadline && !interrupt::requested() {
        if unreadable.iter().all(is_readable) {
            return true;
        }
        thread::sleep(Duration::from_millis(200));
    }
    false
}

fn incomplete(ctx: &Context<'_>, unreadable: &BTreeSet<String>) -> Error {
    for name in unreadable {
        ctx.warn(&format!("could not be read and is not saved: {name}"));
    }
    Error::new(Kind::Partial, format!("saved all but {} that could not be read", counted(unreadable.len(), "file")))
        .hint("close what has them open, or mend their permissions, and push again")
}

fn nothing_at_all(ctx: &Context<'_>) -> String {
    format!("nothing to sync yet, neither in {} nor in the cloud", ctx.instance.root().display())
}

fn empty() -> Error {
    Error::new(
        Kind::Stopped,
        "this instance has lost all its synced files, and an empty instance is not saved over a full one",
    )
    .hint("`cloud-sync pull` brings the files back; if they are really to go, push with --allow-empty")
}
