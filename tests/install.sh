#!/bin/bash
# install.sh: tries `make install`, `make uninstall` and the tarball in temporary folders.
#
#   MESHCHAT_BIN_DIR  programs that are built already; without it those in target/debug
set -euo pipefail
export LC_ALL=C

cd "$(dirname "$(readlink -f "$0")")/.."
BIN=$(readlink -f "${MESHCHAT_BIN_DIR:-target/debug}")
readonly BIN EPOCH=1700000000
FAILED=0 DIR=""

main() {
  [ -x "$BIN/meshchat-pages" ] || { echo "install: skipped: $BIN/meshchat-pages is not built"; exit 0; }
  trap clean EXIT
  # Blanks are allowed where users have them.
  DIR=$(mktemp -d)/"a folder"
  mkdir -p "$DIR/build/release"
  local program
  for program in meshchatd meshchatctl meshchat-gateway; do
    # A tenth of the bytes to copy and to pack.
    strip -o "$DIR/build/release/$program" "$BIN/$program" 2>/dev/null || cp "$BIN/$program" "$DIR/build/release/"
  done
  tells_what_is_missing
  "$BIN/meshchat-pages" "$DIR/build"
  goes_where_it_should
  goes_without_a_trace
  keeps_what_is_yours
  goes_elsewhere
  has_no_rights
  packs
  [ $FAILED = 0 ] || { echo "install: $FAILED checks failed"; exit 1; }
  echo "install: ok, $SECONDS s"
}

tells_what_is_missing() {
  check "without pages it is an error" fails_quietly make_ install DESTDIR="$DIR/none"
  said "it says what to run" "run 'make man' first"
  mv "$DIR/build/release/meshchatctl" "$DIR/away"
  check "without a program it is an error" fails_quietly make_ install DESTDIR="$DIR/none"
  said "it says what to run" "run 'make build' first"
  mv "$DIR/away" "$DIR/build/release/meshchatctl"
  check "a relative DESTDIR is an error" fails_quietly make_ install DESTDIR=none
  check "a PREFIX with a blank is an error" fails_quietly make_ install DESTDIR="$DIR/none" PREFIX="/opt/a b"
  check "nothing was made" [ ! -e "$DIR/none" ]
  make_ uninstall DESTDIR="$DIR/none"
  said "what is not there is not removed" 'Nothing to remove'
}

# As a Debian has it before.
old_root() { # ROOT
  mkdir -p "$1"/usr/local/{bin,share/man,lib} "$1/etc"
}

goes_where_it_should() {
  local root=$DIR/root
  old_root "$root"
  check "it installs" make_ install DESTDIR="$root"
  check "the program runs" "$root/usr/local/bin/meshchatctl" --version >/dev/null
  check "units start it there" grep -qx 'ExecStart=/usr/local/bin/meshchatd' \
    "$root/usr/local/lib/systemd/system/meshchatd.service"
  check "units are for all to read" mode 644 "$root/usr/local/lib/systemd/system/meshchatd.service"
  check "pages are there" [ -s "$root/usr/local/share/man/man1/meshchatctl.1" ]
  check "the shell completes" [ -s "$root/usr/local/share/bash-completion/completions/meshchatctl" ]
  check "links between papers lead on" tests/links.sh "$root/usr/local/share/doc/meshchat"
  check "examples can be run" [ -x "$root/usr/local/share/doc/meshchat/examples/backup-node" ]
  check "there is a configuration" [ -s "$root/etc/meshchat/meshchat.toml" ]
  check "no folder of the build is named" fails_quietly grep -rqF "$DIR" "$root/usr/local/share" "$root/usr/local/lib"
}

goes_without_a_trace() {
  local root=$DIR/root
  # As an older version had it, which this one does not know.
  touch "$root/usr/local/bin/meshchat-old"
  echo /usr/local/bin/meshchat-old >>"$root/usr/local/share/doc/meshchat/installed"
  make_ install DESTDIR="$root"
  check "it uninstalls" make_ uninstall DESTDIR="$root"
  rm -r "$root/etc/meshchat"
  old_root "$DIR/before"
  check "all is as it was, but for the configuration" diff <(paths "$DIR/before") <(paths "$root")
}

