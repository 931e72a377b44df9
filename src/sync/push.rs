//! A push: what is edited or owed becomes versions of its own, in one run of restic.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};

use super::exempt::Told;
use super::fetch::Staging;
use super::observe::Observation;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{Progress, Step, counted, human_bytes};
use crate::local::files_of;
use crate::model::{Card, Digest, Dot, Dots, Exempt, Known, More, Push, Saved as Ledgered, Saving, Unit, Version};
use crate::outcome::{Done, Outcome};
use crate::paths::folder_of;
use crate::platform;
use crate::remote::{self, Remote};
use crate::restic::{
    Backup, Restic, ResticError, Saved, Status, as_argument, exclude_line, exclude_path, write_lines, write_names,
};
use crate::settings::Settings;
use crate::snapshot::{self, SnapshotId};
use crate::state::{Entry, State};
use crate::world::{self, World};

/// More holders than this of one version need not be known.
const MAX_HOLDERS: usize = 2;

/// How an upload ended.
pub enum Upload {
    /// All is saved, and this is the state.
    Whole(Box<State>),
    /// A snapshot was made that lacks files. Nobody takes it in.
    Broken {
        /// The files that could not be read, as far as restic names them.
        unreadable: BTreeSet<String>,
        /// The state as it was before, which knows of that snapshot.
        state: Box<State>,
    },
}

/// Saves `saving`, which `state` says is to be saved.
pub fn save(
    ctx: &Context<'_>,
    account: &Account,
    seen: &Observation,
    state: &State,
    saving: &Saving,
    outcome: &mut Outcome,
) -> Result<Upload> {
    let restic = ctx.restic(account, true)?;
    let dot = new_dot()?;
    let next = before_upload(ctx, seen, state, saving, dot);
    let told = Ledgered {
        ledger: next.memory.ledger.clone(),
        push: dot,
        files: seen.local.files.len() as u64,
        lacks: lacks(seen, &next),
    };
    let parts = told.write();
    // One that others refuse would be taken in by nobody.
    Ledgered::read(&parts).map_err(|error| {
        Error::new(Kind::Failed, format!("what this PC would tell the others is damaged: {error}"))
            .hint("run `cloud-sync pull` and push again; your files stay as they are")
    })?;
    write_parts(ctx, &parts)?;
    let lists = Lists::write(ctx, seen)?;
    next.save(&ctx.instance.state_file())?;
    let place = seen.place();
    let last = place.base_time;
    let job = Job {
        ctx,
        account,
        restic,
        lists,
        dot,
        parent: state
            .repositories
            .get(&seen.location)
            .and_then(|place| place.base.clone())
            .filter(|id| seen.ids.contains(id)),
        time: last.map_or(ctx.now, |last| ctx.now.max(last + TimeDelta::seconds(1))),
    };
    let saved = job.run(seen.is_missing)?;
    outcome.head = Some(saved.id.clone());
    if saved.incomplete || saved.files != told.files + parts.len() as u64 {
        ctx.log.line(&format!("{} lacks files that were there", saved.id.short()));
        let mut state = state.clone();
        state.repositories.entry(seen.location.clone()).or_default().seen.insert(saved.id.clone(), None);
        state.save(&ctx.instance.state_file())?;
        let paths = saved.unreadable.iter().filter_map(|error| error.path_in(ctx.instance.root()));
        let mut unreadable: BTreeSet<_> = paths.collect();
        if unreadable.is_empty() {
            let listing = job.restic.ls(&saved.id)?;
            unreadable = seen.local.files.keys().filter(|path| !listing.files.contains_key(*path)).cloned().collect();
        }
        return Ok(Upload::Broken { unreadable, state: Box::new(state) });
    }
    let done = after_upload(seen, next, &saved, dot, job.time);
    done.save(&ctx.instance.state_file())?;
    tell(ctx, seen, saving, &saved, outcome);
    Ok(Upload::Whole(Box::new(done)))
}

