//! The verbs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::ended::Ended;
use super::error::{ResticError, Result};
use super::event::{self, Event, ItemError, Status, Summary};
use super::listing::{Listing, Reading};
use super::own_files::Archive;
use super::process::{self, Health, Line, Patience, Waits};
use super::surroundings::inherited;
use crate::cloud::repository::Repository;
use crate::credentials::Token;
use crate::model::{Snapshot, SnapshotId};
use crate::platform;

/// The largest single file that is read into memory.
const MAX_FILE: usize = 256 << 20;

/// A restic that is ready to run against one repository.
pub struct Restic {
    exe: PathBuf,
    environment: Vec<(OsString, OsString)>,
    options: Vec<OsString>,
    health: Box<dyn Fn() -> Health + Send + Sync>,
    waits: Waits,
}

/// What to save.
pub struct Backup<'a> {
    /// The instance, as its real path: restic runs in it.
    pub instance: &'a Path,
    /// The list of what to save, relative to the instance, each ended by NUL.
    pub files_from: &'a Path,
    /// The list of what not to save, as [`exclude_line`](super::exclude_line)s.
    pub exclude_from: &'a Path,
    /// What is excluded before that, in order: patterns, what is kept in spite of these, and names that
    /// have a line break in them.
    pub exclude: &'a [OsString],
    /// The snapshot to build on.
    pub parent: Option<&'a SnapshotId>,
    /// The machine's label.
    pub host: &'a str,
    /// The tags.
    pub tags: &'a [String],
    /// The time of the snapshot.
    pub time: DateTime<Utc>,
}

/// What a backup made.
pub struct Saved {
    /// The new snapshot.
    pub id: SnapshotId,
    /// How many files it holds.
    pub files: u64,
    /// How many bytes were sent.
    pub bytes: u64,
    /// What could not be read and is missing from it, as far as restic names it.
    pub unreadable: Vec<ItemError>,
    /// Whether restic itself says that something is missing.
    pub incomplete: bool,
    /// Whether the repository has lost a part of the snapshot that it builds on.
    pub is_parent_damaged: bool,
}

impl Restic {
    /// A restic at `exe` for `repository`. `health` is asked when restic goes quiet.
    pub fn new(
        exe: PathBuf,
        repository: &Repository,
        token: &Token,
        cache: Option<&Path>,
        waits: Waits,
        health: impl Fn() -> Health + Send + Sync + 'static,
    ) -> Self {
        let mut environment = inherited(repository.location());
        let mut set = |name: &str, value: OsString| environment.push((name.into(), value));
        set("RESTIC_REPOSITORY", repository.location().into());
        set("RESTIC_PASSWORD", token.password().expose().into());
        set("RESTIC_REST_USERNAME", token.user().into());
        set("RESTIC_REST_PASSWORD", token.password().expose().into());
        set("RESTIC_PROGRESS_FPS", "4".into());
        // Only Windows ignores it; there the times below are local ones.
        set("TZ", "UTC".into());
        let mut options: Vec<OsString> = Vec::new();
        match cache {
            Some(cache) => set("RESTIC_CACHE_DIR", cache.into()),
            None => options.push("--no-cache".into()),
        }
        if repository.location().starts_with("sftp:") {
            // ssh must not ask through the terminal behind our back, nor wait for ever.
            options.extend(["-o".into(), "sftp.args=-o BatchMode=yes -o ConnectTimeout=4".into()]);
        }
        Self { exe, environment, options, health: Box::new(health), waits }
    }

    /// The same, which tries this key of the repository first.
    #[must_use]
    pub fn with_key_hint(mut self, key: Option<&str>) -> Self {
        self.environment.extend(key.map(|key| ("RESTIC_KEY_HINT".into(), key.into())));
        self
    }

    /// The same, which puts packs here before it sends them.
    #[must_use]
    pub fn with_temporary_folder(mut self, folder: Option<&Path>) -> Self {
        for name in ["TMPDIR", "TMP", "TEMP"].into_iter().filter(|_| folder.is_some()) {
            self.environment.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            self.environment.extend(folder.map(|folder| (name.into(), folder.into())));
        }
        self
    }

    /// The ids of all snapshots. Unlike [`Restic::snapshots`] it fails if any is out of reach.
    pub fn list_snapshots(&self) -> Result<BTreeSet<SnapshotId>> {
        let mut ids = BTreeSet::new();
        self.lines(self.command(&["list", "snapshots", "--no-lock"]), &mut |line| match std::str::from_utf8(line)
            .ok()
            .map(str::trim)
            .and_then(SnapshotId::parse)
        {
            Some(id) => {
                ids.insert(id);
                Line::Progress
            }
            None => Line::Unknown,
        })?;
        Ok(ids)
    }

