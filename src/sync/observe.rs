//! Facts: what the disk holds, what the repository holds, and how they compare. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::{self, ScopedJoinHandle};

use chrono::{DateTime, Utc};

use super::decide::{Divergence, Local, classify};
use super::plan::same_time;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::paths::{folder_of, is_within, world_at, world_of};
use crate::reading::is_forbidden;
use crate::remote::{self, Remote};
use crate::repository::Place;
use crate::restic::{Listing, Restic, ResticError};
use crate::scope::Scope;
use crate::snapshot::{Graph, Lineage, Snapshot, SnapshotId, View};
use crate::state::{Entry, State};
use crate::tree::{Edits, Stat, Tree, Why, nanoseconds};

/// Everything that a decision rests on.
#[derive(Clone)]
pub struct Observation {
    /// The scope of the instance.
    pub scope: Scope,
    /// The state, with a push that had ended unnoticed already taken in.
    pub state: State,
    /// Whether that differs from what is on disk.
    pub unsaved_state: bool,
    /// The instance's files.
    pub tree: Tree,
    /// What the disk refused of the cloud's and is here now all the same, made by the player.
    pub returned: BTreeSet<String>,
    /// How they differ from the manifest.
    pub edits: Edits,
    /// What that makes of the instance.
    pub local: Local,
    /// Whether the repository does not even exist.
    pub missing: bool,
    /// The snapshots; empty where nothing is new, because then nobody needs them.
    pub graph: Graph,
    /// The ids of all snapshots.
    pub ids: BTreeSet<SnapshotId>,
    /// What one of them holds, if that was read on the way.
    pub listing: Option<Listing>,
    /// The repository, seen from this instance.
    pub view: View,
    /// The cell of the table.
    pub divergence: Divergence,
}

/// What one looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To bring what is new: the listing of a new snapshot is wanted, too.
    Pull,
    /// To bring what is new after this PC has saved, so that its own snapshot is the latest.
    Joining,
    /// To save what is here.
    Push,
    /// To tell. The disk stays as it is, so that restic is not fetched.
    Status,
}

impl Observation {
    /// Looks at both sides, at the same time. Worlds in `busy` are left out. `base` is what is
    /// known even if nobody answers.
    pub fn make(
        ctx: &Context<'_>,
        account: &Account,
        busy: &[String],
        purpose: Purpose,
        base: &mut Option<SnapshotId>,
    ) -> Result<Self> {
        let scope = Scope::load(&ctx.instance)?;
        let restic = || ctx.restic(account, purpose != Purpose::Status);
        let (state, tree, remote) = thread::scope(|threads| {
            let asking = threads
                .spawn(|| remote::list(&account.repository, &account.token, || remote::list_by_restic(&restic()?)));
            let loading = threads.spawn(|| State::load(&ctx.instance.state_file()));
            let tree = Tree::walk(ctx.instance.root(), &scope);
            let state = joined(loading);
            if let (Purpose::Push, Ok(tree), Ok(state)) = (purpose, &tree, &state)
                && !tree.is_as_in(&state.manifest)
            {
                // It will most likely be wanted, and is looked for while the repository answers.
                let _ = ctx.find_restic(false);
            }
            (state, tree, joined(asking))
        });
        let mut state = state?;
        base.clone_from(&state.base);
        let (mut tree, remote) = (tree?, remote?);
        // Late, so that it is said once even if the player has to sign in first.
        scope.problem().into_iter().for_each(|problem| ctx.warn(problem));
        for world in busy {
            tree.leave_out(folder_of(world), Why::InUse);
        }
        let returned = tree.leave_out_refused(&state.refused);
        for path in &returned {
            // What is here now was never what the cloud has under that name, and is compared anew, as
            // what is in the scope only now.
            state.manifest.retain(|file, _| !is_within(file, path));
            state.scope = state.scope.map(|_| String::new());
        }
        let mut seen = Self {
            scope,
            unsaved_state: state.legacy_time.is_some(),
            state,
            tree,
            returned,
            edits: Edits::default(),
            local: Local::Absent,
            missing: remote == Remote::Missing,
            graph: Graph::default(),
            ids: remote.into_ids(),
            listing: None,
            view: View { lineage: Lineage::Neither, others: BTreeSet::new(), taken_in: BTreeSet::new() },
            divergence: Divergence::Unknown,
        };
        seen.forget_another_repository(ctx, account);
        seen.doubt_missing(account)?;
        // Unless the snapshots have a say in what is known of the files, these come first: what
        // is wanted of the snapshots depends on them.
        let is_known = seen.state.pending.is_none() && seen.state.legacy_time.is_none();
        if is_known {
            seen.look_at_files(ctx);
        }
        seen.look_at_snapshots(restic, purpose)?;
        if !is_known {
            seen.look_at_files(ctx);
        }
        if seen.local == Local::Clean && seen.view.lineage == Lineage::Same && seen.owes_push() {
            seen.local = Local::Edited;
        }
        seen.divergence = classify(seen.view.lineage, seen.local);
        seen.log(ctx);
        Ok(seen)
    }

