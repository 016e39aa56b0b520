#!/bin/bash
# install.sh [install [BIN_DIR PAGES_DIR] | uninstall]: what `make install` and `make uninstall` do.
# In PAGES_DIR are the folders man and completions that `meshchat-pages` makes. Without folders it
# takes those of an unpacked tarball, at whose top this script is found.
#
#   PREFIX      where to (/usr/local)
#   SYSCONFDIR  where the configuration is (/etc)
#   DESTDIR     is put in front of every path, for packagers
#
# Starts, stops and enables nothing. What it made is listed in PREFIX/share/doc/meshchat/installed,
# and `uninstall` removes just that.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
readonly DESTDIR=${DESTDIR-} PREFIX=${PREFIX:-/usr/local} SYSCONFDIR=${SYSCONFDIR:-/etc}
readonly PROGRAMS=(meshchatd meshchatctl meshchat-gateway)
readonly UNITS=(meshchatd.service meshchatd@.service meshchatd.socket meshchatd@.socket
  meshchat-gateway.service)
readonly BIN=$DESTDIR$PREFIX/bin DOC=$DESTDIR$PREFIX/share/doc/meshchat
readonly SHARE=$DESTDIR$PREFIX/share
readonly SYSTEM=$DESTDIR$PREFIX/lib/systemd/system SYSUSERS=$DESTDIR$PREFIX/lib/sysusers.d
readonly CONFIG=$DESTDIR$SYSCONFDIR/meshchat/meshchat.toml
readonly GATEWAY=$DESTDIR$SYSCONFDIR/meshchat/gateway.toml
readonly LIST=$DOC/installed
MADE=() # what is new: paths without DESTDIR, those of folders with a slash at the end

readonly USAGE="usage: scripts/install.sh [install [BIN_DIR PAGES_DIR] | uninstall]"

main() {
  case "${1-install}:$#" in
    install:[01]) places_are_good; do_install bin . ;;
    install:3) places_are_good; do_install "$2" "$3" ;;
    uninstall:1) do_uninstall ;;
    *) echo "$USAGE" >&2; exit 2 ;;
  esac
}

