//! Digests of files and units: BLAKE3, cut to 16 bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::instance::state::Entry;
use crate::model::{Digest, Hash, Stat, Unit};
use crate::paths::in_world;

/// How much of a file is read at once.
const CHUNK: usize = 256 << 10;

/// The files of `unit` among `files`: whatever is known by path.
pub fn files_of<'a, T>(files: &'a BTreeMap<String, T>, unit: &Unit) -> impl Iterator<Item = (&'a String, &'a T)> {
    let (start, is_world) = match unit {
        Unit::World(world) => (format!("saves/{world}/"), true),
        Unit::File(path) => (path.clone(), false),
        Unit::Option(_) | Unit::Server(_) => ("/".to_owned(), false),
    };
    let is_in = {
        let start = start.clone();
        move |path: &String| if is_world { path.starts_with(&start) } else { *path == start }
    };
    files.range(start..).take_while(move |(path, _)| is_in(path))
}

/// The digests of worlds, of which the files come in order.
#[derive(Default)]
pub struct WorldDigests {
    worlds: BTreeMap<String, (blake3::Hasher, i64)>,
}

impl WorldDigests {
    /// Adds a file.
    pub fn add(&mut self, world: &str, inner: &str, entry: &Entry) {
        if !self.worlds.contains_key(world) {
            self.worlds.insert(world.to_owned(), (blake3::Hasher::new(), i64::MIN));
        }
        if let Some((hasher, time)) = self.worlds.get_mut(world) {
            add(hasher, inner, entry.hash);
            *time = (*time).max(millis(entry.here.mtime));
        }
    }

    /// The worlds, and when their newest files were changed.
    pub fn finish(self) -> impl Iterator<Item = (Unit, (Digest, i64))> {
        self.worlds
            .into_iter()
            .map(|(world, (hasher, time))| (Unit::World(world), (Digest::Content(short(&hasher)), time)))
    }
}

fn add(hasher: &mut blake3::Hasher, inner: &str, hash: Hash) {
    hasher.update(&(inner.len() as u64).to_le_bytes());
    hasher.update(inner.as_bytes());
    hasher.update(&hash);
}

fn short(hasher: &blake3::Hasher) -> Hash {
    let mut short = Hash::default();
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

/// The content of `unit`, of which these are the files, in order; none if there are none.
pub fn digest_of<'a>(unit: &Unit, files: impl Iterator<Item = (&'a String, &'a Entry)>) -> Option<Digest> {
    digest_of_hashes(unit, files.map(|(path, entry)| (path.as_str(), entry.hash)))
}

/// The same of contents alone.
pub fn digest_of_hashes<'a>(unit: &Unit, files: impl Iterator<Item = (&'a str, Hash)>) -> Option<Digest> {
    let mut files = files.peekable();
    files.peek()?;
    match unit {
        Unit::World(_) => {
            let mut hasher = blake3::Hasher::new();
            files.for_each(|(path, hash)| add(&mut hasher, in_world(path).map_or(path, |(_, inner)| inner), hash));
            Some(Digest::Content(short(&hasher)))
        }
        _ => files.next().map(|(_, hash)| Digest::Content(hash)),
    }
}

/// What is known of the content of `unit` where only sizes and times of its files are.
pub fn digest_of_stats<'a>(files: impl Iterator<Item = (&'a str, Stat)>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for (path, stat) in files {
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(&stat.size.to_le_bytes());
        // Disks of Windows keep a tenth of a microsecond.
        hasher.update(&stat.mtime.div_euclid(100).to_le_bytes());
    }
    Digest::Stats(short(&hasher))
}

/// The content of a setting.
pub fn digest_of_value(value: &str) -> Digest {
    Digest::Content(hash(value.as_bytes()))
}

/// Milliseconds, as versions have them.
pub fn millis(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(1_000_000)
}

/// The digest of a content.
pub fn hash(content: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(content);
    short(&hasher)
}

/// The digest of a file's content.
pub fn hash_file(file: &Path) -> io::Result<Hash> {
    let mut file = File::open(file)?;
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(short(&hasher)),
            Ok(read) => {
                hasher.update(&chunk[..read]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The same of a file that nobody writes to meanwhile, and its size and time.
pub fn hash_steady(file: &Path, mut stat: Stat) -> io::Result<(Stat, Hash)> {
    for _ in 0..3 {
        let hash = hash_file(file)?;
        let now = Stat::of(&std::fs::metadata(file)?);
        if now == stat {
            return Ok((stat, hash));
        }
        stat = now;
    }
    Err(io::Error::new(io::ErrorKind::Interrupted, "it changes"))
}
