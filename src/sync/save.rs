//! A push: one run of restic, and what it proves.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::fetch::Staging;
use super::observe::Observation;
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::front::{Progress, Step, counted, human_bytes};
use crate::outcome::{Done, Outcome};
use crate::remote::{self, Remote};
use crate::restic::{
    Backup, ItemError, Restic, ResticError, Saved, Status, exclude_line, exclude_path, write_lines, write_names,
};
use crate::snapshot::{Joined, PushTags, SnapshotId, files_digest};
use crate::state::{Entry, Manifest, PendingPush, State};
use crate::tree::{Why, manifest_of};
use crate::{interrupt, platform};

/// How often a push is repeated because a file could not be read.
const RETRIES: usize = 2;
/// How long a file that cannot be read is waited for.
const WAIT_FOR_FILE: Duration = Duration::from_secs(3);

/// Saves the instance on top of `parent`, or as a root of its own.
pub fn save(
    ctx: &Context<'_>,
    account: &Account,
    seen: &Observation,
    parent: Option<&SnapshotId>,
    outcome: &mut Outcome,
) -> Result<()> {
    let mut save = Save::prepare(ctx, account, seen, parent)?;
    let saved = save.upload()?;
    if !saved.incomplete {
        return save.record(&saved, outcome);
    }
    // It lacks something, and nothing in it says what: elsewhere that would be mixed with what is
    // there. Another one follows that leaves out what cannot be read, and says so.
    saved.tell(outcome);
    let mut rest = Observation { state: save.state.clone(), ..seen.clone() };
    rest.ids.extend(rest.state.taken_in.iter().cloned());
    drop(save);
    if !rest.leave_out_unreadable(saved.unreadable.iter().filter_map(|error| error.path_in(ctx.instance.root()))) {
        return Err(incomplete(ctx, &saved));
    }
    let mut save = Save::prepare(ctx, account, &rest, parent)?;
    let saved = save.upload()?;
    if saved.incomplete {
        saved.tell(outcome);
        return Err(incomplete(ctx, &saved));
    }
    save.record(&saved, outcome)
}

/// A push in the making.
struct Save<'a> {
    ctx: &'a Context<'a>,
    account: &'a Account,
    seen: &'a Observation,
    parent: Option<&'a SnapshotId>,
    restic: Restic,
    lists: Lists,
    /// The state before the push, with the heads that it takes in.
    state: State,
    manifest: Manifest,
    time: DateTime<Utc>,
}

impl<'a> Save<'a> {
    fn prepare(
        ctx: &'a Context<'a>,
        account: &'a Account,
        seen: &'a Observation,
        parent: Option<&'a SnapshotId>,
    ) -> Result<Self> {
        let restic = ctx.restic(account, true)?;
        let mut state = seen.state.clone();
        state.refused.retain(|path| !seen.returned.contains(path));
        let known = parent.map(|parent| seen.graph.history(parent)).unwrap_or_default();
        // The graph may be empty where nothing is new.
        let is_news = |id: &SnapshotId| seen.ids.contains(id) && !known.contains(id);
        state.taken_in.retain(is_news);
        state.taken_in.extend(seen.view.taken_in.iter().cloned());
        let taken_in = &state.taken_in;
        state.joined.retain(|id, _| is_news(id) && !taken_in.contains(id));
        let mut manifest = manifest_of(ctx.instance.root(), &seen.tree.files, &state.manifest);
        for entry in manifest.values_mut() {
            // The new snapshot has every file as it is here.
            entry.cloud = None;
        }
        if parent.is_some() {
            // What cannot be saved now is known as it was, and is still to be saved.
            let unsaved = |(path, entry): (&String, &Entry)| (path.clone(), Entry::unsaved(entry.in_cloud()));
            manifest.extend(state.manifest.iter().filter(|(path, _)| seen.tree.keeps(path)).map(unsaved));
        }
        let time = seen.base_time().map_or(ctx.now, |base| ctx.now.max(base + TimeDelta::seconds(1)));
        let lists = Lists::write(ctx, seen)?;
        Ok(Self { ctx, account, seen, parent, restic, lists, state, manifest, time })
    }

    /// Runs restic until it has saved everything, or has tried often enough.
    fn upload(&mut self) -> Result<Saved> {
        let mut created = self.seen.missing;
        if created {
            create(self.ctx, &self.restic)?;
        }
        let mut attempt = 0;
        loop {
            let mark = self.begin()?;
            let (saved, listed) = match self.backup(&mark) {
                (Err(ResticError::NoRepository | ResticError::Http(404)), _) if !created => {
                    create(self.ctx, &self.restic)?;
                    created = true;
                    continue;
                }
                (saved, listed) => (saved?, listed),
            };
            check_listed(&saved, listed)?;
            if !saved.incomplete {
                return Ok(saved);
            }
            // It exists, lacks files, and must not stay a head: the next push supersedes it.
            self.ctx.log.line(&format!("{} is incomplete", saved.id.short()));
            self.state.taken_in.insert(saved.id.clone());
            self.state.pending = None;
            self.state.save(&self.ctx.instance.state_file())?;
            if attempt == RETRIES || !wait_for(self.ctx.instance.root(), &saved.unreadable) {
                return Ok(saved);
            }
            attempt += 1;
        }
    }

