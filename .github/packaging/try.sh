#!/usr/bin/env bash
# try.sh PROGRAM VERSION: whether PROGRAM starts, is of that VERSION, fetches restic if none is on the PATH, and brings a world
# from one folder to another.
set -euo pipefail
program=$(realpath "$1")
test "$("$program" --version)" = "cloud-sync $2"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cd "$stage"
here=$PWD
if command -v cygpath > /dev/null; then here=$(cygpath --mixed "$PWD"); fi # Windows
mkdir -p cloud desktop/saves/Skylands/region laptop
echo "steve:correct horse battery staple" > token
echo "day 1: built a hut" > desktop/saves/Skylands/level.dat
head -c 2000000 /dev/urandom > desktop/saves/Skylands/region/r.0.0.mca
export CLOUD_SYNC_URL=$here/cloud CLOUD_SYNC_TOKEN_FILE=$here/token CLOUD_SYNC_CACHE_DIR=$here/cache CLOUD_SYNC_NO_GUI=1
"$program" push --pack-folder "$here/desktop" --machine desktop
"$program" pull --pack-folder "$here/laptop" --machine laptop
"$program" status --pack-folder "$here/laptop" --machine laptop
diff -r desktop/saves laptop/saves
