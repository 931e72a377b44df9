//! What a version of a world says nothing about.

use std::collections::BTreeSet;

use crate::instance::digest::digest_of_hashes;
use crate::instance::scope::Scope;
use crate::model::{Digest, Exempt, Hash, Unit, Version};

/// The files that a version has a say in.
pub struct Told {
    /// None where it was saved under the built-in scope, or under one that cannot be read here.
    scope: Option<Scope>,
    paths: BTreeSet<String>,
}

impl Told {
    /// The files that a version with this has a say in.
    pub fn of(exempt: &Exempt) -> Self {
        let is_built_in = exempt.include.is_empty() && exempt.exclude.is_empty();
        let include: Vec<_> = exempt.include.iter().map(String::as_str).collect();
        let exclude: Vec<_> = exempt.exclude.iter().map(String::as_str).collect();
        let scope = (!is_built_in).then(|| Scope::new(&include, &exclude).ok()).flatten();
        Self { scope, paths: exempt.paths.clone() }
    }

    /// Whether it has a say in the file at `path`.
    pub fn of_path(&self, path: &str) -> bool {
        !self.paths.contains(path) && self.scope.as_ref().is_none_or(|scope| scope.contains(path))
    }
}

/// Whether these files, by their paths and in order, are what `version` of `unit` contains. Files that
/// it says nothing about may be among them: a PC that has them saves them with it.
pub fn is_content_of(unit: &Unit, version: &Version, files: &[(&str, Hash)]) -> bool {
    if !matches!(version.digest, Digest::Content(_)) {
        return false;
    }
    let is_it = |files: &mut dyn Iterator<Item = (&str, Hash)>| digest_of_hashes(unit, files) == Some(version.digest);
    is_it(&mut files.iter().copied())
        || version
            .exempt()
            .map(Told::of)
            .is_some_and(|told| is_it(&mut files.iter().copied().filter(|(path, _)| told.of_path(path))))
}
