//! The environment that restic runs in.

use std::ffi::OsString;

use crate::env;

/// The part of our environment that a restic for `location` may see.
pub fn inherited(location: &str) -> Vec<(OsString, OsString)> {
    let backend: Vec<&str> = env::BACKEND_PREFIXES
        .iter()
        .filter(|(scheme, _)| location.starts_with(scheme))
        .flat_map(|(_, prefixes)| prefixes.iter().copied())
        .collect();
    std::env::vars_os()
        .filter(|(name, _)| {
            name.to_str().is_some_and(|name| {
                env::PASSED_TO_RESTIC.iter().any(|passed| passed.eq_ignore_ascii_case(name))
                    || backend.iter().any(|prefix| name.starts_with(prefix))
            })
        })
        .collect()
}
