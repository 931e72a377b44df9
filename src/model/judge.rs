//! What a pull does with each unit.

use std::collections::{BTreeMap, BTreeSet};

use super::dot::{Dot, Dots};
use super::ledger::{Ledger, Versions};
use super::memory::Known;
use super::unit::Unit;
use super::version::{Digest, Version};

/// What a pull looks at.
pub struct Now<'a> {
    /// What was known, joined with what is new in the cloud.
    pub ledger: &'a Ledger,
    /// What was known before.
    pub before: &'a Ledger,
    /// What of it lies on the disk.
    pub known: &'a BTreeMap<Unit, Known>,
    /// What is on the disk, and when it was changed, in milliseconds since 1970.
    pub here: &'a BTreeMap<Unit, (Digest, i64)>,
    /// What versions are equal to here whose digests are made otherwise: without the files that they
    /// say nothing about, or of sizes and times alone.
    pub aliases: &'a BTreeMap<(Unit, Dot), Digest>,
    /// The pushes whose snapshots this repository has.
    pub alive: &'a BTreeSet<Dot>,
    /// The pushes whose snapshots other repositories had when they were last looked at.
    pub elsewhere: &'a BTreeSet<Dot>,
    /// Whether nothing of this repository was ever taken in or saved here: then its settings and files hold.
    pub is_first_contact: bool,
}

/// What becomes of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What happens on the disk.
    pub step: Step,
    /// What is known of it then.
    pub known: Known,
}

/// What happens with one unit on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stays(Why),
    /// The content of these versions comes.
    Comes {
        /// The versions, which are equal.
        versions: Dots,
        /// Their content.
        digest: Digest,
        /// It was deleted here, and comes back because another PC changed it.
        comes_back: bool,
    },
    /// It was deleted elsewhere and goes here, too.
    Goes,
    /// Only the player can tell.
    Asks(Question),
}

/// Why a unit stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is nothing new about it.
    NothingNew,
    /// This PC changed it, and nobody else.
    OnlyChangedHere,
    /// Another PC deleted it, and this one changed it.
    DeletedElsewhere,
    /// Both have the same.
    Agreed,
    /// Both changed it, and this PC's is the later one.
    IsLater,
    /// Another repository has a current version of it, and is to be asked.
    IsElsewhere,
}

/// Versions of which no one supersedes the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is here, if it is one of the candidates.
    pub here: Option<Digest>,
    /// The other candidates.
    pub versions: BTreeMap<Dot, Digest>,
    /// The versions that are here.
    pub own: Dots,
    /// Nobody has the files of one of the versions any more; what is here stands in for it.
    pub is_one_lost: bool,
    /// What is here is older than all the candidates.
    pub is_stale: bool,
}

/// What was decided about a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The content to play from now on.
    Play(Digest),
    /// Not yet.
    Later,
}

