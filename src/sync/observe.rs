//! Facts: what the disk holds, what the repository holds, and how they compare. Reads only, and once.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::{self, ScopedJoinHandle};

use super::takeover::TakeOver;
use super::view::View;
use crate::cloud::ledgers::{self, Before, News};
use crate::cloud::remote::{self, Remote};
use crate::cloud::repository::Place as Where;
use crate::cloud::restic::Restic;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::instance::left_out::Why;
use crate::instance::local::Local;
use crate::instance::names::Disk;
use crate::instance::scope::Scope;
use crate::instance::state::{Place, State};
use crate::instance::tree::Tree;
use crate::model::{Cloud, Divergence, Dot, Here, Known, Saving, SnapshotId, Step, Unit, Version, Versions};
use crate::outcome::Outcome;
use crate::paths::{folder_of, world_of};
use crate::player::card;

/// Everything that a decision rests on.
pub struct Observation {
    /// The scope of the instance.
    pub scope: Scope,
    /// What is on the disk.
    pub local: Local,
    /// The state as it was found, or as that of an older version comes to.
    pub state: State,
    /// The address of the repository, without any secret.
    pub location: String,
    /// Whether the repository does not even exist.
    pub is_missing: bool,
    /// The ids of all its snapshots.
    pub ids: BTreeSet<SnapshotId>,
    /// What those know that were not seen before; empty where nobody asked.
    pub news: News,
    /// Snapshots that together know of every push that is known here. None if there are none.
    pub told_by: Option<BTreeSet<SnapshotId>>,
    /// How this PC and the cloud compare.
    pub divergence: Divergence,
}

/// Why one looks: what is read of the repository depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To bring what is new.
    Pull,
    /// To save what is here, which needs no look at what others did.
    Push,
    /// To tell. The disk stays as it is, so that restic is not fetched.
    Status,
}

impl Observation {
    /// Looks at both sides for a command, whose outcome begins with what was found.
    pub fn begin(
        ctx: &Context<'_>,
        account: &Account,
        apart: &[(String, Why)],
        purpose: Purpose,
        outcome: &mut Outcome,
    ) -> Result<Self> {
        let seen = Self::make(ctx, account, apart, purpose, &mut outcome.base)?;
        if outcome.divergence == Divergence::Unknown {
            // How it was when the command began.
            outcome.divergence = seen.divergence;
        }
        outcome.base = seen.place().base;
        outcome.head = seen.head();
        Ok(seen)
    }

    /// Looks at both sides, at the same time. What is in `apart` is left out. `base` is what is
    /// known even if nobody answers.
    pub fn make(
        ctx: &Context<'_>,
        account: &Account,
        apart: &[(String, Why)],
        purpose: Purpose,
        base: &mut Option<SnapshotId>,
    ) -> Result<Self> {
        let scope = Scope::load(&ctx.instance)?;
        let restic = || ctx.restic(account, purpose != Purpose::Status);
        let location = account.repository.location().to_owned();
        let (state, tree, remote) = thread::scope(|threads| {
            let asking = threads
                .spawn(|| remote::list(&account.repository, &account.token, || remote::list_by_restic(&restic()?)));
            let loading = threads.spawn(|| State::load(&ctx.instance.state_file()));
            let tree = Tree::walk(ctx.instance.root(), &scope);
            (joined(loading), tree, joined(asking))
        });
        let state = state?;
        base.clone_from(&state.repositories.get(&location).and_then(|place| place.base.clone()));
        let (mut tree, remote) = (tree?, remote?);
        // Late, so that it is said once even if the player has to sign in first.
        scope.problem().into_iter().for_each(|problem| ctx.warn(problem));
        for (path, why) in apart {
            tree.leave_out(path.clone(), *why);
        }
        tree.leave_out_torn_worlds();
        let is_missing = remote == Remote::Missing;
        let ids = remote.into_ids();
        let mut state = match &state.older {
            Some(older) => {
                let (location, tree, scope, ids) = (&location, &tree, &scope, &ids);
                TakeOver { ctx, older, location, tree, scope, ids }.state(restic)?
            }
            None => state,
        };
        let mut local = Local::look(ctx.instance.root(), tree, &scope, &state);
        state.memory.known = std::mem::take(&mut local.known);
        let mut seen = Self {
            scope,
            local,
            told_by: state.repositories.get(&location).and_then(|place| place.told_by.clone()),
            state,
            location,
            is_missing,
            ids,
            news: News::default(),
            divergence: Divergence::Unknown,
        };
        seen.doubt_missing(account)?;
        seen.read_news(ctx, restic, purpose)?;
        seen.divergence = seen.compare(ctx);
        seen.log(ctx);
        Ok(seen)
    }

