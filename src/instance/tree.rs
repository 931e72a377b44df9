//! The walk of an instance under its scope: what is on this PC's disk.
//!
//! Links to single files are not synced: restic would store the link.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::instance::left_out::{LeftOut, Why};
use crate::instance::scope::Scope;
use crate::model::Stat;
use crate::paths::{folder_of, is_within, join, world_of};
use crate::platform;

/// The stack of a thread that walks.
const DEEP: usize = 64 << 20;

/// The files of an instance that are in its scope.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Every file, by its path in the instance with `/` between folders.
    pub files: BTreeMap<String, Stat>,
    /// What restic is told to save: the topmost folders and files. A folder that holds a
    /// followed link is not among them, but what lies in it is, because restic saves links
    /// as links.
    pub roots: Vec<String>,
    /// What is in the scope and cannot be synced.
    pub left_out: Vec<LeftOut>,
    /// The files that are here and belong to the pack, although the patterns take them in.
    pub of_pack: Vec<String>,
}

impl Tree {
    /// Walks the instance, its folders side by side.
    pub fn walk(instance: &Path, scope: &Scope) -> anyhow::Result<Self> {
        start_threads();
        let found = Walk { instance, scope }
            .folder(instance, "", Reach::Toward, &[])
            .with_context(|| format!("could not read {}", instance.display()))?;
        let mut tree = Self {
            files: found.files.into_iter().collect(),
            roots: found.roots,
            left_out: found.left_out,
            of_pack: found.of_pack,
        };
        tree.leave_out_torn_worlds();
        Ok(tree)
    }

    /// Total size in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|stat| stat.size).sum()
    }

    /// Takes the worlds of which a part cannot be saved out of what is synced now.
    pub fn leave_out_torn_worlds(&mut self) {
        let is_part = |left: &&LeftOut| matches!(left.why, Why::Link | Why::Unreadable | Why::Changing);
        let torn = self.left_out.iter().filter(is_part).filter_map(|left| world_of(&left.path));
        let torn: BTreeSet<_> = torn.filter(|world| !self.leaves_out(&folder_of(world))).map(str::to_owned).collect();
        for world in torn {
            self.leave_out(folder_of(&world), Why::Torn);
        }
    }

    /// Takes the file or folder at `path` out of what is synced now.
    pub fn leave_out(&mut self, path: String, why: Why) {
        self.files.retain(|file, _| !is_within(file, &path));
        self.roots.retain(|root| !is_within(root, &path));
        self.left_out.push(LeftOut { on_disk: PathBuf::from(&path), path, why });
    }

    /// Whether `path` was left out, or lies in something that was: that it is not among the files does
    /// not mean that it is gone.
    pub fn leaves_out(&self, path: &str) -> bool {
        self.left_out.iter().any(|left| left.holds(path))
    }
}

/// The threads that walk. A second time this is refused, and not needed. Where the system gives no more
/// threads, this one does it alone.
fn start_threads() {
    // Folders can lie as deep as their path is long.
    if rayon::ThreadPoolBuilder::new().stack_size(DEEP).build_global().is_err() {
        let _ = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    }
}

/// Whether the walk is in an included folder, or on the way to one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Toward,
    Inside,
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    instance: &'a Path,
    scope: &'a Scope,
}

/// What a part of the instance contributes.
#[derive(Default)]
struct Found {
    files: Vec<(String, Stat)>,
    roots: Vec<String>,
    left_out: Vec<LeftOut>,
    of_pack: Vec<String>,
    /// A link was followed, so the folder cannot be a root as a whole.
    followed: bool,
}

impl Found {
    fn join(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.roots.extend(other.roots);
        self.left_out.extend(other.left_out);
        self.of_pack.extend(other.of_pack);
        self.followed |= other.followed;
        self
    }

    fn left_out(path: String, on_disk: PathBuf, why: Why) -> Self {
        Self { left_out: vec![LeftOut { path, on_disk, why }], ..Self::default() }
    }
}

