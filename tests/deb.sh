#!/bin/bash
# deb.sh [DIR]: the Debian packages in DIR are sound, and can be installed, upgraded, removed and
# purged on Debian 12 and 13, without systemd running; the programs run there. What a running
# systemd makes of them is not looked at here.
#
#   DIR               packages for this machine; otherwise they are made of MESHCHAT_BIN_DIR in
#                     seconds, otherwise as `make deb` does
#   MESHCHAT_BIN_DIR  programs that are built already, meshchat-pages among them
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
# Too much for a /tmp in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
WORK=""
FAILED=0

main() {
  local why suite
  if [ "${1-}" = inside ]; then inside; return; fi
  if ! why=$(lacks_nothing); then echo "deb: skipped: $why"; return; fi
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  chmod 755 "$WORK"
  mkdir "$WORK/old" "$WORK/new"
  packages "${1-}"
  newer
  linted
  check "links between documents lead on" links_lead_on
  for suite in bookworm trixie; do
    if ! why=$(fits "$suite"); then echo "on $suite: skipped: $why"; continue; fi
    check "on $suite" scripts/deb-root.sh run "$suite/$(dpkg --print-architecture)" --throwaway --no-net \
      --bind "$WORK:/packages" --bind "$PWD/tests/deb.sh:/test" -- bash /test inside
  done
  done_with "all packages are sound"
}

lacks_nothing() {
  local command
  for command in dpkg-deb dpkg-buildpackage dh mmdebstrap; do
    command -v $command >/dev/null || { echo "$command is not here (scripts/setup.sh deb)"; return 1; }
  done
  local how=(--mount --pid --fork --net)
  [ "$(id -u)" = 0 ] || how+=(--user --map-auto --map-root-user)
  unshare "${how[@]}" true 2>/dev/null || { echo "no rights to namespaces with mounts of their own"; return 1; }
}

packages() { # DIR
  local arch
  arch=$(dpkg --print-architecture)
  if [ -n "$1" ]; then
    cp "$1"/meshchat_*_"$arch".deb "$1"/meshchat-gateway_*_"$arch".deb "$WORK/old"
  else
    scripts/deb.sh --out "$WORK/old" ${MESHCHAT_BIN_DIR:+--bin-dir "$MESHCHAT_BIN_DIR"} >"$WORK/log" 2>&1 ||
      { cat "$WORK/log"; echo "deb: the packages could not be made"; exit 1; }
  fi
  [ "$(find "$WORK/old" -name '*.deb' | wc -l)" = 2 ] || { echo "deb: not one version of both packages"; exit 1; }
}

# Programs of this machine's compiler may want a newer C library than an older Debian has.
fits() { # SUITE
  local has wanted
  case $1 in bookworm) has=2.36 ;; *) has=2.41 ;; esac
  wanted=$(dpkg-deb -f "$WORK"/old/meshchat_*.deb Depends | sed -nE 's/.*libc6 \(>= ([0-9.]+)[^)]*\).*/\1/p')
  if dpkg --compare-versions "${wanted:-0}" gt "$has"; then
    echo "the programs want the C library $wanted, and $1 has $has; scripts/deb.sh without --bin-dir makes packages for both"
    return 1
  fi
}

