//! The model against its specification: what `tests/model/ledger.py` makes of each pull and push of
//! its random walks, `cloud_sync::model` makes of it, too.
//!
//! `CLOUD_SYNC_SITUATIONS` is how many pulls and pushes there are, and `CLOUD_SYNC_SITUATIONS_WALK` the
//! number of the walk to begin with. Without Python nothing is compared, unless
//! `CLOUD_SYNC_REQUIRE_PYTHON` is set.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use cloud_sync::model::{Decision, Digest, Dot, Dots, Known, Ledger, Memory, Now, Push, Question, Step, Unit, Version};
use serde::Deserialize;

const REQUIRED: &str = "CLOUD_SYNC_REQUIRE_PYTHON";
const PYTHON: &str = "python3";

// What the lines say.

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Walk(u64),
    /// The next set of the walk.
    Dots(BTreeSet<Dot>),
    Pull(ToldPull),
    Push(ToldPush),
}

/// The place of a set of dots among those of the walk.
type Place = usize;

#[derive(Deserialize)]
struct ToldPull {
    before: ToldPc,
    /// By repository.
    seen: BTreeMap<String, Place>,
    repo: String,
    cloud: Place,
    scope: BTreeSet<String>,
    questions: Vec<ToldQuestion>,
    done: bool,
    after: ToldPc,
}

#[derive(Deserialize)]
struct ToldPush {
    before: ToldPc,
    cloud: Place,
    scope: BTreeSet<String>,
    busy: BTreeSet<String>,
    dot: Dot,
    cut_off: Option<CutOff>,
    made: Option<ToldLedger>,
    after: ToldPc,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CutOff {
    Before,
    After,
}

#[derive(Deserialize)]
struct ToldPc {
    ledger: ToldLedger,
    manifest: BTreeMap<String, u64>,
    applied: BTreeMap<String, Place>,
    owed: BTreeMap<String, Place>,
    disk: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct ToldLedger {
    context: Place,
    /// The contents and holders of the versions.
    units: BTreeMap<String, BTreeMap<Dot, (u64, Place)>>,
}

#[derive(Deserialize)]
struct ToldQuestion {
    unit: String,
    here: Option<u64>,
    versions: BTreeMap<Dot, u64>,
    lost: bool,
    stale: bool,
    answer: Answer,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Stop,
    Later,
    Play(u64),
}

// The same as values of the model.

fn unit(name: &str) -> Unit {
    Unit::World(name.to_owned())
}

fn digest(content: u64) -> Digest {
    Digest::Content(u128::from(content).to_be_bytes())
}

/// A PC, as far as the model knows it.
#[derive(Debug, PartialEq, Eq)]
struct Pc {
    memory: Memory,
    /// What is on its disk.
    here: BTreeMap<Unit, (Digest, i64)>,
}

/// A question that a player was asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    unit: Unit,
    here: Option<Digest>,
    versions: BTreeMap<Dot, Digest>,
    is_one_lost: bool,
    is_stale: bool,
}

/// What was told of a walk so far.
struct Walk {
    number: u64,
    lines: u64,
    sets: Vec<BTreeSet<Dot>>,
    /// The snapshots, by the pushes that made them.
    snapshots: BTreeMap<Dot, Ledger>,
}

impl Walk {
    fn new(number: u64) -> Self {
        Self { number, lines: 1, sets: Vec::new(), snapshots: BTreeMap::new() }
    }

    fn dots(&self, place: Place) -> Dots {
        self.sets[place].iter().copied().collect()
    }

    fn ledger(&self, told: &ToldLedger) -> Ledger {
        let pushes = self.sets[told.context].iter().map(|dot| (*dot, Push::default())).collect();
        let version = |(dot, (content, holders)): (&Dot, &(u64, Place))| {
            let mut version = Version { holders: self.dots(*holders), ..Version::new(digest(*content), 0) };
            // That the push which made a version holds it goes without saying.
            version.holders.retain(|holder| holder != *dot);
            (*dot, version)
        };
        let units = told.units.iter().map(|(name, all)| (unit(name), all.iter().map(version).collect())).collect();
        Ledger { pushes, units }
    }

