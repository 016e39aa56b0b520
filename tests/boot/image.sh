#!/bin/bash
# image.sh ARCH RELEASE: a small fresh Debian for qemu, with a kernel beside it.
#
# Prints the folder that holds disk.qcow2, vmlinuz and initrd, and root, the same as a tree, for
# machines of this architecture. Made once with mmdebstrap and kept
# below ${MESHCHAT_CACHE:-~/.cache/meshchat}/images; a change of this file makes it anew. Users of
# it put their own layer on top of the disk and never write to it.
# In the system are systemd, a network by DHCP, and the guest agent of qemu, by which the tests
# talk to it also when it has no network. There is no package of meshchat and no compiler.
# Ends with 77 where it cannot be made: without root, tools, or a mirror that can be reached.
#
#   MESHCHAT_MIRROR  where Debian's packages are got; http://deb.debian.org by default
set -euo pipefail

readonly ARCH=${1:?usage: image.sh ARCH RELEASE} RELEASE=${2:?usage: image.sh ARCH RELEASE}
# Too much for a /tmp in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
SELF=$(readlink -f "$0")
CACHE=${MESHCHAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/meshchat}/images
IMAGE=$CACHE/$RELEASE-$ARCH-$(sha256sum <"$SELF" | cut -c 1-12)
readonly SELF CACHE IMAGE
readonly BINFMT=/proc/sys/fs/binfmt_misc EMULATOR=meshchat-boot-$ARCH
WORK="" MOUNTED="" REGISTERED=""
CHILD="" # a group of processes that end with this

main() {
  if [ "$ARCH" = small-initrd ]; then # a hook of mmdebstrap
    small_initrd "$RELEASE"
    return
  fi
  if [ ! -e "$IMAGE/disk.qcow2" ]; then
    make_folder "$CACHE"
    # To be read by all, also where root has made it.
    [ -e "$CACHE/lock" ] || : >"$CACHE/lock"
    exec 9<"$CACHE/lock"
    flock 9 # two runs at once make it once
    [ -e "$IMAGE/disk.qcow2" ] || make_image
  fi
  # Old is what nobody has used for long.
  touch "$IMAGE" 2>/dev/null || true
  echo "$IMAGE"
}

# With sudo -E it is in the home of somebody else, who shall be able to use it, too.
make_folder() { # PATH
  [ ! -d "$1" ] || return 0
  make_folder "$(dirname "$1")"
  mkdir "$1"
  [ "$(id -u)" != 0 ] || chown --reference="$(dirname "$1")" "$1"
}

make_image() {
  local tool
  for tool in mmdebstrap mkfs.ext4 qemu-img; do
    command -v "$tool" >/dev/null || cannot "$tool is not installed; scripts/setup.sh boot gets it"
  done
  [ "$(id -u)" = 0 ] || cannot "making the image of $RELEASE needs root once (sudo -E $SELF $ARCH $RELEASE)"
  unshare --mount --pid --kill-child true 2>/dev/null || cannot "no right to namespaces with mounts of their own"
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  local old
  # Of runs that were killed.
  for old in "$CACHE"/new.*; do discard "$old"; done
  [ "$ARCH" = "$(dpkg --print-architecture)" ] || emulate
  WORK=$(mktemp -d "$CACHE/new.XXXXXX")
  chmod 755 "$WORK"
  echo "Making a Debian $RELEASE for $ARCH in $IMAGE (minutes, once)" >&2
  in_group install_debian || no_debian
  configure
  for old in "$CACHE/$RELEASE-$ARCH-"*; do drop_old "$old"; done
  # One without a disk was not finished.
  discard "$IMAGE"
  mkdir "$IMAGE"
  pack
  # The disk last: with it the image is complete.
  mv "$WORK/vmlinuz" "$WORK/initrd" "$WORK/disk.qcow2" "$IMAGE"
}

# Of another version of this file, which another checkout may use: run.sh holds a lock on it.
drop_old() { # FOLDER
  [ -n "$(find "$1" -maxdepth 0 -mmin +1440 2>/dev/null)" ] || return 0
  (
    exec 8<"$1"
    ! flock --nonblock 8 || discard "$1"
  )
}

discard() { # FOLDER
  [ -e "$1" ] || return 0
  ! grep -qF " $1/" /proc/self/mountinfo || die "something is mounted below $1; unmount it first (findmnt)"
  rm -rf --one-file-system "$1"
}

