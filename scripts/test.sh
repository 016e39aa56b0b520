#!/bin/bash
# test.sh: builds the programs and runs every test. `make test` calls it after setup.
#
# Tests with networks of their own need root. A plain user gets it inside a user
# namespace, where the kernel allows that; otherwise they say "skipped".
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
CARGO=${CARGO:-cargo}
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps ip and nft, outside a plain user's path

main() {
  if [ "${1-}" = inside ]; then
    ip link set lo up
    run_all --offline # crates are here already, the internet is not
    return
  fi
  build
  if [ "$(id -u)" != 0 ] && user_namespace tests/netns.sh check >/dev/null 2>&1; then
    user_namespace "$0" inside
  else
    run_all
  fi
}

build() {
  # One profile, and programs and tests in one go: features that only tests want would otherwise
  # have everything compiled twice.
  "$CARGO" build --workspace --bins --tests --profile test --locked
  if has_nextest; then
    "$CARGO" nextest run --workspace --locked --no-run
  else
    "$CARGO" test --workspace --locked --no-run
  fi
  tests/web/run.sh prepare
}

run_all() { # [--offline]
  local why
  export MESHCHAT_BIN_DIR MESHCHAT_PYTHON
  MESHCHAT_BIN_DIR=$(target_dir)/debug
  MESHCHAT_PYTHON=$(python_with_msgpack)
  if ! why=$(tests/netns.sh check); then
    echo "Tests with networks of their own will say \"skipped\": $why"
  fi
  tests/netns_selftest.sh
  tests/demo.sh
  tests/install.sh
  tests/apt-repo.sh
  tests/boot/run.sh
  tests/web/run.sh
  if has_nextest; then
    "$CARGO" test --workspace --locked --doc --quiet "$@"
    "$CARGO" nextest run --workspace --locked --no-fail-fast "$@"
  else
    "$CARGO" test --workspace --locked --no-fail-fast "$@"
  fi
}

# Root over a machine of its own: its network, its /run, nothing of the real one.
user_namespace() {
  # shellcheck disable=SC2016 # the inner shell expands "$@"
  unshare --user --map-root-user --net --mount -- \
    env -u XDG_RUNTIME_DIR bash -c 'mount -t tmpfs tmpfs /run && "$@"' inside "$@"
}

has_nextest() { "$CARGO" nextest --version >/dev/null 2>&1; }

target_dir() {
  "$CARGO" metadata --format-version 1 --no-deps --offline |
    sed -nE 's/.*"target_directory":"([^"]*)".*/\1/p'
}

# Debian's msgpack belongs to Debian's python, which need not come first in PATH.
python_with_msgpack() {
  local python
  for python in ${MESHCHAT_PYTHON:+"$MESHCHAT_PYTHON"} /usr/bin/python3 python3; do
    if "$python" -c 'import msgpack' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo python3
}

main "$@"
