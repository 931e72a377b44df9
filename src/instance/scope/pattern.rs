//! One scope pattern: a path inside the instance, with `*` and classes inside a name and
//! `**` for any folders between. The part of restic's pattern language on which restic and
//! our own matcher agree to the letter; everything else is refused.
//!
//! `logs/` is the instance's `logs`, `**/logs/` any. What Go's matcher and ours might read differently
//! (`?`, `!`, backslashes, negated classes) is refused, not interpreted.

use globset::{Glob, GlobBuilder};
use thiserror::Error;

/// A valid pattern, without its trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

/// Why a pattern is refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("pattern {pattern:?} {reason}")]
pub struct PatternError {
    pattern: String,
    reason: &'static str,
}

const MAX_LENGTH: usize = 1024;
const MAX_DOUBLE_STARS: usize = 2;

impl Pattern {
    /// Checks `text`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let refuse = |reason| Err(PatternError { pattern: text.chars().take(80).collect(), reason });
        let body = text.strip_prefix("./").unwrap_or(text);
        let mut body = body.strip_suffix('/').unwrap_or(body);
        // For restic `dir/**` is `dir` itself, too.
        while let Some(folder) = body.strip_suffix("/**") {
            body = folder;
        }
        if text.len() > MAX_LENGTH {
            return refuse("is too long");
        }
        if body.is_empty() || body == "." {
            return refuse("names no file or folder");
        }
        if text.starts_with('/') || text.starts_with('~') || text.contains(':') {
            return refuse("must be a path inside the instance, not an absolute one");
        }
        if text.contains('\\') {
            return refuse("has a backslash; folders are separated by /");
        }
        if text.starts_with('!') {
            return refuse("begins with !, which is not supported");
        }
        if text.contains('?') {
            return refuse("has a ?, which is not supported; use *");
        }
        if text.chars().any(char::is_control) {
            return refuse("has a control character");
        }
        let components: Vec<_> = body.split('/').collect();
        for component in &components {
            match *component {
                "" | "." => return refuse("has an empty folder name"),
                ".." => return refuse("must not lead out of the instance with .."),
                "**" => {}
                name if name.contains("**") => return refuse("has ** next to other characters"),
                name if !classes_are_plain(name) => {
                    return refuse("has a [ that is no plain class such as [0-9] or [abc]");
                }
                _ => {}
            }
        }
        if components.iter().filter(|name| **name == "**").count() > MAX_DOUBLE_STARS {
            return refuse("has too many **");
        }
        if components.iter().all(|name| *name == "**") {
            return refuse("names everything");
        }
        if components[0].eq_ignore_ascii_case(".cloud-sync") {
            return refuse("names .cloud-sync, which is never synced");
        }
        Ok(Self(body.to_owned()))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders before the first wildcard, and whether a wildcard follows.
    pub fn literal_prefix(&self) -> (&str, bool) {
        let mut end = 0;
        for component in self.0.split('/') {
            if component.contains(['*', '[']) {
                return (self.0[..end].trim_end_matches('/'), true);
            }
            end += component.len() + 1;
        }
        (&self.0, false)
    }

    /// Our matcher for it.
    pub fn glob(&self) -> Result<Glob, PatternError> {
        let escaped = self.0.replace('{', "\\{").replace('}', "\\}");
        GlobBuilder::new(&escaped)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|_| PatternError { pattern: self.0.clone(), reason: "does not compile" })
    }
}

/// Whether every `[` in `name` opens a class of letters, digits and ranges that reads the
/// same in Go's matcher as in ours.
fn classes_are_plain(name: &str) -> bool {
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let Some(length) = rest[open + 1..].find(']') else { return false };
        let class = &rest.as_bytes()[open + 1..open + 1 + length];
        let mut at = 0;
        while at < class.len() {
            match class[at..] {
                [from, b'-', to, ..] if plain(from) && plain(to) && from <= to => at += 3,
                [one, ..] if plain(one) => at += 1,
                _ => return false,
            }
        }
        if class.is_empty() {
            return false;
        }
        rest = &rest[open + length + 2..];
    }
    true
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_patterns_are_taken_without_their_slash() {
        for (text, kept) in [
            ("saves/", "saves"),
            ("**/logs/", "**/logs"),
            ("**/*.mca", "**/*.mca"),
            ("journeymap/data", "journeymap/data"),
            ("./options.txt", "options.txt"),
            ("region/r.[0-9].mca", "region/r.[0-9].mca"),
            ("backups/**", "backups"),
            ("backups/**/**/", "backups"),
            ("{odd}/name", "{odd}/name"),
        ] {
            assert_eq!(Pattern::parse(text).map(|p| p.0), Ok(kept.to_owned()), "{text}");
        }
    }

    #[test]
    fn hostile_and_ambiguous_patterns_are_refused() {
        for text in [
            "",
            "/",
            ".",
            "./",
            "/etc/passwd",
            "../other",
            "saves/../../x",
            "C:/Users",
            "C:\\Users",
            "~/x",
            "a//b",
            "!saves",
            "a?b",
            "[",
            "a[]b",
            "a[^b]",
            "a[!b]",
            "a[z-a]",
            "a[\\]]",
            "x**",
            "**",
            "**/**",
            "*/**/a/**/b/**/c",
            ".cloud-sync",
            ".Cloud-Sync/undo",
            "a\nb",
            "./../x",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn the_literal_prefix_ends_before_the_first_wildcard() {
        for (text, prefix, wild) in [
            ("journeymap/data", "journeymap/data", false),
            ("local/ftb*", "local", true),
            ("**/x", "", true),
            ("a/b/*/c", "a/b", true),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            assert_eq!(pattern.literal_prefix(), (prefix, wild), "{text}");
        }
    }
}
