# shellcheck shell=bash
# nspawn.sh, read by run.sh: the machine is a container in which systemd runs as process 1.
#
# It shares the kernel of this machine. Its network is a cable of tests/netns.sh; the node
# beside it sits at the other end. Needs root.

# shellcheck disable=SC2034 # for run.sh
NEIGHBOUR_HOST=10.77.0.2
NSPAWN_NAME="" # of the container, and of its network

machine_check() {
  local why
  # Root of the whole machine, not of a user namespace.
  if [ "$(id -u)" != 0 ] || [ "$(awk '{ print $3 }' /proc/self/uid_map)" != 4294967295 ]; then
    echo "containers of systemd-nspawn need root"
    return 1
  fi
  command -v systemd-nspawn >/dev/null || { echo "systemd-nspawn (package systemd-container) is not installed"; return 1; }
  [ "$ARCH" = "$(dpkg --print-architecture)" ] || { echo "a container runs programs of this machine's architecture only"; return 1; }
  if ! why=$("$HERE/../netns.sh" check); then
    echo "$why"
    return 1
  fi
}

machine_make() {
  NSPAWN_NAME=boot$$
  cp -a --reflink=auto "$IMAGE/root" "$DIR/root"
  netns lan b 2 >/dev/null
}

# The address of the cable stays as it is; where there is no network to manage, nobody need do so.
machine_start() {
  nspawn_boots >"$DIR/console.log" 2>&1 </dev/null &
  MACHINE_PID=$!
}

# systemd-nspawn ends with 133 when the system in it wants to boot again.
nspawn_boots() {
  local status child=""
  trap 'kill -9 $(pgrep -P "$child") "$child" 2>/dev/null || true; exit 1' TERM
  while :; do
    status=0
    systemd-nspawn --quiet --directory="$DIR/root" --machine="$NSPAWN_NAME" --boot --register=no --keep-unit \
      --network-namespace-path="/run/netns/${NSPAWN_NAME}_b1" --bind-ro="$DIR/share:/mnt" \
      --console=pipe --link-journal=no systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket &
    child=$!
    echo $child >"$DIR/nspawn.pid"
    wait $child || status=$?
    [ $status = 133 ] || break
  done
}

machine_wait() { # SECONDS [OTHER]
  local deadline=$((SECONDS + $1)) id host
  host=$(cat /proc/sys/kernel/random/boot_id)
  while [ $SECONDS -lt $deadline ]; do
    kill -0 "$MACHINE_PID" 2>/dev/null || return 1
    id=$(machine_run 5 cat /proc/sys/kernel/random/boot_id 2>/dev/null) || id=""
    # Before it has its own /proc, it shows that of this machine.
    if [ -n "$id" ] && [ "$id" != "${2-}" ] && [ "$id" != "$host" ] && machine_run 5 test -S /run/systemd/private; then
      echo "$id"
      return
    fi
    sleep 0.1
  done
  return 124
}

machine_run() { # SECONDS COMMAND...
  local leader
  leader=$(nspawn_leader) || return 1
  timeout "$1" nsenter --target "$leader" --all --wdns=/ -- /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "${@:2}"
}

# Process 1 of the container.
nspawn_leader() { pgrep -P "$(cat "$DIR/nspawn.pid")" | head -n 1 | grep .; }

machine_cut() {
  # Process 1 gone, all others of the container go with it.
  kill "$MACHINE_PID" 2>/dev/null || true
  wait "$MACHINE_PID" 2>/dev/null || true
  MACHINE_PID=""
}

machine_cable() { # on|off
  if [ "$1" = on ]; then netns heal b1; else netns cut b1; fi
}

machine_clean() {
  [ -z "${MACHINE_PID-}" ] || machine_cut
  [ -z "$NSPAWN_NAME" ] || netns clean
}

machine_log() { tail -n 15 "$DIR/console.log" 2>/dev/null | cut -c 1-200 || true; }

beside() { netns exec b2 "$@"; }
beside_address() { echo 10.77.0.2:0; }

netns() { MESHNET_PREFIX=$NSPAWN_NAME "$HERE/../netns.sh" "$@"; }