    /// A base in another repository says nothing about this one.
    fn forget_another_repository(&mut self, ctx: &Context<'_>, account: &Account) {
        let location = account.repository.location();
        let moved = self.state.repository.as_deref().is_some_and(|known| known != location);
        let has_base = self.state.base.as_ref().is_some_and(|base| self.ids.contains(base));
        if moved && !has_base {
            ctx.log.line("the address names another repository than before: starting anew with it");
            self.state = State::default();
        }
        if self.state.repository.as_deref() != Some(location) {
            self.state.repository = Some(location.to_owned());
            self.unsaved_state = true;
        }
    }

    /// Only a server's 404 says that a repository is gone. One that is gone from its folder is
    /// most likely on a disk that is not there; an empty mount point says nothing about it, and
    /// must not get a repository of its own.
    fn doubt_missing(&self, account: &Account) -> Result<()> {
        let is_server = matches!(account.repository.place(), Place::Rest(_));
        if is_server || !self.missing || self.state.base.is_none() {
            return Ok(());
        }
        let location = account.repository.location();
        let what = location.strip_prefix("local:").unwrap_or(location);
        Err(Error::new(Kind::Offline, format!("the cloud cannot be reached: {what} holds no repository any more"))
            .hint("plug in or mount its disk; if it is gone for good, delete .cloud-sync/state.json to start anew"))
    }

