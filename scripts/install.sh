#!/bin/bash
# install.sh install BIN_DIR PAGES_DIR | uninstall: what `make install` and `make uninstall` do.
# In PAGES_DIR are the folders man and completions that `meshchat-pages` makes.
#
# DESTDIR is put in front of every path, for packagers. Starts, stops and enables nothing.
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

readonly USAGE="usage: scripts/install.sh install BIN_DIR PAGES_DIR | uninstall"

main() {
  case ${1-} in
    install) do_install "${2:?$USAGE}" "${3:?$USAGE}" ;;
    uninstall) do_uninstall ;;
    *) echo "$USAGE" >&2; exit 2 ;;
  esac
}

do_install() { # BIN_DIR PAGES_DIR
  local program unit
  install -d "$BIN" "$DOC" "$SYSTEM" "$SYSUSERS" "$(dirname "$CONFIG")"
  for program in "${PROGRAMS[@]}"; do install -m 755 "$1/$program" "$BIN"; done
  for unit in "${UNITS[@]}"; do
    sed -E "s!(=|file:)/usr/!\\1$PREFIX/!" "systemd/$unit" >"$SYSTEM/$unit"
    chmod 644 "$SYSTEM/$unit"
  done
  install -m 644 systemd/meshchat.sysusers.conf "$SYSUSERS/meshchat.conf"
  install -m 644 LICENSE README.md CHANGELOG.md docs/*.md "$DOC"
  install -d "$DOC/examples"
  find examples -type f -perm -u+x -exec install -m 755 -t "$DOC/examples" {} +
  install -m 644 examples/README.md "$DOC/examples"
  copy "$2/man" "$SHARE/man"
  copy "$2/completions" "$SHARE"
  # A configuration that somebody may have changed is left alone.
  [ -e "$CONFIG" ] || install -m 644 etc/meshchat.toml "$CONFIG"
  [ -e "$GATEWAY" ] || install -m 644 etc/gateway.toml "$GATEWAY"
  echo "Installed to $DESTDIR$PREFIX; configuration: $CONFIG"
  [ -n "$DESTDIR" ] || next_steps
}

copy() { # FROM TO: every file of FROM, in the same folders
  local file
  (cd "$1" && find . -type f) | while read -r file; do install -D -m 644 "$1/$file" "$2/$file"; done
}

next_steps() {
  echo "Run it now as yourself:         meshchatd"
  echo "Or make it a system service:    sudo systemd-sysusers"
  echo "                                sudo systemctl daemon-reload"
  echo "                                sudo systemctl enable --now meshchatd"
  echo "With a web page:                sudo systemctl enable --now meshchat-gateway"
  echo "and give yourself access:       sudo usermod -aG meshchat \$USER   (then log in again)"
}

do_uninstall() {
  local program unit
  for program in "${PROGRAMS[@]}"; do rm -f "$BIN/$program"; done
  for unit in "${UNITS[@]}"; do rm -f "$SYSTEM/$unit"; done
  rm -f "$SYSUSERS/meshchat.conf"
  rm -f "$SHARE"/man/man1/meshchatctl{,-*}.1 "$SHARE"/man/man[578]/meshchat{,d,-gateway}{,.toml}.[578]
  rm -f "$SHARE/bash-completion/completions/meshchatctl" "$SHARE/zsh/site-functions/_meshchatctl" \
    "$SHARE/fish/vendor_completions.d/meshchatctl.fish"
  rm -rf "$DOC"
  echo "Removed from $DESTDIR$PREFIX. Configuration in $DESTDIR$SYSCONFDIR/meshchat and state in /var/lib/meshchat stay."
  [ -z "$DESTDIR" ] || return 0
  if systemctl --quiet is-active meshchat-gateway 2>/dev/null; then
    echo "The gateway still runs; stop it:   sudo systemctl disable --now meshchat-gateway"
  fi
  if systemctl --quiet is-active meshchatd 2>/dev/null; then
    echo "The service still runs; stop it:   sudo systemctl disable --now meshchatd"
  fi
}

main "$@"
