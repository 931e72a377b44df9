//! DESIGN.md and README.md against the code.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory as _;
use cloud_sync::Divergence;
use cloud_sync::cli::Cli;
use cloud_sync::model::{Cloud, Here};

const HERE: [Here; 5] = [Here::Empty, Here::Unsynced, Here::Clean, Here::Edited, Here::Lost];
const CLOUD: [Cloud; 3] = [Cloud::Empty, Cloud::Same, Cloud::New];
const DIVERGENCES: [Divergence; 10] = [
    Divergence::Blank,
    Divergence::InSync,
    Divergence::Ahead,
    Divergence::Behind,
    Divergence::FirstLink,
    Divergence::Diverged,
    Divergence::RemoteEmptied,
    Divergence::LocalLost,
    Divergence::SignedOut,
    Divergence::Unknown,
];

pub fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The rows of the table whose heading begins with `heading`, cell by cell.
pub fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let start = text.find(&format!("| {heading} |")).unwrap_or_else(|| panic!("no table {heading}"));
    let rows = text[start..].lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_decision_table_is_the_codes() {
    let design = document("DESIGN.md");
    let code: Vec<Vec<String>> = HERE
        .iter()
        .map(|here| {
            let cells = CLOUD.iter().map(|cloud| format!("{:?}", Divergence::of(*here, *cloud)));
            std::iter::once(format!("{here:?}")).chain(cells).collect()
        })
        .collect();
    assert_eq!(table(&design, "here"), code);
}

#[test]
fn every_source_file_has_its_line() {
    let design = document("DESIGN.md");
    let listed: Vec<_> = table(&design, "file").into_iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    let mut open = vec![root.join("src")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), found);
    assert_eq!(listed.len(), found.len(), "a file is listed twice");
}

#[test]
fn the_readme_names_every_command_flag_variable_and_exit_code() {
    let readme = document("README.md");
    let command = Cli::command();
    let offered = || command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let mut names: Vec<String> = offered().map(|sub| format!("cloud-sync {}", sub.get_name())).collect();
    for sub in std::iter::once(&command).chain(offered()) {
        for argument in sub.get_arguments() {
            names.extend(argument.get_long().map(|long| format!("--{long}")));
            names.extend(argument.get_short().map(|short| format!("`-{short}`")));
            names.extend(argument.get_env().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    for name in ["INST_MC_DIR", "CLOUD_SYNC_RESTIC_MIRROR", "CLOUD_SYNC_CACHE_DIR", "CLOUD_SYNC_PATIENCE"] {
        names.push(name.to_owned());
    }
    for name in names {
        assert!(readme.contains(&name), "README.md does not tell of {name}");
    }
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 130] {
        assert!(readme.contains(&format!("| {code} |")), "README.md does not tell of exit code {code}");
    }
    for divergence in DIVERGENCES {
        let word = serde_json::to_string(&divergence).unwrap();
        assert!(readme.contains(&format!("`{}`", word.trim_matches('"'))), "README.md does not tell of {word}");
    }
}