keeps_what_is_yours() {
  local root=$DIR/yours
  make_ install DESTDIR="$root"
  echo 'name = "mine"' >"$root/etc/meshchat/meshchat.toml"
  touch "$root/usr/local/share/man/man1/other.1"
  make_ install DESTDIR="$root"
  check "a changed configuration stays" grep -qx 'name = "mine"' "$root/etc/meshchat/meshchat.toml"
  make_ uninstall DESTDIR="$root"
  check "it stays when the programs go" grep -qx 'name = "mine"' "$root/etc/meshchat/meshchat.toml"
  check "a page of others stays" [ -e "$root/usr/local/share/man/man1/other.1" ]
  check "the programs are gone" [ ! -e "$root/usr/local/bin" ]
}

goes_elsewhere() {
  local root=$DIR/elsewhere
  check "it installs to /opt/x" make_ install DESTDIR="$root" PREFIX=/opt/x SYSCONFDIR=/opt/x/etc
  check "units start it there" grep -qx 'ExecStart=/opt/x/bin/meshchatd' "$root/opt/x/lib/systemd/system/meshchatd.service"
  make_ uninstall DESTDIR="$root" PREFIX=/opt/x SYSCONFDIR=/opt/x/etc
  check "only the configuration stays" [ "$(cd "$root" && find . -type f | sort | paste -sd ' ')" = \
    "./opt/x/etc/meshchat/gateway.toml ./opt/x/etc/meshchat/meshchat.toml" ]
}

has_no_rights() {
  if ! as_nobody true; then
    echo "install: without rights: skipped: it needs root, to become somebody else (setpriv --reuid)"
    return
  fi
  mkdir "$DIR/others"
  chmod 755 "$DIR" "$(dirname "$DIR")"
  check "without rights it is an error" fails_quietly as_nobody env DESTDIR="$DIR/others" \
    scripts/install.sh install "$DIR/build/release" "$DIR/build"
  said "it says what helps" 'no right to write to .*/others; try again with sudo'
}

packs() {
  tarball "$DIR/one"
  # Other times of files make no difference.
  find "$DIR/build" -exec touch {} +
  tarball "$DIR/two"
  check "the same programs make the same bytes" cmp "$DIR/one/SHA256SUMS" "$DIR/two/SHA256SUMS"
  check "the sums are right" sums_are_right "$DIR/two"
  mkdir "$DIR/unpacked"
  tar -C "$DIR/unpacked" -xf "$DIR"/two/meshchat-*.tar.xz
  check "all files have one owner and one day" [ -z "$(tar --numeric-owner --utc --full-time -tvf "$DIR"/two/meshchat-*.tar.xz |
    grep -v '^[-dl][-rwx]* 0/0 .* 2023-11-14 22:13:20 ')" ]
  local root=$DIR/tar-root
  # Neither make nor cargo, and from another folder.
  (cd / && env -i PATH=/usr/bin:/bin DESTDIR="$root" "$DIR"/unpacked/meshchat-*/install.sh) >"$DIR/words" 2>&1 || true
  make_ install DESTDIR="$DIR/make-root"
  check "it installs what make install does" diff -r "$DIR/make-root" "$root"
  (cd / && env -i PATH=/usr/bin:/bin DESTDIR="$root" "$DIR"/unpacked/meshchat-*/install.sh uninstall) >"$DIR/words" 2>&1 || true
  check "and uninstalls it" [ "$(cd "$root" && find . -type f | sort | paste -sd ' ')" = \
    "./etc/meshchat/gateway.toml ./etc/meshchat/meshchat.toml" ]
}

tarball() { # OUT
  SOURCE_DATE_EPOCH=$EPOCH XZ_OPT=-0 scripts/tarball.sh "$DIR/build/release" "$DIR/build" "$1" >"$DIR/words" 2>&1 || true
  check "a tarball is made" [ -e "$1/SHA256SUMS" ]
}

sums_are_right() { (cd "$1" && sha256sum --check --quiet SHA256SUMS); }

# ---- checks

make_() { env -u MAKEFLAGS -u MAKELEVEL CARGO_TARGET_DIR="$DIR/build" make --silent "$@" >"$DIR/words" 2>&1; }
paths() { (cd "$1" && find . | sort); }
mode() { [ "$(stat -c %a "$2")" = "$1" ]; }
fails_quietly() { ! "$@"; }
said() { check "$1" grep -q -- "$2" "$DIR/words"; }
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@" >"$DIR/words" 2>&1; }

check() { # WHAT CONDITION...
  local what=$1
  shift
  "$@" && return
  echo "install: FAILED: $what"
  [ ! -s "$DIR/words" ] || sed 's/^/    /' "$DIR/words"
  FAILED=$((FAILED + 1))
}

clean() { [ -z "$DIR" ] || rm -rf "$(dirname "$DIR")"; }

main