    /// Looks at the repository as if nothing had ever been synced. What this PC saved last may have
    /// reached nobody, and must not stand in the way of what the others have.
    pub fn forget_all(&mut self, ctx: &Context<'_>, account: &Account) -> Result<()> {
        self.state = State::default();
        self.local.known.clear();
        self.news = News::default();
        self.told_by = None;
        self.read_news(ctx, || ctx.restic(account, true), Purpose::Pull)
    }

    /// What is known of this repository.
    pub fn place(&self) -> Place {
        self.state.repositories.get(&self.location).cloned().unwrap_or_default()
    }

    /// Only a server's 404 says that a repository is gone. One that is gone from its folder is
    /// most likely on a disk that is not there; an empty mount point says nothing about it, and
    /// must not get a repository of its own.
    fn doubt_missing(&self, account: &Account) -> Result<()> {
        let is_server = matches!(account.repository.place(), Where::Rest(_));
        if is_server || !self.is_missing || self.place().base.is_none() {
            return Ok(());
        }
        let what = self.location.strip_prefix("local:").unwrap_or(&self.location);
        Err(Error::new(Kind::Offline, format!("the cloud cannot be reached: {what} holds no repository any more"))
            .hint("plug in or mount its disk; if it is gone for good, delete .cloud-sync/state.json to start anew"))
    }

    /// The snapshots that were not taken in yet.
    pub fn unseen(&self) -> BTreeSet<SnapshotId> {
        let place = self.state.repositories.get(&self.location);
        self.ids.iter().filter(|id| !place.is_some_and(|place| place.seen.contains_key(*id))).cloned().collect()
    }

    fn read_news(&mut self, ctx: &Context<'_>, restic: impl Fn() -> Result<Restic>, purpose: Purpose) -> Result<()> {
        let new = self.unseen();
        let (known, doubted) = (self.state.memory.ledger.clone(), self.place().doubted);
        // A push that was cut off may have come through all the same.
        let may_be_ours = || !self.saving(&self.state).unheld.is_empty();
        if !new.is_empty() && (purpose != Purpose::Push || may_be_ours()) {
            let before = Before { ids: &self.ids, known: &known, doubted: &doubted };
            match restic().and_then(|restic| ledgers::read(&restic, &new, before)) {
                Ok(news) => self.news = news,
                // Without restic at hand, ids are enough to see that all is new.
                Err(_) if purpose == Purpose::Status && self.state.is_new() => return Ok(()),
                Err(error) => return Err(error),
            }
            self.news.problems.iter().for_each(|problem| ctx.log.line(problem));
            for snapshot in self.news.snapshots.iter().filter(|one| self.news.doubted.contains(&one.id)) {
                ctx.warn(&format!(
                    "what {} saved on {} is damaged in the cloud and is left out; a push on that PC saves it once more",
                    snapshot.hostname,
                    card::when(snapshot.time)
                ));
            }
            // What lacks files has a push of its own that nobody takes in: it is told anew.
            let is_broken = |dot| self.news.broken.contains(&dot);
            for known in self.state.memory.known.values_mut().filter(|known| known.applied.iter().any(is_broken)) {
                let applied = known.applied.clone();
                known.owe(applied.iter());
            }
        }
        let is_told = self.told_by.as_ref().is_some_and(|told_by| told_by.is_subset(&self.ids));
        if !is_told {
            let is_there = !known.pushes.is_empty() && !self.ids.is_empty();
            self.told_by = if is_there { ledgers::told_by(&restic()?, &self.ids, &known)? } else { None };
        }
        Ok(())
    }