    fn look_at_snapshots(&mut self, restic: impl Fn() -> Result<Restic>, purpose: Purpose) -> Result<()> {
        let owes_nothing = self.base_in_repository().is_some() && self.state.taken_in.is_empty();
        if owes_nothing && self.ids == self.state.seen {
            // Nothing came and nothing went since all was settled.
            self.view.lineage = Lineage::Same;
            return Ok(());
        }
        if !self.ids.is_empty() {
            match restic().and_then(|restic| self.read_snapshots(&restic, purpose)) {
                Ok(graph) => self.graph = graph,
                // Without restic at hand, ids are enough to see that all is new.
                Err(_) if purpose == Purpose::Status && self.state.base.is_none() => {
                    self.view.lineage = Lineage::HeadOnly;
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.adopt_pending();
        self.read_original_state(restic)?;
        let settled = self.state.taken_in.union(&self.state.seen).cloned().collect();
        self.view = self.graph.view(self.state.base.as_ref(), &settled);
        Ok(())
    }

    /// Reads the snapshots with as few runs of restic as it takes, since each costs half a second.
    fn read_snapshots(&mut self, restic: &Restic, purpose: Purpose) -> Result<Graph> {
        // What is edited is saved first, and then there is more to look at.
        let brings = purpose == Purpose::Pull && (self.local != Local::Edited || self.state.base.is_none());
        if !brings {
            return Ok(Graph::new(restic.snapshots(&self.ids)?));
        }
        if let Some(news) = self.only_news() {
            // A listing tells of its snapshot, too.
            let listing = restic.ls(news)?;
            let graph = match &self.state.base {
                Some(base) => Graph::of_step(base, self.state.base_time.unwrap_or_default(), &listing.snapshot),
                None => Some(Graph::new([listing.snapshot.clone()])),
            };
            self.listing = Some(listing);
            return graph.map_or_else(|| Ok(Graph::new(restic.snapshots(&self.ids)?)), Ok);
        }
        // Most likely the latest one is what will be brought.
        let (snapshots, latest) = thread::scope(|threads| {
            let listing = threads.spawn(|| restic.ls_latest());
            (restic.snapshots(&self.ids), listing.join())
        });
        self.listing = latest.ok().and_then(std::result::Result::ok);
        Ok(Graph::new(match snapshots {
            // Two that make the same cache get in each other's way.
            Err(ResticError::Failed(_)) => restic.snapshots(&self.ids)?,
            other => other?,
        }))
    }

    /// The snapshot that alone came since all was settled, if nothing else has to be looked at.
    fn only_news(&self) -> Option<&SnapshotId> {
        let State { base, seen, taken_in, joined, pending, legacy_time, .. } = &self.state;
        let is_settled = match base {
            Some(base) => self.local == Local::Clean && self.ids.contains(base) && seen.is_subset(&self.ids),
            None => seen.is_empty(),
        };
        let owes_nothing = taken_in.is_empty() && joined.is_empty() && pending.is_none() && legacy_time.is_none();
        let mut news = self.ids.difference(seen);
        let first = news.next().filter(|_| is_settled && owes_nothing);
        first.filter(|_| news.next().is_none())
    }

    /// A push that was killed after its snapshot was saved has ended well all the same.
    fn adopt_pending(&mut self) {
        let Some(pending) = &self.state.pending else { return };
        let Some(snapshot) = self.graph.iter().find(|snapshot| snapshot.push_mark() == Some(&pending.mark)) else {
            return;
        };
        if snapshot.holds_what_it_promised() {
            self.state.base = Some(snapshot.id.clone());
            self.state.base_time = Some(snapshot.time);
            self.state.legacy_time = None;
            self.state.manifest.clone_from(&pending.manifest);
        } else {
            // Something was missing from it: the next push supersedes it.
            self.state.taken_in.insert(snapshot.id.clone());
        }
        self.state.pending = None;
        self.unsaved_state = true;
    }

    /// The original client kept no manifest. Its base's listing is one; a file that is not
    /// newer than its last sync is as it left it.
    fn read_original_state(&mut self, restic: impl Fn() -> Result<Restic>) -> Result<()> {
        let (Some(time), Some(base)) = (self.state.legacy_time, self.base_in_repository()) else { return Ok(()) };
        let since = nanoseconds(time.into());
        let listing = restic()?.ls(base)?;
        let agreed = |path: &str, cloud: Stat| match self.tree.files.get(path) {
            Some(local) if local.size == cloud.size && local.mtime <= since => local.mtime,
            _ => cloud.mtime,
        };
        let in_scope = listing.files.iter().filter(|(path, _)| self.scope.contains(path));
        let manifest = in_scope.map(|(path, cloud)| {
            let here = Stat { size: cloud.size, mtime: agreed(path, *cloud) };
            (path.clone(), Entry::new(here, *cloud, None))
        });
        self.state.manifest = manifest.collect();
        self.state.legacy_time = None;
        self.unsaved_state = true;
        Ok(())
    }

    fn look_at_files(&mut self, ctx: &Context<'_>) {
        if let Some(time) = self.state.legacy_time {
            // The original client took every file newer than its last sync for an edit.
            let since = nanoseconds(time.into());
            let newer = self.tree.files.iter().filter(|(_, stat)| stat.mtime > since);
            self.edits = Edits { changed: newer.map(|(path, _)| path.clone()).collect(), ..Edits::default() };
            self.local = match (self.tree.files.is_empty(), self.edits.is_empty()) {
                (true, _) => Local::Absent,
                (false, true) => Local::Clean,
                (false, false) => Local::Edited,
            };
        } else {
            self.edits = Edits::find(ctx.instance.root(), &self.tree, &self.state.manifest, &self.scope);
            self.leave_out_forbidden(ctx);
            self.local = self.edits.local(&self.tree, &self.state.manifest, self.state.base.is_some());
        }
    }

    /// An edited file that may not be read cannot be saved; what it was stays what is known.
    fn leave_out_forbidden(&mut self, ctx: &Context<'_>) {
        let edited = self.edits.added.iter().chain(&self.edits.changed);
        let forbidden: Vec<_> = edited.filter(|path| is_forbidden(&ctx.instance.root().join(path))).cloned().collect();
        self.leave_out_unreadable(forbidden.into_iter());
    }

    /// Takes what cannot be read out of what is saved, and the worlds that it is in; whether
    /// anything was among it.
    pub fn leave_out_unreadable(&mut self, paths: impl Iterator<Item = String>) -> bool {
        let before = self.tree.files.len();
        for path in paths {
            self.tree.leave_out(path, Why::Unreadable);
        }
        self.tree.leave_out_torn_worlds();
        let Self { tree, edits, .. } = self;
        let is_told = |path: &String| !tree.hides(path);
        for paths in [&mut edits.added, &mut edits.changed, &mut edits.removed] {
            paths.retain(is_told);
        }
        edits.touched.retain(|(path, _)| is_told(path));
        tree.files.len() < before
    }

    /// Whether there is something that no snapshot tells of yet: a decision, or the base itself.
    fn owes_push(&self) -> bool {
        !self.view.taken_in.is_empty() || self.state.base.is_some() && self.base_in_repository().is_none()
    }

    /// The version in the cloud that matters here: the newest that is new, else our own.
    pub fn head(&self) -> Option<&Snapshot> {
        self.graph.newest(&self.view.others)
    }

    /// Whether the head is in place here but for worlds about which the decision was put off.
    pub fn is_joined(&self, head: &SnapshotId) -> bool {
        let joins = |base| self.graph.has_joined(base, head);
        self.state.joined.contains_key(head) || self.state.base.as_ref().is_some_and(joins)
    }

    /// The id of [`Observation::head`], or the base where nothing is new.
    pub fn head_id(&self) -> Option<SnapshotId> {
        match self.view.lineage {
            Lineage::Same => self.state.base.clone(),
            _ => self.head().map(|head| head.id.clone()),
        }
    }

    /// The base, if the repository still has it.
    pub fn base_in_repository(&self) -> Option<&SnapshotId> {
        self.state.base.as_ref().filter(|base| self.ids.contains(base))
    }

    /// When the base was made.
    pub fn base_time(&self) -> Option<DateTime<Utc>> {
        let known = self.state.base.as_ref().and_then(|base| self.graph.get(base)).map(|base| base.time);
        known.or(self.state.base_time)
    }

    /// Whether a pack has put its own settings in place of the player's.
    pub fn was_reset(&self) -> bool {
        self.edits.reset.iter().any(|path| self.state.manifest.contains_key(path))
    }

    /// Whether the scope is another than the one under which base and instance last agreed.
    pub fn has_new_scope(&self) -> bool {
        self.state.scope.as_ref().is_some_and(|known| *known != self.scope.digest())
    }

    /// The worlds that were here when this instance last joined anything, and are not any more.
    pub fn lost_worlds(&self) -> BTreeSet<String> {
        let is_gone = |world: &&str| {
            let is_here = self.tree.files.keys().any(|path| world_of(path) == Some(world));
            !is_here && !self.tree.hides(&folder_of(world))
        };
        let removed: BTreeSet<_> = self.edits.removed.iter().filter_map(|path| world_of(path)).collect();
        let known = removed.into_iter().chain(self.state.came.iter().map(String::as_str));
        known.filter(is_gone).map(str::to_owned).collect()
    }

    /// What differs from that in `cloud`, the base's files, and was no part of the scope when this
    /// instance last looked at these.
    pub fn unseen(&self, cloud: &BTreeMap<String, Stat>) -> Unseen {
        let differs = |path: &str, stat: &Stat| {
            let is_same = |local: &Stat| local.size == stat.size && same_time(local.mtime, stat.mtime);
            !self.tree.files.get(path).is_some_and(is_same)
        };
        let is_unseen = |path: &str| self.scope.contains(path) && !self.state.manifest.contains_key(path);
        let unseen = cloud.iter().filter(|(path, stat)| is_unseen(path) && differs(path, stat)).map(|(path, _)| path);
        let here: BTreeSet<_> = self.tree.files.keys().filter_map(|path| world_of(path)).collect();
        let mut worlds = BTreeSet::new();
        let mut files = BTreeSet::new();
        for path in unseen.chain(&self.returned) {
            match world_of(path).or_else(|| world_at(path)) {
                Some(world) if here.contains(world) => worlds.insert(world.to_owned()),
                None if self.tree.files.contains_key(path) => files.insert(path.clone()),
                _ => false,
            };
        }
        Unseen { worlds, files }
    }

    /// Leaves these files out of what is saved next; the next pull looks at them.
    pub fn leave_out_unseen(&mut self, files: BTreeSet<String>) {
        self.edits.added.retain(|path| !files.contains(path));
        self.edits.changed.retain(|path| !files.contains(path));
        for path in files {
            self.tree.leave_out(path, Why::Unseen);
        }
    }

    /// Makes what is saved next no successor of `base`, but one that has all of it but `worlds`.
    pub fn stand_beside(&mut self, base: SnapshotId, worlds: BTreeSet<String>) {
        let known = self.state.manifest.keys().filter_map(|path| world_of(path)).map(str::to_owned);
        self.state.came.extend(known);
        // Neither built on nor settled, so that it is a head for this PC, too.
        self.view.others.insert(base.clone());
        self.state.seen.clear();
        self.state.joined.insert(base, worlds);
        self.state.base = None;
    }

    /// Says nothing about these worlds with what is saved next.
    pub fn leave_out_lost_worlds(&mut self) {
        for world in self.lost_worlds() {
            self.edits.removed.retain(|path| world_of(path) != Some(&world));
            self.tree.leave_out(folder_of(&world), Why::Gone);
        }
    }

    /// Bytes in files that were added or changed.
    pub fn edited_bytes(&self) -> u64 {
        let edited = self.edits.added.iter().chain(&self.edits.changed);
        edited.filter_map(|path| self.tree.files.get(path)).map(|stat| stat.size).sum()
    }

    fn log(&self, ctx: &Context<'_>) {
        let short = |id: Option<&SnapshotId>| id.map_or("none", SnapshotId::short).to_owned();
        ctx.detail(&format!(
            "observed: {} files here, {} added, {} changed, {} removed ({:?}); {} snapshots, base {}, head {} ({:?}); {:?}",
            self.tree.files.len(),
            self.edits.added.len(),
            self.edits.changed.len(),
            self.edits.removed.len(),
            self.local,
            self.ids.len(),
            short(self.state.base.as_ref()),
            short(self.head_id().as_ref()),
            self.view.lineage,
            self.divergence,
        ));
        for left in &self.tree.left_out {
            ctx.log.line(&format!("left out: {} ({})", left.path, left.why.text()));
        }
    }
}

/// What is here and in the base, not the same, and was not in the scope before.
pub struct Unseen {
    /// Worlds, by their names.
    pub worlds: BTreeSet<String>,
    /// Other files.
    pub files: BTreeSet<String>,
}

/// What a thread found out; it does not panic.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Error::new(Kind::Failed, "a part of cloud-sync ended early")))
}
