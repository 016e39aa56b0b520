#!/bin/bash
# checks.sh CHECK [ARGUMENT...]: one check or step inside the guest, as root.
#
# Ends with 0 and perhaps a line about what it measured; with 77 and why if this machine cannot
# show it; else says what is wrong on standard error. run.sh calls it; the packages lie beside it in old/ and new/.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"
readonly STATE=/var/lib/meshchat CONFIG=/etc/meshchat SOCKET=/run/meshchat/control.sock
readonly NOTES=/root/boot-test # what one check leaves for a later one
readonly POLICY=/usr/sbin/policy-rc.d
PATIENCE=${PATIENCE:-30} # seconds for anything to happen

main() {
  local check=$1
  shift
  mkdir -p "$NOTES"
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
  "check_$check" "$@"
}

# ---- the packages

# As on a system whose administrator lets no package start anything.
check_unpack_quietly() { # VERSION
  files_of_the_system >"$NOTES/files-before"
  printf '#!/bin/sh\nexit 101\n' >$POLICY
  chmod 755 $POLICY
  install_packages "$1"
  rm $POLICY
  ! systemctl -q is-active meshchatd || fail "it was started although policy-rc.d forbids that"
  if [ -e $STATE/key ]; then fail "installing made a key; the first start must do that"; fi
  id _meshchat >"$NOTES/id" || fail "no user _meshchat"
  getent group meshchat >/dev/null || fail "no group meshchat"
  systemctl start meshchatd || fail "it does not start"
  [ -e $STATE/key ] || fail "the first start made no key"
  node_id >"$NOTES/node"
}

check_install() { # VERSION
  install_packages "$1"
  local version
  version=$(dpkg-query -W -f '${Version}' meshchat)
  echo "meshchat $version"
  await "the service after the installation" running
}

check_edit_conffile() {
  echo '# a line of the administrator' >>$CONFIG/meshchat.toml
  mkdir -p $CONFIG/meshchat.d
  printf 'admit = "anyone"\n' >$CONFIG/meshchat.d/local.toml
  sha256sum $CONFIG/meshchat.toml $CONFIG/meshchat.d/local.toml >"$NOTES/config.sums"
  systemctl reload meshchatd || fail "systemctl reload fails"
  await "the new setting" admits_anyone
}

admits_anyone() { [ "$(meshchatctl status --format '{admit}')" = anyone ]; }

check_kept() {
  sha256sum --quiet -c "$NOTES/config.sums" || fail "the configuration was changed"
  [ "$(node_id)" = "$(cat "$NOTES/node")" ] || fail "the node has another key than before"
  await "the peer, named before" linked
}

check_remove() {
  apt-get remove -y -qq meshchat meshchat-gateway </dev/null >"$NOTES/apt" 2>&1 || fail "apt-get failed: $(tail -n 5 "$NOTES/apt")"
  ! systemctl -q is-active meshchatd || fail "the service still runs"
  ! pgrep_any '^/usr/bin/\(meshchatd\|meshchat-gateway\)' || fail "a program still runs"
  [ -e $STATE/key ] || fail "the key is gone"
  [ -e $CONFIG/meshchat.toml ] || fail "the configuration is gone"
  [ ! -e /run/meshchat ] || fail "/run/meshchat is still there: $(ls -A /run/meshchat)"
}

check_purge() {
  # Neither folder is the package's, and nobody who purges it wants them gone.
  mkdir -p /var/lib/meshchatter /etc/meshchatter /home/anna
  touch /var/lib/meshchatter/keep /etc/meshchatter/keep /home/anna/keep
  apt-get purge -y -qq meshchat meshchat-gateway </dev/null >"$NOTES/apt" 2>&1 || fail "apt-get failed: $(tail -n 5 "$NOTES/apt")"
  local path lost
  for path in $STATE /var/lib/meshchat-gateway $CONFIG /run/meshchat /usr/bin/meshchatd; do
    [ ! -e "$path" ] || fail "$path is still there"
  done
  for path in /var/lib/meshchatter/keep /etc/meshchatter/keep /home/anna/keep; do
    [ -e "$path" ] || fail "$path is gone, which is not the package's"
  done
  files_of_the_system >"$NOTES/files-after"
  lost=$(comm -23 "$NOTES/files-before" "$NOTES/files-after")
  [ -z "$lost" ] || fail "files that were there before are gone: $lost"
  lost=$(comm -13 "$NOTES/files-before" "$NOTES/files-after" | grep -i meshchat | grep -v -e meshchatter -e '\.d/meshchatd-' || true)
  [ -z "$lost" ] || fail "files are left: $lost"
}

