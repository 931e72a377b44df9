//! The model of the walks: what must be on each disk.
//!
//! Every change that a player makes to a unit (a world, a setting, or any other file) is an
//! event. A PC or a snapshot knows events: those it made, and those of what it took in, but for
//! worlds that the player put off. Of two versions of a unit the one whose event the other side
//! does not know yet is the newer, and where neither side knows the other's, they are in
//! conflict. No clock and no graph is needed.

use std::collections::{BTreeMap, BTreeSet};

/// What is rewritten without a change. Pushed, that passes for a change of the whole unit.
pub const TOUCHED: [&str; 2] = ["hotbar.nbt", "saves/Delta/level.dat"];
pub const OPTIONS: &str = "options.txt";
/// The setting that is the machine's own.
pub const MACHINE_KEY: &str = "renderDistance";

/// The files of a unit, by their paths in it, or of a whole disk.
pub type Files = BTreeMap<String, Vec<u8>>;
pub type Event = u64;

/// A unit as a player left it; without files where it was deleted, and with event 0 where
/// there never was one.
#[derive(Clone, Default)]
pub struct Unit {
    pub event: Event,
    pub files: Files,
}

/// What a PC or a snapshot has, and the events behind it.
#[derive(Clone, Default)]
pub struct Side {
    pub units: BTreeMap<String, Unit>,
    pub known: BTreeSet<Event>,
}

impl Side {
    pub fn unit(&self, name: &str) -> Unit {
        self.units.get(name).cloned().unwrap_or_default()
    }

    pub fn knows(&self, event: Event) -> bool {
        event == 0 || self.known.contains(&event)
    }
}

/// Whose version of a unit a pull may leave on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Local,
    Cloud,
    /// The player's answer decides.
    Ask,
}

/// Who answered what.
#[derive(Debug)]
pub enum Answered<'a> {
    /// Every world was answered with this, if it was asked about.
    ByAll(&'a str),
    /// The program tells which worlds it asked about.
    Told(BTreeMap<String, String>),
}

impl Answered<'_> {
    /// The answer for a unit that was asked about.
    fn about(&self, unit: &str, verdicts: &BTreeSet<Verdict>) -> Option<&str> {
        match self {
            Self::ByAll(answer) => verdicts.contains(&Verdict::Ask).then_some(*answer),
            Self::Told(told) => {
                let answer = told.get(unit).map(String::as_str);
                assert!(answer.is_none() || verdicts.contains(&Verdict::Ask), "{unit} is no question: {verdicts:?}");
                answer
            }
        }
    }

    /// Whether a world was put off.
    pub fn puts_off(&self) -> bool {
        matches!(self, Self::Told(told) if told.values().any(|answer| answer == "later"))
    }
}

/// What all that happened makes of the cloud.
#[derive(Default)]
pub struct Model {
    /// What each snapshot really holds.
    pub snapshots: BTreeMap<String, Side>,
    /// Whether a push ever left something out.
    pub is_partial: bool,
    /// What happened, to be told where something is wrong.
    pub log: Vec<String>,
    /// Whether a player ever put off a decision, after which versions are joined in part.
    is_put_off: bool,
    last_event: Event,
    /// The unit of each event.
    events: BTreeMap<Event, String>,
}

impl Model {
    /// What no event was called before.
    pub fn stamp(&self) -> Event {
        self.last_event + 1
    }

    fn happens(&mut self, unit: &str) -> Event {
        self.last_event += 1;
        self.events.insert(self.last_event, unit.to_owned());
        self.last_event
    }

    /// Takes what is on the disk `now` for what the player did; `agreed` is what this PC and the
    /// cloud last agreed on.
    pub fn notice(&mut self, side: &mut Side, agreed: &Side, now: &BTreeMap<String, Files>) {
        let names: BTreeSet<_> = now.keys().chain(side.units.keys()).cloned().collect();
        for name in names {
            let files = now.get(&name).cloned().unwrap_or_default();
            if files != side.unit(&name).files {
                let known = agreed.unit(&name);
                // As it was when both last agreed: nothing has happened after all.
                let event = if known.files == files { known.event } else { self.happens(&name) };
                side.known.insert(event);
                side.units.insert(name, Unit { event, files });
            }
        }
    }