    fn pc(&self, told: &ToldPc) -> Pc {
        let mut known: BTreeMap<Unit, Known> = BTreeMap::new();
        for (name, content) in &told.manifest {
            known.entry(unit(name)).or_default().agreed = Some(digest(*content));
        }
        for (name, dots) in &told.applied {
            known.entry(unit(name)).or_default().applied = self.dots(*dots);
        }
        for (name, dots) in &told.owed {
            known.entry(unit(name)).or_default().owed = Some(self.dots(*dots));
        }
        let here = told.disk.iter().map(|(name, content)| (unit(name), (digest(*content), 0))).collect();
        Pc { memory: Memory { ledger: self.ledger(&told.ledger), known }, here }
    }
}

impl ToldQuestion {
    fn asked(&self) -> Asked {
        Asked {
            unit: unit(&self.unit),
            here: self.here.map(digest),
            versions: self.versions.iter().map(|(dot, content)| (*dot, digest(*content))).collect(),
            is_one_lost: self.lost,
            is_stale: self.stale,
        }
    }
}

// `pull` and `push` of the specification, line by line.

impl Pc {
    fn pull(
        &mut self,
        told: &ToldPull,
        walk: &Walk,
        mut ask: impl FnMut(&Unit, &Question) -> Option<Decision>,
    ) -> bool {
        let cloud = &walk.sets[told.cloud];
        let seen = told.seen.get(&told.repo).map(|place| &walk.sets[*place]);
        let new = cloud.iter().filter(|dot| !seen.is_some_and(|seen| seen.contains(dot)));
        let ledger = new.fold(self.memory.ledger.clone(), |known, dot| known.join(&walk.snapshots[dot]));
        let others = told.seen.iter().filter(|(repo, _)| **repo != told.repo);
        let now = Now {
            ledger: &ledger,
            before: &self.memory.ledger,
            known: &self.memory.known,
            here: &self.here,
            aliases: &BTreeMap::new(),
            alive: cloud,
            elsewhere: &others.flat_map(|(_, place)| walk.sets[*place].iter().copied()).collect(),
            is_first_contact: false,
        };
        let (mut known, mut here) = (self.memory.known.clone(), self.here.clone());
        for (unit, judged) in now.judge_all(|unit| unit.world().is_some_and(|name| told.scope.contains(name))) {
            let mine = self.here.get(&unit).map(|(digest, _)| *digest);
            let (content, remembered) = match judged.step {
                Step::Stays(_) => (mine, judged.known),
                Step::Comes { digest, .. } => (Some(digest), judged.known),
                Step::Goes => (None, judged.known),
                Step::Asks(question) => match ask(&unit, &question) {
                    Some(decision) => now.decide(&unit, judged.known, &question, decision),
                    None => return false,
                },
            };
            match content {
                Some(digest) => here.insert(unit.clone(), (digest, 0)),
                None => here.remove(&unit),
            };
            known.insert(unit, remembered);
        }
        *self = Self { memory: Memory { ledger, known }, here };
        true
    }

    /// Gives the snapshot, if one was made.
    fn push(&mut self, told: &ToldPush, walk: &Walk) -> Option<Ledger> {
        let alive = &walk.sets[told.cloud];
        let cloud = || alive.iter().map(|dot| &walk.snapshots[dot]);
        let is_ready =
            |unit: &Unit| unit.world().is_some_and(|name| told.scope.contains(name) && !told.busy.contains(name));
        let saving = self.with_holders_of(cloud()).saving(&self.here, alive, is_ready);
        let is_told = |dot: &Dot| cloud().any(|ledger| ledger.pushes.contains_key(dot));
        if saving.is_empty() && self.memory.ledger.pushes.keys().all(is_told) {
            return None;
        }
        let version_of = |_: &Unit, digest, time, _: &Known| Version::new(digest, time);
        self.memory.save(&saving.changed, &self.here, told.dot, Push::default(), version_of);
        if told.cut_off == Some(CutOff::Before) {
            return None;
        }
        let mut saved = self.memory.ledger.clone();
        for unit in self.here.keys().filter(|unit| is_ready(unit)) {
            let applied = self.memory.known.get(unit).into_iter().flat_map(|known| known.applied.iter());
            for dot in applied.filter(|dot| *dot != told.dot) {
                if let Some(version) = saved.units.get_mut(unit).and_then(|versions| versions.get_mut(dot)) {
                    version.holders.insert(told.dot);
                }
            }
        }
        if told.cut_off.is_none() {
            self.memory.ledger = saved.clone();
        }
        Some(saved)
    }

