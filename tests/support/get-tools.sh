#!/usr/bin/env bash
# get-tools.sh DIR: puts restic and rest-server, which the tests run, into DIR/bin and prints that folder's name.
# They come from the official releases or, where those are out of reach on Linux, from the distribution's packages; nothing is
# installed. Windows wants Git's bash. For macOS no hash of a rest-server was to be had that could be checked: Go builds it there,
# and holds its source against Go's own database of hashes.
set -euo pipefail
restic=0.19.1 rest_server=0.14.0 oldest_restic=0.18.1 github=https://github.com/restic exe=''
case $(uname -s) in MINGW* | MSYS*) exe=.exe ;; esac
exec 3>&1 1>&2 # stdout is for the answer alone

fail() { echo "get-tools: $*"; exit 1; }

# usable FOLDER: whether both programs run from there, and restic is new enough.
usable() {
    local version
    version=$("$1/restic$exe" version 2>/dev/null | awk '{ print $2 }') && "$1/rest-server$exe" --version >/dev/null 2>&1 &&
        printf '%s\n' "$oldest_restic" "$version" | sort -VC
}

finish() { "$bin/restic$exe" version; echo "$bin" >&3; exit 0; }
keep_and_finish() { mkdir -p "$bin"; mv -f "$tmp"/bin/* "$bin"; finish; }

# fetch URL SHA256 FILE: 1 if out of reach. A wrong hash ends the script: going on to another source would hide that all is not well.
fetch() {
    if command -v curl >/dev/null; then curl -sSL --fail --connect-timeout 5 --max-time 120 -o "$3" "$1" || return 1
    else wget -nv --tries=1 --dns-timeout=5 --connect-timeout=5 --read-timeout=30 -O "$3" "$1" || return 1; fi
    echo "$2  $3" | "${sha256sum[@]}" --check --status || fail "$1 does not have the sha256 it should have, $2"
}

from_releases() {
    local unpack=(bunzip2 -c)
    local restic_file=restic_${restic}_${system}_$arch.bz2
    command -v bunzip2 >/dev/null || unpack=(python3 -c 'import bz2, sys; sys.stdout.buffer.write(bz2.open(sys.argv[1]).read())')
    [ $system != windows ] || { restic_file=${restic_file%.bz2}.zip unpack=(unzip -p); }
    fetch "$github/restic/releases/download/v$restic/$restic_file" "$restic_sha256" "$tmp/$restic_file" &&
        "${unpack[@]}" "$tmp/$restic_file" >"$tmp/bin/restic$exe" && server_from_release &&
        chmod 755 "$tmp/bin/restic$exe" "$tmp/bin/rest-server$exe" # the archives do not mark them executable
}

server_from_release() {
    local server_file=rest-server_${rest_server}_${system}_$arch.tar.gz
    if [ -z "$server_sha256" ]; then
        CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN=$tmp/bin go install "github.com/restic/rest-server/cmd/rest-server@v$rest_server"
        return
    fi
    fetch "$github/rest-server/releases/download/v$rest_server/$server_file" "$server_sha256" "$tmp/$server_file" &&
        tar -xzOf "$tmp/$server_file" --wildcards "*/rest-server$exe" >"$tmp/bin/rest-server$exe"
}

# The archives that this machine's own sources name, in whichever format; apt only prints here. Security archives lack the suites
# wanted, and a third party's archive costs no more than a failed attempt.
mirrors() { apt-get update --print-uris | sed -n "/security/d; s|^'\(.*\)/dists/.*InRelease'.*|\1|p" | awk '!seen[$0]++'; }

