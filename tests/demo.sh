#!/bin/bash
# demo.sh: the demonstration runs through, without a terminal, and leaves nothing behind:
# when it ends by itself, and when it is interrupted.
#
#   MESHCHAT_BIN_DIR  programs that are built already
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
readonly MOST=90 # seconds; on an idle machine it takes 20
readonly MARK=DEMO_TEST=$$ # in the environment of all that the demonstration starts
DIR=$(mktemp -d)
FAILED=0

main() {
  trap 'rm -rf "$DIR"' EXIT
  mkdir "$DIR/tmp" "$DIR/tmp2"
  touch "$DIR/out"
  runs_through
  is_interrupted
  [ $FAILED = 0 ] || { echo "demo: $FAILED checks failed"; exit 1; }
  echo "demo: ok"
}

runs_through() {
  local status=0
  env "$MARK" TMPDIR="$DIR/tmp" NO_COLOR=1 timeout "$MOST" scripts/demo.sh >"$DIR/out" 2>&1 </dev/null || status=$?
  check "it ends with 0" [ $status = 0 ]
  check "it has no colours" lacks $'\e'
  check "the break is seen" has 'cleo@roof cannot be reached'
  check "nobody flaps" [ "$(grep -cF 'anna@kitchen cannot be reached' "$DIR/out")" = 1 ]
  check "the return is seen" has 'cleo@roof is back'
  check "messages catch up" has "anna@kitchen: Barn is dark"
  check "the page has an address" has 'The page is at:   http://127.0.0.1:'
  check "it says what comes next" has 'sudo make install'
  [ $FAILED = 0 ] || cat "$DIR/out"
  nothing_is_left "$DIR/tmp"
}

is_interrupted() {
  local demo deadline=$((SECONDS + 30))
  : >"$DIR/out"
  env "$MARK" TMPDIR="$DIR/tmp2" scripts/demo.sh >"$DIR/out" 2>&1 </dev/null &
  demo=$!
  until has '4. They talk'; do
    if [ $SECONDS -ge $deadline ] || ! kill -0 $demo 2>/dev/null; then break; fi
    sleep 0.1
  done
  check "it came so far" has '4. They talk'
  kill -TERM $demo
  wait $demo 2>/dev/null || true
  nothing_is_left "$DIR/tmp2"
}

nothing_is_left() { # DIRECTORY
  check "no process is left" [ -z "$(grep -lzFx "$MARK" /proc/[0-9]*/environ 2>/dev/null || true)" ]
  check "no file is left" rmdir "$1"
}

has() { grep -qF -- "$1" "$DIR/out"; }
lacks() { ! has "$1"; }

check() { # WHAT CONDITION...
  local what=$1
  shift
  "$@" && return
  echo "demo: FAILED: $what"
  FAILED=$((FAILED + 1))
}

main
