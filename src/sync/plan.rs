//! Which files of a unit are fetched, and which go. Values in, values out.

use std::collections::{BTreeMap, BTreeSet};

use super::exempt::Told;
use crate::error::{Error, Kind, Result};
use crate::instance::digest::files_of;
use crate::instance::scope::Scope;
use crate::instance::state::Manifest;
use crate::model::{Stat, Unit, Version, same_time};
use crate::paths::{folders_to, is_plain, world_of};

/// What becomes of the files of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Those to fetch.
    pub fetch: Vec<String>,
    /// Those that are as the snapshot has them.
    pub same: Vec<String>,
    /// Those that the version says nothing about, and that stay.
    pub exempt: Vec<String>,
    /// Those that go.
    pub remove: Vec<String>,
    /// All that the snapshot has.
    pub all: Vec<String>,
    /// Whether all of these are in the scope here.
    pub is_all_in_scope: bool,
}

/// Compares what is `local` with the files of `version`, which a snapshot has as `cloud`. With `anew`
/// nothing that is here is believed to be the same.
pub fn files(
    unit: &Unit,
    version: &Version,
    cloud: &BTreeMap<String, Stat>,
    local: &Manifest,
    scope: &Scope,
    anew: bool,
) -> Result<Files> {
    let mut files = Files { is_all_in_scope: true, ..Files::default() };
    for (path, stat) in files_of(cloud, unit) {
        check_name(path)?;
        files.all.push(path.clone());
        if !scope.contains(path) {
            files.is_all_in_scope = false;
            continue;
        }
        let is_same = local.get(path).is_some_and(|here| {
            let known = here.in_cloud();
            known.size == stat.size && same_time(known.mtime, stat.mtime)
        });
        if is_same && !anew { &mut files.same } else { &mut files.fetch }.push(path.clone());
    }
    let told = version.exempt().map(Told::of);
    for (path, _) in files_of(local, unit).filter(|(path, _)| !cloud.contains_key(*path)) {
        let is_told = told.as_ref().is_none_or(|told| told.of_path(path));
        if is_told { &mut files.remove } else { &mut files.exempt }.push(path.clone());
    }
    Ok(files)
}

/// Refuses a path that is none, or leads elsewhere.
fn check_name(path: &str) -> Result<()> {
    if is_plain(path) {
        return Ok(());
    }
    Err(Error::new(Kind::Stopped, format!("the snapshot names an impossible file: {path:?}"))
        .hint("the repository is damaged or hostile; nothing was changed"))
}

/// A file where the other side has a world, or the reverse. The two are no versions of each other, so
/// that nobody was asked.
pub fn refuse_to_displace<'a>(
    coming: impl Iterator<Item = &'a String>,
    removed: &BTreeSet<String>,
    local: &Manifest,
) -> Result<()> {
    for path in coming {
        let below = format!("{path}/");
        let inside = local.range(below.clone()..).map(|(here, _)| here).take_while(|here| here.starts_with(&below));
        let above = folders_to(path).filter_map(|folder| local.get_key_value(folder)).map(|(here, _)| here);
        let mut displaced = inside.chain(above).filter(|here| world_of(path) != world_of(here));
        if let Some(here) = displaced.find(|here| !removed.contains(*here)) {
            return Err(Error::new(
                Kind::Stopped,
                format!("the cloud's {path} cannot be put beside {here}, which is here: a file is in the way"),
            )
            .hint("rename or move the one that is here, and run it again; nothing was changed"));
        }
    }
    Ok(())
}
