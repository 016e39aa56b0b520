#!/bin/sh
# roots.sh BIN_DIR OUT: lays out the file systems of the images, OUT/node and OUT/gateway, with the
# programs in BIN_DIR and the libraries that they load. The Dockerfile calls it.
set -eu

# 65532 is what images without root use for "nobody in particular". The names matter: they are
# those of the Debian package, so that paths, and who may speak for guests, are the same.
readonly NODE_UID=65532 GATEWAY_UID=65533 GID=65532

main() {
  [ $# = 2 ] || { echo "usage: roots.sh BIN_DIR OUT" >&2; exit 2; }
  root "$1" "$2/node" meshchatd meshchatctl
  folder "$2/node/var/lib/meshchat" 700 $NODE_UID
  folder "$2/node/run/meshchat" 750 $NODE_UID
  root "$1" "$2/gateway" meshchat-gateway
  folder "$2/gateway/var/lib/meshchat-gateway" 700 $GATEWAY_UID
  folder "$2/gateway/run/meshchat-gateway" 750 $GATEWAY_UID
  # Who comes by a published port does not ask for the container's own address.
  printf '%s\n' '[web]' 'hosts = ["127.0.0.1"]' >"$2/gateway/etc/meshchat/gateway.toml"
  # The node's, which both mount: a volume takes over what the first image has there.
  folder "$2/gateway/run/meshchat" 750 $NODE_UID
}

root() { # BIN_DIR ROOT PROGRAM...
  bin=$1 root=$2
  shift 2
  mkdir -p "$root/usr/bin" "$root/etc/meshchat"
  install -d -m 1777 "$root/tmp"
  for program in "$@"; do
    install -m 755 "$bin/$program" "$root/usr/bin/"
    libraries "$bin/$program" "$root"
  done
  printf '%s\n' 'root:x:0:0:root:/:/sbin/nologin' \
    "_meshchat:x:$NODE_UID:$GID:meshchat node:/var/lib/meshchat:/sbin/nologin" \
    "_meshchat-gateway:x:$GATEWAY_UID:$GID:meshchat gateway:/var/lib/meshchat-gateway:/sbin/nologin" \
    >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' "meshchat:x:$GID:_meshchat-gateway" >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

# Each under the path by which the program asks for it.
libraries() { # PROGRAM ROOT
  ldd "$1" | sed -nE 's/^[^/]*(\/[^ ]*) \(0x.*/\1/p' | while read -r file; do
    install -D -m 755 "$(readlink -f "$file")" "$2$file"
  done
}

folder() { # PATH MODE OWNER
  install -d -m "$2" -o "$3" -g $GID "$1"
}

main "$@"
