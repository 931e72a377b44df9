//! A push: what is edited or owed is saved, and what could not be is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use super::game::{stop_if_game_runs, wait_for_game};
use super::observe::{Observation, Purpose, nothing_at_all};
use super::save::{Save, Upload};
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::instance::game;
use crate::instance::left_out::{LeftOut, Why};
use crate::instance::tree::Tree;
use crate::model::{Divergence, Unit};
use crate::outcome::Outcome;
use crate::paths::folder_of;
use crate::player::counted;
use crate::{interrupt, transaction};

/// How often a push is tried if a file cannot be read; the last time without that file.
const ATTEMPTS: usize = 4;
/// How long a file that cannot be read is waited for.
const WAIT_FOR_FILE: Duration = Duration::from_secs(3);

/// Saves the instance to the cloud.
pub fn push(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<()> {
    wait_for_game(ctx);
    let busy = game::open_worlds(ctx.instance.root()).into_keys();
    let mut apart: Vec<_> = busy.map(|world| (folder_of(&world), Why::InUse)).collect();
    if !apart.is_empty() && transaction::pending(&ctx.instance)?.is_some() {
        stop_if_game_runs(ctx)?;
    }
    transaction::recover(ctx)?;
    for attempt in 1..=ATTEMPTS {
        let seen = Observation::begin(ctx, account, &apart, Purpose::Push, outcome)?;
        if !has_to_save(ctx, &seen)? {
            return save_nothing(ctx, &seen);
        }
        let saving = seen.saving(&seen.state);
        let save = Save { ctx, account, seen: &seen, state: &seen.state, saving: &saving };
        match save.run(outcome)? {
            Upload::Whole(_) => return tell_what_was_left(ctx, &seen),
            Upload::Changed { units, .. } if attempt < ATTEMPTS => {
                wait_for_quiet(ctx, &seen, &units);
                if attempt + 1 >= ATTEMPTS {
                    apart.extend(units.iter().filter_map(|unit| Some((unit.path()?, Why::Changing))));
                }
            }
            Upload::Changed { units, .. } => return Err(still_changing(&units)),
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
    Err(Error::new(Kind::Partial, format!("not saved: {}", by_reason(&later)))
        .hint("push again when the game is closed and the files can be read"))
}

/// What was left out, by the reasons.
fn by_reason(left_out: &[&LeftOut]) -> String {
    let mut reasons = BTreeMap::<_, Vec<_>>::new();
    for left in left_out {
        reasons.entry(left.why.text()).or_default().push(left.path.as_str());
    }
    let what: Vec<_> = reasons.into_iter().map(|(why, paths)| format!("{} ({why})", paths.join(", "))).collect();
    what.join("; ")
}

fn left_for_now(seen: &Observation) -> impl Iterator<Item = &LeftOut> {
    seen.local.tree.left_out.iter().filter(|left| left.why.is_for_now())
}

/// A player must know what is not safe yet.
fn tell_what_was_left(ctx: &Context<'_>, seen: &Observation) -> Result<()> {
    for left in &seen.local.tree.left_out {
        ctx.warn(&format!("not saved: {}: {}", left.path, left.why.text()));
    }
    let later: Vec<_> = left_for_now(seen).collect();
    if later.is_empty() {
        return Ok(());
    }
    Err(Error::new(Kind::Partial, format!("saved all but {}", by_reason(&later))).hint("push again when that is over"))
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

/// Waits until nobody writes to these units any more, for a short while.
fn wait_for_quiet(ctx: &Context<'_>, seen: &Observation, units: &BTreeSet<Unit>) {
    let look = || Tree::walk(ctx.instance.root(), &seen.scope).map(|tree| tree.files).unwrap_or_default();
    let stats = || {
        let files = look().into_iter().filter(|(path, _)| units.contains(&Unit::of(path)));
        files.collect::<BTreeMap<_, _>>()
    };
    let deadline = Instant::now() + WAIT_FOR_FILE;
    let mut before = stats();
    while Instant::now() < deadline && !interrupt::requested() {
        thread::sleep(Duration::from_millis(500));
        let now = stats();
        if now == before {
            return;
        }
        before = now;
    }
}

fn still_changing(units: &BTreeSet<Unit>) -> Error {
    let names: Vec<_> = units.iter().map(Unit::name).collect();
    Error::new(Kind::Partial, format!("saved all but {}, to which something writes all the time", names.join(", ")))
        .hint("close what writes there (a map tool, a backup mod, a server), and push again")
}

fn incomplete(ctx: &Context<'_>, unreadable: &BTreeSet<String>) -> Error {
    for name in unreadable {
        ctx.warn(&format!("could not be read and is not saved: {name}"));
    }
    Error::new(Kind::Partial, format!("saved all but {} that could not be read", counted(unreadable.len(), "file")))
        .hint("close what has them open, or mend their permissions, and push again")
}

fn empty() -> Error {
    Error::new(
        Kind::Stopped,
        "this instance has lost all its synced files, and an empty instance is not saved over a full one",
    )
    .hint("`cloud-sync pull` brings the files back; if they are really to go, push with --allow-empty")
}
