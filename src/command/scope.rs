//! `scope`: what is synced here and why. Asks nobody but the disk, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use crate::context::Context;
use crate::error::{Error, Kind, Result};
use crate::instance::left_out::Why;
use crate::instance::scope::{Reason, Scope};
use crate::instance::tree::Tree;
use crate::outcome::{Explained, Outcome, Part, ScopeReport};
use crate::paths::{world_at, world_of};
use crate::platform;
use crate::player::{counted, human_bytes};
use crate::reading::is_forbidden;

/// Lists the worlds, and what else is synced, the largest first.
pub fn list(ctx: &Context<'_>, outcome: &mut Outcome) -> Result<()> {
    let scope = Scope::load(&ctx.instance)?;
    let tree = Tree::walk(ctx.instance.root(), &scope)?;
    let parts = parts(&tree);
    for part in &parts {
        ctx.note(&format!("{:>7}  {} ({})", human_bytes(part.bytes), part.path, counted(part.files, "file")));
    }
    ctx.note(&format!("{:>7}  in all ({})", human_bytes(tree.bytes()), counted(tree.files.len(), "file")));
    if !tree.of_pack.is_empty() {
        let files = counted(tree.of_pack.len(), "file");
        ctx.note(&format!("not synced: {files} in these folders that packwiz brings to each PC"));
    }
    for left in &tree.left_out {
        ctx.warn(&format!("not synced: {}: {}", left.path, left.why.text()));
    }
    scope.problem().into_iter().for_each(|problem| ctx.warn(problem));
    outcome.scope = Some(ScopeReport::Parts(parts));
    Ok(())
}

/// Each world by itself, and everything else by its name at the top of the instance.
fn parts(tree: &Tree) -> Vec<Part> {
    let mut parts = BTreeMap::<&str, Part>::new();
    for (path, stat) in &tree.files {
        let top = path.find('/').unwrap_or(path.len());
        let end = world_of(path).map_or(top, |world| top + 1 + world.len());
        let name = &path[..end];
        let part = parts.entry(name).or_insert_with(|| Part { path: name.to_owned(), files: 0, bytes: 0 });
        part.files += 1;
        part.bytes += stat.size;
    }
    let mut parts: Vec<_> = parts.into_values().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    parts
}

/// Says why what is at `given` is synced or not, and what goes with it.
pub fn explain(ctx: &Context<'_>, given: &Path, outcome: &mut Outcome) -> Result<()> {
    let root = ctx.instance.root();
    let path = path_in(root, given)?;
    let scope = Scope::load(&ctx.instance)?;
    let tree = Tree::walk(root, &scope)?;
    scope.problem().into_iter().for_each(|problem| ctx.warn(problem));
    let place = root.join(&path);
    let exists = fs::symlink_metadata(&place).is_ok();
    let is_folder = place.is_dir();
    let reason = reason(&scope, &tree, &path, &place, is_folder);
    let inside = format!("{path}/");
    let synced =
        reason.is_synced() || reason == Reason::OnTheWay && tree.files.keys().any(|file| file.starts_with(&inside));
    let verdict = match (exists, synced, reason == Reason::OnTheWay) {
        (true, true, true) => "is synced in part",
        (true, true, false) => "is synced",
        (true, false, _) => "is not synced",
        (false, true, _) => "does not exist here, but would be synced",
        (false, false, _) => "does not exist here, and would not be synced",
    };
    let why = reason.text(&path);
    ctx.note(&format!("{path} {verdict}: {why}"));
    if reason.is_synced() {
        ctx.note(&format!("it is {}", unit(&path, is_folder)));
    }
    outcome.scope = Some(ScopeReport::Explained(Explained { path, synced, reason: why }));
    Ok(())
}

/// What the patterns say, and what the disk says against it.
fn reason<'a>(scope: &'a Scope, tree: &'a Tree, path: &'a str, place: &Path, is_folder: bool) -> Reason<'a> {
    let reason = scope.explain(path, is_folder);
    let left_out = tree.left_out.iter().find(|left| left.holds(path));
    match left_out {
        _ if !matches!(reason, Reason::Included { .. } | Reason::OnTheWay) => reason,
        Some(left) => Reason::LeftOut { at: &left.path, why: left.why },
        None if tree.files.contains_key(path) && is_forbidden(place) => {
            Reason::LeftOut { at: path, why: Why::Unreadable }
        }
        None => reason,
    }
}

/// What is kept or replaced together with `path`.
fn unit(path: &str, is_folder: bool) -> String {
    let world = world_of(path).or_else(|| world_at(path).filter(|_| is_folder));
    match world {
        Some(world) if path.len() == "saves/".len() + world.len() => {
            format!("the world {world}, which is kept or replaced as a whole")
        }
        Some(world) => format!("part of the world {world}, which is kept or replaced as a whole"),
        None if path == "saves" => "where the worlds are, each of which is kept or replaced as a whole".to_owned(),
        None if path == "options.txt" => "a file of settings, which are joined one by one".to_owned(),
        None if path == "servers.dat" => "a list of servers, which are joined one by one".to_owned(),
        None if is_folder => "a folder in which each file is kept or replaced by itself".to_owned(),
        None => "a file that is kept or replaced by itself".to_owned(),
    }
}

/// The path in the instance at `root` that `given` means: from the current folder if something
/// is there, else from the instance.
fn path_in(root: &Path, given: &Path) -> Result<String> {
    let here = std::env::current_dir().context("the current folder is gone")?.join(given);
    let is_here = fs::symlink_metadata(&here).is_ok();
    let inner = is_here.then(|| inner(root, &here)).flatten().or_else(|| inner(root, &root.join(given)));
    let shown = given.display();
    let inner = inner.ok_or_else(|| {
        Error::new(Kind::Usage, format!("{shown} is not inside the instance {}", root.display()))
            .hint("name a file or folder by its path in the game folder, as in `cloud-sync scope explain saves`")
    })?;
    let names = inner.iter().map(|name| name.to_str());
    let path = names.collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::new(Kind::Usage, format!("{shown} is not synced: {}", Why::Name.text())).hint("give it another name")
    })?;
    Ok(path.join("/"))
}

/// The path of `place` below `root`, without following any link that is below it; none if it
/// is elsewhere, or `root` itself.
fn inner(root: &Path, place: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in place.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    // The instance may have been named by way of a link.
    let is_root = |folder: &&Path| *folder == root || platform::real_path(folder).is_ok_and(|folder| folder == root);
    let above = if plain.starts_with(root) { Some(root) } else { plain.ancestors().find(is_root) };
    let inner = plain.strip_prefix(above?).ok()?;
    (!inner.as_os_str().is_empty()).then(|| inner.to_owned())
}
