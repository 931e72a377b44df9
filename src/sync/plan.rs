//! What a restore fetches and what it removes. Values in, values out.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Kind, Result};
use crate::scope::{Scope, world_of};
use crate::state::Manifest;
use crate::tree::{Edits, Stat, Tree};

/// The two sides of a restore, and what they last agreed on.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The files of the snapshot.
    pub cloud: &'a BTreeMap<String, Stat>,
    /// The files of the instance.
    pub tree: &'a Tree,
    /// What both last agreed on.
    pub manifest: &'a Manifest,
    /// How the instance differs from that.
    pub edits: &'a Edits,
    /// What is synced.
    pub scope: &'a Scope,
}

/// How two versions of one file compare, as far as size and time can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same.
    Same,
    /// The same size at another time: only the content can tell.
    Unsure,
    /// Different.
    Different,
}

/// What a restore may do.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Whether a file that the snapshot lacks may be removed: the snapshot and all between it
    /// and the base are complete.
    pub may_remove: bool,
    /// Worlds that become exactly the snapshot's, whatever was edited in them: the player
    /// chose so, and two versions of a world are never mixed.
    pub exact_worlds: &'a BTreeSet<String>,
    /// Files whose content was compared and is the same.
    pub same: &'a BTreeSet<String>,
}

/// What a restore does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files to fetch and to put in place of what is there.
    pub fetch: Vec<String>,
    /// Files to move to the undo copy.
    pub remove: Vec<String>,
    /// Files that are as the snapshot has them.
    pub keep: Vec<String>,
    /// Edited files and worlds that the snapshot lacks, and that stay.
    pub spared: BTreeSet<String>,
}

impl<'a> Sides<'a> {
    /// How the local file at `path` compares to the snapshot's.
    pub fn likeness(&self, path: &str, cloud: Stat) -> Likeness {
        let Some(local) = self.tree.files.get(path) else { return Likeness::Different };
        if let Some(entry) = self.manifest.get(path) {
            let unedited = entry.size == local.size && entry.mtime == local.mtime;
            if unedited && entry.size == cloud.size && entry.time_in_cloud() == cloud.mtime {
                return Likeness::Same;
            }
        }
        if local.size != cloud.size {
            Likeness::Different
        } else if same_time(local.mtime, cloud.mtime) {
            Likeness::Same
        } else {
            Likeness::Unsure
        }
    }

    /// The snapshot's files that are in the local scope.
    pub fn cloud_in_scope(self) -> impl Iterator<Item = (&'a str, Stat)> {
        self.cloud.iter().filter(move |(path, _)| self.scope.contains(path)).map(|(path, stat)| (path.as_str(), *stat))
    }

    /// The plan under `rules`.
    pub fn plan(self, rules: Rules<'_>) -> Result<Plan> {
        let mut plan = Plan::default();
        let mut cloud_worlds = BTreeSet::new();
        for (path, stat) in self.cloud_in_scope() {
            check_name(path)?;
            cloud_worlds.extend(world_of(path));
            let is_same = rules.same.contains(path) || self.likeness(path, stat) == Likeness::Same;
            if is_same {
                plan.keep.push(path.to_owned());
            } else if self.tree.left_out.iter().any(|left| left.path == path) {
                // Already warned of; it stays as the player made it.
            } else if self.tree.hides(path) {
                return Err(in_the_way(path));
            } else {
                plan.fetch.push(path.to_owned());
            }
        }
        let edited_units: BTreeSet<_> = self.edits.paths().map(unit_of).collect();
        for path in self.tree.files.keys().filter(|path| !self.cloud.contains_key(*path)) {
            let world = world_of(path).filter(|world| cloud_worlds.contains(world));
            let exact = world.is_some_and(|world| rules.exact_worlds.contains(world));
            let is_known = self.manifest.contains_key(path);
            let is_edited = edited_units.contains(unit_of(path));
            if exact || rules.may_remove && is_known && !is_edited {
                plan.remove.push(path.clone());
            } else if is_known && is_edited {
                plan.spared.insert(unit_of(path).to_owned());
            }
        }
        Ok(plan)
    }
}

/// What is kept or replaced as a whole: a world's folder, or the file itself.
pub fn unit_of(path: &str) -> &str {
    match world_of(path) {
        Some(world) => &path[.."saves/".len() + world.len()],
        None => path,
    }
}

/// Disks of Windows keep a tenth of a microsecond.
fn same_time(one: i64, other: i64) -> bool {
    one == other || one.div_euclid(100) == other.div_euclid(100)
}

fn check_name(path: &str) -> Result<()> {
    let impossible = path.split('/').any(|name| matches!(name, "" | "." | "..") || name.contains('\0'));
    if impossible {
        return Err(Error::new(Kind::Stopped, format!("the snapshot names an impossible file: {path:?}"))
            .hint("the repository is damaged or hostile; nothing was changed"));
    }
    Ok(())
}

