#!/usr/bin/env bash
# fill.sh VERSION SHA256SUMS OUT: writes the manifests for Scoop, Homebrew and the AUR of that release into OUT.
# GITHUB_REPOSITORY (OWNER/NAME) says where the release is.
set -euo pipefail
version=$1 sums=$2 out=$3
repository=https://github.com/${GITHUB_REPOSITORY:?OWNER/NAME of the repository}
templates=$(cd "$(dirname "$0")" && pwd)

sum() {
    local sum
    sum=$(awk -v name="cloud-sync-$version-$1" '$2 == name { print $1 }' "$sums")
    [[ $sum =~ ^[0-9a-f]{64}$ ]] || { echo "fill: $sums has no sum of cloud-sync-$version-$1" >&2; exit 1; }
    echo "$sum"
}

linux_x86_64=$(sum x86_64-unknown-linux-gnu.tar.gz) linux_aarch64=$(sum aarch64-unknown-linux-gnu.tar.gz)
windows=$(sum x86_64-pc-windows-msvc.zip) macos=$(sum universal-apple-darwin.tar.gz)
mkdir -p "$out"
# An AUR version has no hyphen.
for manifest in cloud-sync.json cloud-sync.rb PKGBUILD; do
    sed -e "s|@REPOSITORY@|$repository|g" -e "s|@VERSION@|$version|g" -e "s|@PKGVER@|${version//-/_}|g" \
        -e "s|@LINUX_X86_64@|$linux_x86_64|g" -e "s|@LINUX_AARCH64@|$linux_aarch64|g" \
        -e "s|@WINDOWS@|$windows|g" -e "s|@MACOS@|$macos|g" "$templates/$manifest.in" > "$out/$manifest"
done
if grep -n '@[A-Z0-9_]*@' "$out"/{cloud-sync.json,cloud-sync.rb,PKGBUILD}; then echo "fill: not filled" >&2; exit 1; fi