    /// All snapshots. `expected` are their ids as listed by other means: restic prints an
    /// empty array and exits with 0 when it cannot list them, and leaves out those it cannot read.
    pub fn snapshots(&self, expected: &BTreeSet<SnapshotId>) -> Result<Vec<Snapshot>> {
        let mut output = Vec::new();
        let ended = self.lines(self.command(&["snapshots", "--json", "--no-lock", "--host="]), &mut |line| {
            // It prints all it has in one line.
            if !output.is_empty() || !line.starts_with(b"[") {
                return Line::Unknown;
            }
            output.extend_from_slice(line);
            Line::Progress
        })?;
        let snapshots: Vec<Snapshot> =
            serde_json::from_slice(&output).map_err(|error| ResticError::Garbage(format!("snapshots: {error}")))?;
        let found: BTreeSet<_> = snapshots.iter().map(|snapshot| snapshot.id.clone()).collect();
        match expected.difference(&found).next() {
            None => Ok(snapshots),
            Some(missing) => {
                let words = ended.last_words();
                Err(ResticError::Failed(format!("it did not tell of snapshot {}: {words}", missing.short())))
            }
        }
    }

    /// The files of a snapshot.
    pub fn ls(&self, id: &SnapshotId) -> Result<Listing> {
        let listing = self.list(id.as_str())?;
        if listing.snapshot.id == *id {
            Ok(listing)
        } else {
            Err(ResticError::Garbage(format!("it lists {} instead of {}", listing.snapshot.id.short(), id.short())))
        }
    }

    /// The files of the snapshot with the latest time.
    pub fn ls_latest(&self) -> Result<Listing> {
        self.list("latest")
    }

    fn list(&self, which: &str) -> Result<Listing> {
        let mut listing = Reading::default();
        self.lines(self.command(&["ls", "--json", "--no-lock", which]), &mut |line| listing.take(line))?;
        listing.finish()
    }

