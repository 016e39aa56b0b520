#!/bin/bash
# count-syncs.sh: how often a node makes the disk write, counted with strace.
#
#   scripts/count-syncs.sh FOLDER [memory|disk] [SECONDS] [MESSAGES]
#
# FOLDER has meshchatd and meshchatctl, as `make build` made them. A node in the middle of three is
# watched while people come and go, neighbours stop, start and are killed, direct messages and a
# durable cursor are used, and MESSAGES (600) are said over SECONDS (300). Then it is watched for
# as long while nobody does anything. Prints the calls by file, from the start, from the chat and
# from the quiet time.
set -euo pipefail

readonly PROGRAMS=${1:?usage: count-syncs.sh FOLDER [memory|disk] [SECONDS] [MESSAGES]}
readonly HISTORY=${2:-memory} SECONDS_LONG=${3:-300} MESSAGES=${4:-600}
readonly CALLS=fsync,fdatasync,sync_file_range,sync,syncfs,msync,rename,renameat,renameat2,link,linkat
readonly PATIENCE=60
declare -A PID=()
DIR="" RUN="" LISTEN=""

main() {
  local tool
  for tool in "$PROGRAMS/meshchatd" "$PROGRAMS/meshchatctl" strace; do
    command -v "$tool" >/dev/null || { echo "$tool is missing (strace: apt install strace)" >&2; exit 1; }
  done
  DIR=$(mktemp -d /tmp/meshchat-syncs.XXXXXX)
  # Where sockets are kept, /run, is in memory on every Debian, and so some state is.
  RUN=$(mktemp -d -p /dev/shm meshchat-syncs.XXXXXX)
  trap clean EXIT
  trap 'exit 130' INT TERM HUP
  start_all
  sleep 5
  report "start (links, first records)"
  chat
  report "chat: $MESSAGES messages in $SECONDS_LONG s"
  sleep "$SECONDS_LONG"
  report "quiet: $SECONDS_LONG s"
  stop middle
  report "end"
}

start_all() {
  local node
  touch "$DIR/trace"
  start middle strace -f -y -qq -e "trace=$CALLS" -o "$DIR/trace"
  LISTEN=$(ctl middle status --json | sed -nE 's/.*"listen":\["([^"]*)".*/\1/p')
  for node in left right; do start $node; done
  ctl middle wait --peers 2 --timeout ${PATIENCE}s
}

start() { # NODE [WRAPPER...]
  local node=$1 peer=()
  shift
  [ -z "$LISTEN" ] || peer=(--peer "$LISTEN")
  mkdir -p "$DIR/$node"
  printf 'history = "%s"\nmapping = "off"\ndiscovery = "off"\n' "$HISTORY" >"$DIR/$node/meshchat.toml"
  env -i PATH="$PATH" HOME="$DIR/$node" XDG_RUNTIME_DIR="$DIR/$node" \
    "$@" "$PROGRAMS/meshchatd" --name "$node" --config "$DIR/$node/meshchat.toml" \
    --listen 127.0.0.1:0 --state-dir "$DIR/$node/state" --socket "$RUN/$node" \
    "${peer[@]}" 2>>"$DIR/$node/log" &
  PID[$node]=$!
  ctl "$node" wait --timeout ${PATIENCE}s
}

stop() { # NODE
  local pid=${PID[$1]-} child
  unset "PID[$1]"
  # What has ended has given its number back, perhaps to somebody else's process.
  jobs -pr | grep -qx "$pid" || return 0
  # strace and timeout are asked through their child, which they outlive.
  child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null) || true
  # shellcheck disable=SC2086 # several children, or none
  kill -TERM ${child:-$pid} 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

chat() {
  local n node nodes=(left middle right) begin=$EPOCHREALTIME
  follow reader --cursor reader --json
  for ((n = 1; n <= MESSAGES; n++)); do
    node=${nodes[n % 3]}
    ctl "$node" send "message $n" >/dev/null || true
    event "$n"
    wait_until "$begin" "$n"
  done
  stop reader
}

# Reads along until it is stopped.
follow() { # READER ARGS...
  local reader=$1
  shift
  env -i PATH="$PATH" HOME="$DIR/middle" \
    "$PROGRAMS/meshchatctl" --socket "$RUN/middle" tail "$@" >"$DIR/read.$reader" 2>&1 &
  PID[$reader]=$!
}

# What happens beside the talk: somebody at the node comes or goes every 20 messages, a neighbour
# every 100.
event() { # NUMBER
  case $(($1 % 100)) in
    10 | 50) follow guest ;;
    30 | 70) stop guest ;;
    40) ctl middle dm "$(id -un)@left" "letter $1" >/dev/null || true ;;
    60) ctl middle nick "anna$1" >/dev/null || true ;;
    80)
      stop right
      start right
      ;;
  esac
}

wait_until() { # BEGIN NUMBER
  local rest
  rest=$(awk -v begin="$1" -v now="$EPOCHREALTIME" -v part="$2" -v all="$MESSAGES" -v long="$SECONDS_LONG" \
    'BEGIN { rest = begin + long * part / all - now; printf "%.2f", (rest > 0 ? rest : 0) }')
  sleep "$rest"
}

# Calls since the last report, by name and file.
report() { # TITLE
  echo "== $HISTORY, $1"
  # Numbers and suffixes of files vary; whole names would make as many rows.
  sed -E 's/^[0-9]+ +//; /resumed>/d' "$DIR/trace" |
    sed -nE "s/^([a-z0-9_]+)\(.*$(basename "$DIR")\/middle\/([^\">,]*)[\">].*/\1 \2/p" |
    sed -E 's/[0-9]+\.log|[0-9]{4,}/N/' | sort | uniq -c | sort -rn
  : >"$DIR/trace"
}

ctl() { # NODE ARGS...
  local node=$1
  shift
  env -i PATH="$PATH" HOME="$DIR/$node" timeout $PATIENCE \
    "$PROGRAMS/meshchatctl" --socket "$RUN/$node" "$@"
}

clean() {
  local node
  for node in "${!PID[@]}"; do stop "$node"; done
  rm -rf "$DIR" "$RUN"
}

main "$@"
