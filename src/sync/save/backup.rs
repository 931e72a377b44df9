//! The run of restic that saves.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use chrono::{DateTime, Utc};

use super::lists::Lists;
use crate::cloud::remote::{self, Remote};
use crate::cloud::restic::{self, Restic, ResticError, Saved, Status};
use crate::context::{Account, Context};
use crate::error::{Error, Kind, Result};
use crate::instance::scope::Scope;
use crate::instance::tree::Tree;
use crate::model::{Dot, SnapshotId, Stat, tags};
use crate::player::{Progress, Step};

/// A run of restic.
pub struct Backup<'a> {
    /// The run.
    pub ctx: &'a Context<'a>,
    /// Whose cloud it is.
    pub account: &'a Account,
    /// The program.
    pub restic: Restic,
    /// What is synced.
    pub scope: &'a Scope,
    /// What it reads.
    pub lists: Lists,
    /// The push that it is.
    pub dot: Dot,
    /// The snapshot to build on.
    pub parent: Option<SnapshotId>,
    /// The time of the snapshot.
    pub time: DateTime<Utc>,
}

/// What is found out once the snapshot exists.
type After = (Result<Remote>, Result<BTreeMap<String, Stat>>);

impl Backup<'_> {
    /// Runs it, and makes the repository where it `is_missing`. Gives what it made, and the files as they
    /// are then.
    pub fn run(&self, is_missing: bool) -> Result<(Saved, BTreeMap<String, Stat>)> {
        if is_missing {
            self.create()?;
        }
        let (saved, after) = match self.backup() {
            (Err(ResticError::NoRepository | ResticError::Http(404)), _) if !is_missing => {
                self.create()?;
                self.backup()
            }
            other => other,
        };
        let saved = saved?;
        let (listed, files) = after.ok_or_else(|| Error::new(Kind::Failed, "restic ended early"))?;
        self.check(&saved, listed?)?;
        Ok((saved, files?))
    }

    fn create(&self) -> Result<()> {
        self.ctx.note("creating the repository");
        Ok(self.restic.init()?)
    }

    /// Runs restic. As soon as the snapshot exists the repository is asked for it, and the files are
    /// looked at once more.
    fn backup(&self) -> (Result<Saved, ResticError>, Option<After>) {
        let ctx = self.ctx;
        let backup = restic::Backup {
            instance: ctx.instance.root(),
            files_from: &self.lists.names,
            exclude_from: &self.lists.excludes,
            exclude: &self.lists.arguments,
            parent: self.parent.as_ref(),
            host: &ctx.machine,
            tags: &tags(self.dot),
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
            let look = || Ok(Tree::walk(ctx.instance.root(), self.scope)?.files);
            let looking = threads.spawn(move || is_saved.recv().ok().map(|()| (list(), look())));
            let on_saved = move || {
                let _ = saved.send(());
            };
            let saved = self.restic.backup(&backup, &mut on_status, &on_saved);
            drop(on_saved);
            (saved, looking.join().ok().flatten())
        });
        ctx.front().finished();
        result
    }

    /// Only what the repository lists and gives back is saved.
    fn check(&self, saved: &Saved, listed: Remote) -> Result<()> {
        let Account { repository, token } = self.account;
        let id = &saved.id;
        if listed.into_ids().contains(id) && remote::gives_back(repository, token, id)? {
            return Ok(());
        }
        let what = format!("the cloud took the snapshot {}, and does not have it", id.short());
        Err(Error::new(Kind::Failed, what)
            .hint("nothing was lost here; push again, and tell whoever runs the server that it loses what it is given"))
    }
}
