//! What a snapshot lacks although nobody deleted it.

use std::collections::BTreeSet;

use crate::paths::world_of;
use crate::restic::Listing;
use crate::snapshot::{Graph, SnapshotId};
use crate::sync::observe::Observation;
use crate::sync::plan::Gaps;
use crate::sync::units::Unit;

/// What the snapshot may lack although nobody deleted it: it, or one between it and the base,
/// is incomplete or of another scope than is in force here. One that tells what it left out is
/// complete in the worlds that it has and left alone.
pub(super) fn gaps(seen: &Observation, graph: &Graph, listing: &Listing) -> Gaps {
    let Observation { scope, state, tree, .. } = seen;
    let digest = scope.digest();
    let target = &listing.snapshot;
    let known = state.base.as_ref().map(|base| graph.history(base)).unwrap_or_default();
    let history = graph.history(&target.id);
    let between: Vec<_> = history.difference(&known).filter_map(|id| graph.get(id)).chain([target]).collect();
    let is_whole = target.matches_listing(listing.files.keys().map(String::as_str));
    // What retention removed may have been incomplete, and what is built on that then is, too.
    let is_there = |id: SnapshotId| graph.get(&id).is_some() || state.base.as_ref() == Some(&id);
    let is_untold = state.base.as_ref() != Some(&target.id) && !between.iter().all(|one| one.builds_on().all(is_there));
    if is_whole && !is_untold && between.iter().all(|one| one.is_complete(&digest)) {
        return Gaps::default();
    }
    let worlds: BTreeSet<_> = listing.files.keys().filter_map(|path| world_of(path)).collect();
    let paths = worlds.iter().map(|world| Unit::World(world).path());
    let whole: BTreeSet<_> = paths.filter(|path| is_whole && target.is_complete_in(path, &digest)).collect();
    // What a snapshot between leaves out is taken from before it; the target knows more.
    let knows_all = is_whole && target.is_complete(&digest);
    let is_told = |unit: &str| {
        between.iter().all(|one| one.is_complete_in(unit, &digest) || knows_all && one.merely_leaves_out(unit, &digest))
    };
    let is_complete = |unit: &String| !is_untold && (knows_all || whole.contains(unit)) && is_told(unit);
    let known = tree.files.keys().chain(state.manifest.keys()).map(|path| Unit::of(path).path());
    Gaps { incomplete: known.filter(|unit| !is_complete(unit)).collect(), whole }
}
