#!/bin/bash
# size.sh: the sizes of the optimised programs, and of Debian packages if some are named,
# against what a small SD card should spend on them. Fails when one is larger.
#
#   scripts/size.sh FOLDER [PACKAGE.deb...]      FOLDER has the programs, as `make build` made them
set -euo pipefail

# Bytes; 1 MB is 1,000,000.
declare -rA MOST=([meshchatd]=5000000 [meshchatctl]=4000000)
readonly MOST_PACKAGE=4000000
TOO_LARGE=0

main() {
  local folder=${1:?usage: size.sh FOLDER [PACKAGE.deb...]} name
  shift
  for name in meshchatd meshchatctl meshchat-gateway; do
    if ! [ -f "$folder/$name" ]; then
      echo "$folder/$name is not there; run 'make build' first" >&2
      exit 1
    fi
    row "$name" "$(stat -c %s "$folder/$name")" "${MOST[$name]-}"
  done
  for name in "$@"; do
    row "$(basename "$name")" "$(stat -c %s "$name")" "$(most_of_package "$name")"
  done
  if [ $TOO_LARGE -gt 0 ]; then
    echo "$TOO_LARGE too large. 'cargo bloat --release --crates -p NAME' tells what takes the space." >&2
    exit 1
  fi
}

# Only what every node installs has a bound.
most_of_package() { # FILE
  case $(basename "$1") in
    meshchat_*) echo $MOST_PACKAGE ;;
  esac
}

row() { # NAME BYTES [MOST]
  local name=$1 bytes=$2 most=${3-} word="no bound"
  if [ -n "$most" ]; then
    word="ok, below $(megabytes "$most")"
    if [ "$bytes" -ge "$most" ]; then
      word="TOO LARGE, must be below $(megabytes "$most")"
      TOO_LARGE=$((TOO_LARGE + 1))
    fi
  fi
  printf '%-40s %s  %s\n' "$name" "$(megabytes "$bytes")" "$word"
}

megabytes() { # BYTES
  awk -v bytes="$1" 'BEGIN { printf "%5.2f MB", bytes / 1e6 }'
}

main "$@"