impl Walk<'_> {
    /// Walks a folder. `trail` are the real folders of the links that led here.
    fn folder(self, folder: &Path, path: &str, reach: Reach, trail: &[PathBuf]) -> io::Result<Found> {
        let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        let entries = entries.par_iter().map(|entry| self.entry(entry, path, reach, trail));
        entries.try_reduce(Found::default, |one, other| Ok(one.join(other)))
    }

    fn entry(self, entry: &DirEntry, parent: &str, reach: Reach, trail: &[PathBuf]) -> io::Result<Found> {
        let name = entry.file_name();
        // restic's listings have this character for what is no text, so that it cannot be trusted.
        let Some(name) = name.to_str().filter(|name| !name.contains(char::REPLACEMENT_CHARACTER)) else {
            if reach == Reach::Inside {
                let path = join(parent, &name.to_string_lossy());
                return Ok(Found::left_out(path, Path::new(parent).join(&name), Why::Name));
            }
            return Ok(Found::default());
        };
        let path = join(parent, name);
        let inside = reach == Reach::Inside || self.scope.includes(&path);
        let reach = if inside { Reach::Inside } else { Reach::Toward };
        if self.scope.excludes(&path) || !inside && !self.scope.may_include_below(&path) {
            return Ok(Found::default());
        }
        let kind = match entry.file_type() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
            kind => kind?,
        };
        if !kind.is_dir() && self.scope.leaves_to_pack(&path) {
            Ok(Found { of_pack: vec![path], ..Found::default() })
        } else if kind.is_dir() {
            let Some(mut below) = self.subfolder(&entry.path(), &path, reach, trail)? else {
                return Ok(Found::default());
            };
            if inside && !below.followed && !below.left_out.iter().any(|left| left.path == path) {
                below.roots = vec![path];
            }
            Ok(below)
        } else if kind.is_file() && inside {
            match entry.metadata() {
                // Gone since the folder was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::default()),
                metadata => {
                    let file = (path.clone(), Stat::of(&metadata?));
                    Ok(Found { files: vec![file], roots: vec![path], ..Found::default() })
                }
            }
        } else if kind.is_symlink() {
            self.link(&entry.path(), path, reach, trail)
        } else if inside {
            Ok(Found::left_out(path.clone(), path.into(), Why::Special))
        } else {
            Ok(Found::default())
        }
    }

    fn link(self, link: &Path, path: String, reach: Reach, trail: &[PathBuf]) -> io::Result<Found> {
        if let Some(here) = self.may_follow(link, &path, trail) {
            let trail = [trail, &[here]].concat();
            let below = self.subfolder(link, &path, reach, &trail)?.unwrap_or_default();
            Ok(Found { followed: true, ..below })
        } else if reach == Reach::Inside || link.is_dir() {
            // On the way to an include, too: a restore must not write through it.
            Ok(Found::left_out(path.clone(), path.into(), Why::Link))
        } else {
            Ok(Found::default())
        }
    }

    /// What is in the folder; none where it is gone since it was listed.
    fn subfolder(self, folder: &Path, path: &str, reach: Reach, trail: &[PathBuf]) -> io::Result<Option<Found>> {
        match self.folder(folder, path, reach, trail) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Some(Found::left_out(path.to_owned(), path.into(), Why::Unreadable)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Links to folders are followed where players make them, and where they stay inside the
    /// instance; never into our own folder, to a folder that holds the instance, or in a
    /// circle. Gives the real folder that such a link is in.
    fn may_follow(self, link: &Path, path: &str, trail: &[PathBuf]) -> Option<PathBuf> {
        let target = platform::real_path(link).ok()?;
        let here = platform::real_path(link.parent()?).ok()?;
        let leads_home = target.starts_with(self.instance.join(".cloud-sync")) || self.instance.starts_with(&target);
        let is_circle = trail.iter().chain([&here]).any(|folder| folder.starts_with(&target));
        let is_root = self.scope.includes(path) || self.scope.may_include_below(path);
        let allowed = Scope::is_players_own(path) || is_root && target.starts_with(self.instance);
        (target.is_dir() && !leads_home && !is_circle && allowed).then_some(here)
    }
}
