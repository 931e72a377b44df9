//! What must hold of any ledgers that PCs can come to have.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::{Digest, Dot, Ledger, Memory, Push, Unit, Version};

/// What happens on a PC between two of its steps.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Nothing,
    Played,
    Deleted,
}

/// What one of the PCs does.
#[derive(Clone, Debug)]
enum Step {
    /// Its player plays, and it saves.
    Saves(Vec<Edit>),
    /// It takes in a snapshot, and its player decides about some units at once.
    Joins(Index, Vec<bool>),
}

/// So few that PCs meet in them.
const UNITS: [&str; 3] = ["Alpha", "Beta", "Gamma"];
const PCS: usize = 4;

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let edit = prop_oneof![2 => Just(Edit::Nothing), 3 => Just(Edit::Played), 1 => Just(Edit::Deleted)];
    let saves = prop::collection::vec(edit, UNITS.len()).prop_map(Step::Saves);
    let joins = (any::<Index>(), prop::collection::vec(any::<bool>(), UNITS.len()));
    let step = prop_oneof![saves, joins.prop_map(|(which, decided)| Step::Joins(which, decided))];
    prop::collection::vec((0..PCS, step), 1..40)
}

/// A PC, as far as its ledger needs it.
#[derive(Clone, Default)]
struct Pc {
    memory: Memory,
    here: BTreeMap<Unit, (Digest, i64)>,
}

