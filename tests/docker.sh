#!/bin/bash
# docker.sh: builds the container images and runs the three nodes and the page of
# packaging/docker/compose.yaml. `make test-docker` calls it.
#
#   MESHCHAT_COMPOSE  the command (docker compose); podman-compose does it too
#   MESHCHAT_BUILD    "no" takes the images meshchat and meshchat-gateway that are there
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
read -r -a COMPOSE <<<"${MESHCHAT_COMPOSE:-docker compose}"
readonly PATIENCE=60 PEOPLE=_meshchat PROJECT=meshchat-test-$$
FAILED=0 DIR="" STARTED="" BUILT=""

main() {
  local why
  why=$(cannot) && { echo "docker: skipped: $why"; exit 0; }
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  DIR=$(mktemp -d)
  MESHCHAT_PORT=$(free_port)
  MESHCHAT_PAGE_PORT=$(free_port)
  export MESHCHAT_PORT MESHCHAT_PAGE_PORT
  if [ "${MESHCHAT_BUILD-}" != no ]; then build; fi
  STARTED=yes
  compose up -d --no-build >"$DIR/words" 2>&1 || { cat "$DIR/words"; exit 1; }
  link
  talk
  serve_the_page
  restart
  [ $FAILED = 0 ] || { echo "docker: $FAILED checks failed"; exit 1; }
  echo "docker: ok, $SECONDS s"
}

# Under names of their own: images of others stay what they are.
build() {
  export MESHCHAT_IMAGE=$PROJECT-node MESHCHAT_GATEWAY_IMAGE=$PROJECT-gateway
  BUILT=yes
  compose build --build-arg LTO=off
}

# Says why it cannot be tried, or fails.
cannot() {
  command -v "${COMPOSE[0]}" >/dev/null || { echo "no container engine (${COMPOSE[0]} is not installed)"; return; }
  if [ "${COMPOSE[0]}" = docker ]; then
    timeout 20 docker info >/dev/null 2>&1 || { echo "no container engine (docker info fails)"; return; }
  fi
  "${COMPOSE[@]}" version >/dev/null 2>&1 || { echo "'${COMPOSE[*]}' is not there"; return; }
  return 1
}

# By option, which wins over a COMPOSE_PROJECT_NAME of the caller.
compose() { "${COMPOSE[@]}" -p "$PROJECT" -f packaging/docker/compose.yaml "$@"; }
ctl() { compose exec -T "$1" meshchatctl "${@:2}" 2>/dev/null </dev/null; }

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

link() {
  await "kitchen and roof to know each other" knows kitchen roof
  check "the chain is linked by names" knows roof kitchen
  check "the node is well" ctl barn status --check >/dev/null
}

knows() { # NODE OTHER
  # Not grep -q, which hangs up on the other side.
  ctl "$1" nodes --json | grep "\"name\":\"$2\".*\"state\":\"reachable\"" >/dev/null
}

talk() {
  check "kitchen speaks" ctl kitchen send 'from the kitchen' >/dev/null
  await "the message on the roof" heard roof "$PEOPLE@kitchen: from the kitchen"
}

heard() { ctl "$1" tail -n 20 --no-follow | grep -F "$2" >/dev/null; }

serve_the_page() {
  await "the page" page_opens
  local code
  code=$(ctl kitchen pair --terse) || true
  check "kitchen lets browsers in" [ -n "$code" ]
}

page_opens() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$MESHCHAT_PAGE_PORT"
    printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$MESHCHAT_PAGE_PORT" >&3
    grep -q '<title>meshchat' <&3
  ) 2>/dev/null
}

# The key is on a volume: it is the same node afterwards.
restart() {
  local before
  before=$(identity barn)
  compose restart barn >"$DIR/words" 2>&1 || true
  await "barn to come back" ctl barn status --check >/dev/null
  check "barn has kept its key" [ "$(identity barn)" = "$before" ]
  await "the chain to be whole again" knows roof kitchen
}

identity() { ctl "$1" status --json | sed -nE 's/.*"node":"([^"]*)".*/\1/p'; }

# ---- waiting, ending

await() { # WHAT CONDITION...
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    if [ $SECONDS -ge $deadline ]; then
      echo "docker: FAILED: waited $PATIENCE s for $what"
      compose logs 2>&1 | tail -n 40
      exit 1
    fi
    sleep 0.2
  done
}

check() { # WHAT CONDITION...
  local what=$1
  shift
  "$@" && return
  echo "docker: FAILED: $what"
  FAILED=$((FAILED + 1))
}

clean() {
  trap - EXIT
  # They have names in the file, so that they count as images of others to "--rmi local".
  if [ -n "$BUILT" ]; then
    compose down --volumes --rmi all >/dev/null 2>&1 || compose down --volumes >/dev/null 2>&1 || true
  elif [ -n "$STARTED" ]; then
    compose down --volumes >/dev/null 2>&1 || true
  fi
  rm -rf "$DIR"
}

main
