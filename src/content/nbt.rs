//! NBT, the format of most of the game's files: reading and writing it within limits.

use std::io::{Read, Write as _};

use anyhow::{Context as _, ensure};
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use valence_nbt::{Compound, Value, from_binary, to_binary};

/// The most NBT that is read, unpacked. The largest files that are read here have a few
/// megabytes; what is made to do harm takes up to seventy times its size in memory.
pub const MAX_SIZE: usize = 8 * 1024 * 1024;

/// A whole file: a compound with a name, which is mostly empty. The order of the keys is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// The name.
    pub name: String,
    /// What is in it.
    pub tag: Compound,
}

impl Root {
    /// Reads unpacked NBT. It may be anything: announced lengths are not believed, and nesting ends
    /// at 512, where a release build has used less than 256 KB of stack.
    pub fn read(content: &[u8]) -> anyhow::Result<Self> {
        ensure_small(content)?;
        let mut rest = content;
        let (tag, name) = from_binary(&mut rest).context("it is not NBT, or damaged")?;
        Ok(Self { name, tag })
    }

    /// Writes it, unpacked.
    pub fn write(&self) -> anyhow::Result<Vec<u8>> {
        let mut content = Vec::new();
        to_binary(&self.tag, &mut content, &self.name).context("cannot write NBT")?;
        Ok(content)
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// Almost every file that the game writes.
    Gzip,
    /// What some tools write.
    Zlib,
}

impl Packing {
    /// Unpacks a file, as far as it may become large, and says how it was packed.
    pub fn unpack(content: &[u8]) -> anyhow::Result<(Self, Vec<u8>)> {
        let (packing, unpacked) = match content {
            [0x1f, 0x8b, ..] => (Self::Gzip, limited(GzDecoder::new(content))),
            [0x78, ..] => (Self::Zlib, limited(ZlibDecoder::new(content))),
            _ => (Self::Plain, limited(content)),
        };
        let unpacked = unpacked.context("it cannot be unpacked, it is damaged")?;
        ensure_small(&unpacked)?;
        Ok((packing, unpacked))
    }

    /// Packs a file.
    pub fn pack(self, content: &[u8]) -> anyhow::Result<Vec<u8>> {
        let packed = match self {
            Self::Plain => Ok(content.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).and_then(|()| encoder.finish())
            }
            Self::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).and_then(|()| encoder.finish())
            }
        };
        packed.context("cannot pack NBT")
    }
}

/// All of `content`, or one byte more than is allowed.
fn limited(content: impl Read) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    content.take(MAX_SIZE as u64 + 1).read_to_end(&mut all)?;
    Ok(all)
}

fn ensure_small(content: &[u8]) -> anyhow::Result<()> {
    ensure!(content.len() <= MAX_SIZE, "it is larger than {} MB", MAX_SIZE / 1_000_000);
    Ok(())
}

/// The bytes of `tag` without the key `except`, whatever the order of its keys is.
pub fn canonical(tag: &Compound, except: &str) -> anyhow::Result<Vec<u8>> {
    let mut sorted: Vec<(&String, &Value)> = tag.iter().filter(|(key, _)| *key != except).collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    let tag = sorted.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Root { name: String::new(), tag }.write()
}

#[cfg(test)]
mod tests {
    use valence_nbt::{List, compound};

    use super::*;

    #[test]
    fn what_was_read_is_written_as_it_was() {
        let tag = compound! {
            "z" => 1_i8,
            "a" => "\u{0}\u{1f980} \u{df}",
            "empty" => List::Compound(vec![]),
            "none" => List::<String>::End,
            "nan" => f64::NAN,
            "longs" => vec![i64::MIN, 0, 1],
        };
        let content = Root { name: "Level".to_owned(), tag }.write().unwrap();
        assert_eq!(Root::read(&content).unwrap().write().unwrap(), content);
    }

    #[test]
    fn deep_nesting_is_an_error_on_the_stack_of_a_thread() {
        let lists = [&[10, 0, 0, 9, 0, 0][..], &[9, 0, 0, 0, 1].repeat(100_000)].concat();
        let compounds = [&[10, 0, 0][..], &[10, 0, 0].repeat(100_000)].concat();
        let read = move || [lists, compounds].map(|content| Root::read(&content).is_err());
        let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(read).unwrap();
        assert_eq!(thread.join().unwrap(), [true, true]);
    }

    #[test]
    fn announced_lengths_are_not_believed() {
        for kind in [7, 11, 12] {
            let array = [10, 0, 0, kind, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
            assert!(Root::read(&array).is_err());
        }
        for kind in 0..=12 {
            let list = [10, 0, 0, 9, 0, 0, kind, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
            assert!(Root::read(&list).is_err());
        }
    }

    #[test]
    fn what_was_packed_is_unpacked_but_not_without_end() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zlib] {
            let packed = packing.pack(b"\n\0\0\0").unwrap();
            assert_eq!(Packing::unpack(&packed).unwrap(), (packing, b"\n\0\0\0".to_vec()));
            let bomb = packing.pack(&vec![0; MAX_SIZE + 1]).unwrap();
            assert!(Packing::unpack(&bomb).unwrap_err().to_string().contains("larger than"));
        }
    }

    #[test]
    fn the_order_of_keys_has_no_meaning() {
        let one = compound! { "a" => 1_i8, "b" => 2_i8, "icon" => "x" };
        let other = compound! { "b" => 2_i8, "a" => 1_i8 };
        assert_eq!(canonical(&one, "icon").unwrap(), canonical(&other, "icon").unwrap());
        assert_ne!(canonical(&one, "").unwrap(), canonical(&other, "").unwrap());
    }
}
