#!/usr/bin/env bash
# pack.sh VERSION BINARIES OUT: makes an archive of each BINARIES/binary-TARGET/cloud-sync[.exe], and their SHA256SUMS, in OUT.
# The same files make the same archives. Runs on Linux on x86_64, as the completions are what that program prints.
set -euo pipefail
version=$1 binaries=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3") root=$(cd "$(dirname "$0")/../.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
when=$(git -C "$root" log -1 --format=%ct)

mkdir "$stage/completions"
here=$binaries/binary-x86_64-unknown-linux-gnu/cloud-sync
chmod 755 "$here"
"$here" completions bash > "$stage/completions/cloud-sync.bash"
"$here" completions elvish > "$stage/completions/cloud-sync.elv"
"$here" completions fish > "$stage/completions/cloud-sync.fish"
"$here" completions powershell > "$stage/completions/_cloud-sync.ps1"
"$here" completions zsh > "$stage/completions/_cloud-sync"

for target in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-pc-windows-msvc universal-apple-darwin; do
    name=cloud-sync-$version-$target program=cloud-sync
    case $target in *windows*) program=cloud-sync.exe ;; esac
    mkdir "$stage/$name"
    install -m 755 "$binaries/binary-$target/$program" "$stage/$name/$program"
    install -m 644 "$root/README.md" "$root/LICENSE" "$stage/$name"
    cp -r "$stage/completions" "$stage/$name"
    find "$stage/$name" -exec touch --date="@$when" {} +
    case $target in
        *windows*) (cd "$stage" && find "$name" -type f | LC_ALL=C sort | TZ=UTC zip -q -X -@ "$out/$name.zip") ;;
        *) tar -C "$stage" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw -cf - "$name" | gzip -9n > "$out/$name.tar.gz" ;;
    esac
done
cd "$out"
sha256sum cloud-sync-"$version"-*.tar.gz cloud-sync-"$version"-*.zip > SHA256SUMS
cat SHA256SUMS
