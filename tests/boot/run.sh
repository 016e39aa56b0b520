#!/bin/bash
# run.sh [ARCH]: the packages on a fresh Debian that boots, with systemd, from the first
# installation over reboots, power cuts and upgrades to purge; and a node there and one here talk.
#
# Without ARCH, for this machine's: a virtual machine where the processor helps, else a container
# of systemd-nspawn (root), with the programs of the tests; "skipped" where neither works.
# With the name of another architecture (arm64, armhf): a virtual machine in software, slowly.
#
#   MESHCHAT_BIN_DIR        programs for this machine; target/debug if not set
#   MESHCHAT_BOOT_PACKAGES  a folder with the packages to be tested, instead of making them
#   MESHCHAT_BOOT_PREVIOUS  one with those of the version before; by default the same programs
#                           under a lower version number
#   MESHCHAT_BOOT_RELEASE   Debian's release; by default 13 (trixie), or for the own
#                           architecture the one that runs here
#   MESHCHAT_BOOT_MACHINE   qemu or nspawn, instead of what seems best
#   MESHCHAT_CACHE, MESHCHAT_MIRROR  where images are kept, and come from: see image.sh
set -euo pipefail

HERE=$(dirname "$(readlink -f "$0")")
cd "$HERE/../.."
OWN_ARCH=$(dpkg --print-architecture 2>/dev/null) || OWN_ARCH=unknown
readonly HERE OWN_ARCH ARCH=${1:-$OWN_ARCH}
readonly EXPOSURE=1.5 # at most this, in the scale of systemd-analyze security
readonly PREVIOUS=0.0.1
PATH=$PATH:/usr/sbin:/sbin
# Too much for a /tmp in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
# shellcheck disable=SC2034 # used by qemu.sh and nspawn.sh
DIR="" IMAGE="" MACHINE_PID="" NEIGHBOUR_PID="" EVENTS_PID="" CHILD_PID=""
BOOT="" FAILED=0 PASSED=0

main() {
  local machine
  machine=$(choose_machine)
  # shellcheck source=/dev/null # one of the two beside this file
  . "$HERE/$machine.sh"
  set_patience "$machine"
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  prepare
  machine_make
  start_neighbour
  first_boot
  first_installation
  upgrade
  the_service
  with_the_neighbour
  when_it_dies
  reboot
  power_cut_and_no_network
  downgrade_and_back
  the_gateway
  remove_and_purge
  finish
}

# ---- what is needed

choose_machine() {
  local machine why
  case ${MESHCHAT_BOOT_MACHINE-} in
    qemu | nspawn) echo "$MESHCHAT_BOOT_MACHINE"; return ;;
  esac
  [ "$ARCH" = "$OWN_ARCH" ] || { echo qemu; return; }
  for machine in qemu nspawn; do
    # shellcheck source=/dev/null
    if (. "$HERE/$machine.sh"; { [ $machine != qemu ] || [ "$(accelerator)" = kvm ]; } && machine_check >/dev/null); then
      echo $machine
      return
    fi
  done
  echo nspawn # says what it lacks
}

# All time limits are multiples of this; in software a processor is twenty times slower.
set_patience() { # MACHINE
  PATIENCE=30
  if [ "$1" = qemu ] && [ "$(accelerator)" = tcg ]; then PATIENCE=240; fi
  echo "== $ARCH in $1$([ $PATIENCE = 30 ] || echo ", in software")"
}

prepare() {
  local why tool
  [ "$OWN_ARCH" != unknown ] || skip "this is no Debian"
  why=$(machine_check) || skip "$why"
  for tool in dpkg-buildpackage dh; do
    command -v $tool >/dev/null || skip "$tool is not installed (scripts/setup.sh boot)"
  done
  RELEASE=$(release)
  DIR=$(mktemp -d "$TMPDIR/meshchat-boot.XXXXXX")
  image
  mkdir -p "$DIR/share/new" "$DIR/share/old"
  cp "$HERE/checks.sh" "$DIR/share"
  touch "$DIR/empty.toml"
  programs
  packages
}

