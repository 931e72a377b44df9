#!/usr/bin/env bash
# windows-test.sh [FILTER...]: builds cloud-sync for Windows and runs its tests under wine, with the real restic.exe and
# rest-server.exe on loopback; then the stories of Windows among Linux (tests/cli/wine.rs).
#
# WINDOWS_ENV names a program that brings a toolchain and wine: `cargo FOLDER ARGUMENTS` builds for Windows, `run` and `gui` run a
# program without and with a screen, `restic` prints where a restic.exe is. Without it, cargo's target x86_64-pc-windows-gnu, wine,
# xvfb-run and both programs in the folder CLOUD_SYNC_TEST_TOOLS must be at hand.
#
# A program takes half a second to start under wine. So without filters these are left out, to save time alone, and
# `windows-test.sh ''` runs them, too: left_out, login, packwiz, provision, scope, scope_command, secrets, settings, speed, world, and
# of the kills all but a tenth (`CLOUD_SYNC_KILL_ROUNDS=50` makes them a hundred). Wine or this harness cannot carry:
#   bench, design, layers    they are about time, and about texts
#   dialogs, window, prompt  a screen or a terminal of Linux; wine.rs has a window under Windows instead
#   network                  a few: no launch waits five seconds for a dead network, which slow starts alone may take; and without a
#                            screen wine opens a window that nobody sees, where Windows has a screen or opens none
#   restic                   one: a restic gets a second to say something, which a slow start alone may take
#   walk                     it looks at processes and the disk as on Linux, and thousands of steps take hours
# Nobody's test shows under wine what it has not: access lists, junctions, network shares, closing consoles, files that cannot be
# read while others lock a part of them. Tests that are marked cfg(unix) or cfg(target_os = "linux") are about what Windows has not:
# links that anyone can make, pipes and sockets, permission bits, signals, names that are no text.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=${WINDOWS_TEST_DIR:-$root/target/windows-test}
mkdir -p "$work"
stories=("$@")
if [ $# = 0 ]; then
    stories=(
        answers:: catch_up:: disk:: during_pull:: files:: game:: history:: instance::
        kill::a_hundred_kills_with_a_server later:: setup:: status:: stories:: undo:: units::
    )
    export CLOUD_SYNC_KILL_ROUNDS=${CLOUD_SYNC_KILL_ROUNDS:-5}
fi

if [ -n "${WINDOWS_ENV:-}" ]; then
    WINDOWS_ENV=$(realpath "$WINDOWS_ENV")
    build=("$WINDOWS_ENV" test "$root") run="$WINDOWS_ENV run" gui="$WINDOWS_ENV gui"
    # A Windows program that was killed while it began can hang, and would keep our stdout open.
    trap '"$WINDOWS_ENV" stop' EXIT
    prefix=${WINCROSS_ROOT:-${TMPDIR:-/tmp}/windows-env}/prefix-cli
    cp -u "$("$WINDOWS_ENV" restic)" "$work/restic.exe"
    bash tests/support/get-windows-server.sh "$work"
else
    build=(cargo test --target x86_64-pc-windows-gnu) run=wine gui="xvfb-run -a wine"
    prefix=${WINEPREFIX:-$HOME/.wine}
    cp -u "$CLOUD_SYNC_TEST_TOOLS"/{restic,rest-server}.exe "$work"
fi

# wine maps / to its drive Z.
windows_path() { printf 'Z:%s' "${1//\//\\}"; }

"${build[@]}" --locked --no-run --message-format=json-render-diagnostics > "$work/built"
programs=$(sed -n 's/.*"executable":"\([^"]*\.exe\)".*/\1/p' "$work/built")
one() { grep -E "$1" <<< "$programs" | tail -1; }

export CLOUD_SYNC_TEST_TOOLS; CLOUD_SYNC_TEST_TOOLS=$(windows_path "$work")
$run "$(one '/deps/cloud_sync-[0-9a-f]+\.exe$')" --test-threads 3
$run "$(one '/deps/main-[0-9a-f]+\.exe$')" --test-threads 3 "${stories[@]}" \
    --skip cli::walk:: --skip cli::design:: --skip cli::layers:: --skip cli::bench::
unset CLOUD_SYNC_TEST_TOOLS

export CLOUD_SYNC_WINE_RUN=$run CLOUD_SYNC_WINE_GUI=$gui CLOUD_SYNC_WINE_PREFIX=$prefix CLOUD_SYNC_WINE_RESTIC=$work/restic.exe
CLOUD_SYNC_WINE_PROGRAM=$(one '/cloud-sync\.exe$'); export CLOUD_SYNC_WINE_PROGRAM
cargo test --locked --test main -- --ignored --test-threads 2 cli::wine::
