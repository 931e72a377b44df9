//! The second half of a pull: what was chosen is fetched, checked, put in place, and told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::exempt::Told;
use super::fetch::{self, Staging};
use super::observe::Observation;
use super::plan::{self, Files};
use super::pull::{Pull, Resolved};
use super::undo::{self, Note};
use super::{beside, stop_if_game_runs};
use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::front::{counted, human_bytes};
use crate::local::{digest_of, digest_of_hashes, files_of, hash, hash_file};
use crate::model::{Digest, Dot, Dots, Known, Ledger, Unit, Version, Versions};
use crate::names::{Disk, Refusal};
use crate::outcome::{Done, Outcome};
use crate::paths::{is_within, world_of};
use crate::restic::{Listing, Restic};
use crate::settings::Settings;
use crate::snapshot::SnapshotId;
use crate::state::{Entry, Manifest, State};
use crate::sync::apply::{Journal, Moves, Source, whole_worlds};
use crate::tree::{Stat, Tree};

/// A version that is wanted under another name.
#[derive(Clone, Debug)]
pub struct Want {
    /// The unit.
    pub unit: Unit,
    /// The push that made the version.
    pub dot: Dot,
}

/// The second half of a pull.
pub struct Bring<'a> {
    ctx: &'a Context<'a>,
    seen: &'a Observation,
    state: &'a State,
    ledger: Ledger,
    restic: Option<Restic>,
    account: &'a crate::context::Account,
    alive: BTreeMap<Dot, SnapshotId>,
    listings: BTreeMap<SnapshotId, Listing>,
    staging: Staging,
    disk: Disk,
    /// The files as they will be, by path, of what was staged.
    staged: Manifest,
    /// Files that stay as they are, and what is known of them then.
    kept: Manifest,
    /// Files that go.
    remove: BTreeSet<String>,
    /// Files that this disk cannot hold.
    impossible: BTreeMap<Unit, BTreeSet<String>>,
    /// The snapshot that most came from.
    main: Option<SnapshotId>,
}

impl<'a> Bring<'a> {
    /// What `pull` brings on top of `state`.
    pub fn new(pull: &Pull<'a>, state: &'a State) -> Result<Self> {
        let Pull { ctx, account, seen } = *pull;
        let listings = seen.news.listing.iter().map(|listing| (listing.snapshot.id.clone(), listing.clone())).collect();
        Ok(Self {
            ctx,
            seen,
            state,
            ledger: seen.joined(state),
            restic: None,
            account,
            alive: seen.alive(state),
            listings,
            staging: Staging::begin(ctx)?,
            disk: Disk::of(&ctx.instance),
            staged: Manifest::new(),
            kept: Manifest::new(),
            remove: BTreeSet::new(),
            impossible: state.impossible.clone(),
            main: None,
        })
    }

    /// Brings it.
    pub fn bring(mut self, mut resolved: Resolved, outcome: &mut Outcome) -> Result<()> {
        let ctx = self.ctx;
        let copies = self.stage_beside(&resolved)?;
        for (unit, copy_of) in copies {
            resolved.known.insert(unit, Known { copy_of: Some(copy_of), ..Known::default() });
        }
        self.stage_units(&mut resolved)?;
        self.stage_settings(&resolved)?;
        for unit in &resolved.goes {
            let files = files_of(&self.seen.local.files, unit).map(|(path, _)| path.clone());
            self.remove.extend(files);
            self.impossible.remove(unit);
        }
        let coming = self.staged.keys().filter(|path| !self.seen.local.files.contains_key(*path));
        plan::refuse_to_displace(coming, &self.remove, &self.seen.local.files)?;
        let next = self.next_state(&mut resolved);
        outcome.base = next.repositories.get(&self.seen.location).and_then(|place| place.base.clone());
        outcome.bytes += self.staging.bytes;
        (outcome.files.restored, outcome.files.removed) = (self.staged.len(), self.remove.len());
        if self.staged.is_empty() && self.remove.is_empty() {
            fetch::clear(&ctx.instance.staging())?;
            if outcome.conflicts.is_empty() {
                let is_saved = self.seen.saving(&next).is_empty();
                ctx.note(if is_saved {
                    "nothing to bring: what the cloud has is here already"
                } else {
                    "nothing to bring; what differs is this PC's, and the next push saves it"
                });
            }
            return Ok(next.save(&ctx.instance.state_file())?);
        }
        let is_joined = !self.seen.saving(self.state).is_empty() || !outcome.conflicts.is_empty();
        let what = self.what_moved();
        let gone = self.put_in_place(&resolved, next, outcome)?;
        let saver =
            self.seen.news.snapshots.first().map_or("the cloud", |snapshot| snapshot.hostname.as_str()).to_owned();
        ctx.note(&if is_joined {
            format!("joined with what {saver} saved: {what}")
        } else {
            format!("made the same as {saver} saved it: {what}")
        });
        for world in gone {
            ctx.warn(&format!(
                "the world {world} was deleted on another PC and is gone here, too; `cloud-sync undo` brings it back"
            ));
        }
        if outcome.done == Done::Nothing {
            outcome.done = Done::Restored;
        }
        undo::tidy(ctx);
        Ok(())
    }