/// The state as it will be, but that nobody holds the new versions yet. So a push that is cut off
/// needs no memory of its own: came its snapshot through, it is one like any other; if not, these
/// versions are here and held nowhere, which is a reason to push.
fn before_upload(ctx: &Context<'_>, seen: &Observation, state: &State, saving: &Saving, dot: Dot) -> State {
    let mut next = state.clone();
    let local = &seen.local;
    for unit in &saving.changed {
        let path = unit.path().or_else(|| Settings::of_unit(unit).map(|settings| settings.path().to_owned()));
        let gone: Vec<_> = match unit {
            Unit::Option(_) | Unit::Server(_) => path.into_iter().collect(),
            _ => files_of(&next.files, unit)
                .map(|(path, _)| path.clone())
                .filter(|path| seen.scope.contains(path))
                .collect(),
        };
        for path in &gone {
            next.files.remove(path);
        }
        let here: Vec<_> = match unit {
            Unit::Option(_) | Unit::Server(_) => {
                gone.iter().filter_map(|path| local.files.get_key_value(path)).collect()
            }
            _ => files_of(&local.files, unit).collect(),
        };
        let known = here.into_iter().map(|(path, entry)| {
            let is_new = state.files.get(path).is_none_or(|known| known.hash != entry.hash || known.is_unsaved);
            (path.clone(), Entry { cloud: None, is_unsaved: is_new, ..entry.clone() })
        });
        next.files.extend(known.collect::<Vec<_>>());
        if !local.units.contains_key(unit) {
            next.impossible.remove(unit);
        }
    }
    let is_first = state.is_new() && !seen.ids.is_empty();
    // What was there when this PC took in the push, and was out of its scope then, is not overruled.
    let was_passed_over = |unit: &Unit, known: &Known| {
        known.applied.is_empty() && known.owed.is_none() && state.memory.ledger.units.contains_key(unit)
    };
    let version_of = |unit: &Unit, digest: Digest, time: i64, known: &Known| {
        let more = More {
            value: local.values.get(unit).cloned(),
            weak: !unit.is_world() && (is_first || was_passed_over(unit, known)),
            kept_both: known.kept_both,
            copy_of: known.copy_of,
            exempt: unit.is_world().then(|| exempt(seen, state, unit)).flatten(),
            card: unit.world().map(|world| card(ctx, seen, world)),
        };
        Version::new(digest, time).with(more)
    };
    next.memory.save(&saving.changed, &local.units, dot, push_of(ctx, seen, saving), version_of);
    // Nobody is told of this push yet.
    next.repositories.entry(seen.location.clone()).or_default().told_by = None;
    next
}

fn push_of(ctx: &Context<'_>, seen: &Observation, saving: &Saving) -> Push {
    let (here, gone): (Vec<_>, Vec<_>) = saving.changed.iter().partition(|unit| seen.local.units.contains_key(*unit));
    let worlds = |units: &[&Unit]| units.iter().filter_map(|unit| unit.world().map(str::to_owned)).collect::<Vec<_>>();
    let others = saving.changed.iter().filter(|unit| !unit.is_world()).count() as u64;
    Push { machine: ctx.machine.clone(), time: Some(ctx.now), worlds: worlds(&here), gone: worlds(&gone), others }
}

/// What the version of a world that is saved now says nothing about.
fn exempt(seen: &Observation, state: &State, unit: &Unit) -> Option<Exempt> {
    let impossible = state.impossible.get(unit).into_iter().flatten();
    let mut paths: BTreeSet<_> = impossible.filter(|path| !seen.local.files.contains_key(*path)).cloned().collect();
    let (mut include, mut exclude) = seen.scope.own_patterns().unwrap_or_default();
    // What the version that it grew out of said nothing about, this one knows nothing about, either.
    let known = state.memory.known.get(unit).into_iter().flat_map(|known| known.applied.iter());
    let versions = state.memory.ledger.units.get(unit);
    for before in known.filter_map(|dot| versions?.get(dot)?.exempt()) {
        let told = Told::of(before);
        if files_of(&seen.local.files, unit).all(|(path, _)| told.of_path(path)) {
            paths.extend(before.paths.iter().cloned());
            exclude.extend(
                before.exclude.iter().filter(|pattern| !exclude.contains(pattern)).cloned().collect::<Vec<_>>(),
            );
            if include.is_empty() {
                include.clone_from(&before.include);
            }
        }
    }
    let exempt = Exempt { include, exclude, paths };
    (exempt != Exempt::default()).then_some(exempt)
}

/// What people know the world by.
fn card(ctx: &Context<'_>, seen: &Observation, world: &str) -> Card {
    let place = ctx.instance.root().join(folder_of(world));
    let unit = Unit::World(world.to_owned());
    let (mut files, mut bytes) = (0, 0);
    for (_, entry) in files_of(&seen.local.files, &unit) {
        files += 1;
        bytes += entry.here.size;
    }
    Card { files, bytes, world: World::read(&place), icon: world::icon(&place) }
}

