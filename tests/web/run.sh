#!/bin/bash
# run.sh: tests the web page in Debian's Chromium, between real daemons and gateways.
# scripts/test.sh calls it. Needs chromium, node and npm (scripts/setup.sh test); says "skipped"
# when one of them is missing.
#
#   run.sh          runs the tests
#   run.sh prepare  gets what npm has to get, so that the tests need no internet
#
#   MESHCHAT_BIN_DIR    the programs (otherwise those in PATH)
#   MESHCHAT_CHROMIUM   the browser (otherwise /usr/bin/chromium)
#   MESHCHAT_SHOTS      where screenshots go (otherwise target/page)
#   MESHCHAT_PAGE_DIR   serve the page from this directory in place of what is built in: to work
#                       on it without building
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"
readonly ROOT=../..
MESHCHAT_CHROMIUM=${MESHCHAT_CHROMIUM:-/usr/bin/chromium}

main() {
  command -v node >/dev/null || skip "there is no node"
  [ "$(node --print 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "node is older than 20"
  local tests=(pure.test.js)
  local why
  if why=$(no_browser); then
    skip_browser "$why"
  else
    tests+=(page.test.js)
  fi
  [ "${1-}" != prepare ] || return 0
  export MESHCHAT_CHROMIUM MESHCHAT_SHOTS=${MESHCHAT_SHOTS:-$(readlink -f $ROOT)/target/page}
  node --test "${tests[@]}"
}

# Says why there is none.
no_browser() {
  if [ ! -x "$MESHCHAT_CHROMIUM" ]; then echo "there is no $MESHCHAT_CHROMIUM"; return; fi
  if ! command -v npm >/dev/null; then echo "there is no npm"; return; fi
  if ! have_packages; then echo "npm could not get playwright-core and axe-core"; return; fi
  return 1
}

# Their own record says which are there.
have_packages() {
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 && touch node_modules/.package-lock.json
}

skip_browser() { echo "Tests of the page in a browser: skipped, as $1." >&2; }
skip() { echo "Tests of the page: skipped, as $1." >&2; exit 0; }

main "$@"