    fn restic(&mut self) -> Result<&Restic> {
        if self.restic.is_none() {
            self.restic = Some(self.ctx.restic(self.account, true)?);
        }
        self.restic.as_ref().ok_or_else(|| Error::new(Kind::Failed, "no restic"))
    }

    fn listing(&mut self, id: &SnapshotId) -> Result<Listing> {
        if let Some(listing) = self.listings.get(id) {
            return Ok(listing.clone());
        }
        let listing = self.restic()?.ls(id)?;
        self.listings.insert(id.clone(), listing.clone());
        Ok(listing)
    }

    fn version(&self, unit: &Unit, dot: Dot) -> Option<&Version> {
        self.ledger.units.get(unit)?.get(dot)
    }

    /// The snapshots that have the files of these versions.
    fn holders(&self, unit: &Unit, dots: &Dots) -> BTreeSet<SnapshotId> {
        let holders = |dot: Dot| {
            let others = self.version(unit, dot).map(|version| version.holders.clone()).unwrap_or_default();
            [dot].into_iter().chain(others.iter().collect::<Vec<_>>())
        };
        dots.iter().flat_map(holders).filter_map(|dot| self.alive.get(&dot).cloned()).collect()
    }

    /// From which snapshots to fetch what: as few as will do, and rather one that was read already.
    fn sources(&self, mut wanted: BTreeMap<Unit, BTreeSet<SnapshotId>>) -> Vec<(SnapshotId, Vec<Unit>)> {
        let mut sources = Vec::new();
        while !wanted.is_empty() {
            let mut counts = BTreeMap::<&SnapshotId, usize>::new();
            for id in wanted.values().flatten() {
                *counts.entry(id).or_default() += 1;
            }
            let is_read = |id: &SnapshotId| self.listings.contains_key(id);
            let Some(best) =
                counts.iter().max_by_key(|(id, count)| (**count, is_read(id), **id)).map(|(id, _)| (*id).clone())
            else {
                break;
            };
            let units: Vec<_> =
                wanted.iter().filter(|(_, ids)| ids.contains(&best)).map(|(unit, _)| unit.clone()).collect();
            wanted.retain(|unit, _| !units.contains(unit));
            sources.push((best, units));
        }
        sources
    }

    /// Fetches what comes, unit by unit, and checks it against the versions.
    fn stage_units(&mut self, resolved: &mut Resolved) -> Result<()> {
        let mut wanted = BTreeMap::new();
        for (unit, (_, versions)) in resolved.comes.iter().filter(|(unit, _)| unit.path().is_some()) {
            let holders = self.holders(unit, versions);
            if holders.is_empty() {
                self.drop_unit(unit, "no version in the cloud has its files any more");
                resolved.known.remove(unit);
            } else {
                wanted.insert(unit.clone(), holders);
            }
        }
        let sources = self.sources(wanted);
        self.main = sources.first().map(|(id, _)| id.clone());
        for (id, units) in sources {
            let listing = self.listing(&id)?;
            self.warn_of_specials(&listing);
            let bad = self.stage_from(&listing, &units, resolved, false)?;
            // A file of another content may have the same size and time.
            let worse = self.stage_from(&listing, &bad, resolved, true)?;
            for unit in worse {
                self.drop_unit(&unit, "what the cloud has of it is damaged");
                resolved.known.remove(&unit);
                resolved.comes.remove(&unit);
            }
        }
        Ok(())
    }