    /// Whose version of each unit may be on the disk after a pull of `target`.
    pub fn judge(&self, local: &Side, target: &str, lost: bool) -> BTreeMap<String, BTreeSet<Verdict>> {
        let cloud = &self.snapshots[target];
        let local = if lost { remainder(local) } else { local.clone() };
        let names: BTreeSet<_> = local.units.keys().chain(cloud.units.keys()).cloned().collect();
        let agreed_once = !self.is_put_off && self.agreed_once(&local, cloud);
        let judge = |name: &String| {
            let (here, there) = (local.unit(name), cloud.unit(name));
            let is_gone = here.files.is_empty() || there.files.is_empty();
            // An undo can bring back what the other side went on from.
            let is_old = |side: &Side, files: &Files| {
                (!is_world(name) || !files.is_empty()) && self.was_in_history(side, name, files)
            };
            let mut verdicts = match (cloud.knows(here.event), local.knows(there.event)) {
                _ if here.files == there.files => vec![Verdict::Cloud],
                (false, true) => vec![Verdict::Local],
                (true, false) => vec![Verdict::Cloud],
                // Each side was told of the other's version, and decided against it.
                (true, true) => vec![Verdict::Local, Verdict::Cloud, Verdict::Ask],
                (false, false) if here.files.is_empty() => vec![Verdict::Cloud],
                (false, false) if there.files.is_empty() => vec![Verdict::Local],
                (false, false) if name.starts_with("screenshots/") => vec![Verdict::Local],
                (false, false) if !is_world(name) => vec![Verdict::Local, Verdict::Cloud],
                (false, false) => vec![Verdict::Ask],
            };
            if is_old(cloud, &here.files) {
                verdicts.push(Verdict::Cloud);
            }
            if is_old(&local, &there.files) {
                verdicts.push(Verdict::Local);
            }
            if name.starts_with(OPTIONS) && (!has_options(&local) || !has_options(cloud)) {
                // The whole file comes back if anything in it was changed.
                verdicts.extend([Verdict::Local, Verdict::Cloud]);
            }
            if name.starts_with(OPTIONS) && !is_gone && !agreed_once {
                // Without one version that both are built on it is not known who changed what.
                verdicts.extend([Verdict::Local, Verdict::Cloud]);
            }
            if self.is_partial && is_world(name) && is_gone {
                // What a push left out was not deleted, whatever became of it: it is as it was before,
                // which may be news.
                verdicts.extend([Verdict::Local, Verdict::Cloud, Verdict::Ask]);
            }
            if name.contains(" (") && !is_gone && here.files != there.files {
                // Two PCs may have given the same name to what they kept beside, each by itself.
                verdicts.push(Verdict::Ask);
            }
            if lost && is_world(name) && !is_gone {
                // Without all that its base had, it does not know what it went on from.
                verdicts.push(Verdict::Ask);
            }
            if TOUCHED.iter().any(|path| path.starts_with(name)) && here.files != there.files {
                let may_be = [Verdict::Local, Verdict::Cloud, Verdict::Ask];
                verdicts.extend(if is_gone || !is_world(name) { &may_be[..2] } else { &may_be[2..] });
            }
            (name.clone(), verdicts.into_iter().collect())
        };
        names.iter().map(judge).collect()
    }

    /// Whether there is a last version that both sides are built on, and not several.
    fn agreed_once(&self, one: &Side, other: &Side) -> bool {
        let common = self.snapshots.values().map(|old| &old.known);
        let common: Vec<_> = common.filter(|old| old.is_subset(&one.known) && old.is_subset(&other.known)).collect();
        common.iter().any(|last| common.iter().all(|old| old.is_subset(last)))
    }

    /// Whether some snapshot that `side` is built on had the unit like this.
    fn was_in_history(&self, side: &Side, name: &str, files: &Files) -> bool {
        // Of a version that was taken in but for other worlds this one is history, too.
        let about = |event: &&Event| self.events.get(event).is_some_and(|unit| unit == name);
        let is_history = |old: &Side| old.known.iter().filter(about).all(|event| side.knows(*event));
        self.snapshots.values().any(|old| old.unit(name).files == *files && is_history(old))
    }

