//! What restic reads: the parts of the ledger, and the lists of what is saved and what is not.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cloud::restic::{as_argument, exclude_line, exclude_path, write_lines, write_names};
use crate::error::Result;
use crate::instance::Instance;
use crate::platform;
use crate::sync::observe::Observation;
use crate::transaction::staging::Staging;

/// Puts the parts of the ledger where restic saves them from. One that is there already stays as it
/// is, so that restic knows it.
pub fn write_parts(instance: &Instance, parts: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let ours = instance.ours();
    for (name, content) in parts {
        let file = ours.join(name);
        if fs::read(&file).is_ok_and(|known| known == *content) {
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        platform::patiently(|| fs::write(&file, content))
            .with_context(|| format!("could not write {}", file.display()))?;
    }
    remove_others(&ours.join("ledger"), "ledger", parts);
    Ok(())
}

/// Removes parts of older ledgers. One that stays makes the snapshot one that nobody takes in.
fn remove_others(folder: &Path, name: &str, parts: &BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_others(&entry.path(), &path, parts);
        } else if !parts.contains_key(&path) {
            let _ = platform::patiently(|| fs::remove_file(entry.path()));
        }
    }
    let _ = fs::remove_dir(folder);
}

/// The lists that restic reads, in the staging folder.
pub struct Lists {
    _staging: Staging,
    /// What to save.
    pub names: PathBuf,
    /// What not to save.
    pub excludes: PathBuf,
    /// What not to save, and no list can say.
    pub arguments: Vec<OsString>,
}

impl Lists {
    /// Writes them.
    pub fn write(instance: &Instance, seen: &Observation) -> Result<Self> {
        let staging = Staging::begin(instance)?;
        let root = instance.root();
        let tree = &seen.local.tree;
        let own = ["ledger.json", "ledger"].iter().filter(|name| instance.own(name).exists());
        let roots: Vec<_> = own.map(|name| format!(".cloud-sync/{name}")).chain(tree.roots.iter().cloned()).collect();
        let names = staging.aside("names");
        write_names(&names, &roots)?;

        let mut lines: Vec<_> = seen.scope.exclude_patterns().map(|pattern| exclude_line(root, pattern)).collect();
        // These come before the list, so that what they exclude in worlds can be kept in spite of them.
        let mut arguments: Vec<_> =
            seen.scope.outside_patterns().map(|pattern| as_argument(&exclude_line(root, pattern))).collect();
        arguments.push([b"!", &as_argument(&exclude_line(root, "saves/**"))[..]].concat());
        let left_out = tree.left_out.iter().map(|left| left.on_disk.as_path());
        for path in left_out.chain(tree.of_pack.iter().map(Path::new)) {
            match exclude_path(root, path) {
                Ok(line) => lines.push(line),
                Err(argument) => arguments.push(argument),
            }
        }
        let excludes = staging.aside("excludes");
        write_lines(&excludes, lines)?;
        let arguments = arguments.into_iter().map(platform::os_string).collect();
        Ok(Self { _staging: staging, names, excludes, arguments })
    }
}
