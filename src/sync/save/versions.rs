//! What a save makes of the state and the ledger, before the upload and after it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::cloud::restic::Saved;
use crate::content::settings::Settings;
use crate::content::world;
use crate::context::Context;
use crate::instance::digest::files_of;
use crate::instance::state::{Entry, State};
use crate::model::{Card, Digest, Dot, Dots, Exempt, Known, More, Push, Saving, Unit, Version, World};
use crate::paths::folder_of;
use crate::sync::exempt::Told;
use crate::sync::observe::Observation;

/// More holders than this of one version need not be known.
const MAX_HOLDERS: usize = 2;

/// The state as it will be, but that nobody holds the new versions yet. So a push that is cut off
/// needs no memory of its own: came its snapshot through, it is one like any other; if not, these
/// versions are here and held nowhere, which is a reason to push.
pub fn before_upload(ctx: &Context<'_>, seen: &Observation, state: &State, saving: &Saving, dot: Dot) -> State {
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
    // Nobody is told of this push yet, in no repository.
    next.repositories.entry(seen.location.clone()).or_default();
    next.repositories.values_mut().for_each(|place| place.told_by = None);
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
pub fn lacks(seen: &Observation, next: &State) -> BTreeMap<Unit, BTreeMap<Dot, Option<Dot>>> {
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

/// The state once the snapshot is there. It has nothing of what was `changed` while it was made.
pub fn after_upload(
    seen: &Observation,
    mut next: State,
    saved: &Saved,
    dot: Dot,
    time: DateTime<Utc>,
    changed: &BTreeSet<Unit>,
) -> State {
    let alive = seen.alive(&next);
    for unit in changed {
        // The next push makes another version of it, which supersedes this one.
        if let Some(known) = next.memory.known.get_mut(unit).filter(|known| known.applied.contains(dot)) {
            known.owe([dot]);
        }
    }
    for (unit, known) in &next.memory.known {
        if !seen.local.units.contains_key(unit) || !seen.is_in_reach(unit) || changed.contains(unit) {
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
    for path in seen.local.files.keys().filter(|path| !changed.contains(&Unit::of(path))) {
        if let Some(entry) = next.files.get_mut(path) {
            entry.is_unsaved = false;
        }
    }
    let known = next.repositories.get(&seen.location).into_iter().flat_map(|place| place.seen.keys());
    let there: BTreeSet<_> = known.filter(|id| seen.has(&next, id)).cloned().collect();
    let place = next.repositories.entry(seen.location.clone()).or_default();
    place.seen.retain(|id, _| there.contains(id));
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
