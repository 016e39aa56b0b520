#!/bin/bash
# netns_selftest.sh: shows that the networks of netns.sh do what they say, before any
# test of ours trusts them.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"
export MESHNET_PREFIX=self$$
readonly ECHO_PORT=7007 PYTHON=${MESHCHAT_PYTHON:-python3}
FAILED=0

main() {
  local why
  if ! why=$(./netns.sh check); then
    echo "netns_selftest: skipped: $why"
    return
  fi
  trap './netns.sh clean' EXIT
  test_lan
  test_loss
  test_hole
  test_cut_and_heal
  test_part
  test_delay
  test_nat
  test_cones
  test_prefixes_do_not_meet
  [ $FAILED = 0 ] || { echo "netns_selftest: $FAILED checks failed"; exit 1; }
  echo "netns_selftest: ok"
}

test_lan() {
  ./netns.sh lan lan 3
  local k
  for k in 1 2 3; do echo_on "lan$k"; done
  expect "lan: hosts hear each other" "10 10.77.0.1:" "$(ask lan1 10.77.0.2 10)"
}

test_loss() {
  ./netns.sh loss lan2 50 in
  local answers
  read -r answers _ <<<"$(ask lan1 10.77.0.2 200)"
  between "loss: about half is lost" 60 140 "$answers"
  ./netns.sh loss lan2 0
  expect "loss: healed" "10 " "$(ask lan1 10.77.0.2 10)"
}

test_hole() {
  ./netns.sh hole lan2 on
  expect "hole: nothing passes" "0 -" "$(ask lan1 10.77.0.2 5)"
  expect "hole: the host still sees a carrier" 1 "$(./netns.sh exec lan2 cat /sys/class/net/eth0/carrier)"
  ./netns.sh hole lan2 off
  expect "hole: filled" "10 " "$(ask lan1 10.77.0.2 10)"
}

test_cut_and_heal() {
  ./netns.sh cut lan2
  expect "cut: nothing passes" "0 -" "$(ask lan1 10.77.0.2 5)"
  expect "cut: the host sees no carrier" 0 "$(./netns.sh exec lan2 cat /sys/class/net/eth0/carrier)"
  ./netns.sh heal lan2
  eventually "heal: passes again" "10 " ask lan1 10.77.0.2 10
}

test_part() {
  ./netns.sh part lan1 lan2 on
  expect "part: the two are apart" "0 -" "$(ask lan1 10.77.0.2 5)"
  expect "part: a third hears both" "5 " "$(ask lan3 10.77.0.1 5)"
  expect "part: a third hears both" "5 " "$(ask lan3 10.77.0.2 5)"
  ./netns.sh part lan1 lan2 off
  expect "part: together again" "5 " "$(ask lan1 10.77.0.2 5)"
}

test_delay() {
  ./netns.sh delay lan3 100
  local before after
  before=$(date +%s%3N)
  expect "delay: passes" "1 " "$(ask lan1 10.77.0.3 1)"
  after=$(date +%s%3N)
  # The wire may be slower than told on a busy machine, never faster.
  between "delay: there and back takes at least 200 ms" 200 60000 $((after - before))
}

test_nat() {
  ./netns.sh lan net 2 10.78.0
  echo_on net1
  echo_on net2
  local outside
  outside=$(./netns.sh nat home lan net restricted)
  expect "nat: the port is kept, the address is the router's" \
    "5 $outside:5005" "$(ask lan1 10.78.0.1 5 5005)"
  echo_on lan1 5006
  expect "nat: opened towards one host" "1 $outside:5007" "$(ask lan1 10.78.0.1 1 5007)"
  expect "nat: a stranger does not get in" "0 -" "$(ask net2 "$outside" 5 0 5006)"
  ./netns.sh forward home udp 5006 10.77.0.1
  expect "forward: now the stranger gets in" "5 10.78.0.2:" "$(ask net2 "$outside" 5 0 5006)"
}

# What each kind of translator lets in: nobody before its host has sent anything, then a
# stranger, another port of the host that was sent to.
test_cones() {
  local kind stranger acquaintance lan outside net=0
  for kind in full:5:5 address:0:5 restricted:0:0 symmetric:0:0; do
    IFS=: read -r kind stranger acquaintance <<<"$kind"
    lan=${kind:0:4}
    net=$((net + 1))
    ./netns.sh lan "$lan" 1 "10.80.$net"
    outside=$(./netns.sh nat "r$lan" "$lan" net "$kind")
    expect "$kind: nobody before" "0 -" "$(ask net2 "$outside" 5 0 5006)"
    ask "${lan}1" 10.78.0.1 1 5006 >/dev/null
    echo_on "${lan}1" 5006
    expect "$kind: a stranger" "$stranger " "$(ask net2 "$outside" 5 0 5006)"
    expect "$kind: an acquaintance" "$acquaintance " "$(ask net1 "$outside" 5 0 5006)"
  done
}

test_prefixes_do_not_meet() {
  local mine
  mine=$(./netns.sh show | wc -l)
  MESHNET_PREFIX=${MESHNET_PREFIX}x ./netns.sh lan lan 1
  MESHNET_PREFIX=${MESHNET_PREFIX}x ./netns.sh clean
  expect "clean: only its own prefix" "$mine" "$(./netns.sh show | wc -l)"
}

echo_on() { # HOST [PORT]; lives until "clean"
  local ready
  read -r ready < <(./netns.sh exec "$1" "$PYTHON" udp_probe.py echo "${2:-$ECHO_PORT}" </dev/null 2>/dev/null)
  [ "$ready" = ready ] || { echo "no echo on $1"; exit 1; }
}

ask() { # HOST ADDRESS COUNT [FROM_PORT [PORT]]
  ./netns.sh exec "$1" "$PYTHON" udp_probe.py ask "$2" "${5:-$ECHO_PORT}" "$3" "${4:-0}"
}

expect() { # WHAT PREFIX GOT
  case $3 in
    "$2"*) echo "  ok    $1" ;;
    *) failed "$1" "expected $2, got $3" ;;
  esac
}

between() { # WHAT LOW HIGH GOT
  if [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then
    echo "  ok    $1 ($4)"
  else
    failed "$1" "$4 is not within $2..$3"
  fi
}

eventually() { # WHAT PREFIX COMMAND...
  local what=$1 prefix=$2 got='' try
  shift 2
  for try in $(seq 20); do
    got=$("$@")
    case $got in "$prefix"*) break ;; esac
  done
  expect "$what" "$prefix" "$got (after $try tries)"
}

failed() {
  echo "  FAIL  $1: $2"
  FAILED=$((FAILED + 1))
}

main
