//! A ledger as bytes: what a snapshot carries of it beside the instance's files.
//!
//! Small ledgers are one file. Of large ones each entry goes, by a hash of its key, into one of many
//! small files, so that a push costs what it changed: restic stores equal files and equal folders
//! once. Whoever writes the files keeps the times of those that did not change.

pub mod compact;
mod error;
pub mod limits;
mod row;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::dot::Dot;
use super::ledger::Ledger;
use super::unit::Unit;
use error::FORM;
pub use error::FormError;
use limits::{MAX_BYTES, MAX_PARTS};
use row::{Gathered, PushRow, UnitRow};

/// The files that are a ledger: their names below `.cloud-sync/`, and what is in them.
pub type Parts = BTreeMap<String, Vec<u8>>;

/// The file that each ledger has.
const HEAD: &str = "ledger.json";
/// A ledger with fewer bytes is one file.
const MAX_WHOLE: usize = 64 << 10;
/// What a part has at most on average.
const PART: usize = 8 << 10;
/// How many parts a folder has at most: restic stores the listing of a folder anew with each change.
const FOLDER: usize = 32;

/// What a snapshot says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What the PC knew that made it, with its own push. The versions' holders are not written: a
    /// reader knows of none but those that follow from `push` and `lacks`.
    pub ledger: Ledger,
    /// The push that it is.
    pub push: Dot,
    /// How many files of the instance the snapshot holds.
    pub files: u64,
    /// The versions in the ledger of which the snapshot does not hold the files, each with another
    /// push that is known to hold them. One that is not in the ledger is not written.
    pub lacks: BTreeMap<Unit, BTreeMap<Dot, Option<Dot>>>,
}

/// All that is read of a ledger before its form is known.
#[derive(Deserialize)]
struct Probe {
    form: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "form")]
    _form: u64,
    push: Dot,
    files: u64,
    /// How many parts there are, if the entries are in parts.
    #[serde(default)]
    parts: Option<Counts>,
    #[serde(default)]
    pushes: Vec<PushRow>,
    #[serde(default)]
    units: Vec<UnitRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    pushes: usize,
    units: usize,
    /// Of all parts: parts of two pushes make no ledger.
    hash: String,
}

/// The entries of one kind as JSON, each with the hash of its key, in the order of their keys.
struct Entries {
    kind: char,
    rows: Vec<(u32, String)>,
}

impl Saved {
    /// The files that say the same. Equal values make equal files. Read them again before they are
    /// stored where a ledger may be beyond the [limits].
    pub fn write(&self) -> Parts {
        let pushes = self.ledger.pushes.iter();
        let pushes = Entries::new(
            'p',
            pushes.map(|(dot, push)| (dot.to_string(), PushRow::new(*dot, push.clone()).into_json())),
        );
        let none = BTreeMap::new();
        let units = self.ledger.units.iter().filter(|(_, versions)| !versions.is_empty()).map(|(unit, versions)| {
            let row = UnitRow::in_snapshot(unit, versions, self.lacks.get(unit).unwrap_or(&none));
            (String::from(unit.clone()), row.into_json())
        });
        let units = Entries::new('u', units);
        let mut parts = Parts::new();
        let body = if pushes.bytes() + units.bytes() < MAX_WHOLE {
            format!("\"pushes\":{},\"units\":{}", pushes.list(), units.list())
        } else {
            let counts = [&pushes, &units].map(Entries::count);
            parts.extend(pushes.into_parts(counts[0]));
            parts.extend(units.into_parts(counts[1]));
            let hash = hash_of(&parts);
            format!("\"parts\":{{\"pushes\":{},\"units\":{},\"hash\":\"{hash}\"}}", counts[0], counts[1])
        };
        let Self { push, files, .. } = self;
        let head = format!("{{\"form\":{FORM},\"push\":\"{push}\",\"files\":{files},{body}}}\n");
        parts.insert(HEAD.to_owned(), head.into_bytes());
        parts
    }

