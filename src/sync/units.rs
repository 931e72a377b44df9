//! Two versions that both went on from a common one, compared unit by unit. Values in,
//! values out.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Likeness;
use crate::paths::{folder_of, world_of};
use crate::tree::Stat;

/// What is kept or replaced as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit<'a> {
    /// A world, by the name of its folder in `saves`.
    World(&'a str),
    /// Any other file, by its path.
    File(&'a str),
}

impl<'a> Unit<'a> {
    /// The unit that the file at `path` belongs to.
    pub fn of(path: &'a str) -> Self {
        world_of(path).map_or(Self::File(path), Self::World)
    }

    /// Where it is in the instance.
    pub fn path(self) -> String {
        match self {
            Self::World(world) => folder_of(world),
            Self::File(path) => path.to_owned(),
        }
    }
}

/// The units, by their paths, of which two versions have other files.
pub fn that_differ(one: &BTreeMap<String, Stat>, other: &BTreeMap<String, Stat>) -> BTreeSet<String> {
    let changed = one.iter().filter(|(path, stat)| other.get(*path) != Some(stat));
    let added = other.iter().filter(|(path, _)| !one.contains_key(*path));
    changed.chain(added).map(|(path, _)| Unit::of(path).path()).collect()
}

/// What became of a unit on the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both sides have it alike.
    Same,
    /// This PC's stays: only this PC changed it.
    Local,
    /// The cloud's comes: only the cloud changed it.
    Cloud,
    /// The cloud deleted it and this PC changed it: it stays.
    DeletedThere,
    /// This PC deleted it and the cloud changed it: it comes back.
    DeletedHere,
    /// Both changed it, and differently.
    Both,
}

/// The three sides of a reconciliation.
pub struct Sides<'a> {
    /// The files of the common ancestor; empty where there is none.
    pub ancestor: &'a BTreeMap<String, Stat>,
    /// The files that this PC added, changed or removed since the ancestor.
    pub changed_here: &'a BTreeSet<String>,
    /// The files of this PC.
    pub local: &'a BTreeMap<String, Stat>,
    /// The files of the cloud's version.
    pub cloud: &'a BTreeMap<String, Stat>,
    /// Units, by their paths, of which the cloud's version may lack what was not deleted.
    pub incomplete: &'a BTreeSet<String>,
}

impl<'a> Sides<'a> {
    /// The files that the cloud's version added, changed or removed since the ancestor.
    fn changed_there(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (ancestor, cloud, incomplete) = (self.ancestor, self.cloud, self.incomplete);
        let changed = cloud.iter().filter(|(path, stat)| ancestor.get(*path) != Some(stat)).map(|(path, _)| path);
        let is_complete = |path: &str| !incomplete.contains(&Unit::of(path).path());
        let deleted = ancestor.keys().filter(move |path| !cloud.contains_key(*path) && is_complete(path));
        changed.chain(deleted).map(String::as_str)
    }

