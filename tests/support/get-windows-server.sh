#!/usr/bin/env bash
# get-windows-server.sh DIR: puts rest-server.exe, which the tests run under wine, into DIR. It is built from the distribution's
# own sources, with its own compiler; nothing is installed. Only for Debian.
set -euo pipefail
[ $# = 1 ] || { echo "usage: get-windows-server.sh DIR" >&2; exit 2; }
mkdir -p "$1"; dir=$(realpath "$1")
[ ! -s "$dir/rest-server.exe" ] || exit 0
suite=forky keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# What it is built with, and what it is built of; the packages' own dependencies would bring ten times as much.
packages=(golang-1.27-go golang-1.27-src)
for name in beorn7-perks cespare-xxhash-v2 felixge-httpsnoop gorilla-handlers inconshreveable-mousetrap klauspost-cpuid minio-sha256-simd \
    miolini-datacounter munnerz-goautoneg prometheus-client-golang prometheus-client-model prometheus-common spf13-cobra spf13-pflag; do
    packages+=("golang-github-$name-dev")
done
packages+=(golang-golang-x-crypto-dev golang-golang-x-sys-dev golang-google-protobuf-dev)

mirror=$(apt-get update --print-uris | sed -n "/security/d; s|^'\(.*\)/dists/.*InRelease'.*|\1|p" | head -1)
tmp=$dir/server-build; trap 'rm -rf "$tmp"' EXIT
rm -rf "$tmp"; mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial" "$tmp/root"; : > "$tmp/apt/status"
printf '%s [signed-by=%s] %s %s main\n' deb "$keyring" "$mirror" "$suite" deb-src "$keyring" "$mirror" "$suite" > "$tmp/apt/sources.list"
cat > "$tmp/apt/apt.conf" <<END
APT::Sandbox::User "root";
Acquire { Languages "none"; IndexTargets::deb::DEP-11::DefaultEnabled "false"; Retries "2"; };
Dir::Etc { SourceList "$tmp/apt/sources.list"; SourceParts "/dev/null"; Preferences "/dev/null"; PreferencesParts "/dev/null"; };
Dir::State { Lists "$tmp/apt/lists"; status "$tmp/apt/status"; };
Dir::Cache "$tmp/apt/cache";
END
export APT_CONFIG=$tmp/apt/apt.conf
cd "$tmp/apt"
apt-get -qq update
apt-get -qq source --download-only restic-rest-server
apt-get -qq download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" "$tmp/root"; done
go=$tmp/root/usr/lib/go-1.27 path=$tmp/root/usr/share/gocode
source=$path/src/github.com/restic/rest-server
mkdir -p "$source"; tar -xf restic-rest-server_*.orig.tar.gz -C "$source" --strip-components=1
cd "$source"
env -u APT_CONFIG GOROOT="$go" GOPATH="$path" GO111MODULE=off GOTOOLCHAIN=local GOCACHE="$tmp/cache" GOFLAGS=-trimpath CGO_ENABLED=0 \
    GOOS=windows GOARCH=amd64 "$go/bin/go" build -ldflags "-s -w" -o "$dir/rest-server.exe" ./cmd/rest-server