# from_packages MIRROR SUITE COMPONENTS KEYRING. With all its state in our folder, apt needs no root and leaves the machine's lists
# alone. Cleared are hooks, which would act on the machine's cache, and what would steer the choice of version: the default release,
# pins and what is installed.
from_packages() {
    local apt=$tmp/apt package
    rm -rf "$apt"; mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"; : >"$apt/status"
    echo "deb [signed-by=$4] $1 $2 $3" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
APT { Update::Error-Mode "any"; Sandbox::User "root"; }; // run by root, apt would else become a user who may not write here
Acquire { Languages "none"; IndexTargets::deb::DEP-11::DefaultEnabled "false"; Retries "1"; http::Timeout "20"; https::Timeout "20"; };
Dir::Etc { SourceList "$apt/sources.list"; SourceParts "/dev/null"; Preferences "/dev/null"; PreferencesParts "/dev/null"; };
Dir::State { Lists "$apt/lists"; status "$apt/status"; };
Dir::Cache "$apt/cache";
END
    (cd "$apt" && apt-get -c apt.conf -qq update && apt-get -c apt.conf -qq download restic restic-rest-server) || return 1
    for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$apt/root" || return 1; done
    install "$apt/root/usr/bin/restic" "$tmp/bin/restic" && install "$apt/root/usr/bin/restic-rest-server" "$tmp/bin/rest-server"
}

[ $# = 1 ] || fail "usage: get-tools.sh DIR"
mkdir -p "$1"; dir=$(realpath "$1"); bin=$dir/bin
if usable "$bin"; then finish; fi
system=linux sha256sum=(sha256sum)
case $(uname -sm) in
    "Linux x86_64") arch=amd64
        restic_sha256=f415415624dcc452f2a02b8c33641791a8c6d6d3b65bbb3543fcf9a25151585c
        server_sha256=4c9c95bc079a0334e81fad379b19dc5c3353c71c2c88d652cafce2081c2b1c66 ;;
    "Linux aarch64") arch=arm64
        restic_sha256=a5f64aaab53d51e311fa3829124c5b703f2d14cf187d8640b6be3b2b49376465
        server_sha256=cef139cbe8b27b16bda731d17f093b0aa466b8c60b136c12d78b6f2bff3daf22 ;;
    "Darwin x86_64") system=darwin arch=amd64 sha256sum=(shasum -a 256) server_sha256=''
        restic_sha256=c38d579622cf602f665234c5a8c315030b6cf70656028fe6dc29a786b60e5f35 ;;
    "Darwin arm64") system=darwin arch=arm64 sha256sum=(shasum -a 256) server_sha256=''
        restic_sha256=7be0a144ccc377880f294204aa271d76e4b79554b42a751151d425ce6ebac143 ;;
    MINGW64_NT*" x86_64" | MSYS_NT*" x86_64") system=windows arch=amd64
        restic_sha256=da948ad707ed690426473aaba2046cd61f8f90f6f0e7dab6be0d5796531de67d
        server_sha256=36d124b7444793e6cf3e097b661875763543476834b7b34f0501b0600da26f42 ;;
    *) fail "only for Linux and macOS on amd64 or arm64, and Windows on amd64; elsewhere put restic $restic and rest-server $rest_server into $bin yourself" ;;
esac
exec 9>"$dir/lock"; if command -v flock >/dev/null; then flock 9; fi # macOS and Git's bash have none: there, call it once at a time
if usable "$bin"; then finish; fi # a run that held the lock before us may have brought them
tmp=$dir/tmp; trap 'rm -rf "$tmp"' EXIT
rm -rf "$tmp"; mkdir -p "$tmp/bin" # the lock is ours, so whatever is there was left by a run that was killed

if from_releases && usable "$tmp/bin"; then keep_and_finish; fi
[ $system = linux ] || fail "the official releases did not give restic $restic and rest-server $rest_server; put them into $bin"
echo "get-tools: no luck with the official releases, trying the distribution's packages"
# shellcheck source=/dev/null
case " $(. /etc/os-release && echo "$ID ${ID_LIKE-}") " in
    *" ubuntu "*) suites=(devel) components="main universe" keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg ;;
    *" debian "*) suites=(forky sid) components=main keyring=/usr/share/keyrings/debian-archive-keyring.gpg ;;
    *) suites=() ;;
esac
for mirror in $(mirrors); do
    for suite in "${suites[@]}"; do
        if from_packages "$mirror" "$suite" "$components" "$keyring" && usable "$tmp/bin"; then keep_and_finish; fi
    done
done
fail "neither the official releases nor this machine's package sources gave restic ($oldest_restic or newer) and rest-server; put them into $bin"
