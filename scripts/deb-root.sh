#!/bin/bash
# deb-root.sh: a small Debian in a folder, to build packages in and to try them in.
#
#   deb-root.sh make NAME               makes it if need be, and prints its folder
#   deb-root.sh run NAME [OPTION]... -- COMMAND...
#                                       the same, and runs the command as root in it
#
#   NAME   amd64, arm64 or armhf: Debian 12 of this machine's architecture with Debian's own Rust
#          and all that building for that architecture needs; what is built there runs on Debian 12
#          and 13. SUITE/ARCH, as in trixie/amd64: next to nothing, to install packages in.
#
#   --bind FROM:TO     a folder or file of this machine, at another place in there
#   --set NAME=VALUE   for the command's environment, which is empty otherwise
#   --throwaway        what is written there is gone afterwards
#   --no-net           no network but loopback
#
# Nothing runs there but what is called. Mounts end with it, however it ends. A plain user is root
# there by means of a user namespace.
#
#   MESHCHAT_CACHE   the folder above its folder; ~/.cache/meshchat by default
#   MESHCHAT_MIRROR  where Debian's packages are got; http://deb.debian.org by default
set -euo pipefail

# Too much for a /tmp in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
SELF=$(readlink -f "$0")
CACHE=${MESHCHAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshchat}
MIRROR=${MESHCHAT_MIRROR:-http://deb.debian.org}
readonly SELF CACHE MIRROR

SUITE=""
ARCH=""
PACKAGES=""
BINDS=()
SETTINGS=()
THROWAWAY=""
SEPARATE=() # options of unshare
ROOT="" # the folder of that Debian
UNFINISHED="" # folders that go if this ends early
SCRATCH=""
CHILD="" # a group of processes that end with this

main() {
  local action=${1-} name=${2-}
  [ -n "$name" ] || usage
  shift 2
  case $action in
    make)
      make_root "$name"
      echo "$ROOT"
      ;;
    run)
      make_root "$name"
      # Nobody makes it anew below the feet of who runs there.
      exec 9>>"$ROOT.lock"
      flock --shared 9
      run "$ROOT" "$@"
      ;;
    inside) inside "$name" "$@" ;;
    *) usage ;;
  esac
}

# Lines of use, from the top of this file.
usage() { sed -n '4,6s/^# *//p' "$SELF" >&2; exit 2; }

make_root() { # NAME: sets ROOT
  local root=build-$1 recipe
  case $1 in */*) root=${1/\//-} ;; esac
  root=$CACHE/roots/$root
  describe "$1"
  # Whatever differs here makes the folder anew.
  recipe="1 $SUITE $ARCH $PACKAGES $MIRROR"
  mkdir -p "$CACHE/roots"
  if ! made "$root" "$recipe"; then
    # Of two at a time the second waits and finds it made.
    exec 9>"$root.lock"
    flock 9
    made "$root" "$recipe" || build "$root"
    echo "$recipe" >"$root.recipe"
    exec 9>&-
  fi
  ROOT=$root
}

made() { # ROOT RECIPE
  [ -d "$1" ] && [ "$(cat "$1.recipe" 2>/dev/null)" = "$2" ]
}

describe() { # NAME: sets SUITE, ARCH, PACKAGES
  local native
  native=$(dpkg --print-architecture)
  case $1 in
    */*)
      SUITE=${1%/*} ARCH=${1#*/} PACKAGES=systemd,man-db
      ;;
    *)
      SUITE=bookworm ARCH=$native
      PACKAGES=ca-certificates,build-essential,debhelper,fakeroot,rustc-web,cargo-web,libstd-rust-web-dev
      [ "$1" = "$native" ] && return
      ARCH+=,$1
      PACKAGES+=,libstd-rust-web-dev:$1,libc6-dev:$1,gcc-$(triplet "$1")
      ;;
  esac
}

