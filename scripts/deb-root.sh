#!/bin/bash
# deb-root.sh: a small Debian in a folder, in which the packages are built.
#
#   deb-root.sh make ARCH    makes it if need be, and prints its folder
#   deb-root.sh run ARCH [--bind FROM:TO]... [--set NAME=VALUE]... -- COMMAND...
#
# It is Debian 12, so that what is built there runs on Debian 12 and 13. It has this machine's
# architecture, Debian's own Rust, and what building for ARCH (amd64, arm64, armhf) needs. There is
# one per ARCH. Nothing runs there but what is called, and mounts end with it, however it ends.
# A plain user is root there by means of a user namespace.
#
#   MESHCHAT_CACHE   the folder above its folder; ~/.cache/meshchat by default
#   MESHCHAT_MIRROR  where Debian's packages are got; http://deb.debian.org by default
set -euo pipefail

readonly SUITE=bookworm
SELF=$(readlink -f "$0")
CACHE=${MESHCHAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshchat}
MIRROR=${MESHCHAT_MIRROR:-http://deb.debian.org}
readonly SELF CACHE MIRROR
readonly USAGE="usage: scripts/deb-root.sh make ARCH | run ARCH [--bind FROM:TO]... [--set NAME=VALUE]... -- COMMAND..."

BINDS=()
SETTINGS=()
UNFINISHED="" # a folder that goes if this ends early

main() {
  local action=${1-} arch=${2-}
  [ -n "$arch" ] || die "$USAGE"
  shift 2
  case $action in
    make) make_root "$arch" ;;
    run) run "$(make_root "$arch")" "$@" ;;
    inside) inside "$arch" "$@" ;;
    *) die "$USAGE" ;;
  esac
}

make_root() { # ARCH
  local root=$CACHE/roots/$SUITE-$1 recipe
  recipe=$(recipe "$1")
  mkdir -p "$CACHE/roots"
  # Two runs for one architecture: the second waits and finds it made.
  exec 9>"$CACHE/roots/.$SUITE-$1.lock"
  flock 9
  if [ "$(cat "$root.recipe" 2>/dev/null)" != "$recipe" ]; then
    as_root check || die "$(no_root)"
    build "$root" "$1"
    echo "$recipe" >"$root.recipe"
  fi
  exec 9>&-
  echo "$root"
}

# Whatever differs here makes the folder anew.
recipe() { echo "1 $SUITE $MIRROR $(packages "$1")"; }

packages() { # ARCH
  local all=ca-certificates,build-essential,debhelper,fakeroot,rustc-web,cargo-web,libstd-rust-web-dev
  [ "$1" = "$(native)" ] || all+=,libstd-rust-web-dev:$1,libc6-dev:$1,gcc-$(triplet "$1")
  echo "$all"
}

native() { dpkg --print-architecture; }

triplet() { # ARCH
  case $1 in
    amd64) echo x86-64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    armhf) echo arm-linux-gnueabihf ;;
    *) die "no packages for $1: amd64, arm64 or armhf" ;;
  esac
}

build() { # ROOT ARCH
  local root=$1 arch=$2 archs
  archs=$(native)
  [ "$arch" = "$archs" ] || archs+=,$arch
  say "Making a small Debian to build in, once: some 300 MB to fetch, 1.2 GB in $root"
  rm -f "$root.recipe"
  remove "$root"
  remove "$root.new"
  mkdir -p "$root.new"
  UNFINISHED=$root.new
  trap 'remove "$UNFINISHED"' EXIT
  sources "$arch" | bootstrap "$archs" "$(packages "$arch")" |
    as_root tar -C "$root.new" -x --numeric-owner --exclude='./dev/*' ||
    die "that failed; look above. Another mirror: MESHCHAT_MIRROR=http://HOST"
  mv "$root.new" "$root"
  trap - EXIT
}

bootstrap() { # ARCHITECTURES PACKAGES < SOURCES > TAR
  local mode=root
  [ "$(id -u)" = 0 ] || mode=unshare
  mmdebstrap --quiet --mode=$mode --variant=minbase --format=tar --architectures="$1" --include="$2" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    "$SUITE" - -
}

sources() { # ARCH
  echo "deb $MIRROR/debian $SUITE main"
  echo "deb $MIRROR/debian-security $SUITE-security main"
}

remove() { # FOLDER: also one whose files belong to mapped users
  [ ! -e "$1" ] || as_root rm -rf "$1"
}

run() { # ROOT [--bind FROM:TO]... [--set NAME=VALUE]... -- COMMAND...
  as_root "$SELF" inside "$@"
}

# With mounts and processes of its own, which end with the command.
as_root() { # check | COMMAND...
  local how=(--mount --pid --kill-child)
  [ "$(id -u)" = 0 ] || how+=(--user --map-auto --map-root-user)
  if [ "$1" = check ]; then
    unshare "${how[@]}" -- true 2>/dev/null
    return
  fi
  unshare "${how[@]}" -- "$@"
}

inside() { # ROOT [--bind FROM:TO]... [--set NAME=VALUE]... -- COMMAND...
  local root=$1
  shift
  while [ "$1" != -- ]; do
    case $1 in
      --bind) BINDS+=("$2") ;;
      --set) SETTINGS+=("$2") ;;
      *) die "$USAGE" ;;
    esac
    shift 2
  done
  shift
  devices "$root/dev"
  mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  network "$root"
  bind_all "$root"
  exec env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 TZ=UTC \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "${SETTINGS[@]}" /usr/sbin/chroot "$root" "$@"
}

devices() { # DEV
  local name
  mount -t tmpfs -o mode=755 tmpfs "$1"
  for name in null zero full random urandom; do
    touch "$1/$name"
    mount --bind "/dev/$name" "$1/$name"
  done
  ln -s /proc/self/fd "$1/fd"
  mkdir "$1/shm"
}

# Names are looked up as this machine does, its authorities for certificates and its proxy count.
network() { # ROOT
  local file name
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    [ -e "$file" ] || continue
    [ -e "$1$file" ] || touch "$1$file"
    mount --bind "$(readlink -f "$file")" "$1$file"
  done
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name-}" ] || SETTINGS+=("$name=${!name}")
  done
}

bind_all() { # ROOT
  local bind
  for bind in "${BINDS[@]}"; do
    mkdir -p "$1${bind#*:}"
    mount --bind "${bind%%:*}" "$1${bind#*:}"
  done
}

no_root() {
  if [ "$(id -u)" = 0 ]; then
    echo "root may make no mounts here (a container?), which building the packages needs"
  else
    echo "you may make no user namespace here. Either run this as root, or see that:
  - newuidmap is installed (package uidmap), and /etc/subuid and /etc/subgid name you
  - sysctl kernel.unprivileged_userns_clone is 1 (where it exists)"
  fi
}

say() { echo "$*" >&2; }
die() { say "deb-root.sh: $*"; exit 1; }

main "$@"
