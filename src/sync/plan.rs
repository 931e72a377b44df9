//! What a restore fetches and what it removes. Values in, values out.

use std::collections::{BTreeMap, BTreeSet};

use super::units::Unit;
use crate::error::{Error, Kind, Result};
use crate::names::{Disk, Refusal};
use crate::paths::{folders_to, is_plain, is_within, world_of};
use crate::scope::Scope;
use crate::state::Manifest;
use crate::tree::{LeftOut, Stat, Tree, Why};

/// The two sides of a restore, and what they last agreed on.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The files of the snapshot.
    pub cloud: &'a BTreeMap<String, Stat>,
    /// The files of the instance.
    pub tree: &'a Tree,
    /// What both last agreed on.
    pub manifest: &'a Manifest,
    /// The files of the version that both went on from, if that is another one.
    pub ancestor: &'a BTreeMap<String, Stat>,
    /// What is synced.
    pub scope: &'a Scope,
    /// The disk of the instance.
    pub disk: Disk,
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

/// What the absence of a file from the snapshot says, by the paths of units.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    /// Units of which the snapshot, or one that it is built on, may lack what was not deleted.
    pub incomplete: BTreeSet<String>,
    /// Worlds that the snapshot itself has whole, whatever those before it lack.
    pub whole: BTreeSet<String>,
}

/// Whose version of a unit is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This PC's.
    Local,
    /// This PC's, with the cloud's beside it under another name.
    Both,
    /// The cloud's; nothing was edited here.
    Cloud,
    /// The cloud's, exactly as it is there, whatever was edited here: the player chose so, and
    /// two versions of a world are never mixed.
    CloudExactly,
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
    /// Files that stay as this PC has them, or stay away, although the snapshot has them
    /// otherwise.
    pub differ: Vec<String>,
    /// Files of the snapshot that come under another name.
    pub beside: Vec<String>,
    /// Files that this disk cannot hold, and stay away.
    pub impossible: Vec<String>,
    /// What this disk refuses, the topmost folder or file of each, and why.
    pub refused: BTreeMap<String, Refusal>,
    /// Of those to put in place: settings that were merged, so that they are neither side's.
    pub merged: BTreeSet<String>,
}

impl<'a> Sides<'a> {
    /// How the local file at `path` compares to the snapshot's.
    pub fn likeness(&self, path: &str, cloud: Stat) -> Likeness {
        let Some(local) = self.tree.files.get(path) else { return Likeness::Different };
        let is_as_known = self.manifest.get(path).is_some_and(|entry| entry.here == *local);
        if is_as_known && self.is_known(path, cloud) {
            return Likeness::Same;
        }
        if local.size != cloud.size {
            Likeness::Different
        } else if same_time(local.mtime, cloud.mtime) {
            Likeness::Same
        } else {
            Likeness::Unsure
        }
    }

    /// Whether the snapshot has the file as it was when both sides last agreed.
    fn is_known(&self, path: &str, cloud: Stat) -> bool {
        self.manifest.get(path).is_some_and(|entry| entry.in_cloud() == cloud)
    }

    /// The snapshot's files that are in the local scope.
    pub fn cloud_in_scope(self) -> impl Iterator<Item = (&'a str, Stat)> {
        self.cloud.iter().filter(move |(path, _)| self.scope.contains(path)).map(|(path, stat)| (path.as_str(), *stat))
    }