impl Now<'_> {
    /// What becomes of every unit that is known or here.
    pub fn judge_all(&self, is_in_scope: impl Fn(&Unit) -> bool) -> BTreeMap<Unit, Judged> {
        let units: BTreeSet<_> = self.ledger.units.keys().chain(self.known.keys()).chain(self.here.keys()).collect();
        units.into_iter().filter(|unit| is_in_scope(unit)).map(|unit| (unit.clone(), self.judge(unit))).collect()
    }

    /// The units that only the player can decide about.
    pub fn questions(&self, is_in_scope: impl Fn(&Unit) -> bool) -> BTreeMap<Unit, Question> {
        let question = |(unit, judged): (Unit, Judged)| match judged.step {
            Step::Asks(question) => Some((unit, question)),
            _ => None,
        };
        self.judge_all(is_in_scope).into_iter().filter_map(question).collect()
    }

    fn digest(&self, unit: &Unit, dot: Dot, version: &Version) -> Digest {
        if self.aliases.is_empty() {
            return version.digest;
        }
        self.aliases.get(&(unit.clone(), dot)).copied().unwrap_or(version.digest)
    }

    fn is_held(&self, dot: Dot, version: &Version) -> bool {
        // A setting is in the ledger itself.
        version.value().is_some()
            || self.alive.contains(&dot)
            || version.holders.iter().any(|dot| self.alive.contains(&dot))
    }

    fn is_held_elsewhere(&self, dot: Dot, version: &Version) -> bool {
        self.elsewhere.contains(&dot) || version.holders.iter().any(|dot| self.elsewhere.contains(&dot))
    }

    /// Whether a copy of this content stands beside: here, or in a snapshot that is there.
    pub fn stands_beside(&self, digest: Digest) -> bool {
        let mut saved = self.ledger.units.values().flat_map(Versions::iter);
        let is_copy_here =
            |(unit, known): (&Unit, &Known)| known.copy_of == Some(digest) && self.here.contains_key(unit);
        saved.any(|(dot, version)| version.copy_of() == Some(digest) && self.is_held(dot, version))
            || self.known.iter().any(is_copy_here)
    }

    /// What becomes of `unit`.
    pub fn judge(&self, unit: &Unit) -> Judged {
        let mut known = self.known.get(unit).cloned().unwrap_or_default();
        let here = self.here.get(unit).map(|(digest, _)| *digest);
        let current: BTreeMap<Dot, &Version> = self.ledger.versions(unit).collect();
        // One of which retention removed the files is no candidate any more, unless it is the one
        // that is here; that there was one still counts.
        let mut versions: BTreeMap<Dot, Digest> =
            current.iter().map(|(dot, version)| (*dot, self.digest(unit, *dot, version))).collect();
        versions.retain(|dot, digest| {
            known.applied.contains(*dot) || Some(*digest) == here || self.is_held(*dot, current[dot])
        });
        if current.iter().any(|(dot, version)| !versions.contains_key(dot) && self.is_held_elsewhere(*dot, version)) {
            return Judged { step: Step::Stays(Why::IsElsewhere), known };
        }
        let mut decided = Dots::default();
        if let Some(owed) = &known.owed {
            versions.retain(|dot, _| !owed.contains(*dot));
            let is_superseded =
                !known.applied.is_empty() && !known.applied.iter().any(|dot| current.contains_key(&dot));
            if !versions.is_empty() && here == known.agreed && is_superseded {
                // It was decided for a version that another PC has played on since. What it was decided
                // against stays that.
                decided = owed.iter().filter(|dot| current.contains_key(dot)).collect();
                known.owed = None;
            }
        }
        let is_dirty = known.is_dirty(here);
        let folded = fold(unit, &current, &mut versions, |digest| self.stands_beside(digest));
        let candidates = Candidates { current, versions, folded, decided };
        if is_dirty {
            self.judge_edited(unit, known, &candidates)
        } else {
            judge_unchanged(unit, known, here, &candidates)
        }
    }

    fn judge_edited(&self, unit: &Unit, mut known: Known, candidates: &Candidates<'_>) -> Judged {
        let Candidates { current, versions, folded, .. } = candidates;
        let here = self.here.get(unit).copied();
        let mine = known.applied.clone();
        let mut others = versions.clone();
        others.retain(|dot, _| !mine.contains(*dot));
        // The content that this PC's grew out of is no change against it.
        let again: Dots = others.iter().filter(|(_, one)| Some(**one) == known.agreed).map(|(dot, _)| *dot).collect();
        if !again.is_empty() {
            known.owe(again.iter().chain(mine.iter()));
            others.retain(|dot, _| !again.contains(*dot));
        }
        if others.is_empty() {
            if !folded.is_empty() {
                known.owe(folded.iter().chain(mine.iter()));
            }
            let is_deleted = current.is_empty() && here.is_some() && !mine.is_empty();
            let why = if is_deleted { Why::DeletedElsewhere } else { Why::OnlyChangedHere };
            return Judged { step: Step::Stays(why), known };
        }
        match (here, single(&others)) {
            (None, Some(digest)) => come(&others, folded, digest, known.agreed.is_some()),
            (Some((here, _)), Some(digest)) if here == digest => agree(known, here, &others, candidates),
            (Some((_, time)), Some(digest)) if !unit.has_copies() => {
                let is_later = others.keys().all(|dot| current[dot].is_weak() || current[dot].time < time);
                // What this PC never took in, although it was there, is not overruled by what is here.
                let was_passed_over = mine.is_empty() && self.before.units.contains_key(unit);
                if is_later && !self.is_first_contact && !was_passed_over {
                    known.owe(others.keys().copied().chain(folded.iter()).chain(mine.iter()));
                    Judged { step: Step::Stays(Why::IsLater), known }
                } else {
                    come(&others, folded, digest, false)
                }
            }
            (here, _) => {
                // Content that is here again is here, too, if the player decides for it.
                let is_own = |dot: &Dot| mine.contains(*dot) || again.contains(*dot);
                let own = versions.keys().copied().filter(is_own).collect();
                let here = here.map(|(digest, _)| digest);
                let question = Question { here, versions: others, own, is_one_lost: false, is_stale: false };
                Judged { step: Step::Asks(question), known }
            }
        }
    }

    /// What becomes of a unit once its question is decided. A decision is a version of its own,
    /// whichever content it took: two PCs that decide differently are asked again.
    pub fn decide(
        &self,
        unit: &Unit,
        mut known: Known,
        question: &Question,
        decision: Decision,
    ) -> (Option<Digest>, Known) {
        let here = self.here.get(unit).map(|(digest, _)| *digest);
        match decision {
            Decision::Later if question.is_stale => {
                // The newest is played meanwhile.
                let time = |dot: &Dot| self.ledger.units.get(unit).and_then(|all| all.get(*dot)).map(|one| one.time);
                let newest = question.versions.keys().copied().max_by_key(|dot| (time(dot), *dot));
                let Some(newest) = newest else { return (here, known) };
                let digest = question.versions[&newest];
                known.agreed = Some(digest);
                known.applied = Dots::from_iter([newest]);
                (Some(digest), known)
            }
            Decision::Later => (here, known),
            Decision::Play(digest) => {
                let mine = std::mem::take(&mut known.applied);
                let current: BTreeMap<Dot, &Version> = self.ledger.versions(unit).collect();
                known.owe(current.keys().copied().chain(mine.iter()));
                let is_it = |dot: &Dot| current.get(dot).is_some_and(|one| self.digest(unit, *dot, one) == digest);
                known.agreed = Some(digest);
                known.copy_of = None;
                known.applied = question.versions.keys().copied().chain(question.own.iter()).filter(is_it).collect();
                (Some(digest), known)
            }
        }
    }
}