fn in_the_way(path: &str) -> Error {
    Error::new(Kind::Stopped, format!("{path} cannot be put in place: a folder on the way is a link or cannot be read"))
        .hint("cloud-sync follows links only at folders such as saves and at worlds; move the folder to where the link is; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Entry;

    fn stat(size: u64, mtime: i64) -> Stat {
        Stat { size, mtime: mtime * 1000 }
    }

    fn files(list: &[(&str, Stat)]) -> BTreeMap<String, Stat> {
        list.iter().map(|(path, stat)| ((*path).to_owned(), *stat)).collect()
    }

    fn manifest(list: &[(&str, Stat)]) -> Manifest {
        let entry = |stat: &Stat| Entry { size: stat.size, mtime: stat.mtime, cloud_mtime: None, sha256: None };
        list.iter().map(|(path, stat)| ((*path).to_owned(), entry(stat))).collect()
    }

    fn plan(
        known: &[(&str, Stat)],
        local: &[(&str, Stat)],
        cloud: &[(&str, Stat)],
        may_remove: bool,
        exact: &[&str],
    ) -> (Vec<String>, Vec<String>, Vec<String>) {
        let scope = Scope::new(&["saves/", "options.txt"], &[]).unwrap();
        let (manifest, cloud) = (manifest(known), files(cloud));
        let tree = Tree { files: files(local), ..Tree::default() };
        let edits = Edits::find(std::path::Path::new("/nowhere"), &tree, &manifest, &scope);
        let sides = Sides { cloud: &cloud, tree: &tree, manifest: &manifest, edits: &edits, scope: &scope };
        let exact_worlds = exact.iter().map(|world| (*world).to_owned()).collect();
        let rules = Rules { may_remove, exact_worlds: &exact_worlds, same: &BTreeSet::new() };
        let plan = sides.plan(rules).unwrap();
        (plan.fetch, plan.remove, plan.keep)
    }

    fn paths(list: &[&str]) -> Vec<String> {
        list.iter().map(|path| (*path).to_owned()).collect()
    }

    const A: &str = "saves/A/level.dat";
    const B: &str = "saves/B/level.dat";
    const R: &str = "saves/A/region/r.mca";

    #[test]
    fn only_what_changed_is_fetched() {
        let known = [(A, stat(1, 1)), (R, stat(2, 1))];
        let cloud = [(A, stat(1, 5)), (R, stat(2, 1))];
        assert_eq!(plan(&known, &known, &cloud, true, &[]), (paths(&[A]), paths(&[]), paths(&[R])));
    }

    #[test]
    fn a_deletion_travels_only_from_a_complete_snapshot() {
        let known = [(A, stat(1, 1)), (B, stat(2, 1))];
        let cloud = [(A, stat(1, 1))];
        assert_eq!(plan(&known, &known, &cloud, true, &[]).1, paths(&[B]));
        assert_eq!(plan(&known, &known, &cloud, false, &[]).1, paths(&[]));
    }

    #[test]
    fn a_world_with_any_edit_is_not_removed_in_part() {
        let known = [(A, stat(1, 1)), (R, stat(2, 1))];
        let local = [(A, stat(9, 9)), (R, stat(2, 1))];
        assert_eq!(plan(&known, &local, &[], true, &[]).1, paths(&[]));
    }

    #[test]
    fn what_the_cloud_never_had_stays() {
        let local = [(A, stat(1, 1))];
        assert_eq!(plan(&[], &local, &[], true, &[]).1, paths(&[]));
    }

    #[test]
    fn an_exact_world_loses_what_the_cloud_lacks() {
        let local = [(A, stat(1, 1)), (R, stat(2, 1)), (B, stat(3, 3))];
        let cloud = [(A, stat(7, 7))];
        assert_eq!(plan(&[], &local, &cloud, true, &["A"]), (paths(&[A]), paths(&[R]), paths(&[])));
    }

    #[test]
    fn what_is_out_of_scope_is_not_restored() {
        let cloud =
            [("mods/evil.jar", stat(1, 1)), (".cloud-sync/token", stat(1, 1)), ("saves/A/session.lock", stat(1, 1))];
        assert_eq!(plan(&[], &[], &cloud, true, &[]), (paths(&[]), paths(&[]), paths(&[])));
    }

    #[test]
    fn impossible_names_stop_the_restore() {
        let scope = Scope::new(&["saves/"], &[]).unwrap();
        for path in ["saves/../../etc/passwd", "saves//x", "saves/./x"] {
            let cloud = files(&[(path, stat(1, 1))]);
            let (tree, manifest, edits) = (Tree::default(), Manifest::new(), Edits::default());
            let sides = Sides { cloud: &cloud, tree: &tree, manifest: &manifest, edits: &edits, scope: &scope };
            let none = BTreeSet::new();
            let rules = Rules { may_remove: true, exact_worlds: &none, same: &BTreeSet::new() };
            assert_eq!(sides.plan(rules).unwrap_err().kind, Kind::Stopped, "{path}");
        }
    }
}