# Sets IMAGE, and holds it while this runs.
image() {
  local status=0
  beside_us "$HERE/image.sh" "$ARCH" "$RELEASE" >"$DIR/image" || status=$?
  case $status in
    0) ;;
    77) skip "there is no image of Debian $RELEASE, and none can be made (see above)" ;;
    *) die "the image of Debian $RELEASE could not be made" ;;
  esac
  # shellcheck disable=SC2034
  IMAGE=$(cat "$DIR/image")
  exec 8<"$IMAGE"
  flock --shared 8
}

# What takes long runs in the background, as signals would have to wait otherwise.
beside_us() { # COMMAND...
  local status=0
  "$@" &
  CHILD_PID=$!
  wait "$CHILD_PID" || status=$?
  CHILD_PID=""
  return $status
}

# The programs of the tests want the C library that they were built with, or a newer one.
release() {
  local id="" name=""
  [ -z "${MESHCHAT_BOOT_RELEASE-}" ] || { echo "$MESHCHAT_BOOT_RELEASE"; return; }
  [ "$ARCH" = "$OWN_ARCH" ] || { echo trixie; return; }
  # shellcheck disable=SC1091
  id=$(. /etc/os-release; echo "$ID") name=$(. /etc/os-release; echo "${VERSION_CODENAME-}")
  [ "$id" = debian ] && [ -n "$name" ] || name=trixie
  echo "$name"
}

programs() {
  [ -n "${MESHCHAT_BIN_DIR-}" ] || {
    "${CARGO:-cargo}" build --quiet --workspace --bins --profile test --locked
    MESHCHAT_BIN_DIR=$("${CARGO:-cargo}" metadata --format-version 1 --no-deps --offline |
      sed -nE 's/.*"target_directory":"([^"]*)".*/\1/p')/debug
  }
  MESHCHAT_BIN_DIR=$(readlink -e "$MESHCHAT_BIN_DIR")
}

packages() {
  local how=()
  if [ -n "${MESHCHAT_BOOT_PACKAGES-}" ]; then
    cp "$MESHCHAT_BOOT_PACKAGES"/*_"$ARCH.deb" "$DIR/share/new"
  else
    [ "$ARCH" != "$OWN_ARCH" ] || how=(--bin-dir "$MESHCHAT_BIN_DIR")
    scripts/setup.sh deb || skip "what makes packages is not all here (scripts/setup.sh deb)"
    beside_us scripts/deb.sh --arch "$ARCH" "${how[@]}" --out "$DIR/deb" >"$DIR/deb.log" 2>&1 || {
      tail -n 20 "$DIR/deb.log" >&2
      die "the packages could not be made"
    }
    mv "$DIR"/deb/*.deb "$DIR/share/new"
  fi
  if [ -n "${MESHCHAT_BOOT_PREVIOUS-}" ]; then
    cp "$MESHCHAT_BOOT_PREVIOUS"/*_"$ARCH.deb" "$DIR/share/old"
  else
    previous_version
  fi
}

# There is no release yet to upgrade from: the same files, called older.
previous_version() {
  local file tree=$DIR/old
  for file in "$DIR"/share/new/*.deb; do
    dpkg-deb -R "$file" "$tree"
    sed -i -E "s/^Version: .*/Version: $PREVIOUS/; s/\(= [^)]*\)/(= $PREVIOUS)/" "$tree/DEBIAN/control"
    dpkg-deb --root-owner-group -Zgzip -b "$tree" "$DIR/share/old/$(basename "$file")" >/dev/null
    rm -rf "$tree"
  done
}

# ---- the node here