triplet() { # ARCH
  case $1 in
    amd64) echo x86-64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    armhf) echo arm-linux-gnueabihf ;;
    *) die "no packages for $1: amd64, arm64 or armhf" ;;
  esac
}

build() { # ROOT
  as_root true 2>/dev/null || die "$(no_rights)"
  say "Making a small Debian ($SUITE), once, in $1. This takes minutes."
  rm -f "$1.recipe"
  remove "$1"
  UNFINISHED=$1.new
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # Others must get in there: mmdebstrap of a plain user has several.
  SCRATCH=$(mktemp -d)
  chmod 755 "$SCRATCH"
  if ! unpack "$(sources "$ARCH")" "$PACKAGES"; then
    [ "$ARCH" != "${ARCH#*,}" ] || die "that failed; look above. Another mirror: MESHCHAT_MIRROR=http://HOST"
    with_newer_library
  fi
  mv "$UNFINISHED" "$1"
  remove "$SCRATCH"
  trap - EXIT INT TERM HUP
}

# First what works there, then what it works on.
clean() {
  trap '' INT TERM HUP
  if [ -n "$CHILD" ]; then
    kill -KILL -- "-$CHILD" 2>/dev/null || true
    wait "$CHILD" 2>/dev/null || true
  fi
  remove "$UNFINISHED"
  [ -z "$SCRATCH" ] || remove "$SCRATCH"
}

# As a group of its own, which ends with this script. In the background, as signals would have to
# wait otherwise.
in_group() { # COMMAND...
  local status=0
  set -m
  "$@" </dev/null &
  CHILD=$!
  set +m
  wait "$CHILD" || status=$?
  CHILD=""
  return $status
}

unpack() { # SOURCES PACKAGES
  remove "$UNFINISHED"
  mkdir -p "$UNFINISHED"
  in_group fill "$1" "$2"
}

fill() { # SOURCES PACKAGES
  bootstrap "$2" <<<"$1" | as_root tar -C "$UNFINISHED" -x --numeric-owner --exclude='./dev/*'
}

# For root it mounts in the new system what this one has, /dev/shm for one: nobody else may see
# that. For a plain user it takes namespaces by itself.
bootstrap() { # PACKAGES < SOURCES > TAR
  local how=(as_root) mode=root
  [ "$(id -u)" = 0 ] || how=() mode=unshare
  TMPDIR=$SCRATCH "${how[@]}" mmdebstrap --quiet --mode=$mode --variant=minbase --format=tar --architectures="$ARCH" --include="$1" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/meshchat*' \
    "$SUITE" - -
}

sources() { # ARCHITECTURES OF THE SECURITY ARCHIVE
  echo "deb $MIRROR/debian $SUITE main"
  echo "deb [arch=$1] $MIRROR/debian-security $SUITE-security main"
}

# Mirrors are at times without a sound index of the security archive for rare architectures. Debian
# 13 has Rust's library of the same release, which fits the compiler here; the C library that
# programs are linked with stays that of Debian 12.
with_newer_library() {
  local native=${ARCH%,*} foreign=${ARCH#*,} packages
  say "The security archive of $SUITE cannot be had for $foreign. Trying with the library of Debian 13:"
  packages=${PACKAGES/,libstd-rust-web-dev:$foreign/}
  # Kernel headers of two archives do not go together; those for cross compilers do.
  packages=${packages/,libc6-dev:$foreign/,libc6:$foreign,libgcc-s1:$foreign,libc6-dev-$foreign-cross}
  unpack "$(sources "$native")" "$packages" ||
    die "that failed, too; look above. Another mirror: MESHCHAT_MIRROR=http://HOST"
  in_group run "$UNFINISHED" -- sh -ec "cd /tmp
    echo 'deb [arch=$foreign] $MIRROR/debian trixie main' >/etc/apt/sources.list.d/library.list
    apt-get -qq update
    apt-get -qq -o APT::Sandbox::User=root download libstd-rust-web-dev:$foreign
    dpkg -x libstd-rust-web-dev_*.deb /
    rm /etc/apt/sources.list.d/library.list
    echo 'fn main() {}' | rustc --target $(rust_target "$foreign") -C linker=$(triplet "$foreign")-gcc -o program -" ||
    die "the library of Debian 13 does not fit; wait until the mirror is sound, or try MESHCHAT_MIRROR=http://HOST"
}

rust_target() { # ARCH
  case $1 in
    amd64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    armhf) echo armv7-unknown-linux-gnueabihf ;; # Debian's armhf is ARMv7
  esac
}