# The same packages under a higher version, with another default configuration.
newer() {
  local deb version
  for deb in "$WORK"/old/*.deb; do
    version=$(dpkg-deb -f "$deb" Version)
    dpkg-deb -R "$deb" "$WORK/unpacked"
    sed -i -E "s/^Version: .*/&+next/; s/\(= ${version//./\\.}\)/(= $version+next)/" "$WORK/unpacked/DEBIAN/control"
    sed -i '$a# The next version says more.' "$WORK"/unpacked/etc/meshchat/*.toml
    dpkg-deb --root-owner-group -Znone -b "$WORK/unpacked" "$WORK/new/" >/dev/null
    rm -r "$WORK/unpacked"
  done
}

linted() {
  if ! command -v lintian >/dev/null; then echo "lintian: skipped: it is not here"; return; fi
  check "lintian finds neither errors nor warnings" \
    lintian --allow-root --fail-on error,warning "$WORK"/old/*.deb
}

links_lead_on() {
  local dir=$WORK/unpacked
  dpkg-deb -x "$WORK"/old/meshchat_*.deb "$dir"
  tests/links.sh "$dir/usr/share/doc/meshchat" || return
  rm -r "$dir"
}

# --- In there, as root, with nothing but a small Debian.

inside() {
  cd /
  before
  install_them
  [ $FAILED = 0 ] || done_with "installation"
  programs_run
  upgrade
  remove_and_return
  purge
  done_with "$(sed -nE 's/^PRETTY_NAME="(.*)"/\1/p' /etc/os-release)"
}

files() {
  find / -xdev \( -path /packages -o -path /tmp -o -path /proc -o -path /dev -o -path /var/cache -o -path /var/log \
    -o -path /var/lib/dpkg -o -path /var/lib/systemd/deb-systemd-helper-enabled -o -path /test \) -prune -o -print |
    grep -vE '^/(etc/(passwd|group|g?shadow|\.pwd\.lock|subuid|subgid)-?|usr/share/man/man[1-8])$' | LC_ALL=C sort
}

before() { files >/tmp/before; }

install_them() {
  check "they install" quietly dpkg -i /packages/old/*.deb
  check "the users are there" id _meshchat _meshchat-gateway
  check "both are in the group" [ "$(getent group meshchat | cut -d : -f 4)" = _meshchat,_meshchat-gateway ]
  check "nobody can log in as them" [ "$(getent passwd _meshchat _meshchat-gateway | grep -c '/nologin$')" = 2 ]
  check "the services are enabled" systemctl --quiet is-enabled meshchatd.service meshchat-gateway.service
  check "no key was made" [ ! -e /var/lib/meshchat ]
  check "configurations belong to dpkg" conffiles
  check "places for more of it are there" [ -d /etc/meshchat/meshchat.d ]
  check "pages are where man looks" man -w meshchat meshchatd meshchatctl-send meshchat.toml meshchat-gateway
  check "completions are where shells look" ls /usr/share/bash-completion/completions/meshchatctl \
    /usr/share/zsh/vendor-completions/_meshchatctl /usr/share/fish/vendor_completions.d/meshchatctl.fish
  check "licences are told" grep -q '^Files: \*' /usr/share/doc/meshchat/copyright
  check "and those of the gateway" grep -q '^Files: \*' /usr/share/doc/meshchat-gateway/copyright
  check "units are sound" units_are_sound
  check "documents of units are there" documents_are_there
}

conffiles() {
  local file
  for file in meshchat/meshchat.toml meshchat/gateway.toml ufw/applications.d/meshchat ufw/applications.d/meshchat-gateway; do
    # shellcheck disable=SC2016 # dpkg-query expands it
    dpkg-query -W -f '${Conffiles}\n' meshchat meshchat-gateway | grep -q "/etc/$file " || return 1
  done
}

# Keys that an older systemd does not know are passed over by it.
units_are_sound() {
  local said
  said=$(systemd-analyze verify --man=no meshchatd.service meshchat-gateway.service 2>&1 |
    grep -E 'meshchat' | grep -vE 'RestartSteps|RestartMaxDelaySec|Failed to (prepare|connect)') || return 0
  echo "$said"
  return 1
}

documents_are_there() {
  local files
  files=$(sed -nE 's!^Documentation=file:!!p' /lib/systemd/system/meshchat*)
  [ -n "$files" ] && xargs ls <<<"$files"
}

programs_run() {
  local program
  for program in meshchatd meshchatctl meshchat-gateway; do
    check "$program finds its libraries" finds_libraries "$program"
    check "$program explains itself" quietly "$program" --help
  done
  folders
  check "the configuration is right" "${AS_DAEMON[@]}" meshchatd --check
  check "that of the gateway, too" quietly meshchat-gateway --check
  check "the daemon runs" runs
  KEY=$(key)
  check "it has made a key" [ -n "$KEY" ]
}

finds_libraries() { ldd "/usr/bin/$1" >/tmp/ldd && ! grep 'not found' /tmp/ldd; }

# As the unit runs it, whose folders systemd would make.
readonly AS_DAEMON=(setpriv --reuid=_meshchat --regid=meshchat --clear-groups
  env HOME=/ STATE_DIRECTORY=/var/lib/meshchat RUNTIME_DIRECTORY=/run/meshchat)

folders() {
  install -d -o _meshchat -g meshchat -m 750 /run/meshchat
  install -d -o _meshchat -g meshchat -m 700 /var/lib/meshchat
}

runs() {
  local daemon result=0
  folders
  "${AS_DAEMON[@]}" meshchatd --discovery off --mapping off >/tmp/daemon 2>&1 &
  daemon=$!
  wait_for 20 quietly meshchatctl status || result=1
  kill $daemon 2>/dev/null || true
  wait $daemon || result=1
  [ $result = 0 ] || cat /tmp/daemon
  return $result
}

wait_for() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

key() { sha256sum /var/lib/meshchat/*key* 2>/dev/null || true; }

upgrade() {
  echo 'name = "mine"' >>/etc/meshchat/meshchat.toml
  echo 'admit = "configured"' >/etc/meshchat/meshchat.d/mine.toml
  check "they are upgraded" quietly dpkg --force-confdef --force-confold -i /packages/new/*.deb
  check "a changed configuration stays" grep -q '^name = "mine"' /etc/meshchat/meshchat.toml
  check "an unchanged one follows" grep -q 'says more' /etc/meshchat/gateway.toml
  check "the key stays" [ "$(key)" = "$KEY" ]
  check "the daemon runs after it" runs
  check "they go back to the older version" quietly dpkg --force-confdef --force-confold -i /packages/old/*.deb
  check "the daemon runs after that" runs
  check "still the same key" [ "$(key)" = "$KEY" ]
}

remove_and_return() {
  touch /run/meshchat/control.sock /run/meshchat/handover
  install -d -o _meshchat -g meshchat -m 700 /run/meshchat/state-0
  check "they are removed" quietly dpkg -r meshchat-gateway meshchat
  check "state in memory stays after removal, and no more" [ "$(ls -A /run/meshchat)" = state-0 ]
  check "programs are gone" [ ! -e /usr/bin/meshchatd ]
  check "the key stays after removal" [ "$(key)" = "$KEY" ]
  check "the configuration stays after removal" cat /etc/meshchat/meshchat.d/mine.toml /etc/meshchat/meshchat.toml
  check "they return" quietly dpkg -i /packages/old/*.deb
  check "as the same node" [ "$(key)" = "$KEY" ]
  check "with its configuration" grep -q '^name = "mine"' /etc/meshchat/meshchat.toml
}

# One after the other, with files that nobody owns; each leaves to the other what is the other's,
# also where the administrator has removed a configuration.
purge() {
  second_node
  install -d /var/lib/meshchat-gateway
  install -D -m 600 /dev/null /var/lib/meshchat-photos/key
  touch /etc/meshchat/irc.password
  rm /etc/meshchat/meshchat.toml
  check "the gateway is purged" quietly dpkg -P meshchat-gateway
  check "its state is gone" [ ! -e /var/lib/meshchat-gateway ]
  check "the key of the node is not" [ "$(key)" = "$KEY" ]
  check "nor other files" [ -e /etc/meshchat/irc.password ]
  # As on a machine whose state has a partition of its own.
  mount --bind /var/lib/meshchat /var/lib/meshchat
  check "the node is purged" quietly dpkg -P meshchat
  check "what cannot be removed is told" grep -q '/var/lib/meshchat is left' /tmp/said
  check "it is empty" [ -z "$(ls -A /var/lib/meshchat)" ]
  umount /var/lib/meshchat
  rmdir /var/lib/meshchat
  check "folders of others stay" rm -r /var/lib/meshchat-photos/key /var/lib/meshchat-photos
  check "nothing of it is left" nothing_is_left
  check "nothing in memory either" [ -z "$(compgen -G '/run/meshchat*')" ]
}

second_node() {
  install -d -o _meshchat -g meshchat -m 700 /var/lib/meshchat-second /run/meshchat-second/state-0
  install -d -o _meshchat -g meshchat -m 750 /run/meshchat-second
  install -o _meshchat -g meshchat -m 600 /dev/null /var/lib/meshchat-second/key
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -s /lib/systemd/system/meshchatd@.service /etc/systemd/system/multi-user.target.wants/meshchatd@second.service
}

nothing_is_left() {
  files | diff /tmp/before - | grep '^[<>]' && return 1
  return 0
}

quietly() { "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }; }

# ---

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@" >"${WORK:-/tmp}/check" 2>&1; then
    echo "ok: $what"
  else
    echo "FAILED: $what"
    sed 's/^/    /' "${WORK:-/tmp}/check"
    FAILED=$((FAILED + 1))
  fi
}

done_with() { # WHAT
  [ $FAILED = 0 ] || { echo "deb: $FAILED checks failed ($1)"; exit 1; }
  echo "deb: ok ($1)"
}

main "$@"
