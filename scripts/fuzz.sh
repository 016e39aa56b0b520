#!/usr/bin/env bash
# Runs each fuzz target for FUZZ_SECONDS (60), beginning with the golden bytes of the wire.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

SECONDS_EACH=${FUZZ_SECONDS:-60}
TARGETS=(frame message control beacon text node)

if ! rustup toolchain list 2>/dev/null | grep -q nightly; then
  echo "fuzz: a nightly compiler is needed: rustup toolchain install nightly" >&2
  exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "fuzz: cargo-fuzz is needed: cargo install cargo-fuzz --locked" >&2
  exit 1
fi
for target in "${@:-${TARGETS[@]}}"; do
  mkdir -p "corpus/$target"
  echo "== $target: $SECONDS_EACH s"
  cargo +nightly fuzz run --debug-assertions "$target" "corpus/$target" ../crates/proto/tests/golden/v1 -- \
    -max_total_time="$SECONDS_EACH" -max_len=70000 -rss_limit_mb=2048 -print_final_stats=0
done