install_packages() { # VERSION
  # No answer is given to any question, so none may be asked.
  if ! apt-get install -y -qq --allow-downgrades "./$1"/*.deb </dev/null >"$NOTES/apt" 2>&1; then
    cat "$NOTES/apt" >&2
    fail "apt-get failed"
  fi
}

# What an installation may change beside its own files is left out: logs, caches, lists of users.
files_of_the_system() {
  find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /mnt -o -path /var/tmp \
    -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/apt \
    -o -path /var/lib/systemd -o -path "$NOTES" -o -path '/root/boot-test*' \) -prune -o -print |
    grep -v -E '^/(etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc/\.pwd\.lock|home/.*)$' | sort
}

# ---- the service

check_service() {
  await "the service" running
  systemctl -q is-enabled meshchatd || fail "the service is not enabled"
  local text
  text=$(property StatusText)
  [ -n "$text" ] || fail "systemctl status has no text of the node"
  echo "\"$text\""
}

check_ready_time() {
  local started ready boot
  started=$(property ExecMainStartTimestampMonotonic) ready=$(property ActiveEnterTimestampMonotonic)
  boot=$(systemctl show -P UserspaceTimestampMonotonic)
  echo "from start to READY $(((ready - started) / 1000)) ms, $(((ready - boot) / 1000)) ms after systemd began"
}

check_rights() {
  expect_mode /run/meshchat 'meshchat 75[05]'
  expect_mode $SOCKET 'meshchat 660'
  [ "$(stat -c '%U %a' $STATE)" = "_meshchat 700" ] || fail "$STATE: $(stat -c '%U %a' $STATE), not _meshchat 700"
  [ "$(stat -c '%U %a' $STATE/key)" = "_meshchat 600" ] || fail "the key: $(stat -c '%U %a' $STATE/key), not _meshchat 600"
  local wide
  wide=$(find $STATE -perm /077)
  [ -z "$wide" ] || fail "others may touch $wide"
}

expect_mode() { # PATH "GROUP MODE": root or the daemon owns it
  [[ $(stat -c '%U %G %a' "$1") =~ ^(root|_meshchat)\ $2$ ]] || fail "$1: $(stat -c '%U %G %a' "$1"), not root or _meshchat, $2"
}

check_people() {
  useradd --create-home --groups meshchat anna
  useradd --create-home ben
  as anna meshchatctl send 'Here is anna' >/dev/null || fail "a member of the group cannot chat"
  local text code=0
  text=$(as ben meshchatctl send 'Here is ben' 2>&1) || code=$?
  [ $code = 13 ] || fail "somebody who is not in the group: exit code $code, not 13: $text"
  [[ $text == *"usermod -aG meshchat"* ]] || fail "the refusal does not say what to do: $text"
  if as anna meshchatctl disconnect nobody 2>/dev/null; then fail "a plain member may change links"; fi
  if as ben cat $STATE/key 2>/dev/null || as anna ls $STATE 2>/dev/null; then fail "a user can look into $STATE"; fi
}

check_journal() {
  await "a field with the peer in the journal" journal_has_peer
  local fields
  fields=$(journalctl -u meshchatd -o json | grep -o '"MESHCHAT_[A-Z_]*"' | sort -u | tr -d '"' | paste -sd ' ')
  journalctl -q -u meshchatd -p info | grep -q 'is ready' || fail "no line says that it is ready"
  echo "$fields"
}

journal_has_peer() { [ -n "$(journalctl -q -u meshchatd -o cat MESHCHAT_PEER="$(peer_id)" 2>/dev/null)" ]; }

check_security() { # UNIT MOST
  local value
  value=$(systemd-analyze --no-pager security "$1" | sed -nE 's/.*exposure level for .*: ([0-9.]+) .*/\1/p')
  [ -n "$value" ] || fail "systemd-analyze security says nothing"
  awk -v a="$value" -v b="$2" 'BEGIN { exit !(a <= b) }' || fail "$1 has $value, more than $2"
  echo "$value"
}

check_limits() {
  local group path bytes
  [ "$(property MemoryMax)" != infinity ] || fail "no MemoryMax"
  [ "$(property TasksMax)" -le 64 ] || fail "TasksMax is $(property TasksMax)"
  group=$(property ControlGroup)
  for path in /sys/fs/cgroup{,/memory}"$group"/memory.{max,limit_in_bytes}; do
    [ -e "$path" ] || continue
    bytes=$(cat "$path")
    [ "$bytes" = "$(property MemoryMax)" ] || fail "$path says $bytes, not $(property MemoryMax)"
    echo "$bytes bytes; now $(meshchatctl status --format '{process.resident_bytes}') resident"
    return
  done
  # A machine with the old control groups gives a container none of its own.
  [ "$(systemd-detect-virt)" != systemd-nspawn ] || skip "this container has no control group for memory"
  fail "no control group limits its memory"
}

check_seccomp() {
  local status
  status=/proc/$(property MainPID)/status
  grep -q '^Seccomp:	2' "$status" || fail "no system call filter is in effect"
  grep -q '^NoNewPrivs:	1' "$status" || fail "it could gain privileges"
  grep -q '^CapEff:	0*$' "$status" || fail "it has capabilities: $(grep CapEff "$status")"
}

