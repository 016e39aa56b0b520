#!/bin/bash
# demo.sh: three nodes on this machine talk; one is killed, comes back and catches up.
# `make demo` calls it. All that it makes is in a temporary directory and goes at the end.
#
#   MESHCHAT_BIN_DIR  programs that are built already; without it they are built first
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")/.."
CARGO=${CARGO:-cargo}
readonly NODES=(kitchen barn roof) PEOPLE=(anna ben cleo)
readonly PATIENCE=30 # seconds for anything to happen; links are given up after 15
declare -A NODE_PID=() TAIL_PID=() SHOWN=()
DIR="" GATEWAY_PID="" PAGE=""

main() {
  build
  trap clean EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  prepare
  introduce
  start_nodes
  link_nodes
  people_join
  talk
  kill_the_middle
  talk_meanwhile
  restart_the_middle
  open_the_page
  try_the_chat
  finish
}

build() {
  if [ -n "${MESHCHAT_BIN_DIR-}" ]; then
    PATH=$(readlink -f "$MESHCHAT_BIN_DIR"):$PATH
    return
  fi
  echo "Building meshchatd, meshchatctl and meshchat-gateway (minutes the first time, seconds afterwards) ..."
  # The programs alone: whoever tries this waits for it.
  "$CARGO" build --quiet --workspace --bins --profile test --locked
  PATH=$("$CARGO" metadata --format-version 1 --no-deps --offline |
    sed -nE 's/.*"target_directory":"([^"]*)".*/\1/p')/debug:$PATH
}