    /// Writes down that a run of restic begins, and by which mark its snapshot will be known.
    fn begin(&mut self) -> Result<String> {
        let mark = new_mark()?;
        self.state.pending = Some(PendingPush { mark: mark.clone(), manifest: self.manifest.clone() });
        self.state.save(&self.ctx.instance.state_file())?;
        Ok(mark)
    }

    /// Runs restic. As soon as the snapshot exists the repository is asked for it.
    fn backup(&self, mark: &str) -> (Result<Saved, ResticError>, Option<Result<Remote>>) {
        let (ctx, seen) = (self.ctx, self.seen);
        let mut scope = seen.scope.digest();
        if seen.has_new_scope() {
            // What is in the scope only now may never have been brought here; as a snapshot of a
            // scope that nobody else has it deletes nothing elsewhere.
            scope = format!("{scope}~{mark}");
        }
        let left_out = seen.tree.left_out.iter().filter(|left| left.why.may_be_synced_elsewhere());
        let tags = PushTags {
            files: &files_digest(seen.tree.files.keys().map(String::as_str)),
            scope: &scope,
            mark,
            merges: &self.state.taken_in,
            joined: &self.state.joined,
            without: &left_out.map(|left| left.path.as_str()).collect(),
        };
        let backup = Backup {
            instance: ctx.instance.root(),
            files_from: &self.lists.names,
            exclude_from: &self.lists.excludes,
            exclude: &self.lists.odd_excludes,
            parent: self.parent,
            host: &ctx.machine,
            tags: &tags.list(),
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

    /// Writes down what is saved now, and tells it.
    fn record(mut self, saved: &Saved, outcome: &mut Outcome) -> Result<()> {
        let (ctx, seen) = (self.ctx, self.seen);
        let missing = self.leave_out_what_is_missing(saved)?;
        outcome.base = Some(saved.id.clone());
        saved.tell(outcome);
        let known = if seen.view.others.is_empty() { &seen.ids } else { &seen.state.seen };
        let next = State {
            base: Some(saved.id.clone()),
            base_time: Some(self.time),
            taken_in: BTreeSet::new(),
            joined: Joined::new(),
            came: BTreeSet::new(),
            // Snapshots that came meanwhile are not among these, and so will be noticed.
            seen: known.iter().cloned().chain([saved.id.clone()]).collect(),
            pending: None,
            // What was not looked at yet is still to be.
            scope: Some(if seen.tree.leaves_out(Why::Unseen) { String::new() } else { seen.scope.digest() }),
            manifest: self.manifest,
            legacy_time: None,
            ..self.state
        };
        next.save(&ctx.instance.state_file())?;
        let nothing = if seen.tree.left_out.is_empty() { "your decision" } else { "what can be saved now" };
        let what = seen.edits.in_words().unwrap_or_else(|| nothing.to_owned());
        ctx.note(&format!(
            "saved: {} ({} sent, {} in all) as {}",
            what,
            human_bytes(saved.bytes),
            counted(usize::try_from(saved.files).unwrap_or(usize::MAX), "file"),
            saved.id.short()
        ));
        tell_lost_worlds(ctx, seen);
        if !missing.is_empty() {
            return Err(passed_over(ctx, &missing));
        }
        tell_what_was_left(ctx, seen)
    }

    /// Files came or went meanwhile, or restic passed over some: what the snapshot does not hold
    /// is not synced, and the next push sees it. Gives those that are here all the same.
    fn leave_out_what_is_missing(&mut self, saved: &Saved) -> Result<Vec<&'a String>> {
        let files = &self.seen.tree.files;
        if saved.files == files.len() as u64 {
            return Ok(Vec::new());
        }
        let listing = self.restic.ls(&saved.id)?;
        self.manifest.retain(|path, _| listing.files.contains_key(path) || self.seen.tree.keeps(path));
        self.ctx.log.line(&format!("{} holds {} files", saved.id.short(), listing.files.len()));
        let is_here = |path: &&String| fs::symlink_metadata(self.ctx.instance.root().join(path)).is_ok();
        Ok(files.keys().filter(|path| !listing.files.contains_key(*path)).filter(is_here).collect())
    }
}

fn create(ctx: &Context<'_>, restic: &Restic) -> Result<()> {
    ctx.note("creating the repository");
    Ok(restic.init()?)
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

/// Whether all the files can be read, at once or after a short while.
fn wait_for(root: &Path, unreadable: &[ItemError]) -> bool {
    let readable = |error: &ItemError| fs::File::open(root.join(&error.item)).is_ok();
    let deadline = Instant::now() + WAIT_FOR_FILE;
    while Instant::now() < deadline && !interrupt::requested() {
        if unreadable.iter().all(readable) {
            return true;
        }
        thread::sleep(Duration::from_millis(200));
    }
    false
}

impl Saved {
    fn tell(&self, outcome: &mut Outcome) {
        outcome.head = Some(self.id.clone());
        outcome.files.saved = self.files;
        outcome.bytes += self.bytes;
        outcome.done = Done::Saved;
    }
}

fn incomplete(ctx: &Context<'_>, saved: &Saved) -> Error {
    let root = ctx.instance.root();
    let name = |error: &ItemError| error.path_in(root).unwrap_or_else(|| error.item.clone());
    let names: BTreeSet<_> = saved.unreadable.iter().map(name).collect();
    for name in &names {
        ctx.warn(&format!("could not be read and is not saved: {name}"));
    }
    Error::new(Kind::Partial, format!("saved all but {} that could not be read", counted(names.len(), "file")))
        .hint("close what has them open, or mend their permissions, and push again")
}

fn passed_over(ctx: &Context<'_>, missing: &[&String]) -> Error {
    for path in missing {
        ctx.warn(&format!("restic passed over it, and it is not saved: {path}"));
    }
    Error::new(Kind::Partial, format!("saved all but {} that restic passed over", counted(missing.len(), "file")))
        .hint("push again; if that does not help, the log in .cloud-sync/logs has more")
}

/// A world that is gone here goes elsewhere, too, which whoever reinstalled the instance may
/// not want.
fn tell_lost_worlds(ctx: &Context<'_>, seen: &Observation) {
    let gone = seen.lost_worlds();
    if !gone.is_empty() {
        let worlds = gone.into_iter().collect::<Vec<_>>().join(", ");
        ctx.warn(&format!("saved without {worlds}, which is not here any more; other PCs remove it with their next pull, and keep it in their undo copies"));
    }
}

/// A player must know what is not safe yet.
fn tell_what_was_left(ctx: &Context<'_>, seen: &Observation) -> Result<()> {
    let mut later = BTreeMap::<_, Vec<_>>::new();
    // What the disk refused was told when it did, and is not this PC's to save.
    for left in seen.tree.left_out.iter().filter(|left| left.why != Why::Refused) {
        ctx.warn(&format!("not saved: {}: {}", left.path, left.why.text()));
        if left.why.is_for_now() {
            later.entry(left.why.text()).or_default().push(left.path.as_str());
        }
    }
    if later.is_empty() {
        return Ok(());
    }
    let what: Vec<_> = later.into_iter().map(|(why, paths)| format!("{} ({why})", paths.join(", "))).collect();
    Err(Error::new(Kind::Partial, format!("saved all but {}", what.join("; "))).hint("push again when that is over"))
}

/// The lists that restic reads, in the staging folder.
struct Lists {
    _staging: Staging,
    names: std::path::PathBuf,
    excludes: std::path::PathBuf,
    odd_excludes: Vec<OsString>,
}

impl Lists {
    fn write(ctx: &Context<'_>, seen: &Observation) -> Result<Self> {
        let staging = Staging::begin(ctx)?;
        // restic saves no empty list; an empty folder of ours stands for an empty instance.
        let nothing = [".cloud-sync/staging/files".to_owned()];
        let roots = if seen.tree.roots.is_empty() { &nothing[..] } else { &seen.tree.roots };
        let names = staging.list("names");
        write_names(&names, roots)?;

        let root = ctx.instance.root();
        let mut lines: Vec<_> = seen.scope.exclude_patterns().map(|pattern| exclude_line(root, pattern)).collect();
        let mut odd_excludes = Vec::new();
        let left_out = seen.tree.left_out.iter().map(|left| left.on_disk.as_path());
        for path in left_out.chain(seen.tree.of_pack.iter().map(Path::new)) {
            match exclude_path(root, path) {
                Ok(line) => lines.push(line),
                Err(argument) => odd_excludes.push(platform::os_string(argument)),
            }
        }
        let excludes = staging.list("excludes");
        write_lines(&excludes, lines)?;
        Ok(Self { _staging: staging, names, excludes, odd_excludes })
    }
}

fn new_mark() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(Kind::Failed, format!("the system gives no random numbers: {error}")))?;
    Ok(hex::encode(bytes))
}