start_neighbour() {
  beside env MESHCHAT_DISCOVERY=off MESHCHAT_LINKS=named MESHCHAT_MAPPING=off \
    "$MESHCHAT_BIN_DIR/meshchatd" --instance boot-test --name neighbour --listen "$(beside_address)" \
    --admit anyone --config "$DIR/empty.toml" --state-dir "$DIR/neighbour" --socket "$DIR/control.sock" \
    >"$DIR/neighbour.log" 2>&1 </dev/null &
  NEIGHBOUR_PID=$!
  await "the neighbour" neighbour wait --timeout 1s
  # Not by the function, whose process would end alone.
  "$MESHCHAT_BIN_DIR/meshchatctl" --socket "$DIR/control.sock" events --json --only node,person,link \
    >"$DIR/events" 2>/dev/null </dev/null &
  EVENTS_PID=$!
}

neighbour() { "$MESHCHAT_BIN_DIR/meshchatctl" --socket "$DIR/control.sock" "$@"; }

neighbour_port() { neighbour status --json | sed -nE 's/.*"listen":\["[^"]*:([0-9]+)".*/\1/p'; }

heard_here() { neighbour tail --no-follow -n all | grep -qF "$1"; }

# What the neighbour has seen of the other node since line FROM of its events, without links.
seen_of_it() { # FROM
  tail -n "+$(($1 + 1))" "$DIR/events" | grep -v '"kind":"link"' | grep -v '"event":"link"' || true
}

# ---- the story

first_boot() {
  machine_start
  local began=$SECONDS
  if ! BOOT=$(machine_wait $((PATIENCE * 2))); then
    machine_log >&2
    # Software always can; a container needs much from the kernel that it shares.
    [ "$NEIGHBOUR_HOST" = 10.0.2.2 ] || skip "a container with systemd does not boot on this machine"
    die "the machine did not boot within $((PATIENCE * 2)) s"
  fi
  echo "-- booted after $((SECONDS - began)) s: Debian $RELEASE"
}

first_installation() {
  must "the first installation asks nothing and starts nothing that it may not; the first start makes the key" \
    unpack_quietly old
  check "the administrator's settings are taken over by a reload" edit_conffile
  must "it links with a node here" connect "$NEIGHBOUR_HOST:$(neighbour_port)"
  must "members of the group may chat, others are told how, and nobody sees the state" people
  check "somebody is there" anna_is_there
  check_here "the node here sees anna" sees_anna
}

sees_anna() { neighbour who --terse | grep anna | grep -q online; }

upgrade() { across "an upgrade" new; }

# What an upgrade changes for others: they should see nothing but links that are made anew.
across() { # WHAT VERSION
  local from seen
  from=$(wc -l <"$DIR/events")
  must "$1" install "$2"
  check "key, settings and peers are kept over $1" kept
  check_here "the node here sees anna after $1" sees_anna
  check "both are linked after $1" linked
  seen=$(seen_of_it "$from")
  kill -0 "$EVENTS_PID" 2>/dev/null || seen="nothing any more: its stream of events has ended"
  if [ -z "$seen" ]; then
    ok "nobody is seen to go or come over $1"
  else
    not_ok "nobody is seen to go or come over $1" "the node here saw: $seen"
  fi
}

the_service() {
  check "the service runs, is enabled and has a status text" service
  check "time to READY" ready_time
  check "rights of the socket, the state and the key" rights
  check "exposure of meshchatd.service at most $EXPOSURE" security meshchatd.service $EXPOSURE
  check "exposure of meshchat-gateway.service at most $EXPOSURE" security meshchat-gateway.service $EXPOSURE
  check "limits of memory and tasks are in effect" limits
  check "the sandbox is in effect" seccomp
  check "the journal has lines and fields" journal
}

with_the_neighbour() {
  check "say something there" say "greetings from the machine"
  check_here "it is heard here" heard_here "greetings from the machine"
  neighbour send "greetings to the machine" >/dev/null
  check "what is said here is heard there" heard "greetings to the machine"
}