prepare() {
  local variable
  for variable in "${!MESHCHAT_@}"; do unset "$variable"; done
  DIR=$(mktemp -d)
  # A socket path has at most 107 bytes.
  if [ ${#DIR} -gt 60 ]; then
    rmdir "$DIR"
    DIR=$(mktemp -d /tmp/meshchat-demo.XXXXXX)
  fi
  export XDG_RUNTIME_DIR=$DIR
  touch "$DIR/empty.toml"
}

introduce() {
  say "Three nodes of meshchat will run on this machine, linked in a chain:"
  echo
  echo "    anna              ben               cleo"
  echo "    kitchen --------- barn ------------ roof"
  echo
  say "In real life each would be a Raspberry Pi of its own. Here they share one machine and" \
    "keep their files in $DIR. Lines with a \$ are real commands; what follows them is what" \
    "they print. --instance says which node of this machine is meant; with one node on a" \
    "machine you leave it out."
}

start_nodes() {
  title "1. Start three nodes"
  say "Each makes its own key, and waits for links on a free port of 127.0.0.1."
  local node
  for node in "${NODES[@]}"; do start_node "$node"; done
  for node in "${NODES[@]}"; do quietly meshchatctl --instance "$node" wait --timeout ${PATIENCE}s; done
  run meshchatctl --instance kitchen status
}

start_node() { # NODE
  local node=$1
  local command=(meshchatd --instance "$node" --name "$node" --listen 127.0.0.1:0)
  prompt "${command[@]}" "&"
  # What a user's own daemon would keep in ~/.local/state, the system's in /var/lib.
  MESHCHAT_DISCOVERY=off MESHCHAT_LINKS=named MESHCHAT_MAPPING=off MESHCHAT_RATE=off MESHCHAT_CONFIG=$DIR/empty.toml MESHCHAT_STATE_DIR=$DIR/state-$node \
    MESHCHAT_SOCKET=$DIR/meshchat/$node/control.sock \
    "${command[@]}" >>"$DIR/$node.log" 2>&1 </dev/null &
  NODE_PID[$node]=$!
}

link_nodes() {
  title "2. Link them: kitchen - barn - roof"
  say "One side names the other; links go both ways. Barn will remember its two peers."
  local node
  for node in kitchen roof; do
    run meshchatctl --instance barn connect "$(address_of "$node")"
  done
  run meshchatctl --instance barn peers
}

address_of() { # NODE
  meshchatctl --instance "$1" status --json | sed -nE 's/.*"listen":\["([^"]*)".*/\1/p'
}

people_join() {
  title "3. People come"
  say "Every Unix user is a person. On this one machine they would all be you, so they take" \
    "names. Who reads along with tail is there for the others."
  local k
  for k in 0 1 2; do run meshchatctl --instance "${NODES[k]}" nick "${PEOPLE[k]}"; done
  for k in 0 1 2; do start_tail "${NODES[k]}"; done
  for k in 0 1 2; do await "everybody to be there" everybody_is_there "${NODES[k]}"; done
  say "Kitchen and roof have no link to each other, but know each other through barn:"
  run meshchatctl --instance kitchen who
  run meshchatctl --instance kitchen nodes
}

start_tail() { # NODE
  local color=never
  [ -z "$BOLD" ] || color=always
  prompt meshchatctl --instance "$1" tail "&"
  meshchatctl --instance "$1" --color "$color" tail >"$DIR/$1.tail" 2>&1 </dev/null &
  TAIL_PID[$1]=$!
  SHOWN[$1]=0
}

everybody_is_there() { # NODE
  [ "$(meshchatctl --instance "$1" who --terse --fields state | grep -c online)" = 3 ]
}

talk() {
  title "4. They talk"
  run meshchatctl --instance kitchen send 'Good morning! Is anybody up?'
  await "the message on the roof" tail_has roof 'Good morning'
  run meshchatctl --instance roof send 'Up on the roof, and it is windy.'
  run meshchatctl --instance barn send --me 'feeds the hens'
  local node
  for node in "${NODES[@]}"; do
    await "all messages" tail_has "$node" 'windy'
    await "all messages" tail_has "$node" 'feeds the hens'
  done
  say "This is what their tails show:"
  show_tails "${NODES[@]}"
}

kill_the_middle() {
  title "5. Barn loses power"
  say "Not a clean stop, which would say goodbye: barn dies in the middle of everything. The" \
    "others must find out by themselves. A link is given up after 15 seconds without a sign" \
    "of life, so this takes a moment."
  prompt kill -9 "${NODE_PID[barn]}"
  kill -9 "${NODE_PID[barn]}"
  wait "${NODE_PID[barn]}" 2>/dev/null || true
  unset 'NODE_PID[barn]'
  await "kitchen to notice" tail_has kitchen 'cleo@roof cannot be reached'
  await "kitchen to notice" tail_has kitchen 'ben@barn cannot be reached'
  await "roof to notice" tail_has roof 'anna@kitchen cannot be reached'
  await "roof to notice" tail_has roof 'ben@barn cannot be reached'
  show_tails kitchen roof
}

talk_meanwhile() {
  title "6. Meanwhile"
  say "Both halves go on. What is said is kept until there is a way again."
  run meshchatctl --instance kitchen send 'Barn is dark. Cleo, can you see it from the roof?'
  run meshchatctl --instance roof send 'No light in the barn. I will have a look.'
}

restart_the_middle() {
  title "7. Barn comes back"
  say "Barn starts again, dials the peers that it remembers, and everybody catches up. Barn's" \
    "messages were in memory only; it gets them back from the others."
  start_node barn
  quietly meshchatctl --instance barn wait --peers 2 --timeout ${PATIENCE}s
  await "roof to catch up" tail_has roof 'Barn is dark'
  await "kitchen to catch up" tail_has kitchen 'No light in the barn'
  await "barn to catch up" tail_has barn 'Barn is dark'
  await "barn to catch up" tail_has barn 'No light in the barn'
  for node in "${NODES[@]}"; do await "everybody to be back" everybody_is_there "$node"; done
  await "kitchen to say so" tail_has kitchen 'cleo@roof is back'
  await "roof to say so" tail_has roof 'anna@kitchen is back'
  show_tails "${NODES[@]}"
  say "And the way from end to end is there again:"
  run meshchatctl --instance kitchen ping --count 1 roof
}

open_the_page() {
  title "8. A web page for phones"
  say "The gateway is a program of its own beside a node. It serves a page, and ways in for IRC" \
    "and other clients. A code lets a browser in, once."
  prompt meshchat-gateway --instance kitchen --web 127.0.0.1:0 "&"
  MESHCHAT_GATEWAY_CONFIG=$DIR/empty.toml MESHCHAT_GATEWAY_STATE_DIR=$DIR/gateway \
    meshchat-gateway --instance kitchen --web 127.0.0.1:0 >>"$DIR/gateway.log" 2>&1 </dev/null &
  GATEWAY_PID=$!
  await "the page" page_is_told
  run meshchatctl --instance kitchen doors
  local code
  code=$(meshchatctl --instance kitchen pair --terse)
  PAGE=$(page_address)
  await "the page to open" page_opens
  prompt meshchatctl --instance kitchen pair
  say "    The page is at:   $PAGE#$code"
  # Somebody who looks on can try it.
  if [ -t 0 ] && [ -t 1 ]; then
    echo
    read -r -p "Open it in a browser of this machine, and talk. Enter goes on. " || true
  fi
}

# For somebody who looks on; a test has no terminal.
try_the_chat() {
  if [ ! -t 0 ] || [ ! -t 1 ] || [ -n "${CI-}" ] || [ "${TERM:-dumb}" = dumb ]; then return; fi
  title "9. The chat in the terminal"
  local answer=""
  read -r -p "Talk yourself, as anna in the kitchen? /quit comes back here. [Y/n] " answer || return 0
  case $answer in [nN]*) return ;; esac
  prompt meshchatctl --instance kitchen chat
  # Nothing that it remembers stays behind either.
  XDG_STATE_HOME=$DIR/chat XDG_CONFIG_HOME=$DIR/chat meshchatctl --instance kitchen chat ||
    echo "The chat ended with exit code $?."
}

page_is_told() { [ -n "$(page_address)" ]; }

page_address() {
  meshchatctl --instance kitchen doors --terse --fields address 2>/dev/null |
    sed -nE 's!^(http://[^ ]*).*!\1!p' | head -n 1
}

page_opens() {
  local place=${PAGE#http://}
  place=${place%/}
  (
    exec 3<>"/dev/tcp/${place%:*}/${place##*:}"
    printf 'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$place" >&3
    grep -q '<title>meshchat' <&3
  ) 2>/dev/null
}

finish() {
  title "That was it"
  clean
  say "All three nodes and the gateway are stopped and their files are gone. A node of your own:"
  echo
  echo "    make build                        # optimised programs, in target/release"
  echo "    sudo make install                 # to /usr/local"
  echo "    meshchatd                         # runs as you; no root, no configuration needed"
  echo "    meshchatctl connect HOST          # in another terminal: link to a node elsewhere"
  echo "    meshchatctl chat                  # talk, on a full screen"
  echo "    meshchatctl tail                  # read"
  echo "    meshchatctl send 'Hello, world'   # talk"
  echo "    meshchat-gateway                  # the web page, at http://127.0.0.1:8480/"
  echo "    meshchatctl pair                  # a code and a link that let a browser in"
  echo
  say "As a service of the system, and everything else: README.md."
}

# ---- what is shown

if [ -t 1 ] && [ -z "${NO_COLOR-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  readonly BOLD=$'\e[1m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
  readonly BOLD="" DIM="" PLAIN=""
fi

title() {
  # Time to read, when somebody does.
  [ ! -t 1 ] || sleep 2
  printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"
}

say() { echo "$*" | fold -s -w 78 | sed 's/ $//'; }

prompt() { # COMMAND...
  local word line=""
  for word in "$@"; do
    case $word in
      "&") line+=" &" ;;
      *[!a-zA-Z0-9_./:@=-]*) line+=" '$word'" ;;
      *) line+=" $word" ;;
    esac
  done
  printf '%s  $%s%s\n' "$BOLD" "$line" "$PLAIN"
}

