#!/bin/bash
# links.sh [FOLDER]: every link between the pages of the documentation leads somewhere: the file is
# there, and so is the heading behind `#`. In FOLDER, or in this checkout. `make lint` runs it.
# Links to the web are not followed.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
DIR=$(mktemp -d)
BROKEN=0

main() {
  trap 'rm -rf "$DIR"' EXIT
  finds_what_is_broken
  local pages
  if [ $# -gt 0 ]; then
    mapfile -t pages < <(find "$1" -name '*.md')
  else
    mapfile -t pages < <(git ls-files -co --exclude-standard '*.md')
  fi
  [ ${#pages[@]} -gt 0 ] || { echo "links: found no pages; run it in a git checkout, or name a folder" >&2; exit 1; }
  check "${pages[@]}"
  [ "$BROKEN" = 0 ] || { echo "links: $BROKEN lead nowhere"; exit 1; }
  echo "links: ok, ${#pages[@]} pages"
}

# A check that finds nothing wrong must be able to.
finds_what_is_broken() {
  local page=$DIR/page.md
  cat >"$page" <<'PAGE'
# One `word`, twice!
[good](page.md) [good](#one-word-twice) [good](page.md#one-word-twice) [web](https://example.org/x)
[bad](absent.md) [bad](#absent)
![bad](absent.png)

    [code](not-a-link.md)

`[code](not-a-link.md)`
PAGE
  check "$page" >/dev/null
  [ "$BROKEN" = 3 ] || { echo "links: this check is wrong: $BROKEN of 3 found" >&2; exit 1; }
  BROKEN=0
}

check() { # PAGE...
  local page line target file heading
  while IFS=$'\t' read -r page line target; do
    file=${target%%#*}
    heading=
    [[ $target != *#* ]] || heading=${target#*#}
    file=$([ -n "$file" ] && echo "$(dirname "$page")/$file" || echo "$page")
    if [ ! -e "$file" ]; then
      broken "$page:$line: $target: there is no such file"
    elif [ -n "$heading" ] && ! headings "$file" | grep -qxF -- "$heading"; then
      broken "$page:$line: $target: there is no such heading"
    fi
  done < <(links "$@")
}

broken() { # WHAT
  echo "$1"
  BROKEN=$((BROKEN + 1))
}

# PAGE<TAB>LINE<TAB>TARGET of each link that is no address of the web and stands in no code.
links() { # PAGE...
  awk '
    FNR == 1 { fenced = 0 }
    /^ *```/ { fenced = !fenced; next }
    fenced || /^    / { next }
    {
      gsub(/`[^`]*`/, "`")
      while (match($0, /\]\([^) ]+/)) {
        target = substr($0, RSTART + 2, RLENGTH - 2)
        $0 = substr($0, RSTART + RLENGTH)
        if (target !~ /^[a-z]+:/) printf "%s\t%d\t%s\n", FILENAME, FNR, target
      }
    }' "$@"
}

# The names by which the headings of a page are linked, as GitHub makes them.
headings() { # PAGE
  awk '/^ *```/ { fenced = !fenced } !fenced && sub(/^#+ +/, "")' "$1" |
    tr '[:upper:]' '[:lower:]' | sed -E 's/[^[:alnum:] _-]//g; s/ /-/g'
}

main "$@"