when_it_dies() {
  check "a daemon that hangs is killed and started again by the watchdog" watchdog 5
  check "both are linked again" linked
  check "after kill -9 it is back with the same key" kill
}

reboot() {
  machine_run 30 systemctl --no-block reboot || true
  neighbour send "said while it boots" >/dev/null 2>&1 || true
  boots_again "a reboot"
  check "both are linked after a reboot" linked
  check "what was said meanwhile is heard there" heard "said while it boots"
}

power_cut_and_no_network() {
  machine_cut
  machine_start
  machine_cable off
  boots_again "a power cut"
  check "without a network it runs and answers" alone
  machine_cable on
  check "linked once the network is there" linked
}

boots_again() { # WHY
  local began=$SECONDS
  if ! BOOT=$(machine_wait $((PATIENCE * 2)) "$BOOT"); then
    machine_log >&2
    die "the machine did not come back within $((PATIENCE * 2)) s after $1"
  fi
  echo "-- booted after $((SECONDS - began)) s"
  must "the service is back by itself after $1, without restarts, with the same key" after_boot
  check "time to READY" ready_time
}

downgrade_and_back() {
  check "somebody is there again" anna_is_there
  must "a downgrade" install old
  check "key, settings and peers are kept over a downgrade" kept
  across "the upgrade after it" new
}

the_gateway() { check "the gateway runs, sees no key, and its page answers on loopback alone" gateway; }

remove_and_purge() {
  check "removing keeps the state" remove
  check "installing again starts it" install new
  check "with the key, settings and peers of before" kept
  check "purging takes state and configuration and nothing else" purge
}

finish() {
  echo "== $ARCH: $PASSED ok, $FAILED failed, after $SECONDS s"
  [ $FAILED = 0 ]
}

# ---- checks and their lines

# One check of checks.sh in the machine.
check() { # TEXT CHECK [ARGUMENT...]
  local text=$1 status=0 said=""
  shift
  said=$(guest "$@" 2>"$DIR/said") || status=$?
  case $status in
    0) ok "$text${said:+: $said}"; return ;;
    77) echo "skipped  $text: $said"; return ;;
  esac
  not_ok "$text" "$(tail -n 12 "$DIR/said")"
  { guest log || machine_log; } 2>&1 | sed 's/^/           | /'
  return 0
}

# One without which the rest means nothing.
must() { # TEXT CHECK [ARGUMENT...]
  local before=$FAILED
  check "$@"
  [ $FAILED = "$before" ] || die "without that, the rest means nothing"
}

# A condition on this side.
check_here() { # TEXT CONDITION...
  local text=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    if [ $SECONDS -ge $deadline ]; then
      not_ok "$text" "not within $PATIENCE s: $*"
      tail -n 5 "$DIR/neighbour.log" | sed 's/^/           | /'
      return
    fi
    sleep 0.2
  done
  ok "$text"
}

guest() { # CHECK [ARGUMENT...]
  machine_run $((PATIENCE * 4)) env PATIENCE=$PATIENCE /bin/bash /mnt/checks.sh "$@"
}

ok() { PASSED=$((PASSED + 1)); echo "ok       $*"; }

not_ok() { # TEXT WHY
  FAILED=$((FAILED + 1))
  echo "FAILED   $1: $2"
}

# ---- waiting, ending

await() { # WHAT CONDITION...
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "waited $PATIENCE s for $what"
    sleep 0.1
  done
}

clean() {
  trap - EXIT
  local pid
  for pid in $CHILD_PID $EVENTS_PID $NEIGHBOUR_PID; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  machine_clean
  [ -n "$DIR" ] || return 0
  [ -z "${MESHCHAT_BOOT_KEEP-}" ] || { cp -r "$DIR" "$MESHCHAT_BOOT_KEEP" || true; }
  rm -rf --one-file-system "$DIR"
}

skip() { echo "skipped: the packages on a system that boots: $*"; exit 0; }
die() { echo "boot: $*" >&2; exit 1; }

main