remove() { # FOLDER: also one whose files belong to mapped users
  [ -e "$1" ] || return 0
  ! grep -qF " $1/" /proc/self/mountinfo || die "something is mounted below $1; unmount it first (findmnt)"
  as_root rm -rf --one-file-system "$1"
}

# With mounts and processes of its own, which end with the command.
as_root() { # COMMAND...
  separate
  unshare "${SEPARATE[@]}" -- "$@"
}

separate() { # sets SEPARATE
  SEPARATE=(--mount --pid --kill-child "$@")
  [ "$(id -u)" = 0 ] || SEPARATE+=(--user --map-auto --map-root-user)
}

# Takes the place of this process: who ends it ends the command.
run() { # ROOT [OPTION]... -- COMMAND...
  local option net=()
  for option; do
    [ "$option" != -- ] || break
    [ "$option" != --no-net ] || net=(--net)
  done
  separate "${net[@]}"
  exec unshare "${SEPARATE[@]}" -- "$SELF" inside "$@"
}

inside() { # ROOT [OPTION]... -- COMMAND...
  local root=$1
  shift
  while [ "${1-}" != -- ]; do
    case ${1-} in
      --bind) BINDS+=("$2"); shift ;;
      --set) SETTINGS+=("$2"); shift ;;
      --throwaway) THROWAWAY=yes ;;
      --no-net) ip link set lo up 2>/dev/null || true ;;
      *) usage ;;
    esac
    shift
  done
  shift
  [ -z "$THROWAWAY" ] || throwaway "$root"
  devices "$root/dev"
  mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  network "$root"
  bind_all "$root"
  exec env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 TZ=UTC \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "${SETTINGS[@]}" /usr/sbin/chroot "$root" "$@"
}

# Changes go to memory. The mount lies over the folder itself, for this run alone.
throwaway() { # ROOT
  local options=lowerdir=$1,upperdir=/mnt/changes,workdir=/mnt/work
  # In a user namespace its notes cannot be kept where they usually are.
  grep -qE '^ *0 +0 +4294967295' /proc/self/uid_map || options+=,userxattr
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/changes /mnt/work
  mount -t overlay -o "$options" overlay "$1"
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

# Names are looked up as this machine does; its authorities for certificates and its proxy count.
network() { # ROOT
  local file name
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    if ! [ -e "$file" ] || ! [ -d "$1${file%/*}" ]; then continue; fi
    [ -e "$1$file" ] || touch "$1$file"
    mount --bind "$(readlink -f "$file")" "$1$file"
  done
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!name-}" ] || SETTINGS+=("$name=${!name}")
  done
}

bind_all() { # ROOT
  local bind to
  for bind in "${BINDS[@]}"; do
    to=$1${bind#*:}
    if [ -d "${bind%%:*}" ]; then mkdir -p "$to"; else touch "$to"; fi
    mount --bind "${bind%%:*}" "$to"
  done
}

no_rights() {
  if [ "$(id -u)" = 0 ]; then
    echo "root may make no mounts here (a container?), without which packages are neither built nor tried"
  else
    echo "you may make no user namespace here. Either run this as root, or see that:
  - newuidmap is installed (package uidmap), and /etc/subuid and /etc/subgid name you
  - sysctl kernel.unprivileged_userns_clone is 1 (where it exists)"
  fi
}

say() { echo "$*" >&2; }
die() { say "deb-root.sh: $*"; exit 1; }

main "$@"