    fn drop_unit(&self, unit: &Unit, why: &str) {
        self.ctx.warn(&format!("{} could not be brought: {why}", unit.name()));
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
    fn stage_from(&mut self, listing: &Listing, units: &[Unit], resolved: &Resolved, anew: bool) -> Result<Vec<Unit>> {
        let mut plans = BTreeMap::new();
        for unit in units {
            let Some((_, versions)) = resolved.comes.get(unit) else { continue };
            let Some(version) = versions.iter().find_map(|dot| self.version(unit, dot)) else { continue };
            let local = &self.seen.local.files;
            let mut files = plan::files(unit, version, &listing.files, local, &self.seen.scope, anew)?;
            // What was left out was warned of; it stays as the player made it.
            let (left, fetch): (Vec<_>, _) = files.fetch.into_iter().partition(|path| self.seen.local.tree.hides(path));
            files.fetch = fetch;
            self.impossible.remove(unit);
            if !left.is_empty() {
                self.impossible.insert(unit.clone(), left.into_iter().collect());
            }
            plans.insert(unit.clone(), files);
        }
        let refused = self.refuse(&mut plans, &resolved.goes);
        let fetch: Vec<_> = plans.values().flat_map(|files| files.fetch.iter().cloned()).collect();
        self.restic()?;
        let Self { restic: Some(restic), staging, ctx, .. } = self else { return Ok(Vec::new()) };
        staging.fetch(ctx, restic, listing, &fetch)?;
        let mut bad = Vec::new();
        for (unit, files) in plans {
            let versions = &resolved.comes[&unit].1;
            let refused: BTreeSet<_> = files.fetch.iter().filter(|path| refused.contains_key(*path)).collect();
            debug_assert!(refused.is_empty());
            if !self.take_unit(listing, &unit, versions, &files)? {
                bad.push(unit);
            }
        }
        Ok(bad)
    }

    /// Takes out of the plans what this disk cannot hold beside what stays: a world whole, if its name
    /// is the reason.
    fn refuse(&mut self, plans: &mut BTreeMap<Unit, Files>, goes: &BTreeSet<Unit>) -> BTreeMap<String, Refusal> {
        let local = &self.seen.local.files;
        let removed: BTreeSet<_> = plans.values().flat_map(|files| &files.remove).collect();
        let is_going = |path: &String| removed.contains(path) || goes.iter().any(|unit| unit.holds(path));
        let stays = local.keys().filter(|path| !is_going(path)).map(String::as_str);
        let coming = plans.values().flat_map(|files| files.fetch.iter().map(String::as_str));
        let refused = self.disk.refused(stays, coming);
        for (path, why) in &refused {
            self.ctx.warn(&format!("skipped: {path}: {}", why.text()));
        }
        let is_refused = |path: &String| refused.keys().any(|outer| is_within(path, outer));
        let whole: Vec<_> =
            plans.keys().filter(|unit| unit.path().is_some_and(|path| is_refused(&path))).cloned().collect();
        for unit in whole {
            plans.remove(&unit);
        }
        for (unit, files) in plans.iter_mut() {
            let (refused, fetch): (Vec<_>, Vec<_>) = files.fetch.drain(..).partition(is_refused);
            files.fetch = fetch;
            if !refused.is_empty() {
                self.impossible.entry(unit.clone()).or_default().extend(refused);
            }
        }
        refused
    }

    /// Checks what was fetched of a unit, and notes how its files will be; false if they are not what
    /// the version says.
    fn take_unit(&mut self, listing: &Listing, unit: &Unit, versions: &Dots, files: &Files) -> Result<bool> {
        let mut staged = Manifest::new();
        for path in &files.fetch {
            let file = self.staging.file(path);
            let hash = hash_file(&file)
                .map_err(|error| Error::new(Kind::Failed, format!("could not read {path}: {error}")))?;
            staged.insert(path.clone(), Entry::new(self.staging.stat(path)?, listing.files[path], hash));
        }
        let local = &self.seen.local.files;
        let hash_of = |path: &String| staged.get(path).or_else(|| local.get(path)).map(|entry| entry.hash);
        let is_whole = files.is_all_in_scope && !self.impossible.contains_key(unit);
        let version = versions.iter().find_map(|dot| self.version(unit, dot));
        if let (true, Some(version @ Version { digest: Digest::Content(_), .. })) = (is_whole, version) {
            let says = |has_say: &dyn Fn(&str) -> bool| {
                let paths = files.all.iter().filter(|path| has_say(path));
                let hashes = paths.filter_map(|path| Some((path.as_str(), hash_of(path)?)));
                digest_of_hashes(unit, hashes) == Some(version.digest)
            };
            // A PC that has more than the version speaks of saves it with that.
            let is_it =
                says(&|_| true) || version.exempt().map(Told::of).is_some_and(|told| says(&|path| told.of_path(path)));
            if !is_it {
                return Ok(false);
            }
        }
        for (path, entry) in staged {
            match local.get(&path) {
                // It was only rewritten.
                Some(here) if here.hash == entry.hash => {
                    self.kept.insert(path.clone(), Entry::new(here.here, entry.in_cloud(), here.hash));
                    self.staged.remove(&path);
                }
                _ => {
                    self.staged.insert(path, entry);
                }
            }
        }
        for path in files.same.iter().chain(&files.exempt) {
            let here = &local[path];
            let cloud = listing.files.get(path).copied().unwrap_or(here.in_cloud());
            self.kept.insert(path.clone(), Entry::new(here.here, cloud, here.hash));
        }
        self.remove.extend(files.remove.iter().cloned());
        Ok(true)
    }

    /// Fetches what is kept beside, under its new names. Gives the new units, and what they are copies
    /// of.
    fn stage_beside(&mut self, resolved: &Resolved) -> Result<Vec<(Unit, Digest)>> {
        let mut copies = Vec::new();
        let mut names = beside::Names::new(self.ctx, &self.seen.local.files, &self.ledger);
        for Want { unit, dot } in &resolved.beside {
            let Some(version) = self.version(unit, *dot).cloned() else { continue };
            if self.stands_beside(version.digest) {
                continue;
            }
            // The decision would give it up.
            let Some(id) = self.holders(unit, &Dots::from_iter([*dot])).pop_last() else {
                let what = format!("the other version of {} is not in the cloud any more", unit.name());
                return Err(
                    Error::new(Kind::Stopped, what).hint("pull again and answer otherwise; nothing was changed")
                );
            };
            let listing = self.listing(&id)?;
            let files = plan::files(unit, &version, &listing.files, &Manifest::new(), &self.seen.scope, true)?;
            let push = self.ledger.pushes.get(dot).cloned().unwrap_or_default();
            let new = names.name(unit, &push.machine, push.time.unwrap_or(self.ctx.now));
            let refused = self.disk.refused(std::iter::empty(), files.fetch.iter().map(String::as_str));
            for (path, why) in &refused {
                self.ctx.warn(&format!("skipped: {path}: {}", why.text()));
            }
            let fetch: Vec<_> =
                files.fetch.into_iter().filter(|path| !refused.keys().any(|outer| is_within(path, outer))).collect();
            self.restic()?;
            let Self { restic: Some(restic), staging, ctx, .. } = self else { continue };
            let placed = staging.fetch_as(ctx, restic, &listing, &fetch, unit, &new)?;
            beside::tell(ctx, staging, unit, &new, &push.machine);
            for path in placed {
                let file = staging.file(&path);
                let hash = hash_file(&file)
                    .map_err(|error| Error::new(Kind::Failed, format!("could not read {path}: {error}")))?;
                let stat = staging.stat(&path)?;
                if !self.seen.scope.contains(&path) {
                    ctx.warn(&format!("{path} is not synced by your scope.json"));
                }
                self.staged.insert(path, Entry::new(stat, stat, hash));
            }
            copies.push((new, version.digest));
        }
        Ok(copies)
    }

    /// Whether a copy of this content stands beside already.
    fn stands_beside(&self, digest: Digest) -> bool {
        let versions = self.ledger.units.values().flat_map(Versions::iter);
        versions.map(|(_, version)| version).any(|version| version.copy_of() == Some(digest))
            || self.state.memory.known.values().any(|known| known.copy_of == Some(digest))
    }

    /// Writes the settings that come and go into the files that have them.
    fn stage_settings(&mut self, resolved: &Resolved) -> Result<()> {
        for settings in Settings::ALL {
            let is_of_it = |unit: &&Unit| Settings::of_unit(unit) == Some(settings);
            let mut changes = BTreeMap::new();
            for unit in resolved.goes.iter().filter(is_of_it) {
                changes.insert(unit.clone(), None);
            }
            for (unit, (_, versions)) in resolved.comes.iter().filter(|(unit, _)| is_of_it(unit)) {
                let value = versions.iter().find_map(|dot| self.version(unit, dot)?.value().map(str::to_owned));
                changes.insert(unit.clone(), value);
            }
            if !changes.is_empty() {
                self.stage_settings_file(settings, changes)?;
            }
        }
        Ok(())
    }

    fn stage_settings_file(&mut self, settings: Settings, mut changes: BTreeMap<Unit, Option<String>>) -> Result<()> {
        let path = settings.path();
        let live = self.ctx.instance.root().join(path);
        let is_silent = self.seen.local.silent.contains(path);
        let here = fs::read(&live).ok().filter(|content| !is_silent && settings.read(content).is_some());
        let content = match here {
            Some(here) => here,
            None => match self.template(path)? {
                Some(template) => {
                    // What nobody has any more goes, too.
                    for unit in settings.read(&template).unwrap_or_default().into_keys() {
                        changes.entry(unit).or_insert(None);
                    }
                    template
                }
                None => settings.create(&BTreeMap::new()),
            },
        };
        let new = settings.write(&content, &changes).unwrap_or_else(|| {
            let values = changes.into_iter().filter_map(|(unit, value)| Some((unit, value?)));
            settings.create(&values.collect())
        });
        if fs::read(&live).is_ok_and(|known| known == new) {
            return Ok(());
        }
        if new.iter().all(u8::is_ascii_whitespace) {
            self.remove.extend(self.seen.local.files.contains_key(path).then(|| path.to_owned()));
            return Ok(());
        }
        self.staging.write(self.ctx.instance.root(), path, &new)?;
        let stat = self.staging.stat(path)?;
        self.staged.insert(path.to_owned(), Entry::new(stat, stat, hash(&new)));
        Ok(())
    }

    /// The file as another PC has it, for a PC that has none: what fits only one machine is then a
    /// start.
    fn template(&mut self, path: &str) -> Result<Option<Vec<u8>>> {
        let newest = self.main.clone().or_else(|| self.seen.head());
        let Some(id) = newest else { return Ok(None) };
        let listing = self.listing(&id)?;
        if !listing.files.contains_key(path) {
            return Ok(None);
        }
        Ok(Some(self.restic()?.file(&id, path)?))
    }

    /// The state once everything is in place.
    fn next_state(&self, resolved: &mut Resolved) -> State {
        let local = &self.seen.local;
        let mut next = super::settled(self.seen, self.state);
        next.memory.ledger = self.ledger.clone();
        next.impossible.clone_from(&self.impossible);
        for path in &self.remove {
            next.files.remove(path);
        }
        // What the player had deleted of a unit that comes, or agrees, is no deletion any more.
        let settled = resolved.comes.keys().chain(&resolved.goes).chain(&resolved.agreed);
        for unit in settled.filter(|unit| resolved.known.contains_key(*unit)) {
            let is_gone = |path: &String| {
                self.seen.scope.contains(path) && !local.files.contains_key(path) && !local.tree.hides(path)
            };
            let gone: Vec<_> =
                files_of(&next.files, unit).map(|(path, _)| path.clone()).filter(|path| is_gone(path)).collect();
            for path in gone {
                next.files.remove(&path);
            }
        }
        next.files.extend(self.kept.iter().chain(&self.staged).map(|(path, entry)| (path.clone(), entry.clone())));
        for unit in &resolved.agreed {
            for (path, entry) in files_of(&local.files, unit) {
                next.files.insert(path.clone(), entry.clone());
            }
        }
        // What is kept beside is in no version yet.
        let copies: Vec<_> =
            resolved.known.iter().filter(|(_, known)| known.copy_of.is_some()).map(|(unit, _)| unit.clone()).collect();
        for unit in copies {
            let files: Vec<_> = files_of(&next.files, &unit).map(|(path, _)| path.clone()).collect();
            for path in files {
                next.files.remove(&path);
            }
        }
        for (unit, known) in &mut resolved.known {
            if resolved.comes.contains_key(unit) && unit.path().is_some() {
                known.agreed = digest_of(unit, files_of(&next.files, unit)).or(known.agreed);
            }
            if *known == Known::default() {
                next.memory.known.remove(unit);
            } else {
                next.memory.known.insert(unit.clone(), known.clone());
            }
        }
        let place = next.repositories.entry(self.seen.location.clone()).or_default();
        if let Some(id) = self.main.clone().or_else(|| self.seen.head()) {
            let known =
                self.seen.news.snapshots.iter().find(|snapshot| snapshot.id == id).map(|snapshot| snapshot.time);
            place.base_time =
                known.or_else(|| self.listings.get(&id).map(|listing| listing.snapshot.time)).or(place.base_time);
            place.base = Some(id);
        }
        next
    }

    /// What came and what went, in words.
    fn what_moved(&self) -> String {
        let bytes = self.staged.values().map(|entry| entry.here.size).sum();
        let brought = format!("brought {} ({})", counted(self.staged.len(), "file"), human_bytes(bytes));
        let took_away = format!("took away {} that it has no more", counted(self.remove.len(), "file"));
        match (self.staged.len(), self.remove.len()) {
            (_, 0) => brought,
            (0, _) => took_away,
            _ => format!("{brought}, and {took_away}"),
        }
    }

    /// Moves everything, by way of a journal, and gives the worlds that are gone then. Worlds that
    /// are given up are kept in the undo copy as long as a whole world.
    fn put_in_place(&mut self, resolved: &Resolved, next: State, outcome: &mut Outcome) -> Result<BTreeSet<String>> {
        let ctx = self.ctx;
        let here = &self.seen.local.files;
        let (replaced, added): (Vec<_>, Vec<_>) =
            self.staged.keys().cloned().partition(|path| {
                here.contains_key(path) || fs::symlink_metadata(ctx.instance.root().join(path)).is_ok()
            });
        let mut worlds: BTreeSet<_> =
            whole_worlds(self.remove.iter().chain(&replaced), here.keys()).into_iter().collect();
        let placed: BTreeSet<_> =
            self.staged.keys().chain(self.kept.keys()).filter_map(|path| world_of(path)).collect();
        let gone: BTreeSet<_> = worlds.iter().filter(|world| !placed.contains(world.as_str())).cloned().collect();
        worlds.extend(resolved.given_up.iter().cloned());
        let touched: BTreeSet<_> = self.staged.keys().chain(&self.remove).cloned().collect();
        let mut after = here.clone();
        after.retain(|path, _| !self.remove.contains(path));
        after.extend(self.staged.iter().map(|(path, entry)| (path.clone(), entry.clone())));
        let left = undo::digests(touched.iter(), &after);
        self.stop_if_it_changed(&touched)?;
        let place: BTreeMap<String, Stat> =
            self.staged.iter().map(|(path, entry)| (path.clone(), entry.here)).collect();
        let name = undo::new_name(ctx);
        let note = Note::new(ctx, outcome.command, added, worlds.into_iter().collect(), left);
        let moves =
            Moves { remove: self.remove.iter().cloned().collect(), place, gone_worlds: gone.iter().cloned().collect() };
        Journal::new(Source::Staging, name.clone(), note, moves, next).commit(&ctx.instance)?;
        outcome.undo = Some(ctx.instance.undo_copy(&name).display().to_string());
        Ok(gone)
    }

    /// Fetching and asking takes time. If the game has begun by now, or something of what is to be
    /// replaced changed, nothing is touched.
    fn stop_if_it_changed(&self, touched: &BTreeSet<String>) -> Result<()> {
        stop_if_game_runs(self.ctx)?;
        let local = &self.seen.local;
        let now = Tree::walk(self.ctx.instance.root(), &self.seen.scope)?;
        let units: BTreeSet<_> = touched.iter().map(|path| Unit::of(path)).collect();
        let is_new = |(path, stat): &(&String, &Stat)| {
            local.files.get(*path).map(|entry| entry.here) != Some(**stat) && !local.tree.hides(path)
        };
        let changed = now.files.iter().filter(is_new).map(|(path, _)| path);
        let gone = local.files.keys().filter(|path| !now.files.contains_key(*path));
        match changed.chain(gone).find(|path| units.contains(&Unit::of(path))) {
            None => Ok(()),
            Some(path) => {
                Err(Error::new(Kind::Stopped, format!("{path} changed while the cloud's files were fetched"))
                    .hint("close the game if it runs, and run it again; nothing was replaced"))
            }
        }
    }
}
