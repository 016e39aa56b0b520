#!/bin/bash
# build.sh FOLDER ARCH: the programs to FOLDER/bin, pages and completions to FOLDER/man and
# FOLDER/completions, licences of what is linked in to FOLDER/copyright. debian/rules calls it, with
# dpkg-buildpackage's CFLAGS; crates must have been fetched.
#
# The same source gives the same bytes: no path of this machine and no day of today gets in.
#
#   MESHCHAT_BIN_DIR  programs that are built already: only the rest is made
#   MESHCHAT_PAGES    the same for pages and completions
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
readonly FOLDER=$1 ARCH=$2
readonly PROGRAMS=(meshchatd meshchatctl meshchat-gateway)
CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
export CARGO_HOME

main() {
  local target
  target=$(rust_target)
  mkdir -p "$FOLDER"
  [ -n "${MESHCHAT_BIN_DIR-}" ] || programs "$target"
  [ -n "${MESHCHAT_PAGES-}" ] || pages
  copyright "$target"
}

# A package of programs that are there is for tests, on machines that may have neither cargo nor
# the source of crates.
copyright() { # TARGET
  if packaging/copyright.sh "$1" >"$FOLDER/copyright"; then return; fi
  [ -n "${MESHCHAT_BIN_DIR-}" ] || return 1
  echo "build.sh: this package does not tell the licences of crates: do not publish it" >&2
  cp packaging/debian/copyright "$FOLDER/copyright"
}

rust_target() {
  case $ARCH in
    amd64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    armhf) echo armv7-unknown-linux-gnueabihf ;; # Debian's armhf is ARMv7
    *) echo "build.sh: no Rust target known for $ARCH" >&2; return 1 ;;
  esac
}

# With --target even for this machine's own architecture, so that flags are not those of build
# scripts and macros, which run here.
programs() { # TARGET
  local name gcc map program target=${CARGO_TARGET_DIR:-$PWD/target}
  map="-ffile-prefix-map=$CARGO_HOME/registry=/usr/src/crates -ffile-prefix-map=$target=/usr/src/target"
  name=${1//-/_}
  gcc=${DEB_HOST_GNU_TYPE:-$(dpkg-architecture -a"$ARCH" -qDEB_HOST_GNU_TYPE 2>/dev/null)}-gcc
  env "CC_$name=$gcc" "CARGO_TARGET_${name^^}_LINKER=$gcc" "CFLAGS_$name=${CFLAGS-} ${CPPFLAGS-} $map" \
    RUSTFLAGS="--remap-path-prefix=$PWD=/usr/src/meshchat --remap-path-prefix=$CARGO_HOME/registry/src=/usr/src/crates --remap-path-prefix=$target=/usr/src/target" \
    CFLAGS="" \
    cargo build --release --offline --frozen --target "$1" "${PROGRAMS[@]/#/-p}"
  for program in "${PROGRAMS[@]}"; do
    install -D -t "$FOLDER/bin" "${CARGO_TARGET_DIR:-target}/$1/release/$program"
  done
}

# They come out of a program that runs here, quickly built.
pages() {
  env -u CFLAGS -u CPPFLAGS -u LDFLAGS CARGO_PROFILE_DEV_DEBUG=0 \
    cargo run --quiet --offline --frozen -p meshchat-pages -- "$FOLDER"
}

main
