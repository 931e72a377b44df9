//! What a run writes down of the repository.

use std::collections::BTreeSet;

use super::observe::Observation;
use crate::instance::state::State;
use crate::model::SnapshotId;

/// `state` with what was found out of the repository, and the new times of files that were only
/// rewritten.
pub fn settled(seen: &Observation, state: &State) -> State {
    let mut next = state.clone();
    for (path, entry) in &seen.local.files {
        if let Some(known) = next.files.get_mut(path).filter(|known| known.hash == entry.hash) {
            known.cloud = Some(known.in_cloud()).filter(|cloud| *cloud != entry.here);
            known.here = entry.here;
        }
    }
    let has_saved = state.repositories.get(&seen.location).map(|place| &place.base) != Some(&seen.place().base);
    let pushes = &state.memory.ledger.pushes;
    // A push that came to nothing is known here and told by nobody.
    let has_tried = pushes.len() > seen.state.memory.ledger.pushes.len();
    if seen.news.ledger.pushes.keys().any(|dot| !pushes.contains_key(dot)) {
        // What this repository has told, others are still to hear.
        next.repositories.values_mut().for_each(|place| place.told_by = None);
    }
    let place = next.repositories.entry(seen.location.clone()).or_default();
    let own = place.base.clone().filter(|_| has_saved);
    place.seen.retain(|id, _| seen.ids.contains(id) || Some(id) == own.as_ref());
    place.doubted.retain(|id| seen.ids.contains(id) && !seen.news.seen.contains_key(id));
    place.doubted.extend(seen.news.doubted.iter().filter(|id| !seen.news.seen.contains_key(*id)).cloned());
    place.seen.extend(seen.news.seen.iter().map(|(id, dot)| (id.clone(), *dot)));
    let saved = state.repositories.get(&seen.location).and_then(|place| place.told_by.clone());
    let before = if has_saved || has_tried { saved } else { seen.told_by.clone() };
    place.told_by = told_by(seen, state, before);
    next
}

/// The snapshots that together know of every push that is known once the news are taken in.
fn told_by(seen: &Observation, state: &State, before: Option<BTreeSet<SnapshotId>>) -> Option<BTreeSet<SnapshotId>> {
    let read = &seen.news.read;
    let is_told = |dot| read.values().any(|pushes| pushes.contains(dot));
    let known = before.or_else(|| state.memory.ledger.pushes.keys().all(is_told).then(BTreeSet::new))?;
    let dot_of = |id: &SnapshotId| {
        let place = state.repositories.get(&seen.location);
        place.and_then(|place| place.seen.get(id)).or_else(|| seen.news.seen.get(id)).copied().flatten()
    };
    let all: BTreeSet<_> = known.into_iter().chain(read.keys().cloned()).collect();
    // Of one that another knows of nobody has to be asked.
    let is_covered = |id: &SnapshotId| {
        dot_of(id).is_some_and(|dot| read.iter().any(|(other, pushes)| other != id && pushes.contains(&dot)))
    };
    Some(all.iter().filter(|id| !is_covered(id)).cloned().collect())
}
