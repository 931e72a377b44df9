//! The lists that restic reads, and the escapes that make a name stand for itself in them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{MAIN_SEPARATOR, MAIN_SEPARATOR_STR, Path};

use anyhow::Context as _;

/// A line of an exclude file that matches `pattern` (with wildcards) below the folder `prefix`.
pub fn exclude_line(prefix: &Path, pattern: &str) -> Vec<u8> {
    let mut line = escape(prefix.as_os_str().as_encoded_bytes());
    for component in pattern.split('/') {
        line.extend(MAIN_SEPARATOR_STR.as_bytes());
        line.extend(as_is(component));
    }
    line
}

/// A line of an exclude file that matches the one file at `path` below `prefix`; none if it
/// has a line break, which no list can hold.
pub fn exclude_path(prefix: &Path, path: &Path) -> Result<Vec<u8>, Vec<u8>> {
    let line = escape(prefix.join(path).as_os_str().as_encoded_bytes());
    if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(as_argument(&line));
    }
    Ok(line)
}

/// A line of an exclude file as an argument: outside a list `$` means itself.
pub fn as_argument(line: &[u8]) -> Vec<u8> {
    let mut argument = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        argument.push(byte);
        if byte == b'$' {
            bytes.next_if_eq(&b'$');
        }
    }
    argument
}

/// A line of an include file that matches the one file or folder at `path` of a snapshot;
/// none if it has a line break.
pub fn include_line(path: &str) -> Option<Vec<u8>> {
    let mut line = vec![b'/'];
    line.extend(escape(path.as_bytes()));
    (!path.contains(['\n', '\r'])).then_some(line)
}

/// Makes every byte stand for itself: `$` is expanded in lists and doubled; a wildcard
/// becomes a class of one, since Windows has no escape; a space at the end would be trimmed.
fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(bytes.len() + 8);
    for byte in bytes {
        match byte {
            b'[' | b'*' | b'?' => escaped.extend([b'[', *byte, b']']),
            b'\\' if MAIN_SEPARATOR != '\\' => escaped.extend(*b"\\\\"),
            b'$' => escaped.extend(*b"$$"),
            byte => escaped.push(*byte),
        }
    }
    keep_last_space(escaped)
}

/// A pattern keeps its wildcards.
fn as_is(component: &str) -> Vec<u8> {
    keep_last_space(component.replace('$', "$$").into_bytes())
}

fn keep_last_space(mut line: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8_lossy(&line);
    if let Some(last) = text.chars().next_back().filter(|last| last.is_whitespace()) {
        let mut class = format!("[{last}]").into_bytes();
        line.truncate(line.len() - last.len_utf8());
        line.append(&mut class);
    }
    line
}

/// Writes a list of lines.
pub fn write_lines(file: &Path, lines: impl IntoIterator<Item = Vec<u8>>) -> anyhow::Result<()> {
    write_list(file, lines, b'\n')
}

/// Writes a list of names for `--files-from-raw`.
pub fn write_names<'a>(file: &Path, names: impl IntoIterator<Item = &'a String>) -> anyhow::Result<()> {
    write_list(file, names.into_iter().map(|name| name.as_bytes().to_vec()), 0)
}

fn write_list(file: &Path, items: impl IntoIterator<Item = Vec<u8>>, end: u8) -> anyhow::Result<()> {
    let write = || {
        let mut out = BufWriter::new(File::create(file)?);
        for item in items {
            out.write_all(&item)?;
            out.write_all(&[end])?;
        }
        out.flush()
    };
    write().with_context(|| format!("could not write {}", file.display()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_so_that_they_stand_for_themselves() {
        let line =
            |path: &str| exclude_path(Path::new("/i [x]"), Path::new(path)).map(|l| String::from_utf8(l).unwrap());
        assert_eq!(line("a*b?$HOME\\ "), Ok("/i [[]x]/a[*]b[?]$$HOME\\\\[ ]".to_owned()));
        assert_eq!(line("a$\nb"), Err(b"/i [[]x]/a$\nb".to_vec()));
        assert_eq!(include_line("saves/[1]"), Some(b"/saves/[[]1]".to_vec()));
    }
}
