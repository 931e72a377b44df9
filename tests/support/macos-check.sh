#!/usr/bin/env bash
# macos-check.sh: compiles program and tests for macOS as far as that goes without a Mac: all but the linking, which wants Apple's
# SDK. Rust's library for macOS comes by rustup; zig compiles the C code in dependencies, and stays in target/macos-check.
set -euo pipefail
cd "$(dirname "$0")/../.."
targets=(aarch64-apple-darwin x86_64-apple-darwin) zig=$PWD/target/macos-check/zig cargo=cargo-zigbuild

rustup target add "${targets[@]}"
if [ "$(uname -s)" = Darwin ]; then
    cargo=cargo
elif [ ! -x "$zig/bin/cargo-zigbuild" ]; then
    python3 -m venv "$zig"
    "$zig/bin/pip" install --quiet --no-deps --require-hashes --requirement .github/packaging/zig.txt
fi
export PATH=$zig/bin:$PATH CARGO_TARGET_DIR=$PWD/target/macos-check
"$cargo" clippy --locked --target "${targets[0]}" --all-targets -- -D warnings
"$cargo" clippy --locked --target "${targets[0]}" --no-default-features --lib --bins -- -D warnings
"$cargo" check --locked --target "${targets[1]}" --bins