    /// What to do, if `choice` says whose version of each unit is played, and the files in
    /// `same` were compared and are the same. Of incomplete units nothing is removed because the
    /// snapshot lacks it, unless that would mix it with another version of its world.
    pub fn plan(self, choice: impl Fn(Unit<'_>) -> Choice, same: &BTreeSet<String>, gaps: &Gaps) -> Result<Plan> {
        let mut plan = Plan::default();
        for (path, stat) in self.cloud_in_scope() {
            check_name(path)?;
            let choice = choice(Unit::of(path));
            if choice == Choice::Both {
                plan.beside.push(path.to_owned());
            }
            if same.contains(path) || self.likeness(path, stat) == Likeness::Same {
                plan.keep.push(path.to_owned());
            } else if matches!(choice, Choice::Local | Choice::Both)
                || self.tree.left_out.iter().any(|left| left.path == path && left.why != Why::Refused)
            {
                // What was left out was warned of; it stays as the player made it.
                plan.differ.push(path.to_owned());
            } else {
                match self.tree.blocker_of(path) {
                    // Nothing new, so that nothing is in its way.
                    Some(_) if self.is_known(path, stat) => plan.differ.push(path.to_owned()),
                    Some(left) => return Err(in_the_way(path, left)),
                    None => plan.fetch.push(path.to_owned()),
                }
            }
        }
        let changed: BTreeSet<_> = plan.fetch.iter().map(|path| Unit::of(path).path()).collect();
        for path in self.tree.files.keys().filter(|path| !self.cloud.contains_key(*path)) {
            let unit = Unit::of(path).path();
            let goes = match choice(Unit::of(path)) {
                Choice::Local | Choice::Both => false,
                Choice::Cloud => {
                    let is_known = self.manifest.contains_key(path) || self.ancestor.contains_key(path);
                    let is_mixed = changed.contains(&unit) && gaps.whole.contains(&unit);
                    is_known && (is_mixed || !gaps.incomplete.contains(&unit))
                }
                Choice::CloudExactly => true,
            };
            if goes {
                plan.remove.push(path.clone());
            }
        }
        self.refuse_to_displace(&plan)?;
        self.leave_out_impossible(&mut plan);
        Ok(plan)
    }

    /// A file where the other side has a world. The two are no versions of each other, so that nobody
    /// was asked.
    fn refuse_to_displace(self, plan: &Plan) -> Result<()> {
        let removed: BTreeSet<_> = plan.remove.iter().collect();
        for path in &plan.fetch {
            let below = format!("{path}/");
            let inside = self.tree.files.range(below.clone()..).map(|(here, _)| here);
            let inside = inside.take_while(|here| here.starts_with(&below));
            let above = folders_to(path).filter_map(|folder| self.tree.files.get_key_value(folder));
            let is_elsewhere = |here: &&String| world_of(path) != world_of(here);
            let mut displaced = inside.chain(above.map(|(here, _)| here)).filter(is_elsewhere);
            if let Some(here) = displaced.find(|here| !removed.contains(here)) {
                return Err(cannot_be_beside(path, here));
            }
        }
        Ok(())
    }

    /// Takes out of `plan` what this disk cannot hold beside what stays.
    fn leave_out_impossible(self, plan: &mut Plan) {
        let removed: BTreeSet<_> = plan.remove.iter().collect();
        let stays = self.tree.files.keys().filter(|path| !removed.contains(path)).map(String::as_str);
        plan.refused = self.disk.refused(stays, plan.fetch.iter().map(String::as_str));
        // Those under another name are in nobody's way.
        plan.refused.extend(self.disk.refused(std::iter::empty(), plan.beside.iter().map(String::as_str)));
        if plan.refused.is_empty() {
            return;
        }
        let is_possible = |path: &String| !plan.refused.keys().any(|outer| is_within(path, outer));
        plan.beside.retain(is_possible);
        let (fetch, impossible) = plan.fetch.drain(..).partition(is_possible);
        (plan.fetch, plan.impossible) = (fetch, impossible);
    }
}

/// Disks of Windows keep a tenth of a microsecond.
pub fn same_time(one: i64, other: i64) -> bool {
    one == other || one.div_euclid(100) == other.div_euclid(100)
}

/// Refuses a path that is none, or leads elsewhere.
fn check_name(path: &str) -> Result<()> {
    if is_plain(path) {
        return Ok(());
    }
    Err(Error::new(Kind::Stopped, format!("the snapshot names an impossible file: {path:?}"))
        .hint("the repository is damaged or hostile; nothing was changed"))
}

fn cannot_be_beside(path: &str, here: &str) -> Error {
    Error::new(
        Kind::Stopped,
        format!("the cloud's {path} cannot be put beside {here}, which is here: a file is in the way"),
    )
    .hint("rename or move the one that is here, and run it again; nothing was changed")
}

fn in_the_way(path: &str, left: &LeftOut) -> Error {
    match left.why {
        Why::Torn => Error::new(
            Kind::Stopped,
            format!("{} cannot be replaced as a whole: a part of it is a link or cannot be read", left.path),
        )
        .hint("mend its permissions, or move the folder to where the link is; nothing was changed"),
        _ => Error::new(
            Kind::Stopped,
            format!("{path} cannot be put in place: a folder on the way is a link or cannot be read"),
        )
        .hint("cloud-sync follows links only at folders such as saves and at worlds; move the folder to where the link is; nothing was changed"),
    }
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
        let entry = |stat: &Stat| Entry::new(*stat, *stat, None);
        list.iter().map(|(path, stat)| ((*path).to_owned(), entry(stat))).collect()
    }

    fn plan(
        known: &[(&str, Stat)],
        local: &[(&str, Stat)],
        cloud: &[(&str, Stat)],
        complete: bool,
        choice: Choice,
    ) -> (Vec<String>, Vec<String>, Vec<String>) {
        let scope = Scope::new(&["saves/", "options.txt"], &[]).unwrap();
        let (manifest, cloud) = (manifest(known), files(cloud));
        let tree = Tree { files: files(local), ..Tree::default() };
        let ancestor = BTreeMap::new();
        let disk = Disk::of_linux();
        let sides = Sides { cloud: &cloud, tree: &tree, manifest: &manifest, ancestor: &ancestor, scope: &scope, disk };
        let units = known.iter().chain(local).map(|(path, _)| Unit::of(path).path());
        let incomplete = if complete { BTreeSet::new() } else { units.collect() };
        let gaps = Gaps { incomplete, ..Gaps::default() };
        let plan = sides.plan(|_| choice, &BTreeSet::new(), &gaps).unwrap();
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
        assert_eq!(plan(&known, &known, &cloud, true, Choice::Cloud), (paths(&[A]), paths(&[]), paths(&[R])));
    }