    /// The files of units that both sides changed, which must be compared.
    pub fn contested(&self) -> BTreeMap<Unit<'a>, BTreeSet<&'a str>> {
        let by_unit = |paths: &mut dyn Iterator<Item = &'a str>| {
            let mut units = BTreeMap::<Unit<'a>, BTreeSet<&'a str>>::new();
            paths.for_each(|path| {
                units.entry(Unit::of(path)).or_default().insert(path);
            });
            units
        };
        let mut here = by_unit(&mut self.changed_here.iter().map(String::as_str));
        let mut there = by_unit(&mut self.changed_there());
        here.retain(|unit, _| there.contains_key(unit));
        for (unit, paths) in &mut here {
            paths.append(there.entry(*unit).or_default());
        }
        here
    }

    /// The verdict on every unit that either side changed. `likeness` compares a file that
    /// both sides have; what it cannot tell counts as different.
    pub fn judge(&self, likeness: impl Fn(&str) -> Likeness) -> BTreeMap<Unit<'a>, Verdict> {
        let here = self.changed_here.iter().map(|path| (Unit::of(path), Verdict::Local));
        let there = self.changed_there().map(|path| (Unit::of(path), Verdict::Cloud));
        let mut judged: BTreeMap<_, _> = here.chain(there).collect();
        let units =
            |files: &'a BTreeMap<String, Stat>| files.keys().map(|path| Unit::of(path)).collect::<BTreeSet<_>>();
        let (local_units, cloud_units) = (units(self.local), units(self.cloud));
        for (unit, paths) in self.contested() {
            let is_same = |path: &&str| match (self.local.contains_key(*path), self.cloud.contains_key(*path)) {
                (true, true) => likeness(path) == Likeness::Same,
                (here, there) => here == there,
            };
            let verdict = match (local_units.contains(&unit), cloud_units.contains(&unit)) {
                _ if paths.iter().all(is_same) => Verdict::Same,
                (false, _) => Verdict::DeletedHere,
                (_, false) => Verdict::DeletedThere,
                (true, true) => Verdict::Both,
            };
            judged.insert(unit, verdict);
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "saves/W/level.dat";
    const R: &str = "saves/W/region/r.mca";

    fn files(list: &[(&str, u64)]) -> BTreeMap<String, Stat> {
        list.iter().map(|(path, size)| ((*path).to_owned(), Stat { size: *size, mtime: 0 })).collect()
    }

    /// The verdict on the one unit of three versions whose files differ by size alone.
    fn verdict(ancestor: &[(&str, u64)], local: &[(&str, u64)], cloud: &[(&str, u64)]) -> Option<Verdict> {
        judge(ancestor, local, cloud, true).into_iter().map(|(_, verdict)| verdict).next()
    }

    fn judge(
        ancestor: &[(&str, u64)],
        local: &[(&str, u64)],
        cloud: &[(&str, u64)],
        complete: bool,
    ) -> Vec<(String, Verdict)> {
        let (ancestor, local, cloud) = (files(ancestor), files(local), files(cloud));
        let paths = ancestor.keys().chain(local.keys());
        let changed_here = paths.filter(|path| ancestor.get(*path) != local.get(*path)).cloned().collect();
        let incomplete = if complete { BTreeSet::new() } else { BTreeSet::from(["saves/W".to_owned()]) };
        let sides = Sides {
            ancestor: &ancestor,
            changed_here: &changed_here,
            local: &local,
            cloud: &cloud,
            incomplete: &incomplete,
        };
        let likeness = |path: &str| if local[path] == cloud[path] { Likeness::Same } else { Likeness::Different };
        sides.judge(likeness).into_iter().map(|(unit, verdict)| (unit.path(), verdict)).collect()
    }

    #[test]
    fn every_case_of_a_world() {
        let old: &[_] = &[(A, 1), (R, 1)];
        let here: &[_] = &[(A, 2), (R, 1)];
        let there: &[_] = &[(A, 1), (R, 3)];
        let none: &[_] = &[];
        for (ancestor, local, cloud, expected) in [
            (old, old, old, None),
            (old, here, old, Some(Verdict::Local)),
            (old, old, there, Some(Verdict::Cloud)),
            (old, here, there, Some(Verdict::Both)),
            (old, here, here, Some(Verdict::Same)),
            (old, none, old, Some(Verdict::Local)),
            (old, old, none, Some(Verdict::Cloud)),
            (old, none, none, Some(Verdict::Same)),
            (old, here, none, Some(Verdict::DeletedThere)),
            (old, none, there, Some(Verdict::DeletedHere)),
            (none, here, none, Some(Verdict::Local)),
            (none, none, there, Some(Verdict::Cloud)),
            (none, here, here, Some(Verdict::Same)),
            (none, here, there, Some(Verdict::Both)),
        ] {
            assert_eq!(verdict(ancestor, local, cloud), expected, "{ancestor:?} {local:?} {cloud:?}");
        }
    }

    #[test]
    fn different_worlds_have_no_conflict() {
        let (v, w) = ("saves/V/level.dat", "saves/W/level.dat");
        let judged = judge(&[(v, 1), (w, 1)], &[(v, 2), (w, 1)], &[(v, 1), (w, 2)], true);
        assert_eq!(judged, [("saves/V".to_owned(), Verdict::Local), ("saves/W".to_owned(), Verdict::Cloud)]);
    }

    #[test]
    fn what_an_incomplete_version_lacks_was_not_deleted() {
        assert_eq!(judge(&[(A, 1), (R, 1)], &[(A, 1), (R, 1)], &[(A, 1)], false), []);
        assert_eq!(
            judge(&[(A, 1), (R, 1)], &[(A, 2), (R, 1)], &[(A, 1)], false),
            [("saves/W".to_owned(), Verdict::Local)]
        );
    }
}