no_debian() {
  local said
  said="mmdebstrap failed; the end of what it said:
$(tail -n 15 "$WORK/log")"
  if grep -qE 'Could not (resolve|connect)|Temporary failure resolving|Unable to connect|Network is unreachable' "$WORK/log"; then
    cannot "$said"
  fi
  die "$said"
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

# It mounts in the new system what this one has, /dev/shm for one: nobody else may see that.
install_debian() {
  local kernel=linux-image-cloud-$ARCH sources=()
  [ -z "${MESHCHAT_MIRROR-}" ] || sources=("deb $MESHCHAT_MIRROR/debian $RELEASE main"
    "deb $MESHCHAT_MIRROR/debian-security $RELEASE-security main")
  [ "$ARCH" != armhf ] || kernel=linux-image-armmp
  unshare --mount --pid --kill-child -- \
    mmdebstrap --architectures="$ARCH" --variant=minbase --format=directory \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/lib/udev/hwdb.d/*' --dpkgopt='path-exclude=/lib/udev/hwdb.d/*' \
    --essential-hook="$SELF small-initrd \"\$1\"" \
    --include="systemd-sysv,udev,dbus,kmod,iproute2,initramfs-tools,qemu-guest-agent,passwd,$kernel" \
    "$RELEASE" "$WORK/root" "${sources[@]}" >"$WORK/log" 2>&1
}

# The machine has one kind of disk, and to make this runs in an emulator.
small_initrd() { # ROOT
  mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
  printf 'MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n' >"$1/etc/initramfs-tools/conf.d/small"
  printf '%s\n' virtio_pci virtio_mmio virtio_blk ext4 crc32c crc32c_generic >"$1/usr/share/initramfs-tools/modules.d/small"
}

configure() {
  local root=$WORK/root
  echo pi >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 pi\n' >"$root/etc/hosts"
  echo 'LABEL=system / ext4 defaults,noatime 0 1' >"$root/etc/fstab"
  mkdir -p "$root/etc/systemd/network" "$root/var/log/journal"
  printf '[Match]\nType=ether\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/80-dhcp.network"
  systemctl -q --root="$root" enable systemd-networkd.service
  # It would wait for a network and fail without one; nothing here wants to know.
  systemctl -q --root="$root" disable systemd-networkd-wait-online.service
  # The machine gets its own at its first boot.
  : >"$root/etc/machine-id"
}

# The file system is filled without a loop device. For machines of this architecture the tree
# stays beside it: a container boots from that.
pack() {
  cp "$WORK"/root/boot/vmlinuz-* "$WORK/vmlinuz"
  cp "$WORK"/root/boot/initrd.img-* "$WORK/initrd"
  rm -rf "$WORK"/root/boot/*
  in_group mkfs.ext4 -q -L system -d "$WORK/root" "$WORK/disk.raw" 2G >&2
  in_group qemu-img convert -O qcow2 "$WORK/disk.raw" "$WORK/disk.qcow2"
  [ "$ARCH" != "$(dpkg --print-architecture)" ] || mv "$WORK/root" "$IMAGE/root"
}

# Programs of the other architecture run in qemu while its packages are configured. The kernel
# opens the interpreter at once (F), so that it need not be in the new system.
emulate() {
  local cpu qemu
  # Of a run that was killed.
  if [ -e "$BINFMT/$EMULATOR" ]; then REGISTERED=yes; fi
  arch-test "$ARCH" >/dev/null 2>&1 && return
  case $ARCH in
    arm64) cpu=aarch64 ;;
    armhf) cpu=arm ;;
    *) cannot "how to run programs for $ARCH is not known here" ;;
  esac
  qemu=$(command -v "qemu-$cpu-static") || cannot "qemu-$cpu-static is not installed; scripts/setup.sh boot gets it"
  if [ ! -e "$BINFMT/register" ]; then
    mount -t binfmt_misc binfmt_misc "$BINFMT" 2>/dev/null ||
      cannot "programs for $ARCH cannot run here: the kernel has no binfmt_misc"
    MOUNTED=yes
  fi
  echo ":$EMULATOR:M::$(magic "$cpu"):$qemu:F" >"$BINFMT/register"
  REGISTERED=yes
}

# Beginning of an ELF program and its mask, as in Linux' Documentation/admin-guide/binfmt-misc.rst.
magic() { # CPU
  local class machine
  case $1 in
    aarch64) class=02 machine=b7 ;;
    arm) class=01 machine=28 ;;
  esac
  printf '%s' '\x7fELF\x'$class'\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x'$machine'\x00'
  printf ':%s' '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
}

# First what works there, then what it works on.
clean() {
  trap '' INT TERM HUP
  if [ -n "$CHILD" ]; then
    kill -KILL -- "-$CHILD" 2>/dev/null || true
    wait "$CHILD" 2>/dev/null || true
  fi
  [ -z "$REGISTERED" ] || echo -1 >"$BINFMT/$EMULATOR" || true
  [ -z "$MOUNTED" ] || umount "$BINFMT" || true
  [ -z "$WORK" ] || discard "$WORK"
}

cannot() { echo "image.sh: $*" >&2; exit 77; }
die() { echo "image.sh: $*" >&2; exit 1; }

main