/// The name of the `nth` push: its own, but not in the order of the pushes.
fn dot(nth: usize) -> Dot {
    Dot::new((nth as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
}

fn units() -> impl Iterator<Item = Unit> {
    UNITS.iter().map(|name| Unit::World((*name).to_owned()))
}

impl Pc {
    fn saves(&mut self, nth: usize, edits: &[Edit]) {
        let content = Digest::Content((nth as u128).to_be_bytes());
        for (unit, edit) in units().zip(edits) {
            match edit {
                Edit::Nothing => {}
                Edit::Played => drop(self.here.insert(unit, (content, 0))),
                Edit::Deleted => drop(self.here.remove(&unit)),
            }
        }
        let saving = self.memory.saving(&self.here, &BTreeSet::new(), |_| true);
        let push = Push { machine: nth.to_string(), ..Push::default() };
        self.memory.save(&saving.changed, &self.here, dot(nth), push, |_, digest, time, _| Version::new(digest, time));
        // The snapshot has all that is here.
        for (unit, known) in &self.memory.known {
            for applied in known.applied.iter().filter(|applied| *applied != dot(nth)) {
                if let Some(version) = self.memory.ledger.units.get_mut(unit).and_then(|all| all.get_mut(applied)) {
                    version.holders.insert(dot(nth));
                }
            }
        }
    }

    fn joins(&mut self, snapshot: &Ledger, decided: &[bool]) {
        self.memory.ledger = std::mem::take(&mut self.memory.ledger).join(snapshot);
        for (unit, _) in units().zip(decided).filter(|(_, is_decided)| **is_decided) {
            // The version of the greatest dot is played on; the next save supersedes them all.
            let versions: Vec<_> = self.memory.ledger.versions(&unit).collect();
            let Some((newest, version)) = versions.last() else { continue };
            let known = self.memory.known.entry(unit.clone()).or_default();
            self.here.insert(unit.clone(), (version.digest, 0));
            known.agreed = Some(version.digest);
            known.applied = [*newest].into_iter().collect();
            if versions.len() > 1 {
                known.owe(versions.iter().map(|(dot, _)| *dot));
            }
        }
    }
}

/// Every ledger that there was: of the PCs after each step, and so of each snapshot.
fn history(steps: &[(usize, Step)]) -> Vec<Ledger> {
    let mut pcs = vec![Pc::default(); PCS];
    let mut ledgers = vec![Ledger::default()];
    for (nth, (pc, step)) in steps.iter().enumerate() {
        let pc = &mut pcs[*pc];
        match step {
            Step::Saves(edits) => pc.saves(nth, edits),
            Step::Joins(which, decided) => pc.joins(which.get(&ledgers), decided),
        }
        ledgers.push(pc.memory.ledger.clone());
    }
    ledgers
}

/// Three ledgers of one history.
fn three() -> impl Strategy<Value = [Ledger; 3]> {
    (steps(), any::<[Index; 3]>()).prop_map(|(steps, which)| {
        let ledgers = history(&steps);
        which.map(|which| which.get(&ledgers).clone())
    })
}

fn joined(one: &Ledger, other: &Ledger) -> Ledger {
    one.clone().join(other)
}

/// The current versions, and who holds them.
fn current(ledger: &Ledger) -> BTreeMap<(&Unit, Dot), &Version> {
    let units = ledger.units.iter();
    units.flat_map(|(unit, versions)| versions.iter().map(move |(dot, version)| ((unit, dot), version))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn whoever_joins_whom_knows_the_same([a, b, _] in three()) {
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
    }

    #[test]
    fn ledgers_are_joined_in_any_order([a, b, c] in three()) {
        prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
    }

    #[test]
    fn what_is_known_already_changes_nothing([a, b, _] in three()) {
        prop_assert_eq!(&joined(&a, &a), &a);
        let both = joined(&a, &b);
        prop_assert_eq!(&joined(&both, &a), &both);
        prop_assert_eq!(&joined(&both, &b), &both);
    }

    #[test]
    fn a_join_knows_all_of_both_and_nothing_else([a, b, _] in three()) {
        let both = joined(&a, &b);
        let knows_all_of = |one: &Ledger| one.pushes.keys().all(|dot| both.pushes.contains_key(dot));
        prop_assert!(knows_all_of(&a) && knows_all_of(&b));
        prop_assert!(both.pushes.keys().all(|dot| a.pushes.contains_key(dot) || b.pushes.contains_key(dot)));
    }

    #[test]
    fn current_is_what_neither_side_superseded([a, b, _] in three()) {
        let both = joined(&a, &b);
        let (of_a, of_b, of_both) = (current(&a), current(&b), current(&both));
        let all: BTreeSet<_> = of_a.keys().chain(of_b.keys()).chain(of_both.keys()).copied().collect();
        for one in all {
            let is_superseded = |ledger: &Ledger, of: &BTreeMap<(&Unit, Dot), &Version>| {
                ledger.pushes.contains_key(&one.1) && !of.contains_key(&one)
            };
            let is_current = !is_superseded(&a, &of_a) && !is_superseded(&b, &of_b);
            prop_assert_eq!(of_both.contains_key(&one), is_current, "{:?}", one);
            if let Some(version) = of_both.get(&one) {
                let holders = [&of_a, &of_b].into_iter().filter_map(|of| of.get(&one)).flat_map(|of| of.holders.iter());
                prop_assert_eq!(&version.holders, &holders.collect(), "{:?}", one);
            }
        }
        prop_assert!(both.units.values().all(|versions| !versions.is_empty()));
    }

    #[test]
    fn a_ledger_knows_the_pushes_that_made_its_versions([a, b, _] in three()) {
        for ledger in [&a, &b, &joined(&a, &b)] {
            prop_assert!(current(ledger).keys().all(|(_, dot)| ledger.pushes.contains_key(dot)));
        }
    }
}

#[test]
fn the_histories_have_open_questions_and_superseded_versions() {
    let mut runner = TestRunner::deterministic();
    let (mut questions, mut superseded) = (0, 0);
    for _ in 0..200 {
        let [a, b, _] = three().new_tree(&mut runner).unwrap().current();
        let both = joined(&a, &b);
        questions += u32::from(both.units.values().any(|versions| versions.len() > 1));
        superseded +=
            u32::from(current(&a).keys().chain(current(&b).keys()).any(|one| !current(&both).contains_key(one)));
    }
    assert!(questions > 50 && superseded > 50, "{questions} with questions, {superseded} with superseded versions");
}