    /// The files of ours that a snapshot carries, by their paths below `.cloud-sync`; none where it has
    /// no such folder.
    pub fn own_files(&self, which: &str) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut archive = Archive::default();
        let command = self.command(&["dump", "--json", "--no-lock", "--archive", "tar", which, "/.cloud-sync"]);
        match self.lines(command, &mut |piece| archive.take(piece)) {
            Err(ResticError::Failed(words)) if words.contains("not found in snapshot") => Ok(BTreeMap::new()),
            Err(error) => Err(error),
            Ok(_) => archive.finish(),
        }
    }

    /// What one file of a snapshot contains.
    pub fn file(&self, id: &SnapshotId, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let command = self.command(&["dump", "--json", "--no-lock", id.as_str(), &format!("/{path}")]);
        self.lines(command, &mut |line| {
            if content.len() + line.len() <= MAX_FILE {
                content.extend_from_slice(line);
            }
            Line::Progress
        })?;
        Ok(content)
    }

    /// Saves. `on_status` hears how far it is, `on_saved` that the snapshot exists and restic only
    /// tidies up.
    pub fn backup(
        &self,
        backup: &Backup<'_>,
        on_status: &mut dyn FnMut(&Status),
        on_saved: &dyn Fn(),
    ) -> Result<Saved> {
        let mut command = self.command(&["backup", "--json", "--ignore-inode", "--retry-lock", "30s"]);
        command.arg("--files-from-raw").arg(backup.files_from);
        command.arg("--exclude-file").arg(backup.exclude_from);
        for pattern in backup.exclude {
            command.arg("--exclude").arg(pattern);
        }
        match backup.parent {
            Some(parent) => command.args(["--parent", parent.as_str()]),
            None => command.arg("--force"),
        };
        command.arg("--host").arg(backup.host);
        for tag in backup.tags {
            command.arg("--tag").arg(tag);
        }
        command.arg("--time").arg(local_time(backup.time));
        // restic takes its working folder from PWD if that names the same folder.
        command.current_dir(backup.instance).env("PWD", backup.instance);
        let (summary, ended) = self.work(command, &[0, 3], on_status, on_saved)?;
        let id = summary.snapshot_id.as_deref().and_then(SnapshotId::parse);
        let id = id.ok_or_else(|| ResticError::Garbage("backup names no snapshot".to_owned()))?;
        Ok(Saved {
            id,
            files: summary.total_files_processed,
            bytes: summary.data_added_packed,
            incomplete: ended.code == Some(3),
            is_parent_damaged: ended.item_errors.iter().any(ItemError::blames_repository),
            unreadable: ended.item_errors,
        })
    }

    /// Restores a snapshot into the empty folder `target`, all of it or what the lines of
    /// `include_from` (as [`include_line`](super::include_line)s) name, and reads it back. `on_written` hears when
    /// all is written and only that remains.
    pub fn restore(
        &self,
        id: &SnapshotId,
        target: &Path,
        include_from: Option<&Path>,
        on_status: &mut dyn FnMut(&Status),
        on_written: &dyn Fn(),
    ) -> Result<()> {
        let mut command = self.command(&["restore", "--json", "--no-lock", "--verify", id.as_str()]);
        command.arg("--target").arg(target);
        if let Some(list) = include_from {
            command.arg("--include-file").arg(list);
        }
        self.work(command, &[0], on_status, on_written).map(|_| ())
    }

    /// Whether the repository has all that the snapshot needs, or all that any does, as far as that shows
    /// without reading it all.
    pub fn is_whole(&self, only: Option<&SnapshotId>) -> Result<bool> {
        let mut command = self.command(&["check", "--json", "--no-lock"]);
        command.args(only.map(SnapshotId::as_str));
        let (summary, _) = self.work(command, &[0, 1], &mut |_| {}, &|| {})?;
        Ok(summary.num_errors == 0)
    }

    /// Makes the repository.
    pub fn init(&self) -> Result<()> {
        self.lines(self.command(&["init", "--json"]), &mut |_| Line::Unknown).map(|_| ())
    }

    /// Opens the repository, and tells which of its keys did it.
    pub fn open(&self) -> Result<Option<String>> {
        let mut output = Vec::new();
        self.lines(self.command(&["key", "list", "--json", "--no-lock"]), &mut |line| {
            output.extend_from_slice(line);
            Line::Progress
        })?;
        let keys: Vec<Key> =
            serde_json::from_slice(&output).map_err(|error| ResticError::Garbage(format!("key list: {error}")))?;
        Ok(keys.into_iter().find(|key| key.current).map(|key| key.id))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.exe);
        command.args(arguments).args(&self.options);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn lines(&self, command: Command, on_line: &mut dyn FnMut(&[u8]) -> Line) -> Result<Ended> {
        let patience = Patience { health: &*self.health, waits: self.waits };
        let ended = process::run(command, &patience, on_line)?;
        if ended.code == Some(0) { Ok(ended) } else { Err(ResticError::of(&ended)) }
    }

    /// A slow line may take minutes for one pack of data, which only the system's counters tell from none.
    fn waits_for_data(&self) -> Waits {
        let factor = if platform::COUNTS_BYTES { 1 } else { 6 };
        Waits { stall: self.waits.stall * factor, ..self.waits }
    }

    /// Runs a verb that reports its progress and must end in a summary.
    fn work(
        &self,
        command: Command,
        good: &[i32],
        on_status: &mut dyn FnMut(&Status),
        on_summary: &dyn Fn(),
    ) -> Result<(Summary, Ended)> {
        let mut summary = None;
        let mut last = Status::default();
        let patience = Patience { health: &*self.health, waits: self.waits_for_data() };
        let ended = process::run(command, &patience, &mut |line| match event::parse(line) {
            Some(Event::Status(status)) => {
                on_status(&status);
                let moved = (status.bytes_done, status.files_done) != (last.bytes_done, last.files_done);
                last = status;
                if moved { Line::Progress } else { Line::Idle }
            }
            Some(Event::Summary(found)) => {
                summary = Some(found);
                on_summary();
                Line::Progress
            }
            Some(_) => Line::Idle,
            None => Line::Unknown,
        })?;
        if !ended.code.is_some_and(|code| good.contains(&code)) {
            return Err(ResticError::of(&ended));
        }
        let summary = summary.ok_or_else(|| ResticError::Garbage("it ended without a summary".to_owned()))?;
        Ok((summary, ended))
    }
}

#[derive(Deserialize)]
struct Key {
    current: bool,
    id: String,
}

/// `--time` has whole seconds and no zone.
fn local_time(time: DateTime<Utc>) -> String {
    platform::in_zone_of_restic(time).format("%Y-%m-%d %H:%M:%S").to_string()
}
