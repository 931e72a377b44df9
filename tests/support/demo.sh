#!/usr/bin/env bash
# demo.sh PROGRAM: one world on two PCs, with a folder as the cloud. Everything happens in a temporary folder.
set -euo pipefail
program=$(realpath "${1:?usage: demo.sh PROGRAM}")
root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$(bash "$root/tests/support/get-tools.sh" "$root/target/tools")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cd "$stage"
mkdir -p cloud "Desktop PC/minecraft" "Laptop/minecraft"
echo "steve:correct horse battery staple" > token

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# on PC ARGUMENTS...: runs cloud-sync in the instance of that PC, as a launcher's hook does.
on() {
    local pc=$1
    shift
    printf '[%s] $ cloud-sync %s\n' "$pc" "$*"
    (cd "$pc/minecraft" && PATH="$tools:$PATH" CLOUD_SYNC_CACHE_DIR="$stage/cache" CLOUD_SYNC_URL="$stage/cloud" \
        CLOUD_SYNC_TOKEN_FILE="$stage/token" CLOUD_SYNC_MACHINE="$pc" CLOUD_SYNC_NO_GUI=1 "$program" "$@")
}
play() { # play PC TEXT: what an evening leaves behind
    mkdir -p "$1/minecraft/saves/Skylands/region"
    echo "$2" > "$1/minecraft/saves/Skylands/level.dat"
    head -c 2000000 /dev/urandom > "$1/minecraft/saves/Skylands/region/r.0.0.mca"
    echo "fov:0.5" > "$1/minecraft/options.txt"
}

say "An evening on the desktop PC; after the game the launcher pushes"
play "Desktop PC" "day 1: built a hut"
on "Desktop PC" push

say "Later on the laptop; before the game the launcher pulls"
on Laptop pull
cat Laptop/minecraft/saves/Skylands/level.dat
play Laptop "day 2: found diamonds"
on Laptop push

say "Back on the desktop PC"
on "Desktop PC" status
on "Desktop PC" pull
cat "Desktop PC/minecraft/saves/Skylands/level.dat"

say "Both play without the other's version: nothing is overwritten, the player is asked"
play "Desktop PC" "day 3 on the desktop: slew the dragon"
play Laptop "day 3 on the laptop: planted a tree"
on Laptop push
on "Desktop PC" pull || echo "(exit code $?: nobody is here to choose, so nothing was changed)"
on "Desktop PC" pull --on-conflict=keep-local
on "Desktop PC" push
on Laptop pull
cat Laptop/minecraft/saves/Skylands/level.dat

say "The laptop takes the last pull back"
on Laptop undo
cat Laptop/minecraft/saves/Skylands/level.dat
on Laptop undo
echo
diff -r "Desktop PC/minecraft/saves" Laptop/minecraft/saves
echo "Both PCs have the same world, and every version is in the history:"
RESTIC_PASSWORD="correct horse battery staple" RESTIC_CACHE_DIR="$stage/cache" "$tools/restic" -r cloud snapshots --compact
