//! The files of ours in a snapshot, as `restic dump` gives them: an archive.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::MAIN_SEPARATOR;

use super::error::{ResticError, Result};
use super::process::Line;

/// The most that is read of one snapshot.
const MAX_BYTES: usize = 256 << 20;

/// How many zeros end an archive.
const END: usize = 1024;

/// An archive while it is read.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    is_too_large: bool,
}

impl Archive {
    /// Takes in a piece. An archive has no lines, but its pieces make it up again.
    pub fn take(&mut self, piece: &[u8]) -> Line {
        if self.bytes.len() + piece.len() <= MAX_BYTES {
            self.bytes.extend_from_slice(piece);
        } else {
            self.is_too_large = true;
        }
        Line::Progress
    }

    /// What is in it.
    pub fn finish(self) -> Result<BTreeMap<String, Vec<u8>>> {
        if self.is_too_large {
            return Err(ResticError::Garbage("the snapshot's .cloud-sync is too large".to_owned()));
        }
        // An archive ends so; one that was cut off does not.
        if !self.bytes.ends_with(&[0; END]) {
            return Err(ResticError::Garbage("dump: it ended early".to_owned()));
        }
        unpack(&self.bytes).map_err(|error| ResticError::Garbage(format!("dump: {error}")))
    }
}

/// The regular files of an archive, by their paths below its first folder.
fn unpack(archive: &[u8]) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().replace(MAIN_SEPARATOR, "/");
        if let Some(path) = path.trim_start_matches('/').strip_prefix(".cloud-sync/")
            && entry.header().entry_type().is_file()
        {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(path.to_owned(), content);
        }
    }
    Ok(files)
}