    /// The pushes whose snapshots this repository has.
    pub fn alive(&self, state: &State) -> BTreeMap<Dot, SnapshotId> {
        let place = state.repositories.get(&self.location);
        let known = place.into_iter().flat_map(|place| &place.seen).chain(&self.news.seen);
        known.filter(|(id, _)| self.has(state, id)).filter_map(|(id, dot)| Some(((*dot)?, id.clone()))).collect()
    }

    /// Whether the repository has the snapshot: it listed it, or this run has saved it since.
    pub fn has(&self, state: &State, id: &SnapshotId) -> bool {
        let base = state.repositories.get(&self.location).and_then(|place| place.base.as_ref());
        self.ids.contains(id) || base == Some(id) && self.place().base.as_ref() != Some(id)
    }

    /// Whether the unit is in the scope and can be looked at.
    pub fn is_in_reach(&self, unit: &Unit) -> bool {
        self.scope.takes_in_unit(unit) && !self.local.is_left_out(unit)
    }

    /// What is known by `state`, joined with the news.
    pub fn view<'a>(&'a self, state: &'a State) -> View<'a> {
        View::new(&self.local, state, &self.news.ledger, &self.location, self.alive(state))
    }

    /// What a push has to save.
    pub fn saving(&self, state: &State) -> Saving {
        let alive: BTreeSet<_> = self.alive(state).into_keys().collect();
        let mut saving = state.memory.saving(&self.local.units, &alive, |unit| self.is_in_reach(unit));
        if !saving.unheld.is_empty() && !self.news.ledger.pushes.is_empty() {
            // What somebody else holds or has superseded by now needs no snapshot of this PC's.
            let ledger = state.memory.ledger.clone().join(&self.news.ledger);
            let is_held = |(dot, version): (Dot, &Version)| {
                alive.contains(&dot) || version.holders.iter().any(|dot| alive.contains(&dot))
            };
            saving.unheld.retain(|unit| {
                let applied = |dot| state.memory.known.get(unit).is_some_and(|known| known.applied.contains(dot));
                let mut current = ledger.versions(unit).filter(|(dot, _)| applied(*dot)).peekable();
                current.peek().is_some() && !current.any(is_held)
            });
        }
        saving
    }

    /// Whether the repository has forgotten a push that is known here.
    pub fn must_tell(&self, state: &State) -> bool {
        !state.memory.ledger.pushes.is_empty() && self.told_by.is_none()
    }

    /// The cell of the table.
    fn compare(&self, ctx: &Context<'_>) -> Divergence {
        let has_synced = self.state.repositories.contains_key(&self.location);
        let saving = self.saving(&self.state);
        let here = if self.state.is_new() || !has_synced && self.news_are_strange() {
            if self.local.units.is_empty() { Here::Empty } else { Here::Unsynced }
        } else if self.local.is_lost(&self.state.files) {
            Here::Lost
        } else if saving.is_empty() && !self.must_tell(&self.state) {
            Here::Clean
        } else {
            Here::Edited
        };
        let is_new = |id: &SnapshotId| match self.news.seen.get(id) {
            Some(dot) => dot.is_some_and(|dot| !self.state.memory.ledger.pushes.contains_key(&dot)),
            None => true,
        };
        let cloud = if self.unseen().iter().any(is_new) || self.has_more(ctx) {
            Cloud::New
        } else if self.ids.is_empty() && (!self.place().seen.is_empty() || self.state.is_new()) {
            Cloud::Empty
        } else {
            Cloud::Same
        };
        Divergence::of(here, cloud)
    }

