#!/usr/bin/env bash
# Measures cloud-sync against what a player could run instead, and writes the table into tests/bench.md and the README.
set -euo pipefail
cd "$(dirname "$0")/../.."

tools=$PWD/target/bench-tools
# install PROGRAM PACKAGE VERSION
install() {
    if ! "$tools/bin/$1" --version 2>/dev/null | grep -qF "$3"; then cargo install --quiet --locked --root "$tools" --version "$3" "$2"; fi
}
install hyperfine hyperfine 1.20.0
install rustic rustic-rs 0.11.4 || echo "bench: without rustic, which could not be built here"

cargo build --release --locked
export CLOUD_SYNC_BENCH_PROGRAM=$PWD/target/release/cloud-sync CLOUD_SYNC_BENCH_HYPERFINE=$tools/bin/hyperfine
if [ -x "$tools/bin/rustic" ]; then export CLOUD_SYNC_BENCH_RUSTIC=$tools/bin/rustic; fi
cargo test --locked --test main -- --ignored --exact cli::bench::bench --nocapture
