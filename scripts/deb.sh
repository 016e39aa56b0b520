#!/bin/bash
# deb.sh: the Debian packages meshchat and meshchat-gateway, in target/deb.
#
#   deb.sh [--arch amd64|arm64|armhf] [--out DIR] [--version V] [--bin-dir DIR] [--cpus N]
#
#   --arch     for which machines; this one's by default
#   --out      where the packages go
#   --version  instead of the one in Cargo.toml, to try upgrades
#   --bin-dir  programs that are built already, meshchat-pages among them: for tests, in seconds
#   --cpus     how many compilers at once; as many as there are processors by default
#
# It builds in a small Debian 12 of its own (deb-root.sh), without Docker, rustup or this machine's
# compiler, as root or as a plain user. The same source gives the same bytes, wherever it lies.
#
#   SOURCE_DATE_EPOCH  the day in the packages; by default that of packaging/debian/changelog
#   MESHCHAT_BUILD_FOLDER, MESHCHAT_TARGET_FOLDER  folders in that Debian, of the source and of what
#                     cargo makes; what they are called must make no difference
#   MESHCHAT_CACHE, MESHCHAT_MIRROR: see deb-root.sh
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
# Too much for a /tmp in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
CACHE=${MESHCHAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshchat}
FOLDER=${MESHCHAT_BUILD_FOLDER:-build}
TARGET=/var/cache/${MESHCHAT_TARGET_FOLDER:-target}
readonly CACHE FOLDER TARGET
ARCH=""
OUT=target/deb
VERSION=""
BIN_DIR=""
CPUS=$(nproc)
readonly USAGE="usage: scripts/deb.sh [--arch amd64|arm64|armhf] [--out DIR] [--version V] [--bin-dir DIR] [--cpus N]"
readonly HOW=(-us -uc -b) # unsigned; only binary packages
WORK="" # for all that goes again
CHILD="" # what runs in the small Debian, or makes it
SIGNAL="" # what ends it

main() {
  options "$@"
  scripts/setup.sh deb
  [ -n "$ARCH" ] || ARCH=$(dpkg --print-architecture)
  case $ARCH in amd64 | arm64 | armhf) ;; *) die "no packages for $ARCH: amd64, arm64 or armhf" ;; esac
  agree
  WORK=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 143' TERM HUP
  trap 'exit 130' INT
  chmod 755 "$WORK"
  prepare "$WORK/meshchat"
  if [ -n "$BIN_DIR" ]; then package; else build; fi
  hand_out
}

options() {
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || die "$USAGE"
    case $1 in
      --arch) ARCH=$2 ;;
      --out) OUT=$2 ;;
      --version) VERSION=$2 ;;
      --bin-dir) BIN_DIR=$(readlink -e "$2") || die "$2 is not there" ;;
      --cpus) CPUS=$2 ;;
      *) die "$USAGE" ;;
    esac
    shift 2
  done
}

# One version, in two places.
agree() {
  local cargo debian
  cargo=$(sed -nE 's/^version = "(.*)"/\1/p' Cargo.toml | head -n 1)
  debian=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
  # 1.0.0-rc.1 is before 1.0.0, which Debian writes 1.0.0~rc.1.
  [ "${cargo/-/\~}" = "$debian" ] ||
    die "Cargo.toml says $cargo, packaging/debian/changelog $debian: add an entry (packaging/README.md)"
}

# All that git knows, as it lies here; without git all but what was built.
prepare() { # FOLDER
  mkdir -p "$1"
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard
  else
    find . \( -path ./target -o -path ./.git \) -prune -o -type f -print0
  fi | existing | LC_ALL=C sort -z | tar -c --null -T - | tar -C "$1" -xm
  chmod -R u=rwX,go=rX "$1"
  cp -r "$1/packaging/debian" "$1/debian"
  [ -z "$VERSION" ] || another_version "$1/debian/changelog"
}

existing() { while IFS= read -rd '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done; }

another_version() { # CHANGELOG
  local before
  before=$(cat "$1")
  {
    printf 'meshchat (%s) UNRELEASED; urgency=medium\n\n  * To try upgrades.\n\n' "$VERSION"
    sed -n '/^ -- /{p;q}' <<<"$before"
    printf '\n%s\n' "$before"
  } >"$1"
}

# In the small Debian: fetch crates with the network, then build without.
build() {
  small_debian
  say "Fetching crates"
  inside cargo fetch --locked --quiet
  say "Building for $ARCH: minutes, more on a small machine"
  inside dpkg-buildpackage "${HOW[@]}" -a"$ARCH"
}

# Programs that are there need no compiler. For another architecture than this machine's the
# small Debian has the tools that look into them.
package() {
  pages "$WORK/pages"
  if [ "$ARCH" = "$(dpkg --print-architecture)" ]; then
    (cd "$WORK/meshchat" && MESHCHAT_BIN_DIR=$BIN_DIR MESHCHAT_PAGES=$WORK/pages \
      DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage "${HOW[@]}" -d)
    return
  fi
  install -D -t "$WORK/bin" "$BIN_DIR"/meshchat{d,ctl,-gateway}
  small_debian
  inside env "MESHCHAT_BIN_DIR=/$FOLDER/bin" "MESHCHAT_PAGES=/$FOLDER/pages" dpkg-buildpackage "${HOW[@]}" -d -a"$ARCH"
}

pages() { # FOLDER
  local day
  mkdir "$1"
  if [ -d "$BIN_DIR/man" ] && [ -d "$BIN_DIR/completions" ]; then
    cp -r "$BIN_DIR/man" "$BIN_DIR/completions" "$1"
    return
  fi
  day=${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp)}
  SOURCE_DATE_EPOCH=$day "$BIN_DIR/meshchat-pages" "$1" ||
    die "$BIN_DIR needs meshchat-pages that runs here, or the folders man and completions"
}

small_debian() {
  scripts/deb-root.sh make "$ARCH" >/dev/null &
  await TERM
}

inside() { # COMMAND...
  mkdir -p "$CACHE/cargo" "$CACHE/target"
  scripts/deb-root.sh run "$ARCH" --bind "$WORK:/$FOLDER" --bind "$CACHE/cargo:/var/cache/cargo" \
    --bind "$CACHE/target:$TARGET" \
    --set CARGO_HOME=/var/cache/cargo --set "CARGO_TARGET_DIR=$TARGET" \
    --set "CARGO_BUILD_JOBS=$CPUS" \
    --set "DEB_BUILD_OPTIONS=nocheck parallel=$CPUS" \
    ${SOURCE_DATE_EPOCH:+--set "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH"} \
    -- env --chdir="/$FOLDER/meshchat" "$@" &
  # A milder signal is not heard there.
  await KILL
}

# Commands run in the background, as signals would have to wait otherwise.
await() { # SIGNAL
  CHILD=$! SIGNAL=$1
  wait $CHILD
  CHILD=""
}

clean_up() {
  [ -z "$CHILD" ] || { kill -s "$SIGNAL" "$CHILD" && wait "$CHILD"; } 2>/dev/null || true
  rm -rf --one-file-system "$WORK"
}

hand_out() {
  local file
  mkdir -p "$OUT"
  cp "$WORK"/meshchat*.deb "$WORK"/meshchat*.{buildinfo,changes} "$OUT"
  for file in "$WORK"/meshchat*.deb; do
    echo "$OUT/$(basename "$file")  $(stat -c %s "$file") bytes"
  done
}

say() { echo "$*" >&2; }
die() { say "deb.sh: $*"; exit 1; }

main "$@"