    /// What is remembered, with what the snapshots know of who holds it.
    fn with_holders_of<'a>(&self, snapshots: impl Iterator<Item = &'a Ledger>) -> Memory {
        let mut memory = self.memory.clone();
        for ledger in snapshots {
            for (unit, versions) in &mut memory.ledger.units {
                let Some(theirs) = ledger.units.get(unit) else { continue };
                for (dot, version) in versions.iter_mut() {
                    version.holders.extend(theirs.get(dot).into_iter().flat_map(|version| version.holders.iter()));
                }
            }
        }
        memory
    }

    /// Without the units that nothing is known of.
    fn plain(mut self) -> Self {
        self.memory.known.retain(|_, known| *known != Known::default());
        self
    }
}

impl Walk {
    fn check_pull(&self, told: &ToldPull) {
        let mut pc = self.pc(&told.before);
        let mut asked = Vec::new();
        let done = pc.pull(told, self, |unit, question| {
            let nth = asked.len();
            let Question { here, versions, own: _, is_one_lost, is_stale } = question.clone();
            asked.push(Asked { unit: unit.clone(), here, versions, is_one_lost, is_stale });
            match told.questions.get(nth)?.answer {
                Answer::Stop => None,
                Answer::Later => Some(Decision::Later),
                Answer::Play(content) => Some(Decision::Play(digest(content))),
            }
        });
        let before = || self.pc(&told.before);
        assert_eq!(asked, told.questions.iter().map(ToldQuestion::asked).collect::<Vec<_>>(), "of {:#?}", before());
        assert_eq!(done, told.done, "of {:#?}", before());
        assert_eq!(pc.plain(), self.pc(&told.after).plain(), "of {:#?}", before());
    }

    fn check_push(&mut self, told: &ToldPush) {
        let mut pc = self.pc(&told.before);
        let made = pc.push(told, self);
        let before = || self.pc(&told.before);
        assert_eq!(made, told.made.as_ref().map(|made| self.ledger(made)), "of {:#?}", before());
        assert_eq!(pc.plain(), self.pc(&told.after).plain(), "of {:#?}", before());
        self.snapshots.extend(made.map(|made| (told.dot, made)));
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("CLOUD_SYNC_SITUATIONS_WALK={}, line {} of it", self.number, self.lines);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// A shop that pretends to be Python is none.
fn is_python_here() -> bool {
    let version = Command::new(PYTHON).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

#[test]
fn the_model_decides_as_its_specification_does() {
    if !is_python_here() {
        assert!(std::env::var_os(REQUIRED).is_none(), "missing for the test of the model: {PYTHON}");
        println!("there is no {PYTHON}: the model was not compared to its specification");
        return;
    }
    let count = number("CLOUD_SYNC_SITUATIONS").unwrap_or(100_000);
    // Always the same walks here, so that a failure is the change's.
    let first = number("CLOUD_SYNC_SITUATIONS_WALK").unwrap_or_default();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/situations.py");
    let mut python = Command::new(PYTHON);
    python.arg("-B").arg(script).args([count, first].map(|number| number.to_string()));
    let mut python = python.stdout(Stdio::piped()).spawn().unwrap();
    let mut walk = Walk::new(first);
    let mut situations = 0;
    for line in BufReader::new(python.stdout.take().unwrap()).lines() {
        walk.lines += 1;
        match serde_json::from_str(&line.unwrap()).unwrap() {
            Line::Walk(number) => walk = Walk::new(number),
            Line::Dots(dots) => walk.sets.push(dots),
            Line::Pull(told) => {
                walk.check_pull(&told);
                situations += 1;
            }
            Line::Push(told) => {
                walk.check_push(&told);
                situations += 1;
            }
        }
    }
    assert!(python.wait().unwrap().success(), "the specification failed");
    assert_eq!(situations, count);
}
