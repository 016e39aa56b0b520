#!/bin/bash
# deb-check.sh [ARCH]: builds the packages twice, from scratch, out of two folders with other names
# and other lengths of names, and compares them byte for byte. Takes as long as two builds.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
# Too much for a /tmp in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
ARCH=${1:-$(dpkg --print-architecture)}
readonly ARCH
CACHE=${MESHCHAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshchat}
readonly CACHE
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

main() {
  local file different=0
  scripts/setup.sh deb
  scripts/deb-root.sh make "$ARCH" >/dev/null
  # Both at once: somebody may go on working here meanwhile.
  copy "$WORK/one"
  copy "$WORK/another/with a longer name"
  built_in "$WORK/one" 1 source made
  built_in "$WORK/another/with a longer name" 2 another/place/for-the-source another/place/for-what-is-made
  for file in "$WORK"/out1/*.deb; do
    (cd "$WORK" && sha256sum "out1/${file##*/}" "out2/${file##*/}")
    cmp "$file" "$WORK/out2/${file##*/}" || different=1
  done
  [ $different = 0 ] || { echo "deb-check: the packages differ"; exit 1; }
  echo "deb-check: both builds gave the same bytes"
}

# Of the source, as git knows it.
copy() { # FOLDER
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | { xargs -0 ls -d 2>/dev/null || true; } | tr '\n' '\0' |
    tar -c --null -T - | tar -x -C "$1"
}

# With a folder for cargo's results that is not the usual one; the last two are what that and the
# source are called where the compiler runs. Roots and crates are shared: they are what both are
# built with.
built_in() { # FOLDER NUMBER SOURCE TARGET
  local cache=$WORK/cache$2
  mkdir -p "$cache"
  ln -s "$CACHE/roots" "$cache/roots"
  mkdir -p "$CACHE/cargo"
  ln -s "$CACHE/cargo" "$cache/cargo"
  MESHCHAT_CACHE=$cache MESHCHAT_BUILD_FOLDER=$3 MESHCHAT_TARGET_FOLDER=$4 "$1/scripts/deb.sh" --arch "$ARCH" --out "$WORK/out$2" >"$WORK/log$2" 2>&1 ||
    { cat "$WORK/log$2"; exit 1; }
}

main
