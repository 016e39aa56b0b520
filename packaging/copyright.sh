#!/bin/bash
# copyright.sh TARGET: prints debian/copyright, with the crates that programs for this Rust target
# have linked in: who holds the rights, and under which licence. Reads cargo's store, fetches nothing.
#
# A licence whose text is not in packaging/licences ends it: add the text with the crate.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
readonly TARGET=$1
readonly OWN=packaging/debian/copyright TEXTS=packaging/licences
STORE=${CARGO_HOME:-$HOME/.cargo}/registry/src
readonly STORE

main() {
  local crates
  crates=$(crates)
  [ -n "$crates" ] || die "cargo tree names no crates"
  cat $OWN
  while IFS='|' read -r name version offered licence; do
    paragraph "$name" "$version" "$offered" "$licence"
  done <<<"$crates"
  # Expat is that of the project itself, whatever crates have.
  { echo Expat; cut -d '|' -f 4 <<<"$crates" | sed 's/ and /\n/g'; } | LC_ALL=C sort -u |
    while read -r licence; do text "$licence"; done
}

crates() { # -> NAME|VERSION|OFFERED|LICENCE, sorted
  cargo tree --offline --locked --quiet --target "$TARGET" -e normal --prefix none --no-dedupe \
    --format '{p}|{l}' -p meshchatd -p meshchatctl -p meshchat-gateway |
    sed -nE '/^meshchat/d; s!^([^ ]+) v([^ |]+)[^|]*\|(.*)$!\1|\2|\3!p' | LC_ALL=C sort -u | choose
}

# Of each choice one: Expat, else Apache-2.0, else the first. Parentheses are around choices only.
choose() {
  awk -F '|' '
    function one(choice,    parts, n, i, best) {
      gsub(/[()]/, "", choice); gsub(/\//, " OR ", choice)
      n = split(choice, parts, / OR /); best = parts[1]
      for (i = 1; i <= n; i++) if (parts[i] == "Apache-2.0") best = parts[i]
      for (i = 1; i <= n; i++) if (parts[i] == "MIT") best = "Expat"
      return best
    }
    {
      n = split($3, all, / AND /); chosen = one(all[1])
      for (i = 2; i <= n; i++) chosen = chosen " and " one(all[i])
      print $0 "|" chosen
    }'
}

paragraph() { # NAME VERSION OFFERED LICENCE
  local source="" folder
  for folder in "$STORE"/*/"$1-$2"; do
    [ ! -d "$folder" ] || source=$folder
  done
  [ -n "$source" ] || die "the source of $1 $2 is not in $STORE"
  printf '\nFiles: crates/%s-%s/*\nCopyright: %s\nLicense: %s\n' "$1" "$2" "$(holders "$source" "$1")" "$4"
  [ "$3" = "$4" ] || [ "$3$4" = MITExpat ] || echo "Comment: offered under $3"
}

# What the files of licences say, else the authors that the manifest names, else its contributors.
holders() { # SOURCE NAME
  local found
  found=$(notices "$1")
  [ -n "$found" ] || found=$(authors "$1") || true
  [ -n "$found" ] || found="the contributors of $2"
  sed '2,$s/^/ /' <<<"$found"
}

# Lines such as "Copyright (c) 2020 Somebody", without the fill-in forms of the Apache licence.
notices() { # SOURCE
  find "$1" -maxdepth 1 -type f \( -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'copyright*' \
    -o -iname 'notice*' \) -print0 | LC_ALL=C sort -z |
    xargs -0r sed -nE 's/\r$//; s/^[^[:alpha:]]*copyright:? +((\(c\)|©|[0-9]{4}).*)$/\1/Ip' |
    sed -E 's/^(\([cC]\)|©) *//; s/[[:space:]]+$//; /[[{]/d; /^$/d' | awk '!seen[$0]++' | head -n 20
}

authors() { # SOURCE
  awk '/^authors = \[/ { on = 1 } on { print } on && /\]/ { exit }' "$1/Cargo.toml" |
    grep -oE '"[^"]+"' | tr -d '"'
}

text() { # LICENCE
  [ -e "$TEXTS/$1" ] || die "no text of the licence $1 in $TEXTS; is it one that may be linked in? (deny.toml)"
  printf '\nLicense: %s\n' "$1"
  sed -E 's/[[:space:]]+$//; s/^$/./; s/^/ /' "$TEXTS/$1"
}

die() { echo "copyright.sh: $*" >&2; exit 1; }

main
