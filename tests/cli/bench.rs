//! How fast it is. The measuring is done by `make bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::bench::{Bench, Scale};
use crate::support::tools;

#[test]
fn every_case_of_the_benchmark_runs() {
    Bench::run(Scale {
        regions: 3,
        region: 4000,
        small: 30,
        many: 40,
        round_trips: &[0, 1],
        hyperfine: None,
        program: env!("CARGO_BIN_EXE_cloud-sync").into(),
        rustic: None,
    });
}

#[test]
#[ignore = "takes a quarter of an hour; `make bench` runs it"]
fn bench() {
    let program = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let table = Bench::run(Scale {
        regions: 65,
        region: 5 << 20,
        small: 1134,
        many: 100_000,
        round_trips: &[0, 50],
        hyperfine: Some(program("CLOUD_SYNC_BENCH_HYPERFINE").unwrap_or_else(|| "hyperfine".into())),
        program: program("CLOUD_SYNC_BENCH_PROGRAM").expect("the release build"),
        rustic: program("CLOUD_SYNC_BENCH_RUSTIC"),
    });
    let text = format!("{}\n\n{table}", circumstances());
    fs::write(root().join("tests/bench.md"), &text).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    fs::write(root().join("README.md"), format!("{before}{BEGIN}{text}{END}{after}")).unwrap();
}

#[test]
fn the_readme_quotes_what_was_measured() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let measured = fs::read_to_string(root().join("tests/bench.md")).unwrap();
    assert_eq!(quoted(&readme), measured);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const BEGIN: &str = "<!-- tests/bench.md -->\n";
const END: &str = "<!-- end -->";

/// What stands between the two marks in the README.
fn quoted(readme: &str) -> &str {
    readme.split_once(BEGIN).unwrap().1.split_once(END).unwrap().0
}

/// The machine, and the versions.
fn circumstances() -> String {
    let first_line = |program: &Path, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.lines().next()?.split(['(', ')']).next()?.trim().to_owned())
    };
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cores = std::thread::available_parallelism().unwrap();
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = processor.map_or("unknown processor", |(_, name)| name).to_owned();
    let versions = [
        named("CLOUD_SYNC_BENCH_PROGRAM").and_then(|program| first_line(&program, "--version")),
        first_line(&tools::restic(), "version"),
        first_line(&tools::rest_server(), "--version"),
        named("CLOUD_SYNC_BENCH_RUSTIC").and_then(|program| first_line(&program, "--version")),
        first_line(Path::new("curl"), "--version"),
        named("CLOUD_SYNC_BENCH_HYPERFINE").and_then(|program| first_line(&program, "--version")),
    ];
    let versions: Vec<_> = versions.into_iter().flatten().collect();
    format!("Measured on {cores} cores ({processor}), {}: {}.", std::env::consts::OS, versions.join(", "))
}
