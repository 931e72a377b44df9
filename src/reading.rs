//! Reading files that may not be there, or may not be what they should.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;

/// The largest file of ours that is read.
const MAX_OWN: u64 = 1 << 30;

/// What `file` contains; none where there is no file.
pub fn read_if_there(file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match read_at_most(file, MAX_OWN) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        content => content.map(Some).with_context(|| format!("could not read {}", file.display())),
    }
}

/// Whether this user may not read `file`.
pub fn is_forbidden(file: &Path) -> bool {
    File::open(file).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// What `file` contains, if it is a regular file of at most so many bytes.
pub fn read_at_most(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for someone to write into it, and a device may have no end.
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let mut content = Vec::new();
    File::open(file)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {} MB", most / 1_000_000)));
    }
    Ok(content)
}