    /// What `parts` say. Every version has the holders that follow: this push for those whose files
    /// the snapshot holds, and the push that is known to hold them for the others.
    pub fn read(parts: &Parts) -> Result<Self, FormError> {
        let head = parts.get(HEAD).ok_or_else(|| FormError::damaged(format!("there is no {HEAD}")))?;
        match parse::<Probe>(HEAD, head)?.form {
            FORM => {}
            form if form > FORM => return Err(FormError::Newer(form)),
            form => return Err(FormError::damaged(format!("there is no form {form}"))),
        }
        if parts.values().map(Vec::len).sum::<usize>() > MAX_BYTES {
            return Err(FormError::damaged("it is too large"));
        }
        let head: Head = parse(HEAD, head)?;
        if head.parts.is_some() && !(head.pushes.is_empty() && head.units.is_empty()) {
            return Err(FormError::damaged("it is in parts, and it is not"));
        }
        let mut gathered = Gathered::default();
        gathered.take(head.pushes, head.units)?;
        let counts = head.parts.as_ref().map_or(Ok([0, 0]), Counts::checked)?;
        if parts.len() != 1 + counts[0] + counts[1] {
            return Err(FormError::damaged(format!("it has {} files", parts.len())));
        }
        if head.parts.as_ref().is_some_and(|told| told.hash != hash_of(parts)) {
            return Err(FormError::damaged("its parts do not belong together"));
        }
        let [pushes, units] = counts;
        for name in names('p', pushes) {
            gathered.take(part(parts, &name)?, vec![])?;
        }
        for name in names('u', units) {
            gathered.take(vec![], part(parts, &name)?)?;
        }
        let (mut ledger, lacks) = gathered.into_snapshot()?;
        if !ledger.pushes.contains_key(&head.push) {
            return Err(FormError::damaged("it does not know its own push"));
        }
        hold(&mut ledger, head.push, &lacks);
        Ok(Self { ledger, push: head.push, files: head.files, lacks })
    }
}

/// Tells each version who holds it beside the push that made it.
fn hold(ledger: &mut Ledger, push: Dot, lacks: &BTreeMap<Unit, BTreeMap<Dot, Option<Dot>>>) {
    for (unit, versions) in &mut ledger.units {
        let lacks = lacks.get(unit);
        for (dot, version) in versions.iter_mut() {
            let holder = lacks.and_then(|lacks| lacks.get(&dot)).copied().unwrap_or(Some(push));
            version.holders.extend(holder.filter(|holder| *holder != dot));
        }
    }
}

impl Counts {
    fn checked(&self) -> Result<[usize; 2], FormError> {
        let counts = [self.pushes, self.units];
        if counts.iter().any(|count| !count.is_power_of_two() || *count > MAX_PARTS) {
            return Err(FormError::damaged("its numbers of parts are wrong"));
        }
        Ok(counts)
    }
}

impl Entries {
    fn new(kind: char, rows: impl Iterator<Item = (String, String)>) -> Self {
        let hash = |key: &str| {
            let [a, b, c, d, ..] = *blake3::hash(key.as_bytes()).as_bytes();
            u32::from_le_bytes([a, b, c, d])
        };
        Self { kind, rows: rows.map(|(key, row)| (hash(&key), row)).collect() }
    }

    fn bytes(&self) -> usize {
        self.rows.iter().map(|(_, row)| row.len() + 2).sum()
    }

    fn list(&self) -> String {
        list(self.rows.iter().map(|(_, row)| row.as_str()))
    }

    /// How many parts they need.
    fn count(&self) -> usize {
        self.bytes().div_ceil(PART).next_power_of_two().min(MAX_PARTS)
    }

    /// They, in `count` parts.
    fn into_parts(self, count: usize) -> Parts {
        let mut parts = vec![vec![]; count];
        for (hash, row) in &self.rows {
            parts[*hash as usize % count].push(row.as_str());
        }
        names(self.kind, count).zip(parts).map(|(name, rows)| (name, (list(rows) + "\n").into_bytes())).collect()
    }
}

/// A hash of the parts, without the head.
fn hash_of(parts: &Parts) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in parts.iter().filter(|(name, _)| *name != HEAD) {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// The names of `count` parts.
fn names(kind: char, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |index| format!("ledger/{kind}-{:x}/{kind}-{index:04x}.json", index / FOLDER))
}

/// A JSON list of these, one in each line.
fn list<'a>(rows: impl IntoIterator<Item = &'a str>) -> String {
    let mut list = String::from("[");
    for (index, row) in rows.into_iter().enumerate() {
        list += if index == 0 { "\n" } else { ",\n" };
        list += row;
    }
    list + "\n]"
}

fn part<T: DeserializeOwned>(parts: &Parts, name: &str) -> Result<T, FormError> {
    let bytes = parts.get(name).ok_or_else(|| FormError::damaged(format!("there is no {name}")))?;
    parse(name, bytes)
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, FormError> {
    serde_json::from_slice(bytes).map_err(|error| FormError::damaged(format!("{name}: {error}")))
}