/// The versions in the ledger of which the snapshot has no files, and a push whose snapshot has them.
fn lacks(seen: &Observation, next: &State) -> BTreeMap<Unit, BTreeMap<Dot, Option<Dot>>> {
    let alive = seen.alive(next);
    let mut lacks = BTreeMap::<Unit, BTreeMap<Dot, Option<Dot>>>::new();
    for (unit, versions) in &next.memory.ledger.units {
        let is_saved = seen.local.units.contains_key(unit) && seen.is_in_reach(unit);
        let applied = next.memory.known.get(unit).map(|known| &known.applied);
        for (dot, version) in versions.iter().filter(|(_, version)| version.value().is_none()) {
            if !(is_saved && applied.is_some_and(|applied| applied.contains(dot))) {
                let holder = version.holders.iter().find(|holder| alive.contains_key(holder));
                lacks.entry(unit.clone()).or_default().insert(dot, holder);
            }
        }
    }
    lacks
}

fn after_upload(seen: &Observation, mut next: State, saved: &Saved, dot: Dot, time: DateTime<Utc>) -> State {
    let alive = seen.alive(&next);
    for (unit, known) in &next.memory.known {
        if !seen.local.units.contains_key(unit) || !seen.is_in_reach(unit) {
            continue;
        }
        let Some(versions) = next.memory.ledger.units.get_mut(unit) else { continue };
        for (_, version) in
            versions.iter_mut().filter(|(maker, version)| known.applied.contains(*maker) && version.value().is_none())
        {
            let before = version.holders.iter().filter(|holder| alive.contains_key(holder)).take(MAX_HOLDERS - 1);
            version.holders = before.chain([dot]).collect::<Dots>();
        }
    }
    for path in seen.local.files.keys() {
        if let Some(entry) = next.files.get_mut(path) {
            entry.is_unsaved = false;
        }
    }
    let place = next.repositories.entry(seen.location.clone()).or_default();
    place.seen.retain(|id, _| seen.ids.contains(id));
    // Of what came meanwhile only what is known already counts as taken in.
    let pushes = &next.memory.ledger.pushes;
    let is_known = |dot: &Option<Dot>| dot.is_none_or(|dot| pushes.contains_key(&dot));
    place.seen.extend(seen.news.seen.iter().filter(|(_, dot)| is_known(dot)).map(|(id, dot)| (id.clone(), *dot)));
    place.seen.insert(saved.id.clone(), Some(dot));
    place.base = Some(saved.id.clone());
    place.base_time = Some(time);
    place.told_by = Some(BTreeSet::from([saved.id.clone()]));
    next
}

fn tell(ctx: &Context<'_>, seen: &Observation, saving: &Saving, saved: &Saved, outcome: &mut Outcome) {
    outcome.base = Some(saved.id.clone());
    outcome.files.saved = seen.local.files.len() as u64;
    outcome.bytes += saved.bytes;
    outcome.done = Done::Saved;
    let what = seen.local.edits.in_words().unwrap_or_else(|| {
        let is_decision = saving.changed.iter().any(|unit| seen.local.units.contains_key(unit));
        if is_decision { "your decision".to_owned() } else { "what no version in the cloud had".to_owned() }
    });
    ctx.note(&format!(
        "saved: {what} ({} sent, {} in all) as {}",
        human_bytes(saved.bytes),
        counted(seen.local.files.len(), "file"),
        saved.id.short()
    ));
    // A world that is gone here goes elsewhere, too, which whoever reinstalled the instance may not want.
    let gone: Vec<_> =
        seen.lost_worlds().into_iter().filter(|world| saving.changed.contains(&Unit::World(world.clone()))).collect();
    if !gone.is_empty() {
        ctx.warn(&format!(
            "saved without {}, which is not here any more; other PCs remove it with their next pull, and keep it in their undo copies",
            gone.join(", ")
        ));
    }
}

/// A run of restic.
struct Job<'a> {
    ctx: &'a Context<'a>,
    account: &'a Account,
    restic: Restic,
    lists: Lists,
    dot: Dot,
    parent: Option<SnapshotId>,
    time: DateTime<Utc>,
}

