//! Which restic a program is, if it is one at all.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::error::{ResticError, Result};
use super::process::{self, Health, Line, Patience, Waits};
use super::surroundings::inherited;

/// A program that says nothing for so long is no restic.
const A_WHILE: Duration = Duration::from_secs(8);

/// The version of a restic program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64, pub u64, pub u64);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The version of the program at `exe`, which need not be restic at all.
pub fn version(exe: &Path) -> Result<Version> {
    let mut command = Command::new(exe);
    command.args(["version", "--json"]).env_clear().envs(inherited("").iter().map(|(name, value)| (name, value)));
    let mut found = None;
    let waits = Waits { stall: A_WHILE, outage: A_WHILE };
    let patience = Patience { health: &|| Health::Answers, waits };
    let ended = process::run(command, &patience, &mut |line| {
        let text = String::from_utf8_lossy(line);
        found = found.or_else(|| parse_version(&text));
        Line::Unknown
    });
    match ended {
        Err(ResticError::Unreachable(_)) => Err(ResticError::Garbage("it does not answer `version`".to_owned())),
        Err(error) => Err(error),
        Ok(_) => found.ok_or_else(|| ResticError::Garbage("it does not tell its version".to_owned())),
    }
}

/// The version in restic's JSON, or in the plain line of older ones.
fn parse_version(text: &str) -> Option<Version> {
    #[derive(Deserialize)]
    struct Json {
        version: String,
    }
    let plain = || text.strip_prefix("restic ")?.split(' ').next().map(str::to_owned);
    let number = serde_json::from_str::<Json>(text).ok().map(|json| json.version).or_else(plain)?;
    let mut parts = number.split('-').next()?.split('.').map(|part| part.parse().ok());
    Some(Version(parts.next()??, parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_both_forms() {
        for (text, version) in [
            (r#"{"message_type":"version","version":"0.19.1","go_version":"go1.26.4"}"#, Some(Version(0, 19, 1))),
            ("restic 0.14.0 compiled with go1.19.8 on linux/amd64", Some(Version(0, 14, 0))),
            ("restic 0.19.1-dev (compiled manually) compiled with go", Some(Version(0, 19, 1))),
            ("hello", None),
            ("restic x.y", None),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }
}
