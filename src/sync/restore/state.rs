//! The state of an instance once everything is in place.

use std::collections::BTreeSet;

use super::Restore;
use crate::paths::world_of;
use crate::snapshot::Joined;
use crate::state::{Entry, Manifest, State};
use crate::sync::decide::Divergence;
use crate::sync::observe::Observation;
use crate::sync::plan::Plan;
use crate::tree::digest;

impl Restore<'_> {
    /// The state once everything is in place. The manifest has the snapshot's files, and no
    /// others: a file that stays although the snapshot lacks it so counts as added here, one
    /// that stays as this PC has it counts as changed, and both go to the cloud with the next
    /// push.
    pub(super) fn next_state(&self, plan: &Plan, staged: &Manifest, put_off: &BTreeSet<String>) -> State {
        if !put_off.is_empty() {
            return self.undecided_state(plan, put_off);
        }
        let Observation { scope, state, tree, graph, view, ids, divergence, .. } = self.seen;
        let snapshot = &self.listing.snapshot;
        let root = self.ctx.instance.root();
        let mut manifest = Manifest::new();
        for path in &plan.keep {
            let (local, cloud) = (tree.files[path], self.listing.files[path]);
            let known = state.manifest.get(path).filter(|entry| entry.here == local);
            let sha256 = known.map_or_else(|| digest(path, &root.join(path), local), |entry| entry.sha256);
            manifest.insert(path.clone(), Entry::new(local, cloud, sha256));
        }
        for path in plan.fetch.iter().filter(|path| !plan.merged.contains(*path)) {
            manifest.insert(path.clone(), staged[path].clone());
        }
        for path in plan.differ.iter().chain(&plan.impossible).chain(&plan.merged) {
            let cloud = self.listing.files[path];
            manifest.insert(path.clone(), Entry::new(cloud, cloud, None));
        }
        let history = graph.history(&snapshot.id);
        // What is worth keeping of a base that the snapshot is not built on is in place, and so is
        // what was taken in before, even if others built on it since.
        let ours = state.base.iter().chain(&state.taken_in).filter(|id| graph.get(id).is_some());
        let mut taken_in: BTreeSet<_> = view.taken_in.iter().chain(ours).cloned().collect();
        taken_in.retain(|id| !history.contains(id));
        let mut joined = state.joined.clone();
        joined.retain(|id, _| graph.get(id).is_some() && !history.contains(id) && !taken_in.contains(id));
        if *divergence == Divergence::LocalLost {
            // Nothing of it is in place any more: what else there is comes with the next pull.
            taken_in.clear();
            joined.clear();
        }
        let settled = view.others.iter().all(|id| history.contains(id));
        let seen = match *divergence {
            Divergence::LocalLost => history.into_iter().chain([snapshot.id.clone()]).collect(),
            _ if settled => ids.clone(),
            _ => state.seen.union(&history).cloned().collect(),
        };
        State {
            base: Some(snapshot.id.clone()),
            base_time: Some(snapshot.time),
            taken_in,
            came: if joined.is_empty() { BTreeSet::new() } else { state.came.clone() },
            joined,
            seen,
            pending: None,
            refused: self.refused(plan, |path| snapshot.leaves_out(path)),
            scope: Some(scope.digest()),
            manifest,
            legacy_time: None,
            ..state.clone()
        }
    }

    /// What is in the cloud or on another PC and cannot be here: what this disk refuses, and what
    /// nobody could save yet. What it refused before and the snapshot says nothing about is still
    /// elsewhere.
    fn refused(&self, plan: &Plan, is_untold: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let before = self.seen.state.refused.difference(&self.seen.returned).filter(|path| is_untold(path));
        plan.refused.keys().chain(&self.untold).chain(before).cloned().collect()
    }

    /// The state where the player put off a decision: the base stays what it was, so that the
    /// next push saves beside the other head, and all but these worlds counts as taken in.
    fn undecided_state(&self, plan: &Plan, put_off: &BTreeSet<String>) -> State {
        let mut state = self.seen.state.clone();
        let head = self.listing.snapshot.id.clone();
        if self.seen.divergence == Divergence::LocalLost || state.base.as_ref() == Some(&head) {
            // Nothing of the base is in place any more, or it has a world that is in the scope only
            // now: nothing is built on it, so that it stays a head.
            state = State { repository: state.repository, ..State::default() };
        }
        let came = plan.fetch.iter().chain(&plan.keep).filter_map(|path| world_of(path)).map(str::to_owned);
        State {
            came: state.came.into_iter().chain(came).collect(),
            joined: state.joined.into_iter().chain([(head, put_off.clone())]).collect::<Joined>(),
            refused: self.refused(plan, |_| true),
            pending: None,
            legacy_time: None,
            ..state
        }
    }
}
