#!/usr/bin/env bash
# macos-check.sh: compiles program and tests for macOS as far as that goes without a Mac: all but the linking.
# Where the Rust in use has no library for macOS and rustup brings none, Debian's Rust builds one from its source; where there is
# no compiler for the C code in dependencies, zig is one. Nothing is installed: all that is fetched goes into target/macos-check.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-aarch64-apple-darwin} dir=$PWD/target/macos-check check=(cargo check) std=()
mkdir -p "$dir"

fail() { echo "macos-check: $*" >&2; exit 1; }
has_library() { compgen -G "$("${RUSTC:-rustc}" --print target-libdir --target "$target")/libstd-*" > /dev/null; }

# What Debian says it needs and this machine lacks, unpacked.
debian_rust() {
    command -v apt-get > /dev/null || fail "this Rust has no library for $target, and this is no Debian to take the source of one from"
    if [ ! -x "$dir/debian/usr/bin/cargo" ]; then
        rm -rf "$dir/debs" "$dir/unpacked" "$dir/debian"
        mkdir -p "$dir/debs/partial" "$dir/unpacked"
        apt-get -qq -o Debug::NoLocking=1 -o Dir::Cache::archives="$dir/debs" -o APT::Sandbox::User=root --no-install-recommends \
            --yes --download-only install rustc-web cargo-web rust-web-src || fail "no rustc-web from Debian; apt-get update may help"
        for package in "$dir"/debs/*.deb; do dpkg-deb -x "$package" "$dir/unpacked"; done
        rm -r "$dir/debs"
        mv "$dir/unpacked" "$dir/debian"
    fi
    export PATH=$dir/debian/usr/bin:$PATH RUSTC=$dir/debian/usr/bin/rustc CARGO=$dir/debian/usr/bin/cargo RUSTC_BOOTSTRAP=1
    LD_LIBRARY_PATH=$(printf '%s:' "$dir"/debian/usr/lib/*-linux-gnu)
    export LD_LIBRARY_PATH
    std=(-Zbuild-std="std,panic_abort,test")
}

if ! has_library; then
    { command -v rustup > /dev/null && timeout 120 rustup target add "$target" && has_library; } || debian_rust
fi
if [ "$(uname -s)" != Darwin ]; then
    if [ ! -x "$dir/zig/bin/cargo-zigbuild" ]; then
        python3 -m venv "$dir/zig"
        "$dir/zig/bin/pip" install --quiet --no-deps --require-hashes --requirement .github/packaging/zig.txt
    fi
    export PATH=$dir/zig/bin:$PATH
    check=(cargo-zigbuild check)
fi
export CARGO_TARGET_DIR=$dir/target
"${check[@]}" --locked ${std[@]+"${std[@]}"} --target "$target" --all-features --all-targets
"${check[@]}" --locked ${std[@]+"${std[@]}"} --target "$target" --no-default-features --lib --bins
