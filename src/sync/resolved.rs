//! What a pull has decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Answer, Decision, Digest, Dot, Dots, Known, Now, Question, Unit};

/// What becomes of the units that change, or of which something is known now.
#[derive(Default)]
pub struct Resolved {
    /// What is known of them then.
    pub known: BTreeMap<Unit, Known>,
    /// The contents that come, and the versions that have them.
    pub comes: BTreeMap<Unit, (Digest, Dots)>,
    /// What goes.
    pub goes: BTreeSet<Unit>,
    /// Versions that come under names of their own.
    pub beside: Vec<Beside>,
    /// Units that agree with what is here from now on.
    pub agreed: BTreeSet<Unit>,
    /// Worlds of which this PC's version is given up.
    pub given_up: BTreeSet<String>,
}

/// What was decided about one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is played.
    pub decision: Decision,
    /// The versions that come under names of their own.
    pub beside: Vec<Dot>,
    /// What the player said.
    pub answer: Answer,
}

/// A version that comes under another name.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The unit.
    pub unit: Unit,
    /// The push that made the version.
    pub dot: Dot,
}

impl Resolved {
    /// Gives up bringing a unit: it stays as it is, and is as unknown as before.
    pub fn abandon(&mut self, unit: &Unit) {
        self.known.remove(unit);
        self.comes.remove(unit);
    }

    /// Takes in a decision. Gives what is known of the unit then.
    pub fn decide(&mut self, now: &Now<'_>, unit: &Unit, known: Known, question: &Question, choice: &Choice) -> Known {
        let here = now.here.get(unit).map(|(digest, _)| *digest);
        let (plays, mut known) = now.decide(unit, known, question, choice.decision);
        match plays {
            Some(digest) if plays != here => {
                if choice.answer == Answer::UseRemote && here.is_some() {
                    self.given_up.extend(unit.world().map(str::to_owned));
                }
                let equal = question.versions.iter().filter(|(_, one)| **one == digest).map(|(dot, _)| *dot);
                self.comes.insert(unit.clone(), (digest, equal.collect()));
            }
            Some(_) if choice.decision != Decision::Later => {
                self.agreed.insert(unit.clone());
            }
            _ => {}
        }
        known.kept_both |= !choice.beside.is_empty();
        self.beside.extend(choice.beside.iter().map(|dot| Beside { unit: unit.clone(), dot: *dot }));
        known
    }
}