/// The versions of a unit.
struct Candidates<'a> {
    /// All that nothing supersedes.
    current: BTreeMap<Dot, &'a Version>,
    /// Those of which one is to be played.
    versions: BTreeMap<Dot, Digest>,
    /// Those that lose by rule.
    folded: Dots,
    /// Those that were decided against, which is still to be told.
    decided: Dots,
}

/// Leaves of the versions that no player is asked about the one that holds: of settings and files one
/// that is not weak and is the latest; of worlds of which all others stand beside already, the one of the
/// greatest dot. Whoever looks finds the same. Gives those that lose.
fn fold(
    unit: &Unit,
    current: &BTreeMap<Dot, &Version>,
    versions: &mut BTreeMap<Dot, Digest>,
    stands_beside: impl Fn(Digest) -> bool,
) -> Dots {
    let winner = if unit.has_copies() {
        versions.keys().next_back().copied()
    } else {
        versions.keys().copied().max_by_key(|dot| (!current[dot].is_weak(), current[dot].time, *dot))
    };
    let Some(winner) = winner.map(|dot| versions[&dot]) else { return Dots::default() };
    let folded: Dots = versions.iter().filter(|(_, digest)| **digest != winner).map(|(dot, _)| *dot).collect();
    // A world that was played on since both were kept stands nowhere else.
    let may_lose = |dot| stands_beside(current[&dot].digest);
    let are_kept = || versions.keys().all(|dot| current[dot].is_kept_both());
    if unit.has_copies() && !(are_kept() && folded.iter().all(may_lose)) {
        return Dots::default();
    }
    versions.retain(|_, digest| *digest == winner);
    folded
}

/// The one content of all of them.
fn single(versions: &BTreeMap<Dot, Digest>) -> Option<Digest> {
    let mut digests = versions.values();
    let first = digests.next()?;
    digests.all(|digest| digest == first).then_some(*first)
}

/// The content of `versions` comes.
fn come(versions: &BTreeMap<Dot, Digest>, folded: &Dots, digest: Digest, comes_back: bool) -> Judged {
    let versions: Dots = versions.keys().copied().collect();
    let known = Known { agreed: Some(digest), applied: versions.clone(), beaten: folded.clone(), ..Known::default() };
    Judged { step: Step::Comes { versions, digest, comes_back }, known }
}

/// What is here and what others have is the same.
fn agree(mut known: Known, here: Digest, others: &BTreeMap<Dot, Digest>, candidates: &Candidates<'_>) -> Judged {
    let Candidates { versions, folded, .. } = candidates;
    let mine: Dots = known.applied.iter().filter(|dot| versions.contains_key(dot)).collect();
    known.owed = (!mine.is_empty()).then(|| versions.keys().copied().collect());
    known.agreed = Some(here);
    known.copy_of = None;
    known.applied = others.keys().copied().chain(mine.iter()).collect();
    known.beaten.clone_from(folded);
    Judged { step: Step::Stays(Why::Agreed), known }
}

fn judge_unchanged(unit: &Unit, mut known: Known, here: Option<Digest>, candidates: &Candidates<'_>) -> Judged {
    let Candidates { current, versions, folded, decided } = candidates;
    if versions.is_empty() {
        if here.is_some() && !current.is_empty() {
            // What came after it is lost: it counts again.
            known.owe(current.keys().copied());
        } else if here.is_some() && !known.applied.is_empty() {
            return Judged { step: Step::Goes, known: Known::default() };
        }
        return Judged { step: Step::Stays(Why::NothingNew), known };
    }
    let own: Dots = versions.keys().copied().filter(|dot| known.applied.contains(*dot)).collect();
    let is_any_lost = versions.len() + folded.iter().chain(decided.iter()).count() < current.len();
    let is_one_lost = unit.has_copies() && is_any_lost && known.owed.is_none() && here.is_some() && own.is_empty();
    match single(versions) {
        // Where it is what is here, there is nothing to choose from.
        Some(digest) if !is_one_lost || here == Some(digest) => {
            let mut judged = come(versions, folded, digest, false);
            if !decided.is_empty() {
                judged.known.owe(decided.iter().chain(versions.keys().copied()));
            }
            if here == Some(digest) {
                judged.step = Step::Stays(Why::NothingNew);
            }
            judged
        }
        _ => {
            let is_stale = own.is_empty() && !is_one_lost;
            let question =
                Question { here: here.filter(|_| !is_stale), versions: versions.clone(), own, is_one_lost, is_stale };
            Judged { step: Step::Asks(question), known }
        }
    }
}