    /// A pull brought `target`, after which the disk holds this: checks that it is what it must
    /// be, and gives what the PC has now.
    pub fn take_in(
        &mut self,
        before: &Side,
        target: &str,
        lost: bool,
        answered: &Answered,
        disk: BTreeMap<String, Files>,
    ) -> Side {
        let judged = self.judge(before, target, lost);
        let local = if lost { remainder(before) } else { before.clone() };
        let cloud = self.snapshots[target].clone();
        let mut after = Side { units: BTreeMap::new(), known: local.known.union(&cloud.known).copied().collect() };
        let mut beside = Vec::new();
        for (name, verdicts) in &judged {
            let is_here = disk.get(name) == Some(&local.unit(name).files);
            if answered.about(name, verdicts) == Some("keep_both") || name == "screenshots/2026.png" && is_here {
                beside.push(cloud.unit(name).files);
            }
        }
        for (name, verdicts) in judged {
            let (here, there) = (local.unit(&name), cloud.unit(&name));
            let files = disk.get(&name).cloned().unwrap_or_default();
            let answer = answered.about(&name, &verdicts);
            let is_answer = |verdict: Verdict| match answer {
                Some("keep-local" | "keep_local" | "keep_both" | "later") => verdict == Verdict::Local,
                Some("use-remote" | "use_remote") => verdict == Verdict::Cloud,
                _ => false,
            };
            let is_certain = answer.is_some() && matches!(answered, Answered::Told(_));
            let may_be = |verdict: Verdict| is_answer(verdict) || !is_certain && verdicts.contains(&verdict);
            if answer == Some("later") {
                assert!(files == here.files, "{name} was put off and has changed");
                let is_open = |event: &Event| !local.knows(*event) && self.events.get(event) == Some(&name);
                after.known.retain(|event| !is_open(event));
                after.units.insert(name, here);
                continue;
            }
            if name.contains(" (") && files != there.files && files != here.files && beside.contains(&files) {
                // A name that was free again.
                continue;
            }
            let unit = if files == there.files && may_be(Verdict::Cloud) {
                there
            } else if files == here.files && may_be(Verdict::Local) {
                if verdicts.len() > 1 || verdicts.contains(&Verdict::Ask) {
                    // A decision against the other side's, which nobody else has heard of.
                    let event = self.happens(&name);
                    after.known.insert(event);
                    self.log.push(format!("  {name}: {verdicts:?}, {} over {}", here.event, there.event));
                    Unit { event, ..here }
                } else {
                    here
                }
            } else {
                let versions = [&here.files, &there.files, &files].map(texts);
                panic!("{name}: {verdicts:?} {answered:?} here, there, now: {versions:#?}");
            };
            after.units.insert(name, unit);
        }
        for (name, files) in disk {
            if !after.units.contains_key(&name) {
                assert!(name.contains(" (") && beside.contains(&files), "{name} came from nowhere");
                let event = self.happens(&name);
                after.known.insert(event);
                after.units.insert(name, Unit { event, files });
            }
        }
        self.is_put_off |= answered.puts_off();
        after
    }
}

fn has_options(side: &Side) -> bool {
    side.units.iter().any(|(name, unit)| name.starts_with(OPTIONS) && !unit.files.is_empty())
}

/// What an instance that lost its files still has: those that came since. It deleted nothing.
fn remainder(side: &Side) -> Side {
    let here = side.units.iter().filter(|(_, unit)| !unit.files.is_empty());
    let units: BTreeMap<_, _> = here.map(|(name, unit)| (name.clone(), unit.clone())).collect();
    Side { known: units.values().map(|unit| unit.event).collect(), units }
}

/// What the files contain, settings line by line.
pub fn contents(files: &Files) -> impl Iterator<Item = Vec<u8>> {
    let of = |(path, content): (&String, &Vec<u8>)| match path.rsplit('/').next() {
        Some(name) if name.starts_with(OPTIONS) => options(content).map(|(_, line)| line).collect(),
        _ => vec![content.clone()],
    };
    files.iter().flat_map(of)
}

/// The player's settings.
fn options(content: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let text = String::from_utf8_lossy(content).into_owned();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let own = lines.into_iter().filter(|line| !line.starts_with(MACHINE_KEY));
    own.map(|line| (format!("{OPTIONS}:{}", line.split(':').next().unwrap_or_default()), line.into_bytes()))
}

/// The files of a disk, unit by unit.
pub fn units(files: Files) -> BTreeMap<String, Files> {
    let mut units = BTreeMap::<String, Files>::new();
    for (path, content) in files {
        if path == OPTIONS {
            units.extend(options(&content).map(|(unit, line)| (unit, Files::from([(String::new(), line)]))));
            continue;
        }
        let inner = path.strip_prefix("saves/").and_then(|rest| rest.split_once('/'));
        let (unit, inner) =
            inner.map_or((path.as_str(), ""), |(world, inner)| (&path["saves/".len()..][..world.len()], inner));
        let unit = if inner.is_empty() { unit.to_owned() } else { format!("saves/{unit}") };
        units.entry(unit).or_default().insert(inner.to_owned(), content);
    }
    units
}

pub fn is_world(unit: &str) -> bool {
    unit.starts_with("saves/")
}

pub fn texts(files: &Files) -> Vec<String> {
    files.values().map(|content| String::from_utf8_lossy(content).trim().to_owned()).collect()
}