run() { # COMMAND...
  prompt "$@"
  "$@" 2>&1 | sed 's/^/    /' || fail "the command failed"
}

quietly() { # COMMAND...
  "$@" || fail "the command failed: $*"
}

# What came since the last time.
show_tails() { # NODE...
  local node lines
  for node in "$@"; do
    printf '%s    on %s:%s\n' "$DIM" "$node" "$PLAIN"
    lines=$(wc -l <"$DIR/$node.tail")
    sed -n "$((SHOWN[$node] + 1)),${lines}p" "$DIR/$node.tail" | sed 's/^/      /'
    SHOWN[$node]=$lines
  done
}

# ---- waiting, ending

await() { # WHAT CONDITION...
  local what=$1 deadline=$((SECONDS + PATIENCE))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "waited $PATIENCE s for $what"
    sleep 0.05
  done
}

tail_has() { # NODE TEXT
  sed 's/\x1b\[[0-9;]*m//g' "$DIR/$1.tail" | grep -qF "$2"
}

fail() {
  echo "demo: $*" >&2
  local node
  for node in "${NODES[@]}"; do
    echo "---- log of $node" >&2
    tail -n 20 "$DIR/$node.log" >&2 || true
  done
  exit 1
}

clean() {
  trap - EXIT
  local pids=("${TAIL_PID[@]}" ${GATEWAY_PID:+"$GATEWAY_PID"} "${NODE_PID[@]}") pid deadline=$((SECONDS + 5))
  TAIL_PID=() NODE_PID=() GATEWAY_PID=""
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    while kill -0 "$pid" 2>/dev/null; do
      [ $SECONDS -lt $deadline ] || kill -9 "$pid" 2>/dev/null || true
      sleep 0.05
    done
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$DIR"
}

main "$@"
