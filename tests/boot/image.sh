#!/bin/bash
# image.sh ARCH RELEASE: a small fresh Debian for qemu, with a kernel beside it.
#
# Prints the folder that holds disk.qcow2, vmlinuz and initrd, and root, the same as a tree, for
# machines of this architecture. Made once with mmdebstrap and kept
# below ${MESHCHAT_CACHE:-~/.cache/meshchat}/images; a change of this file makes it anew. Users of
# it put their own layer on top of the disk and never write to it.
# In the system are systemd, a network by DHCP, and the guest agent of qemu, by which the tests
# talk to it also when it has no network. There is no package of meshchat and no compiler.
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

main() {
  if [ "$ARCH" = small-initrd ]; then # a hook of mmdebstrap
    small_initrd "$RELEASE"
    return
  fi
  if [ ! -e "$IMAGE/disk.qcow2" ]; then
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock 9 # two runs at once make it once
    [ -e "$IMAGE/disk.qcow2" ] || make_image
  fi
  echo "$IMAGE"
}

make_image() {
  local tool
  for tool in mmdebstrap mkfs.ext4 qemu-img; do
    command -v "$tool" >/dev/null || die "$tool is not installed; scripts/setup.sh boot gets it"
  done
  [ "$(id -u)" = 0 ] || die "making the image of $RELEASE needs root once (sudo -E $SELF $ARCH $RELEASE)"
  trap clean EXIT
  [ "$ARCH" = "$(dpkg --print-architecture)" ] || emulate
  WORK=$(mktemp -d "$CACHE/new.XXXXXX")
  chmod 755 "$WORK"
  echo "Making a Debian $RELEASE for $ARCH in $IMAGE (minutes, once)" >&2
  install_debian || die "mmdebstrap failed; the end of what it said:
$(tail -n 15 "$WORK/log")"
  configure
  # Of older versions of this file.
  rm -rf "$CACHE/$RELEASE-$ARCH-"*
  mkdir "$IMAGE"
  pack
  # The disk last: with it the image is complete.
  mv "$WORK/vmlinuz" "$WORK/initrd" "$WORK/disk.qcow2" "$IMAGE"
}

install_debian() {
  local kernel=linux-image-cloud-$ARCH
  [ "$ARCH" != armhf ] || kernel=linux-image-armmp
  mmdebstrap --architectures="$ARCH" --variant=minbase --format=directory \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/lib/udev/hwdb.d/*' --dpkgopt='path-exclude=/lib/udev/hwdb.d/*' \
    --essential-hook="$SELF small-initrd \"\$1\"" \
    --include="systemd-sysv,udev,dbus,kmod,iproute2,initramfs-tools,qemu-guest-agent,passwd,$kernel" \
    "$RELEASE" "$WORK/root" >"$WORK/log" 2>&1
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
  mkfs.ext4 -q -L system -d "$WORK/root" "$WORK/disk.raw" 2G
  qemu-img convert -O qcow2 "$WORK/disk.raw" "$WORK/disk.qcow2"
  [ "$ARCH" != "$(dpkg --print-architecture)" ] || mv "$WORK/root" "$IMAGE/root"
}

# Programs of the other architecture run in qemu while its packages are configured. The kernel
# opens the interpreter at once (F), so that it need not be in the new system.
emulate() {
  local cpu qemu
  arch-test "$ARCH" >/dev/null 2>&1 && return
  case $ARCH in
    arm64) cpu=aarch64 ;;
    armhf) cpu=arm ;;
    *) die "how to run programs for $ARCH is not known here" ;;
  esac
  qemu=$(command -v "qemu-$cpu-static") || die "qemu-$cpu-static is not installed; scripts/setup.sh boot gets it"
  if [ ! -e "$BINFMT/register" ]; then
    mount -t binfmt_misc binfmt_misc "$BINFMT" 2>/dev/null ||
      die "programs for $ARCH cannot run here: the kernel has no binfmt_misc"
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

clean() {
  [ -z "$REGISTERED" ] || echo -1 >"$BINFMT/$EMULATOR" || true
  [ -z "$MOUNTED" ] || umount "$BINFMT" || true
  [ -n "$WORK" ] || return 0
  # What mmdebstrap mounted in there, if it was killed.
  findmnt -rno TARGET | grep -F "$WORK/" | sort -r | while read -r mounted; do umount "$mounted" || true; done
  rm -rf --one-file-system "$WORK"
}

die() { echo "image.sh: $*" >&2; exit 1; }

main
