#!/bin/bash
# tarball.sh BIN_DIR PAGES_DIR OUT: makes OUT/meshchat-VERSION-ARCH.tar.xz and OUT/SHA256SUMS of the
# programs in BIN_DIR, and the folders man and completions in PAGES_DIR. `make tarball` calls it.
#
# In it is all that install.sh, at its top, needs: neither make nor cargo. Days of files are that of
# SOURCE_DATE_EPOCH, so that the same programs make the same bytes. XZ_OPT=-0 is quick and big.
set -euo pipefail
umask 022
export LC_ALL=C

cd "$(dirname "$(readlink -f "$0")")/.."
readonly PROGRAMS=(meshchatd meshchatctl meshchat-gateway)
readonly EPOCH=${SOURCE_DATE_EPOCH:?SOURCE_DATE_EPOCH must be set, to the day that files shall have}
DIR=""

main() {
  [ $# = 3 ] || die "usage: scripts/tarball.sh BIN_DIR PAGES_DIR OUT"
  local program name
  for program in "${PROGRAMS[@]}"; do
    [ -x "$1/$program" ] || die "$1/$program is not there; run 'make build' first"
  done
  [ -d "$2/man" ] || die "$2/man is not there; run 'make man' first"
  [ -d "$2/completions" ] || die "$2/completions is not there; run 'make man' first"
  trap clean EXIT
  DIR=$(mktemp -d)
  name=meshchat-$(version)-$(architecture "$1/meshchatd")
  lay_out "$1" "$2" "$DIR/$name"
  mkdir -p "$3"
  pack "$name" "$3"
}

version() { sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml; }

# What the program was built for, which need not be this machine.
architecture() { # PROGRAM
  case $(od -An -tx1 -j4 -N1 "$1"):$(od -An -tx1 -j18 -N2 "$1") in
    *02:*"3e 00") echo x86_64 ;;
    *02:*"b7 00") echo aarch64 ;;
    *01:*"28 00") echo armv7 ;;
    *) die "$1 is for a machine that is not known here" ;;
  esac
}

lay_out() { # BIN_DIR PAGES_DIR ROOT
  local file
  mkdir -p "$3/bin" "$3/scripts" "$3/docs/images" "$3/packaging"
  for file in "${PROGRAMS[@]}"; do install -m 755 "$1/$file" "$3/bin/"; done
  cp -R "$2/man" "$2/completions" "$3/"
  cp -R etc systemd "$3/"
  cp LICENSE ./*.md "$3/"
  cp docs/*.md "$3/docs/"
  cp docs/images/* "$3/docs/images/"
  cp packaging/*.md "$3/packaging/"
  mkdir "$3/examples"
  find examples -maxdepth 1 -type f -exec cp -t "$3/examples" {} +
  cp scripts/install.sh "$3/scripts/"
  ln -s scripts/install.sh "$3/install.sh"
}

pack() { # NAME OUT
  local file=$1.tar.xz
  tar --directory "$DIR" --create --sort=name --format=gnu --mode=u+rw,go=rX --mtime="@$EPOCH" \
    --owner=0 --group=0 --numeric-owner "$1" | XZ_OPT=${XZ_OPT:--9} xz --threads=1 >"$DIR/$file"
  mv "$DIR/$file" "$2/$file"
  # Those of other architectures that are there stay listed.
  (cd "$2" && sha256sum meshchat-*.tar.xz >SHA256SUMS)
  echo "$2/$file: $(stat -c %s "$2/$file") bytes"
}

clean() { [ -z "$DIR" ] || rm -rf "$DIR"; }
die() { echo "tarball.sh: $*" >&2; exit 1; }

main "$@"
