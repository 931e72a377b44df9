//! One cycle: recover, observe, decide, ask where it must, act, record.

pub mod apply;
pub mod decide;
pub mod fetch;
pub mod observe;
pub mod plan;
pub mod restore;
pub mod save;
pub mod undo;
pub mod units;

use std::thread;
use std::time::{Duration, Instant};

use crate::args::CatchUp;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{counted, human_bytes};
use crate::game;
use crate::interrupt;
use crate::outcome::{Done, Outcome};
use crate::snapshot::SnapshotId;
use crate::state::{Entry, State};
use decide::{Divergence, Local, Pull, Push};
use observe::{Observation, Purpose};
use restore::{Answers, Reconciled, Restore, Terms};

/// Edits up to this size are saved by a pull that finds them.
const QUICK: u64 = 64 << 20;

/// Makes the instance equal to the cloud, as far as that loses nothing.
pub fn pull(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<()> {
    wait_for_game(ctx);
    stop_if_game_runs(ctx)?;
    apply::recover(ctx)?;
    // A decision that is put off comes first, and more is not to be done before it is made.
    let Some(seen) = prepared(ctx, account, outcome)? else { return Ok(()) };
    match decide::pull(seen.divergence) {
        Pull::Nothing => {
            record_unchanged(ctx, &seen)?;
            match seen.divergence {
                Divergence::Blank => ctx.note(&nothing_at_all(ctx)),
                _ => ctx.note("nothing new: this PC and the cloud are the same"),
            }
            Ok(())
        }
        // That is done.
        Pull::CatchUp => Ok(()),
        // What lies in an instance that lost its files may be another world of the same name.
        Pull::Restore if seen.divergence == Divergence::LocalLost && !seen.tree.files.is_empty() => {
            reconcile(ctx, account, seen, outcome)
        }
        Pull::Restore => {
            let target = target(&seen)?;
            outcome.head = Some(target.clone());
            Restore::of(ctx, account, &seen, &target)?.follow(outcome)
        }
        Pull::Link | Pull::Reconcile => reconcile(ctx, account, seen, outcome),
        // A server also answers so whose disk is not there. If it is really empty, the push makes it anew.
        Pull::ForgetBase if seen.missing => {
            ctx.warn("the cloud has nothing stored for you any more, or it is out of order; your files here stay as they are, and the next push saves them anew");
            Ok(())
        }
        Pull::ForgetBase => {
            let forgotten = State { repository: seen.state.repository.clone(), ..State::default() };
            forgotten.save(&ctx.instance.state_file())?;
            outcome.base = None;
            ctx.warn("the cloud is empty; your files here stay as they are, and the next push saves them anew");
            Ok(())
        }
    }
}

/// Looks, and does what comes before anything is brought: what must not be lost is saved, and what
/// this PC should have had before is brought. None if a decision was put off.
fn prepared(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<Option<Observation>> {
    let mut seen = observe(ctx, account, &[], Purpose::Pull, outcome)?;
    if !seen.returned.is_empty() && matches!(seen.divergence, Divergence::Ahead | Divergence::Diverged) {
        ctx.note("what this disk could not hold is here under the same name; saving it beside the cloud's");
        keep_beside_unseen(ctx, account, &mut seen)?;
        seen = save_and_look_again(ctx, account, &seen, outcome)?;
    }
    let divergence = seen.divergence;
    let goes_on = matches!(divergence, Divergence::InSync | Divergence::Ahead | Divergence::Diverged);
    if goes_on && (seen.was_reset() || seen.has_new_scope()) && seen.base_in_repository().is_some() {
        seen = bring_back(ctx, account, seen, outcome)?;
        if seen.base_in_repository().is_none() {
            return Ok(None);
        }
    }
    if matches!(divergence, Divergence::Ahead | Divergence::Diverged) && seen.local == Local::Edited {
        let has_tried = catch_up(ctx, account, &seen, outcome)?;
        if has_tried && divergence == Divergence::Diverged {
            // Of a push that failed something may have come through, too.
            seen = observe(ctx, account, &[], Purpose::Joining, outcome)?;
        }
    }
    Ok(Some(seen))
}

/// Saves, and looks anew. What could not be read stays out of what follows, too.
fn save_and_look_again(
    ctx: &Context<'_>,
    account: &Account,
    seen: &Observation,
    outcome: &mut Outcome,
) -> Result<Observation> {
    match save::save(ctx, account, seen, seen.base_in_repository(), outcome) {
        Err(error) if error.kind != Kind::Partial => Err(error),
        _ => observe(ctx, account, &[], Purpose::Joining, outcome),
    }
}

/// Brings what the base has and this PC lacks although nobody edited it: a pack put its own
/// settings in the place of the player's, or more is synced than before.
fn bring_back(ctx: &Context<'_>, account: &Account, seen: Observation, outcome: &mut Outcome) -> Result<Observation> {
    let Some(base) = seen.base_in_repository() else { return Ok(seen) };
    if seen.was_reset() {
        ctx.note("the pack has put its own settings in place of yours; bringing yours back");
    } else {
        ctx.note("other files are synced than before; looking for them in the cloud");
    }
    Restore::of(ctx, account, &seen, base)?.reconcile(Terms::default(), &mut Answers::new(), outcome)?;
    if outcome.undo.is_none() && outcome.conflicts.is_empty() {
        outcome.done = Done::Nothing;
    }
    observe(ctx, account, &[], Purpose::Pull, outcome)
}

/// Joins this PC's version and the cloud's. One that the player gives up is saved before.
fn reconcile(ctx: &Context<'_>, account: &Account, mut seen: Observation, outcome: &mut Outcome) -> Result<()> {
    let mut terms = Terms {
        first_link: seen.divergence == Divergence::FirstLink,
        save_first: seen.divergence != Divergence::LocalLost && ctx.args.catch_up != CatchUp::Never,
    };
    let mut answers = Answers::new();
    loop {
        let target = target(&seen)?;
        outcome.head = Some(target.clone());
        match Restore::of(ctx, account, &seen, &target)?.reconcile(terms, &mut answers, outcome)? {
            Reconciled::Done => return Ok(()),
            Reconciled::SaveFirst => ctx.note("saving this PC's version first"),
        }
        // A disk that is not mounted looks like a loss, and nobody has pushed that.
        seen.leave_out_lost_worlds();
        seen = save_and_look_again(ctx, account, &seen, outcome)?;
        terms.save_first = false;
    }
}

/// Saves the instance to the cloud.
pub fn push(ctx: &Context<'_>, account: &Account, outcome: &mut Outcome) -> Result<()> {
    wait_for_game(ctx);
    let busy: Vec<_> = game::open_worlds(ctx.instance.root()).into_keys().collect();
    if !busy.is_empty() && apply::pending(&ctx.instance)?.is_some() {
        stop_if_game_runs(ctx)?;
    }
    apply::recover(ctx)?;
    let mut seen = observe(ctx, account, &busy, Purpose::Push, outcome)?;
    let saves = matches!(seen.divergence, Divergence::Ahead | Divergence::Diverged);
    if saves && busy.is_empty() && seen.was_reset() {
        // Else they would be saved over the player's own.
        seen = bring_back(ctx, account, seen, outcome)?;
    }
    keep_beside_unseen(ctx, account, &mut seen)?;
    let beside = "another PC has saved, too; both versions are kept, and the next pull joins them, asking only about worlds that both changed";
    match decide::push(seen.divergence) {
        Push::Nothing => {
            record_unchanged(ctx, &seen)?;
            save_nothing(ctx, &seen)
        }
        Push::CloudIsNewer => {
            ctx.note("nothing to save; the cloud is newer, the next pull brings it");
            Ok(())
        }
        Push::Save => save::save(ctx, account, &seen, seen.base_in_repository(), outcome),
        Push::SaveAnew => {
            if seen.divergence == Divergence::FirstLink {
                ctx.note(beside);
            }
            if seen.tree.files.is_empty() && !ctx.args.allow_empty {
                ctx.warn("the cloud is empty, and so is this instance: nothing to save");
                return Ok(());
            }
            save::save(ctx, account, &seen, None, outcome)
        }
        Push::SaveBeside if seen.local == Local::Clean && seen.base_in_repository().is_some() => {
            ctx.note("nothing to save; another PC has saved, too, and the next pull joins both");
            Ok(())
        }
        Push::SaveBeside => {
            ctx.warn(beside);
            save::save(ctx, account, &seen, seen.base_in_repository(), outcome)
        }
        Push::Stop if ctx.args.allow_empty => save::save(ctx, account, &seen, seen.base_in_repository(), outcome),
        Push::Stop => Err(empty()),
    }
}

/// What is in the scope only now may be something else in the base, which no pull has looked at.
/// A file is left out then; with a world, what is saved is not built on the base, so that everybody
/// is asked.
fn keep_beside_unseen(ctx: &Context<'_>, account: &Account, seen: &mut Observation) -> Result<()> {
    let Some(base) = seen.base_in_repository().filter(|_| seen.has_new_scope()).cloned() else { return Ok(()) };
    let unseen = seen.unseen(Restore::of(ctx, account, seen, &base)?.cloud());
    seen.leave_out_unseen(unseen.files);
    if !unseen.worlds.is_empty() {
        ctx.warn(&format!(
            "{} is another world in the cloud; both are kept, and the next pull asks",
            unseen.worlds.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        ));
        seen.stand_beside(base, unseen.worlds);
    }
    Ok(())
}

fn observe(
    ctx: &Context<'_>,
    account: &Account,
    busy: &[String],
    purpose: Purpose,
    outcome: &mut Outcome,
) -> Result<Observation> {
    let seen = Observation::make(ctx, account, busy, purpose, &mut outcome.base)?;
    if outcome.divergence == Divergence::Unknown {
        // How it was when the command began.
        outcome.divergence = seen.divergence;
    }
    outcome.base.clone_from(&seen.state.base);
    outcome.head = seen.head_id();
    Ok(seen)
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

/// The version to bring: the newest that is new, else the one this PC had. One about which a
/// decision was put off comes last.
fn target(seen: &Observation) -> Result<SnapshotId> {
    let fresh = seen.view.others.iter().filter(|id| !seen.is_joined(id));
    let target = seen.graph.newest(fresh).or_else(|| seen.head()).map(|head| head.id.clone());
    let target = target.or_else(|| seen.base_in_repository().cloned());
    // The base is gone, but what it was merged into is not.
    let target = target.or_else(|| seen.graph.newest(&seen.view.taken_in).map(|snapshot| snapshot.id.clone()));
    target.ok_or_else(|| Error::new(Kind::Failed, "the cloud has no version to bring").hint("run it again"))
}

/// Nothing differs: the new times of files that were only rewritten are worth keeping, and
/// so is that there is nothing new in the cloud.
fn record_unchanged(ctx: &Context<'_>, seen: &Observation) -> Result<()> {
    if seen.divergence != Divergence::InSync {
        return Ok(());
    }
    let is_known = !seen.unsaved_state && seen.edits.touched.is_empty() && seen.state.seen == seen.ids;
    if is_known {
        return Ok(());
    }
    let mut state = seen.state.clone();
    for (path, stat) in &seen.edits.touched {
        if let Some(entry) = state.manifest.get_mut(path) {
            *entry = Entry::new(*stat, entry.in_cloud(), entry.sha256);
        }
    }
    state.seen.clone_from(&seen.ids);
    state.taken_in.clear();
    state.pending = None;
    Ok(state.save(&ctx.instance.state_file())?)
}

/// A pull that finds unsaved edits saves them, if that is quick, before it does anything else.
/// If it cannot, the push will. Gives whether it tried.
fn catch_up(ctx: &Context<'_>, account: &Account, seen: &Observation, outcome: &mut Outcome) -> Result<bool> {
    let is_wanted = match ctx.args.catch_up {
        CatchUp::Auto => seen.edited_bytes() <= QUICK,
        CatchUp::Always => true,
        CatchUp::Never => false,
    };
    if !is_wanted {
        ctx.note(&format!(
            "{} of changes are not saved yet; the next push saves them, or a pull with --catch-up=always",
            human_bytes(seen.edited_bytes())
        ));
        return Ok(false);
    }
    // A disk that is not mounted looks like that, too.
    if let Some(world) = seen.lost_worlds().first() {
        ctx.warn(&format!(
            "the world {world} is not here any more; the next push saves that, `cloud-sync status` tells more"
        ));
        return Ok(false);
    }
    ctx.note("this PC has changes that are not saved yet; saving them first");
    match save::save(ctx, account, seen, seen.base_in_repository(), outcome) {
        // What was left out has been told.
        Err(error) if error.kind == Kind::Partial => Ok(true),
        Err(error) if error.kind != Kind::Interrupted && !ctx.args.strict => {
            ctx.warn(&format!("they could not be saved now ({}); the next push tries again", error.message()));
            Ok(true)
        }
        other => other.map(|()| true),
    }
}

/// Nothing to save that can be read now; what cannot be is told.
fn save_nothing(ctx: &Context<'_>, seen: &Observation) -> Result<()> {
    let later: Vec<_> = seen.tree.left_out.iter().filter(|left| left.why.is_for_now()).collect();
    if later.is_empty() {
        match seen.divergence {
            Divergence::Blank => ctx.note(&nothing_at_all(ctx)),
            _ => ctx.note("nothing to save"),
        }
        return Ok(());
    }
    for left in &later {
        ctx.warn(&format!("not saved: {}: {}", left.path, left.why.text()));
    }
    Err(Error::new(Kind::Partial, format!("{} not saved", counted(later.len(), "file or world")))
        .hint("push again when the game is closed and the files can be read"))
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
