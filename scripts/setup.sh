#!/bin/bash
# setup.sh build|test|lint|deb|apt|boot: make sure that this machine has what the step needs.
#
#   build  rustc and cargo, a C compiler
#   test   the same, and the tools that the tests with real networks use
#   lint   the same as build, and rustfmt, clippy and shellcheck
#   deb    what makes Debian packages, in a small Debian of its own: neither Rust nor C
#   apt    what makes and signs an apt repository
#   boot   what the packages are tried on: containers and virtual machines that boot a Debian
#
# Installs from Debian's own packages and says what and why before it uses root.
# Does nothing, quickly, when all is there.
set -euo pipefail

readonly RUST_MIN_MINOR=90 # rust-version in Cargo.toml
readonly WHAT=${1:-build}
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps ip and nft, outside a plain user's path

WANTED=()       # "package<TAB>reason", must be installed or the step cannot run
WISHED=()       # the same, but the step runs without (its tests say "skipped")
RUST_MISSING=""

main() {
  case $WHAT in
    build) need_rust; need_cc ;;
    test) need_rust; need_cc; need_test_tools ;;
    lint) need_rust; need_cc; need_lint_tools ;;
    deb) need_deb_tools ;;
    apt) need_apt_tools ;;
    boot) need_boot_tools; need_machines ;;
    *) die "usage: scripts/setup.sh build|test|lint|deb|apt|boot" ;;
  esac
  [ -n "$RUST_MISSING" ] || [ ${#WANTED[@]} -gt 0 ] || [ ${#WISHED[@]} -gt 0 ] || exit 0
  install_missing
}

need_rust() {
  local found
  found=$(rust_minor) || found=""
  [ -n "$found" ] && [ "$found" -ge "$RUST_MIN_MINOR" ] && command -v cargo >/dev/null && return
  if command -v rustup >/dev/null; then
    say "rustup is here, but its default toolchain is missing or older than 1.$RUST_MIN_MINOR (found: ${found:+1.}${found:-none})."
    die "  update it:  rustup default stable && rustup update stable"
  fi
  RUST_MISSING="no rustc and cargo found"
  [ -z "$found" ] || RUST_MISSING="rustc 1.$found is older than 1.$RUST_MIN_MINOR"
}

rust_minor() { rustc --version 2>/dev/null | sed -nE 's/^rustc 1\.([0-9]+)\..*/\1/p'; }

need_cc() {
  if ! echo '#include <stdlib.h>
    int main(void) { return EXIT_SUCCESS; }' | cc -x c - -o /dev/null 2>/dev/null; then
    WANTED+=("gcc	C compiler: the ring and blake3 crates contain C and assembler"
      "libc6-dev	C headers, for the same")
  fi
}

need_test_tools() {
  wish ip iproute2 "network namespaces: the tests build small networks on this machine"
  wish nft nftables "loss, holes, partitions and NAT in those networks"
  wish miniupnpd miniupnpd-nftables "a home router that gives port mappings, in those networks"
  wish sysctl procps "settings of those networks"
  wish strace strace "counts system calls and wake-ups of an idle daemon"
  wish chromium chromium "the tests of the web page use a real browser"
  wish node nodejs "drives that browser"
  wish npm npm "gets what node needs for that"
  wish nats-server nats-server "the bridge to NATS talks to a real server"
  wish python3 python3 "the slow wire and the Python example"
  wish irssi irssi "an IRC client that the IRC door is tested with"
  wish weechat-headless weechat-headless "another one"
  wish tmux tmux "the terminal that irssi wants"
  wish zsh zsh "completion is tried in it"
  wish fish fish "the same"
  wish man man-db "the manual pages are rendered"
  wish groff groff-base "what man renders them with"
  wish mandoc mandoc "finds mistakes in manual pages"
  wish sshd openssh-server "the script that asks a fleet asks a real server"
  wish ssh openssh-client "the same"
  need_apt_tools
  need_boot_tools
  compgen -G '/usr/lib/*/weechat/plugins/fifo.so' >/dev/null ||
    WISHED+=("weechat-plugins	through one of them WeeChat is told what to type")
  if ! /usr/bin/python3 -c 'import apt, distro_info' 2>/dev/null; then
    WISHED+=("python3-apt	unattended upgrades from the apt repository are tried"
      "python3-distro-info	the same")
  fi
  if ! "${MESHCHAT_PYTHON:-/usr/bin/python3}" -c 'import msgpack' 2>/dev/null; then
    WISHED+=("python3-msgpack	the Python example speaks MessagePack")
  fi
}

need_apt_tools() {
  wish apt-ftparchive apt-utils "makes the indexes of the apt repository"
  wish gpg gpg "signs it"
  wish gpg-agent gpg-agent "the same"
  wish gpgconf gpgconf "ends what holds the key"
  wish xz xz-utils "makes the indexes small"
}

need_boot_tools() {
  wish systemd-nspawn systemd-container "the packages are tried in a container that boots"
  wish mmdebstrap mmdebstrap "makes the Debian in it"
  wish mkfs.ext4 e2fsprogs "the disk of a virtual machine"
  wish qemu-img qemu-utils "the same"
  wish dpkg-buildpackage dpkg-dev "makes the packages"
  wish dh debhelper "the same"
}

need_machines() {
  wish python3 python3 "speaks with virtual machines"
  wish qemu-system-aarch64 qemu-system-arm "an emulated Raspberry Pi, more or less"
  wish qemu-system-x86_64 qemu-system-x86 "virtual machines of amd64"
  wish qemu-aarch64-static qemu-user-static "makes a Debian for another architecture"
  wish arch-test arch-test "the same"
}

need_lint_tools() {
  wish shellcheck shellcheck "checks the shell scripts"
  if command -v rustup >/dev/null; then
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    say "adding rustfmt and clippy to your rustup toolchain"
    rustup component add rustfmt clippy
    return
  fi
  cargo fmt --version >/dev/null 2>&1 || WANTED+=("rustfmt-web	checks the layout of the code")
  cargo clippy --version >/dev/null 2>&1 || WANTED+=("rust-web-clippy	checks the code")
}

need_deb_tools() {
  command -v dpkg >/dev/null || die "Debian packages are made on Debian and what comes from it (Ubuntu, Raspberry Pi OS)."
  want mmdebstrap mmdebstrap "makes the small Debian to build in"
  want dpkg-buildpackage dpkg-dev "makes the packages"
  want dh debhelper "the same, of programs that are built already"
  wish lintian lintian "looks for mistakes in them"
  [ "$(id -u)" = 0 ] || want newuidmap uidmap "lets a plain user be root in that Debian"
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    WANTED+=("debian-archive-keyring	tells Debian's packages from others")
}

want() { # COMMAND PACKAGE REASON
  command -v "$1" >/dev/null || WANTED+=("$2	$3")
}

wish() { # COMMAND PACKAGE REASON
  command -v "$1" >/dev/null || WISHED+=("$2	$3")
}

install_missing() {
  command -v apt-get >/dev/null || no_apt
  local root
  if ! root=$(root_command); then no_root; return; fi

  say "meshchat needs a few Debian packages to $WHAT. First their list, as root: apt-get update"
  if ! $root apt-get update -qq; then give_up_if_required; return; fi
  choose_rust
  say "Installing, as root, with apt-get (minutes on a slow line or card):"
  list_missing
  local packages keep=(--no-remove)
  mapfile -t packages < <(package_names)
  # An older compiler is replaced; nothing else that is here goes for it.
  [ -z "$RUST_MISSING" ] || keep=()
  if ! $root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${keep[@]}" "${packages[@]}" >/dev/null; then
    give_up_if_required
    return
  fi
  say "Done: everything needed to $WHAT is here."
}

root_command() {
  if [ "$(id -u)" = 0 ]; then echo ""; return; fi
  command -v sudo >/dev/null || return 1
  # Without a terminal sudo cannot ask for a password.
  [ -t 0 ] || sudo -n true 2>/dev/null || return 1
  echo sudo
}

# Debian keeps a current compiler for its browsers (rustc-web); the plain one is
# as old as the release.
choose_rust() {
  [ -n "$RUST_MISSING" ] || return 0
  local suffix minor
  for suffix in -web ""; do
    minor=$(apt-cache policy "rustc$suffix" 2>/dev/null | sed -nE 's/^ +Candidate: 1\.([0-9]+)\..*/\1/p')
    if [ "${minor:-0}" -ge "$RUST_MIN_MINOR" ]; then
      WANTED+=("rustc$suffix	Rust compiler 1.$minor ($RUST_MISSING)"
        "cargo$suffix	Rust's build tool; replaces an older Debian rustc and cargo")
      return
    fi
  done
  say "$RUST_MISSING, and this system's packages offer none that is new enough."
  die "  get it from https://rustup.rs:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y
  then run make again (it looks in ~/.cargo/bin too)"
}

no_apt() {
  say "This system has no apt-get. Please install these by its own means (Debian's names):"
  [ -z "$RUST_MISSING" ] || say "  rustc and cargo 1.$RUST_MIN_MINOR or newer ($RUST_MISSING), for instance from https://rustup.rs"
  list_missing
  give_up_if_required
  exit 0
}

no_root() {
  [ -z "$RUST_MISSING" ] || WANTED+=("rustc-web	$RUST_MISSING" "cargo-web	Rust's build tool")
  say "Some packages are missing and sudo cannot be used here:"
  list_missing
  say "Install them as root, then run make again:"
  say "  apt-get update && apt-get install --no-install-recommends $(package_names | paste -sd ' ')"
  give_up_if_required
}

# Without tools of the tests the rest is still worth running.
give_up_if_required() {
  [ -z "$RUST_MISSING" ] && [ ${#WANTED[@]} -eq 0 ] || exit 1
  say "Going on without them: tests that need them will say \"skipped\"."
}

list_missing() {
  local line
  for line in "${WANTED[@]}" "${WISHED[@]}"; do
    printf '  %-16s %s\n' "${line%%	*}" "${line#*	}" >&2
  done
}

package_names() {
  local line
  for line in "${WANTED[@]}" "${WISHED[@]}"; do echo "${line%%	*}"; done
}

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }

main