# Units and sed have their own ideas of other characters. DESTDIR may have any.
places_are_good() {
  local place
  for place in "$PREFIX" "$SYSCONFDIR"; do
    [[ $place =~ ^/[A-Za-z0-9/._+-]*[A-Za-z0-9._+-]$ ]] ||
      die "PREFIX and SYSCONFDIR must be full paths of letters, digits and ._+- , not '$place'"
  done
  [[ ${DESTDIR:-/} = /* ]] || die "DESTDIR must be a full path, not '$DESTDIR'"
}

do_install() { # BIN_DIR PAGES_DIR
  local unit file examples=()
  need "$1" "$2"
  may_write
  put 755 "$BIN" "${PROGRAMS[@]/#/$1/}"
  for unit in "${UNITS[@]}"; do
    put_text "$(sed -E "s!(=|file:)/usr/!\\1$PREFIX/!" "systemd/$unit")" "$SYSTEM" "$unit"
  done
  put_text "$(cat systemd/meshchat.sysusers.conf)" "$SYSUSERS" meshchat.conf
  # In the folders of the source, which links between them go by.
  put 644 "$DOC" LICENSE ./*.md
  put 644 "$DOC/docs" docs/*.md
  put 644 "$DOC/docs/images" docs/images/*
  put 644 "$DOC/packaging" packaging/*.md
  put 644 "$DOC/etc" etc/*.toml
  put 644 "$DOC/examples" examples/README.md
  for file in examples/*; do
    [ ! -x "$file" ] || examples+=("$file")
  done
  put 755 "$DOC/examples" "${examples[@]}"
  put_tree "$2/man" "$SHARE/man"
  put_tree "$2/completions" "$SHARE"
  # A configuration that somebody may have changed is left alone.
  [ -e "$CONFIG" ] || install -D -m 644 etc/meshchat.toml "$CONFIG"
  [ -e "$GATEWAY" ] || install -D -m 644 etc/gateway.toml "$GATEWAY"
  write_list
  echo "Installed to $DESTDIR$PREFIX; configuration: $CONFIG"
  [ -n "$DESTDIR" ] || next_steps
}

need() { # BIN_DIR PAGES_DIR
  local program
  for program in "${PROGRAMS[@]}"; do
    [ -x "$1/$program" ] || die "$1/$program is not there; run 'make build' first (as yourself, not as root)"
  done
  [ -d "$2/man" ] || die "$2/man is not there; run 'make man' first (as yourself, not as root)"
  [ -d "$2/completions" ] || die "$2/completions is not there; run 'make man' first"
}

may_write() {
  local place
  for place in "$DESTDIR$PREFIX" "$DESTDIR$SYSCONFDIR"; do
    until [ -e "$place" ]; do place=$(dirname "$place"); done
    [ -w "$place" ] || die "no right to write to $place; try again with sudo, or with another PREFIX and SYSCONFDIR"
  done
}

put() { # MODE FOLDER FILE...
  local mode=$1 folder=$2 file
  shift 2
  folder "$folder"
  install -m "$mode" -t "$folder" "$@"
  for file in "$@"; do MADE+=("${folder#"$DESTDIR"}/${file##*/}"); done
}

put_text() { # TEXT FOLDER NAME
  folder "$2"
  install -m 644 /dev/stdin "$2/$3" <<<"$1"
  MADE+=("${2#"$DESTDIR"}/$3")
}

put_tree() { # FROM TO: every file of FROM, in the same folders
  local part files
  while IFS= read -r part; do
    mapfile -t files < <(find "$1/$part" -maxdepth 1 -type f)
    [ ${#files[@]} = 0 ] || put 644 "$2${part:+/$part}" "${files[@]}"
  done < <(find "$1" -type d -printf '%P\n')
}

# Notes the folders that were not there before: `uninstall` leaves the others.
folder() { # PATH
  [ ! -d "${1:-/}" ] || return 0
  folder "${1%/*}"
  install -d "$1"
  [ "$1" = "$DESTDIR" ] || [[ $DESTDIR = "$1"/* ]] || MADE+=("${1#"$DESTDIR"}/")
}

# What an older version put there is still ours to remove.
write_list() {
  MADE+=("${LIST#"$DESTDIR"}")
  { [ ! -e "$LIST" ] || cat "$LIST"; printf '%s\n' "${MADE[@]}"; } | LC_ALL=C sort -u >"$LIST.new"
  chmod 644 "$LIST.new"
  mv "$LIST.new" "$LIST"
}

next_steps() {
  # systemd looks for units and users in these two only.
  local users="" units="daemon-reload"
  case $PREFIX in
    /usr | /usr/local) ;;
    *) users=" $SYSUSERS/meshchat.conf" units="link $SYSTEM/meshchat*" ;;
  esac
  echo "Run it now as yourself:         ${users:+$BIN/}meshchatd"
  echo "Or make it a system service:    sudo systemd-sysusers$users"
  echo "                                sudo systemctl $units"
  echo "                                sudo systemctl enable --now meshchatd"
  echo "With a web page:                sudo systemctl enable --now meshchat-gateway"
  echo "and give yourself access:       sudo usermod -aG meshchat \$USER   (then log in again)"
}

do_uninstall() {
  local path
  if [ ! -e "$LIST" ]; then
    echo "Nothing to remove: $LIST is not there. (Where was it installed? PREFIX and DESTDIR must be as then.)"
    return
  fi
  [ -w "$DOC" ] || die "no right to write to $DOC; try again with sudo"
  # From the end, so that what is in a folder comes before it.
  while IFS= read -r path; do
    case $path in
      */) rmdir --ignore-fail-on-non-empty "$DESTDIR$path" 2>/dev/null || true ;;
      *) rm -f "$DESTDIR$path" ;;
    esac
  done < <(LC_ALL=C sort -r "$LIST")
  echo "Removed from $DESTDIR$PREFIX. Configuration in $DESTDIR$SYSCONFDIR/meshchat and state in /var/lib/meshchat stay."
  [ -z "$DESTDIR" ] || return 0
  if systemctl --quiet is-active meshchat-gateway 2>/dev/null; then
    echo "The gateway still runs; stop it:   sudo systemctl disable --now meshchat-gateway"
  fi
  if systemctl --quiet is-active meshchatd 2>/dev/null; then
    echo "The service still runs; stop it:   sudo systemctl disable --now meshchatd"
  fi
}

die() { echo "install.sh: $*" >&2; exit 1; }

main "$@"