impl Job<'_> {
    fn run(&self, is_missing: bool) -> Result<Saved> {
        if is_missing {
            self.create()?;
        }
        let (saved, listed) = match self.backup() {
            (Err(ResticError::NoRepository | ResticError::Http(404)), _) if !is_missing => {
                self.create()?;
                self.backup()
            }
            other => other,
        };
        let saved = saved?;
        check_listed(&saved, listed)?;
        Ok(saved)
    }

    fn create(&self) -> Result<()> {
        self.ctx.note("creating the repository");
        Ok(self.restic.init()?)
    }

    /// Runs restic. As soon as the snapshot exists the repository is asked for it.
    fn backup(&self) -> (Result<Saved, ResticError>, Option<Result<Remote>>) {
        let ctx = self.ctx;
        let backup = Backup {
            instance: ctx.instance.root(),
            files_from: &self.lists.names,
            exclude_from: &self.lists.excludes,
            exclude: &self.lists.arguments,
            parent: self.parent.as_ref(),
            host: &ctx.machine,
            tags: &snapshot::tags(self.dot),
            time: self.time,
        };
        let mut on_status = |status: &Status| {
            ctx.progress(&Progress {
                step: Step::Save,
                bytes: status.bytes_done,
                total_bytes: status.total_bytes,
                files: status.files_done,
                total_files: status.total_files,
                file: status.current_files.first().cloned().unwrap_or_default(),
            });
        };
        let Account { repository, token } = self.account;
        let list = || remote::list(repository, token, || remote::list_by_restic(&self.restic));
        let result = thread::scope(|threads| {
            let (saved, is_saved) = mpsc::channel();
            let listing = threads.spawn(move || is_saved.recv().ok().map(|()| list()));
            let on_saved = move || {
                let _ = saved.send(());
            };
            let saved = self.restic.backup(&backup, &mut on_status, &on_saved);
            drop(on_saved);
            (saved, listing.join().ok().flatten())
        });
        ctx.front().finished();
        result
    }
}

/// Only what the repository lists is saved.
fn check_listed(saved: &Saved, listed: Option<Result<Remote>>) -> Result<()> {
    if listed.transpose()?.is_some_and(|listed| listed.into_ids().contains(&saved.id)) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Failed,
        format!("the repository does not list the snapshot {} that was just saved", saved.id.short()),
    )
    .hint("nothing was lost here; push again, and tell whoever runs the server"))
}

/// Puts the parts of the ledger where restic saves them from. One that is there already stays as it
/// is, so that restic knows it.
fn write_parts(ctx: &Context<'_>, parts: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let ours = ctx.instance.ours();
    for (name, content) in parts {
        let file = ours.join(name);
        if fs::read(&file).is_ok_and(|known| known == *content) {
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        platform::patiently(|| fs::write(&file, content))
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    remove_others(&ours.join("ledger"), "ledger", parts);
    Ok(())
}

/// Removes parts of older ledgers. One that stays makes the snapshot one that nobody takes in.
fn remove_others(folder: &Path, name: &str, parts: &BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_others(&entry.path(), &path, parts);
        } else if !parts.contains_key(&path) {
            let _ = platform::patiently(|| fs::remove_file(entry.path()));
        }
    }
    let _ = fs::remove_dir(folder);
}

/// The lists that restic reads, in the staging folder.
struct Lists {
    _staging: Staging,
    names: PathBuf,
    excludes: PathBuf,
    arguments: Vec<OsString>,
}

impl Lists {
    fn write(ctx: &Context<'_>, seen: &Observation) -> Result<Self> {
        let staging = Staging::begin(ctx)?;
        let root = ctx.instance.root();
        let tree = &seen.local.tree;
        let own = ["ledger.json", "ledger"].iter().filter(|name| ctx.instance.own(name).exists());
        let roots: Vec<_> = own.map(|name| format!(".cloud-sync/{name}")).chain(tree.roots.iter().cloned()).collect();
        let names = staging.list("names");
        write_names(&names, &roots)?;

        let mut lines: Vec<_> = seen.scope.exclude_patterns().map(|pattern| exclude_line(root, pattern)).collect();
        // These come before the list, so that what they exclude in worlds can be kept in spite of them.
        let mut arguments: Vec<_> =
            seen.scope.outside_patterns().map(|pattern| as_argument(&exclude_line(root, pattern))).collect();
        arguments.push([b"!", &as_argument(&exclude_line(root, "saves/**"))[..]].concat());
        let left_out = tree.left_out.iter().map(|left| left.on_disk.as_path());
        for path in left_out.chain(tree.of_pack.iter().map(Path::new)) {
            match exclude_path(root, path) {
                Ok(line) => lines.push(line),
                Err(argument) => arguments.push(argument),
            }
        }
        let excludes = staging.list("excludes");
        write_lines(&excludes, lines)?;
        let arguments = arguments.into_iter().map(platform::os_string).collect();
        Ok(Self { _staging: staging, names, excludes, arguments })
    }
}

fn new_dot() -> Result<Dot> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Kind::Failed, format!("the system gives no random numbers: {error}")))?;
    Ok(Dot::new(bytes))
}
