# shellcheck shell=bash
# qemu.sh, read by run.sh: the machine is a virtual one of qemu.
#
# Its first disk is a layer over the image of image.sh, its second holds the packages and checks,
# and its network lets it reach programs that listen on this machine's 127.0.0.1, as 10.0.2.2.
# Commands reach it through the guest agent, with or without a network.

# shellcheck disable=SC2034 # for run.sh
NEIGHBOUR_HOST=10.0.2.2 # where the machine finds the node that runs here

# Prints why it cannot work, and ends with 1.
machine_check() {
  local tool
  for tool in "$(qemu_program)" qemu-img mkfs.ext4 python3; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed"; return 1; }
  done
}

machine_make() {
  qemu-img create -q -f qcow2 -F qcow2 -b "$IMAGE/disk.qcow2" "$DIR/disk.qcow2"
  mkfs.ext4 -q -L checks -d "$DIR/share" "$DIR/share.raw" "$(($(du -sm "$DIR/share" | cut -f1) + 32))M"
}

machine_start() {
  local machine=q35 cpu=max console=ttyS0
  case $ARCH in
    # The core of a Raspberry Pi 4.
    arm64) machine=virt cpu=cortex-a72 console=ttyAMA0 ;;
    armhf) machine=virt cpu=cortex-a15 console=ttyAMA0 ;;
  esac
  if [ "$(accelerator)" = kvm ]; then cpu=host; fi
  rm -f "$DIR"/{agent,qmp}.sock
  "$(qemu_program)" -nodefaults -no-user-config -display none \
    -M "$machine" -accel "$(accelerator)" -cpu "$cpu" -smp 2 -m 512 \
    -kernel "$IMAGE/vmlinuz" -initrd "$IMAGE/initrd" \
    -append "root=LABEL=system rw console=$console panic=-1 systemd.show_status=false" \
    -serial "file:$DIR/console.log" -device virtio-rng-pci \
    -drive "file=$DIR/disk.qcow2,if=virtio,cache=unsafe" \
    -drive "file=$DIR/share.raw,if=virtio,format=raw,readonly=on" \
    -netdev user,id=net0 -device virtio-net-pci,netdev=net0,id=cable0,romfile= \
    -device virtio-serial-pci -chardev "socket,id=agent,path=$DIR/agent.sock,server=on,wait=off" \
    -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 \
    -qmp "unix:$DIR/qmp.sock,server=on,wait=off" >"$DIR/qemu.log" 2>&1 </dev/null &
  MACHINE_PID=$!
  await "qemu to start" [ -S "$DIR/qmp.sock" ]
}

# Waits until the machine takes commands; prints the id of this boot, which is not OTHER.
machine_wait() { # SECONDS [OTHER]
  guest_py boot "$@" || return
  # Again after each boot.
  machine_run 30 /bin/sh -c 'mountpoint -q /mnt || mount -o ro LABEL=checks /mnt' >&2
}

machine_run() { # SECONDS COMMAND...
  guest_py run "$@"
}

# The plug is pulled: nothing that the machine has not written yet gets to its disk.
machine_cut() {
  kill -9 "$MACHINE_PID"
  wait "$MACHINE_PID" 2>/dev/null || true
  MACHINE_PID=""
}

machine_cable() { # on|off
  local up=false
  [ "$1" = off ] || up=true
  "$HERE/guest.py" "$DIR/qmp.sock" qmp "{\"execute\": \"set_link\", \"arguments\": {\"name\": \"net0\", \"up\": $up}}"
}

machine_clean() { [ -z "${MACHINE_PID-}" ] || machine_cut; }

machine_log() { tail -n 15 "$DIR/qemu.log" "$DIR/console.log" 2>/dev/null | cut -c 1-200 || true; }

# Runs a program of this machine where the guest finds it at $NEIGHBOUR_HOST.
# Always in the background: what is killed then must be the program, not a shell around it.
beside() { exec "$@"; }
beside_address() { echo 127.0.0.1:0; }

guest_py() { "$HERE/guest.py" "$DIR/agent.sock" "$1" "$2" "${@:3}"; }

qemu_program() {
  case $ARCH in
    amd64) echo qemu-system-x86_64 ;;
    arm64) echo qemu-system-aarch64 ;;
    armhf) echo qemu-system-arm ;;
  esac
}

# Only a processor that can do it itself: the kernel's other ways to be /dev/kvm start no plain Debian.
accelerator() {
  if [ "$ARCH" = "$(dpkg --print-architecture)" ] && [ -w /dev/kvm ] &&
    { [ "$ARCH" != amd64 ] || [ -e /sys/module/kvm_intel ] || [ -e /sys/module/kvm_amd ]; }; then
    echo kvm
  else
    echo tcg
  fi
}