    #[test]
    fn a_deletion_travels_only_from_a_complete_snapshot() {
        let known = [(A, stat(1, 1)), (B, stat(2, 1))];
        let cloud = [(A, stat(1, 1))];
        assert_eq!(plan(&known, &known, &cloud, true, Choice::Cloud).1, paths(&[B]));
        assert_eq!(plan(&known, &known, &cloud, false, Choice::Cloud).1, paths(&[]));
    }

    #[test]
    fn what_this_pc_keeps_is_neither_fetched_nor_removed() {
        let known = [(A, stat(1, 1)), (R, stat(2, 1))];
        let local = [(A, stat(9, 9)), (R, stat(2, 1))];
        let cloud = [(A, stat(5, 5))];
        assert_eq!(plan(&known, &local, &cloud, true, Choice::Local), (paths(&[]), paths(&[]), paths(&[])));
    }

    #[test]
    fn what_the_cloud_never_had_stays() {
        let local = [(A, stat(1, 1))];
        assert_eq!(plan(&[], &local, &[], true, Choice::Cloud).1, paths(&[]));
    }

    #[test]
    fn an_exact_world_loses_what_the_cloud_lacks() {
        let local = [(A, stat(1, 1)), (R, stat(2, 1))];
        let cloud = [(A, stat(7, 7))];
        assert_eq!(plan(&[], &local, &cloud, false, Choice::CloudExactly), (paths(&[A]), paths(&[R]), paths(&[])));
    }

    #[test]
    fn what_is_out_of_scope_is_not_restored() {
        let cloud =
            [("mods/evil.jar", stat(1, 1)), (".cloud-sync/token", stat(1, 1)), ("saves/A/session.lock", stat(1, 1))];
        assert_eq!(plan(&[], &[], &cloud, true, Choice::Cloud), (paths(&[]), paths(&[]), paths(&[])));
    }

    /// What is fetched, what stays away, and why, on a disk of Windows.
    fn plan_on_windows(
        known: &[(&str, Stat)],
        local: &[(&str, Stat)],
        cloud: &[(&str, Stat)],
    ) -> (Vec<String>, Vec<String>, Vec<(String, Refusal)>) {
        let scope = Scope::new(&["saves/"], &[]).unwrap();
        let (manifest, cloud) = (manifest(known), files(cloud));
        let tree = Tree { files: files(local), ..Tree::default() };
        let (ancestor, disk) = (BTreeMap::new(), Disk::of_windows());
        let sides = Sides { cloud: &cloud, tree: &tree, manifest: &manifest, ancestor: &ancestor, scope: &scope, disk };
        let plan = sides.plan(|_| Choice::Cloud, &BTreeSet::new(), &Gaps::default()).unwrap();
        (plan.fetch, plan.impossible, plan.refused.into_iter().collect())
    }

    #[test]
    fn what_the_disk_cannot_hold_stays_away() {
        let new = [("saves/A/x:y.dat", stat(1, 1)), (A, stat(1, 1)), ("saves/nul/level.dat", stat(1, 1))];
        let refused = [("saves/A/x:y.dat".to_owned(), Refusal::Name), ("saves/nul".to_owned(), Refusal::Name)];
        assert_eq!(
            plan_on_windows(&[], &[], &new),
            (paths(&[A]), paths(&["saves/A/x:y.dat", "saves/nul/level.dat"]), refused.to_vec())
        );
    }

    #[test]
    fn a_world_is_never_mixed_with_one_whose_name_is_the_same_here() {
        let other = ("saves/a/level.dat", stat(5, 5));
        let same_as = |name: &str| Refusal::SameAs(name.to_owned());
        let known = [(A, stat(1, 1))];
        let refused = vec![("saves/a".to_owned(), same_as("saves/A"))];
        assert_eq!(
            plan_on_windows(&known, &known, &[known[0], other]),
            (paths(&[]), paths(&["saves/a/level.dat"]), refused.clone())
        );
        // It stays because it was made here.
        assert_eq!(plan_on_windows(&[], &known, &[other]), (paths(&[]), paths(&["saves/a/level.dat"]), refused));
        // Another PC gave it that name, and this one goes.
        assert_eq!(plan_on_windows(&known, &known, &[other]), (paths(&["saves/a/level.dat"]), paths(&[]), vec![]));
    }

    #[test]
    fn impossible_names_stop_the_restore() {
        let scope = Scope::new(&["saves/"], &[]).unwrap();
        for path in ["saves/../../etc/passwd", "saves//x", "saves/./x"] {
            let cloud = files(&[(path, stat(1, 1))]);
            let (tree, manifest, ancestor) = (Tree::default(), Manifest::new(), BTreeMap::new());
            let disk = Disk::of_linux();
            let sides =
                Sides { cloud: &cloud, tree: &tree, manifest: &manifest, ancestor: &ancestor, scope: &scope, disk };
            assert_eq!(
                sides.plan(|_| Choice::Cloud, &BTreeSet::new(), &Gaps::default()).unwrap_err().kind,
                Kind::Stopped,
                "{path}"
            );
        }
    }
}
