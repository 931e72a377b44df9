//! The model of the walks: what every player really did, told by contents alone.
//!
//! Of each content of a unit (a world, a setting, or any other file) it is known which contents it
//! grew out of, and which ones a decision took it against. A program that knows less than that may
//! ask; it may replace nothing by what never saw it. No clock, no ledger and no snapshot is needed.

use std::collections::{BTreeMap, BTreeSet};

pub const OPTIONS: &str = "options.txt";
/// The setting that is the machine's own.
pub const MACHINE_KEY: &str = "renderDistance";
/// The picture that every PC takes under the same name.
pub const PICTURE: &str = "screenshots/2026.png";

/// The files of a unit, by their paths in it, or of a whole disk.
pub type Files = BTreeMap<String, Vec<u8>>;
/// The units of a disk.
pub type Disk = BTreeMap<String, Files>;
/// A content of a unit.
pub type Content = usize;

/// What a pull was asked, as far as that is known.
pub enum Asked {
    /// About these worlds, with this answer.
    About(BTreeMap<String, String>),
    /// It was killed: about any, and it may have come to its end or not.
    Perhaps,
}

impl Asked {
    fn answer(&self, unit: &str) -> Option<&str> {
        match self {
            Self::About(worlds) => worlds.get(unit).map(String::as_str),
            Self::Perhaps => None,
        }
    }
}

/// What a pull did to a disk.
pub struct Pulled<'a> {
    pub before: &'a Disk,
    pub after: &'a Disk,
    pub asked: &'a Asked,
    /// What each snapshot holds that the cloud had.
    pub alive: &'a [&'a Disk],
    /// The same of those that ledgers may still tell of, whose files the cloud may have lost: a
    /// decision is against them, too.
    pub told: &'a [&'a Disk],
    /// Whether this PC does not know what its files grew out of.
    pub is_stranger: bool,
    pub in_scope: &'a dyn Fn(&str) -> bool,
}

/// All that happened.
#[derive(Default)]
pub struct Model {
    contents: BTreeMap<(String, Files), Content>,
    texts: Vec<String>,
    /// What each content grew out of at once.
    grew: Vec<BTreeSet<Content>>,
    /// The same with what it was decided against.
    past: Vec<BTreeSet<Content>>,
    /// What players deleted.
    gone: BTreeSet<Content>,
    /// Contents that are versions of several pushes, or of which no ledger can know what they grew
    /// out of.
    unknowable: BTreeSet<Content>,
    /// What happened, to be told where something is wrong.
    pub log: Vec<String>,
}

impl Model {
    fn content(&mut self, unit: &str, files: &Files) -> Content {
        if let Some(known) = self.contents.get(&(unit.to_owned(), files.clone())) {
            return *known;
        }
        self.contents.insert((unit.to_owned(), files.clone()), self.texts.len());
        self.texts.push(format!("{unit}: {}", texts(files).join("; ")));
        self.grew.push(BTreeSet::new());
        self.past.push(BTreeSet::new());
        self.texts.len() - 1
    }

    /// The player, or an undo, changed the disk.
    pub fn edits(&mut self, before: &Disk, after: &Disk) {
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for unit in names.into_iter().filter(|unit| before.get(*unit) != after.get(*unit)) {
            let old = before.get(unit).map(|files| self.content(unit, files));
            let Some(files) = after.get(unit) else {
                self.gone.extend(old);
                continue;
            };
            let count = self.texts.len();
            let new = self.content(unit, files);
            if new < count {
                // What was there once is there again.
                self.unknowable.insert(new);
                self.past[new].extend(old);
            } else {
                self.grew[new].extend(old);
                self.past[new].extend(old);
            }
        }
    }

    /// No ledger can tell any more what these grew out of.
    pub fn forget(&mut self, disk: &Disk, is_forgotten: impl Fn(&str, &Files) -> bool) {
        for (unit, files) in disk.iter().filter(|(unit, files)| is_forgotten(unit, files)) {
            let content = self.content(unit, files);
            self.unknowable.insert(content);
        }
    }

