#!/bin/bash
# fuzz.sh [TARGET...]: runs each fuzz target for FUZZ_SECONDS (60). `make fuzz` calls it.
#
# Needs a nightly compiler and cargo-fuzz; says so when they are missing.
# What makes a target fail stays in fuzz/artifacts/TARGET; give that file to
# `cargo +nightly fuzz run TARGET FILE` to see it again.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PATH:$HOME/.cargo/bin
SECONDS_EACH=${FUZZ_SECONDS:-60}

main() {
  need
  local targets=("$@") target failed=()
  [ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
  for target in "${targets[@]}"; do
    cargo +nightly fuzz build --sanitizer none "$target"
  done
  for target in "${targets[@]}"; do
    fuzz "$target" || failed+=("$target")
  done
  if [ ${#failed[@]} -gt 0 ]; then
    echo "FAILED: ${failed[*]}; the input is in fuzz/artifacts"
    exit 1
  fi
}

fuzz() { # TARGET
  local corpus=fuzz/corpus/$1
  mkdir -p "$corpus"
  echo "=== $1, $SECONDS_EACH s"
  # The crates forbid unsafe code: what AddressSanitizer finds cannot be there, and without it
  # three times as many inputs are tried.
  cargo +nightly fuzz run --sanitizer none "$1" "$corpus" "$(seeds "$1")" -- \
    -max_total_time="$SECONDS_EACH" -max_len=65536 -rss_limit_mb=2048 -timeout=10 \
    -print_final_stats=1 2>&1 | grep -E 'stat::number|panicked|assert|ERROR|SUMMARY|Test unit' || true
  [ "${PIPESTATUS[0]}" = 0 ]
}

# Where the first inputs come from: the exact bytes of each kind of frame.
seeds() { # TARGET
  case $1 in
    config) echo etc ;;
    node) echo fuzz/seeds/node ;;
    *) echo crates/proto/tests/golden/v1 ;;
  esac
}

need() {
  if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzzing needs a nightly compiler:  rustup toolchain install nightly" >&2
    exit 1
  fi
  if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzzing needs cargo-fuzz:  cargo install cargo-fuzz --locked" >&2
    exit 1
  fi
}

main "$@"