# The unit as it is shipped, but with a shorter time, for those who wait.
check_watchdog() { # SECONDS
  local before began
  mkdir -p /run/systemd/system/meshchatd.service.d
  printf '[Service]\nWatchdogSec=%s\n' "$1" >/run/systemd/system/meshchatd.service.d/boot-test.conf
  systemctl daemon-reload
  systemctl restart meshchatd
  await "the service" running
  before=$(property NRestarts) began=$SECONDS
  kill -STOP "$(property MainPID)"
  await "systemd to notice" restarted_since "$before"
  journalctl -q -u meshchatd -n 30 | grep -qi watchdog || fail "the journal does not speak of the watchdog"
  echo "back after $((SECONDS - began)) s, with a watchdog of $1 s"
  rm -r /run/systemd/system/meshchatd.service.d
  systemctl daemon-reload
  systemctl restart meshchatd
  await "the service" running
}

check_kill() {
  local before began
  before=$(property NRestarts) began=$SECONDS
  kill -KILL "$(property MainPID)"
  await "systemd to start it again" restarted_since "$before"
  [ "$(node_id)" = "$(cat "$NOTES/node")" ] || fail "the node has another key than before"
  await "its peer" linked
  echo "linked again after $((SECONDS - began)) s"
}

restarted_since() { [ "$(property NRestarts)" -gt "$1" ] && running; }

check_gateway() {
  local pid
  systemctl enable -q --now meshchat-gateway
  await "the gateway" systemctl -q is-active meshchat-gateway
  await "the page" page_answers
  pid=$(systemctl show -P MainPID meshchat-gateway)
  local user
  user=$(id -u _meshchat-gateway)
  if nsenter -t "$pid" -m -S "$user" -G "$(getent group meshchat | cut -d: -f3)" -- ls $STATE >/dev/null 2>&1; then
    fail "the gateway can look into $STATE"
  fi
  # Not by its rights alone: as the gateway sees the files, not even root finds a key there.
  if nsenter -t "$pid" -m -- cat $STATE/key >/dev/null 2>&1; then fail "the gateway's sandbox shows it $STATE"; fi
  if [ "$(cat /proc/net/tcp /proc/net/tcp6 | grep -ic ':2120 0*:0000 0A')" != 1 ]; then
    fail "something else than loopback listens on port 8480"
  fi
}

page_answers() {
  (
    exec 3<>/dev/tcp/127.0.0.1/8480
    printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1:8480\r\nConnection: close\r\n\r\n' >&3
    timeout 10 grep -q '<title>meshchat' <&3
  ) 2>/dev/null
}

# ---- with another node

check_connect() { # ADDRESS
  meshchatctl connect "$1" >"$NOTES/connect" 2>&1 || fail "$(cat "$NOTES/connect")"
  await "the link" linked
  peer_id >"$NOTES/peer"
  tail -n 1 "$NOTES/connect"
}

# Somebody who is there all the time, over restarts of the node.
check_anna_is_there() {
  systemd-run -q --unit=anna-tail --uid=anna --gid=anna -p SupplementaryGroups=meshchat \
    -p StandardOutput=journal /usr/bin/meshchatctl tail --no-presence
  await "anna's tail" anna_tails
}

anna_tails() { as anna meshchatctl who --terse | grep -q anna; }

check_say() { as anna meshchatctl send "$*" >/dev/null; }

check_heard() { await "the message" heard "$*"; }

heard() { meshchatctl tail --no-follow -n all | grep -qF "$1"; }

check_boot_number() { cat $STATE/boot; }

check_linked() {
  local began=$SECONDS
  await "a link" linked
  [ "$(peer_id)" = "$(cat "$NOTES/peer")" ] || fail "linked, but with somebody else"
  [ $SECONDS = $began ] || echo "after another $((SECONDS - began)) s"
}

linked() { meshchatctl wait --peers 1 --timeout 1s >/dev/null 2>&1; }
peer_id() { meshchatctl peers --json | sed -nE 's/.*"node":"([a-z0-9]+)".*/\1/p' | head -n 1; }

check_alone() {
  await "the service without a network" running
  meshchatctl status >/dev/null || fail "the node does not answer without a network"
  if linked; then fail "there is a link, so the network was not gone"; fi
  no_failed_units
}

check_after_boot() {
  await "the service" running
  no_failed_units
  [ "$(property NRestarts)" = 0 ] || fail "it needed $(property NRestarts) restarts to come up"
  [ "$(node_id)" = "$(cat "$NOTES/node")" ] || fail "the node has another key than before"
}

no_failed_units() {
  local units
  units=$(systemctl list-units --failed --plain --no-legend 'meshchat*')
  [ -z "$units" ] || fail "failed units: $units"
}

# ---- tools

check_log() { journalctl -q --no-pager -b -u 'meshchat*' -n 25 -o short-monotonic || true; }

running() { systemctl -q is-active meshchatd && meshchatctl status >/dev/null 2>&1; }
property() { systemctl show -P "$1" meshchatd; }
node_id() { meshchatctl status --format '{node}\n'; }
as() { runuser -u "$1" -- "${@:2}"; }

pgrep_any() { # PATTERN
  local exe
  for exe in /proc/[0-9]*/exe; do
    if readlink "$exe" 2>/dev/null | grep -q "$1"; then return 0; fi
  done
  return 1
}

await() { # WHAT CONDITION...
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "waited $PATIENCE s for $what"
    sleep 0.2
  done
}

skip() { echo "$*"; exit 77; }
fail() { echo "$*" >&2; exit 1; }

main "$@"