    /// Checks that a pull took nothing away that it may not take, and follows.
    pub fn take_in(&mut self, pulled: &Pulled<'_>) {
        let names: BTreeSet<_> = pulled
            .before
            .keys()
            .chain(pulled.after.keys())
            .chain(pulled.alive.iter().flat_map(|held| held.keys()))
            .collect();
        for unit in names {
            let old = pulled.before.get(unit).map(|files| self.content(unit, files));
            let new = pulled.after.get(unit).map(|files| self.content(unit, files));
            if !(pulled.in_scope)(unit) {
                assert_eq!(old, new, "{unit} is not in the scope and has changed");
                continue;
            }
            let alive = self.held(unit, pulled.alive);
            if old != new {
                self.check_change(unit, old, new, pulled);
            }
            self.check_question(unit, old, &alive, pulled.asked);
            let is_decided = match pulled.asked {
                _ if !has_copies(unit) => true,
                Asked::About(worlds) if is_world(unit) => worlds.get(unit).is_some_and(|answer| answer != "later"),
                Asked::About(_) => true,
                Asked::Perhaps => self.is_question(old, &alive),
            };
            if let (true, Some(new)) = (is_decided, new) {
                let told = self.held(unit, pulled.told);
                self.decides(new, told.into_iter().chain(old).collect());
            }
        }
    }

    fn check_change(&mut self, unit: &str, old: Option<Content>, new: Option<Content>, pulled: &Pulled<'_>) {
        let text = |content: Option<Content>| content.map_or("nothing", |content| &self.texts[content]);
        let change = format!("{unit} was {:?} and is {:?}", text(old), text(new));
        let is_asked = pulled.asked.answer(unit).is_some();
        match (old, new) {
            (Some(old), None) => assert!(self.was_deleted(old), "nobody deleted it: {change}"),
            (Some(old), Some(new)) => {
                let files = pulled.after.get(unit);
                let is_saved = pulled.alive.iter().any(|held| held.get(unit) == files) || !has_copies(unit);
                assert!(is_saved, "no snapshot has that: {change}");
                let may_be_asked = matches!(pulled.asked, Asked::Perhaps)
                    && self.is_question(Some(old), &self.contents_of(unit, pulled.alive));
                let stands =
                    !is_world(unit) && pulled.after.values().any(|files| Some(files) == pulled.before.get(unit));
                let is_known = self.history(new).contains(&old) || self.was_deleted(old);
                assert!(
                    is_asked || may_be_asked || stands || is_known || !has_copies(unit),
                    "it was replaced by what never saw it: {change}"
                );
                let is_older = self.ancestors(old).contains(&new) && !is_known && !has_copies(unit);
                assert!(
                    !is_older || pulled.is_stranger || self.unknowable.contains(&new),
                    "it went back to what it grew out of: {change}"
                );
            }
            (None, Some(new)) => {
                let files = &pulled.after[unit];
                let is_saved = |held: &&Disk| {
                    held.get(unit) == Some(files) || unit.contains(" (") && held.values().any(|one| one == files)
                };
                assert!(pulled.alive.iter().any(is_saved) || !has_copies(unit), "no snapshot has that: {change}");
                if !pulled.alive.iter().any(|held| held.get(unit) == Some(files)) {
                    // Another PC may put the same beside, by itself.
                    self.unknowable.insert(new);
                }
            }
            (None, None) => {}
        }
    }

    fn check_question(&self, unit: &str, here: Option<Content>, alive: &BTreeSet<Content>, asked: &Asked) {
        if asked.answer(unit).is_some() {
            self.assert_question(unit, here, alive);
        }
    }

    fn assert_question(&self, unit: &str, here: Option<Content>, alive: &BTreeSet<Content>) {
        let texts: Vec<_> = alive.iter().chain(&here).map(|content| &self.texts[*content]).collect();
        assert!(self.is_question(here, alive), "{unit} is no question: {texts:#?}");
    }

    /// Checks that a pull which stopped had something to ask.
    pub fn check_stop(&mut self, worlds: &BTreeSet<String>, here: &Disk, alive: &[&Disk]) {
        assert!(!worlds.is_empty(), "it stopped, and there is no question");
        for unit in worlds {
            let alive = self.held(unit, alive);
            let here = here.get(unit).map(|files| self.content(unit, files));
            self.assert_question(unit, here, &alive);
        }
    }