    /// Whether the repository has nothing to do with what is known here.
    fn news_are_strange(&self) -> bool {
        let known = &self.state.memory.ledger.pushes;
        !self.news.ledger.pushes.keys().any(|dot| known.contains_key(dot))
    }

    /// Whether the cloud has something for this PC that was there when it last looked: a question that
    /// nobody has decided, what is in the scope only now, settings that a pack has put back.
    fn has_more(&self, ctx: &Context<'_>) -> bool {
        let memory = &self.state.memory;
        let is_settled = |unit: &Unit, versions: &Versions| {
            let is_here = self.local.units.contains_key(unit) || self.state.impossible.contains_key(unit);
            let is_of = |known: &Known, dot| known.applied.contains(dot) || known.beaten.contains(dot);
            is_here && memory.known.get(unit).is_some_and(|known| versions.dots().all(|dot| is_of(known, dot)))
        };
        let open: Vec<_> = memory.ledger.units.iter().filter(|(unit, versions)| !is_settled(unit, versions)).collect();
        let open: Vec<_> = open.into_iter().map(|(unit, _)| unit).filter(|unit| self.is_in_reach(unit)).collect();
        if open.is_empty() {
            return false;
        }
        let disk = Disk::of(&ctx.instance);
        let can_be_here = |unit: &Unit| {
            let here = self.local.files.keys().map(String::as_str);
            unit.path().is_none_or(|path| disk.refused(here, [path.as_str()].into_iter()).is_empty())
        };
        let view = self.view(&self.state);
        let now = view.now();
        open.into_iter().any(|unit| match now.judge(unit).step {
            Step::Asks(_) => true,
            Step::Comes { .. } => can_be_here(unit),
            Step::Stays(_) | Step::Goes => false,
        })
    }

    /// The version in the cloud that matters here: the newest that is new, else our own.
    pub fn head(&self) -> Option<SnapshotId> {
        let fresh =
            self.news.snapshots.iter().find(|snapshot| self.news.seen.get(&snapshot.id).is_some_and(Option::is_some));
        fresh.map(|snapshot| snapshot.id.clone()).or_else(|| self.place().base.filter(|base| self.ids.contains(base)))
    }

    /// The worlds that were synced and are not here any more.
    pub fn lost_worlds(&self) -> BTreeSet<String> {
        self.local.lost_worlds().into_iter().filter(|world| !self.local.tree.leaves_out(&folder_of(world))).collect()
    }

    fn log(&self, ctx: &Context<'_>) {
        let short = |id: Option<SnapshotId>| id.map_or("none".to_owned(), |id| id.short().to_owned());
        let edits = &self.local.edits;
        ctx.detail(&format!(
            "observed: {} files here, {} added, {} changed, {} removed; {} snapshots, {} new, base {}, head {}; {:?}",
            self.local.files.len(),
            edits.added.len(),
            edits.changed.len(),
            edits.removed.len(),
            self.ids.len(),
            self.unseen().len(),
            short(self.place().base),
            short(self.head()),
            self.divergence,
        ));
        for left in &self.local.tree.left_out {
            ctx.log.line(&format!("left out: {} ({})", left.path, left.why.text()));
        }
        let worlds: BTreeSet<_> = edits.changed.iter().filter_map(|path| world_of(path)).collect();
        if !worlds.is_empty() {
            ctx.log.line(&format!("edited worlds: {worlds:?}"));
        }
    }
}

/// What a thread found out; it does not panic.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(Error::new(Kind::Failed, "a part of cloud-sync ended early")))
}

/// What a player hears who has nothing to sync.
pub fn nothing_at_all(ctx: &Context<'_>) -> String {
    format!("nothing to sync yet, neither in {} nor in the cloud", ctx.instance.root().display())
}