    /// Whether there can be two contents of which neither saw the other.
    fn is_question(&self, here: Option<Content>, alive: &BTreeSet<Content>) -> bool {
        let may_be = |all: &BTreeSet<Content>| {
            let pasts: BTreeMap<_, _> = all.iter().map(|one| (*one, self.history(*one))).collect();
            let sees = |one: Content, other: Content| one != other && pasts[&one].contains(&other);
            let is_newest = |one: &&Content| !all.iter().any(|other| sees(*other, **one) && !sees(**one, *other));
            let newest: Vec<_> = all.iter().filter(is_newest).collect();
            let is_known = |one: &Content| self.ancestors(*one).is_disjoint(&self.unknowable);
            newest.len() != 1 || !newest.into_iter().all(is_known)
        };
        let mut all: BTreeSet<_> = alive.iter().copied().chain(here).collect();
        if may_be(&all) {
            return true;
        }
        // One that retention removed still counts.
        let units: BTreeSet<_> = all.iter().map(|content| self.unit(*content)).collect();
        all.extend(self.contents.iter().filter(|((unit, _), _)| units.contains(&unit)).map(|(_, content)| *content));
        may_be(&all)
    }

    fn unit(&self, content: Content) -> &String {
        let found = self.contents.iter().find(|(_, one)| **one == content);
        &found.unwrap().0.0
    }

    fn contents_of(&self, unit: &str, alive: &[&Disk]) -> BTreeSet<Content> {
        let key = |files: &Files| (unit.to_owned(), files.clone());
        alive.iter().filter_map(|held| self.contents.get(&key(held.get(unit)?)).copied()).collect()
    }

    fn held(&mut self, unit: &str, alive: &[&Disk]) -> BTreeSet<Content> {
        let files: BTreeSet<_> = alive.iter().filter_map(|held| held.get(unit)).collect();
        files.into_iter().map(|files| self.content(unit, files)).collect()
    }

    /// From now on `chosen` is known to be better than these.
    fn decides(&mut self, chosen: Content, mut against: BTreeSet<Content>) {
        let known = self.history(chosen);
        against.retain(|one| !known.contains(one));
        if !against.is_empty() {
            self.unknowable.insert(chosen);
            self.past[chosen].extend(against);
        }
    }

    fn was_deleted(&self, content: Content) -> bool {
        reached(&self.past, self.gone.iter().copied()).contains(&content)
    }

    /// What a content has seen, itself included.
    fn history(&self, content: Content) -> BTreeSet<Content> {
        reached(&self.past, [content].into_iter())
    }

    /// What it grew out of, itself included.
    fn ancestors(&self, content: Content) -> BTreeSet<Content> {
        reached(&self.grew, [content].into_iter())
    }

    /// Checks that of these disks, which are the end, none lacks a picture that nobody deleted.
    pub fn check_pictures(&self, disk: &Disk, is_excused: impl Fn(&Files) -> bool) {
        let pictures = self.contents.iter().filter(|((unit, _), _)| unit.starts_with("screenshots/"));
        for ((unit, files), content) in pictures {
            let is_here = disk.values().any(|one| one == files);
            let grown = self.grew.iter().any(|grew| grew.contains(content));
            assert!(
                is_here || grown || self.was_deleted(*content) || is_excused(files),
                "the picture {unit} is gone: {:?}",
                texts(files)
            );
        }
    }
}

fn reached(edges: &[BTreeSet<Content>], from: impl Iterator<Item = Content>) -> BTreeSet<Content> {
    let mut found: BTreeSet<_> = from.collect();
    let mut open: Vec<_> = found.iter().copied().collect();
    while let Some(one) = open.pop() {
        open.extend(edges[one].iter().copied().filter(|next| found.insert(*next)));
    }
    found
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
pub fn units(files: Files) -> Disk {
    let mut units = Disk::new();
    for (path, content) in files {
        if path == OPTIONS {
            units.extend(options(&content).map(|(unit, line)| (unit, Files::from([(String::new(), line)]))));
            continue;
        }
        let inner = path.strip_prefix("saves/").and_then(|rest| rest.split_once('/'));
        if inner.is_some_and(|(_, inner)| inner == "session.lock") {
            continue;
        }
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

pub fn is_setting(unit: &str) -> bool {
    unit.starts_with(OPTIONS)
}

/// Whether of two versions both can stay.
fn has_copies(unit: &str) -> bool {
    is_world(unit) || unit.starts_with("screenshots/")
}

pub fn texts(files: &Files) -> Vec<String> {
    files.values().map(|content| String::from_utf8_lossy(content).trim().to_owned()).collect()
}
