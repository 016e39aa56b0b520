#!/bin/bash
# netns.sh: small networks out of network namespaces, for tests.
#
# Every name is under $MESHNET_PREFIX (lower case letters and digits, default
# "mesh"), so that several runs on one machine do not meet: the namespace of HOST is
# PREFIX_HOST, its state lies in /run/meshnet/PREFIX, and interfaces exist only
# inside namespaces of the run. Needs root, or root in a user namespace.
#
#   check                      exit 0 if networks can be made here, else say why not
#   lan NAME N [PREFIX]        a switch and N hosts NAME1..NAMEn, PREFIX.k/24
#                              (default 10.77.0) and fd77::k, no router, no DNS
#   nat NAME LAN WAN KIND [UNSOLICITED]
#                              a home router from LAN out to WAN (itself a lan, so
#                              two in a row make carrier NAT); PREFIX.254 inside.
#                              KIND, for UDP: full (full cone: lets anyone in at a port
#                              in use) | address (restricted cone: lets in whom the
#                              host has sent to) | restricted (port-restricted cone:
#                              Linux masquerade) | symmetric (new random port for each
#                              peer) | route (no NAT, a plain router)
#                              UNSOLICITED: what it does with other packets for itself:
#                              drop (default) | reject | accept
#   forward NAT PROTO PORT IP  a port forward on the router ("full cone" for a port)
#   natage NAT SECONDS         forget idle UDP mappings after SECONDS
#   natflush NAT               the router restarts: all mappings are lost
#   exec HOST COMMAND...       run in a host (or router); also: ip netns exec PREFIX_HOST
#   loss HOST PERCENT [in|out] drop at random, unseen by the sender (0 = heal)
#   hole HOST on|off           all is swallowed but the link stays up (bad Wi-Fi)
#   blockudp HOST on|off       UDP is swallowed, all else passes (a strict firewall)
#   cut HOST / heal HOST       pull the cable / put it back (carrier lost)
#   part HOST1 HOST2 on|off    those two cannot hear each other, others can
#   isolate HOST on|off        Wi-Fi client isolation: reaches only the router
#   rate HOST KBIT|0           slow uplink (tbf)
#   delay HOST MS [JITTER [REORDER%]]  slow wire, each way (delay.py; do this before
#                              loss/hole/part; 0 = fast again)
#   show                       list the namespaces of this run
#   clean                      end what runs in them and remove them
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

readonly RUN=${MESHNET_PREFIX:-mesh}
readonly P=${RUN}_ S=/run/meshnet/$RUN
readonly IFACE_MAX=15 # the kernel's IFNAMSIZ less one

main() {
  # An underscore would let "clean" of run "a" match the namespaces of run "a_b".
  [[ $RUN =~ ^[a-z0-9]+$ ]] || die "MESHNET_PREFIX must be lower case letters and digits, not '$RUN'"
  [ $# -gt 0 ] || { usage >&2; exit 2; }
  local cmd=$1
  shift
  case $cmd in
    check | lan | nat | forward | natage | natflush | loss | hole | blockudp | cut | heal | part | isolate | rate | delay | show | clean)
      "cmd_$cmd" "$@" ;;
    exec) ns "$@" ;;
    *) die "unknown: $cmd" ;;
  esac
}

usage() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }
die() { echo "netns.sh: $*" >&2; exit 1; }

cmd_check() {
  local tool why
  for tool in ip nft sysctl; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 1; }
  done
  [ "$(id -u)" = 0 ] || { echo "network namespaces need root"; exit 1; }
  # Removes its own trial network whatever happens.
  trap 'cmd_clean 2>/dev/null || true' EXIT
  if ! why=$( (cmd_lan c 1 && cmd_loss c1 1) 2>&1); then
    echo "cannot make network namespaces: $(tail -n 1 <<<"$why")"
    exit 1
  fi
}

cmd_lan() { # NAME N [PREFIX]
  local name=$1 net=${3:-10.77.0} k
  mkdir -p "$S"
  new_host "${name}_sw"
  echo "$net" >"$S/$name.net"
  # No snooping, as in a cheap switch: without a querier it would stop multicast.
  ns "${name}_sw" ip link add br0 type bridge mcast_snooping 0
  # A bridge must not show its frames to the machine's own firewall rules.
  local knob
  for knob in iptables ip6tables; do
    [ ! -e "/proc/sys/net/bridge/bridge-nf-call-$knob" ] ||
      ns "${name}_sw" sysctl -qw "net.bridge.bridge-nf-call-$knob=0"
  done
  ns "${name}_sw" ip link set br0 up
  for k in $(seq 1 "$2"); do
    new_host "$name$k"
    plug "$name$k" eth0 "$name" "$net.$k/24" "fd77::$k/64"
  done
}

cmd_nat() { # NAME LAN WAN KIND [UNSOLICITED]
  local router=$1 lan=$2 wan=$3 kind=$4 other=${5:-drop} lan_net wan_net last file
  local flags='' learn='' back=''
  case $kind in
    restricted | route) ;;
    symmetric) flags=' fully-random' ;;
    full) back='dnat to udp dport map @back' ;;
    address) back='ip saddr . udp dport @talked dnat to udp dport map @back' ;;
    *) die "no such kind of router: $kind" ;;
  esac
  case $other in drop | reject | accept) ;; *) die "unsolicited packets: drop, reject or accept, not $other" ;; esac
  lan_net=$(cat "$S/$lan.net") wan_net=$(cat "$S/$wan.net")
  last=$(($(cat "$S/$wan.nats" 2>/dev/null || echo 200) + 1))
  echo $last >"$S/$wan.nats"
  new_host "$router"
  plug "$router" lan "$lan" "$lan_net.254/24"
  plug "$router" wan "$wan" "$wan_net.$last/24"
  ns "$router" sysctl -qw net.ipv4.ip_forward=1
  [ ! -e "$S/$wan.gw" ] || ns "$router" ip route add default via "$wan_net.254"
  touch "$S/$lan.gw"
  for file in "$S"/*.lan; do
    local host
    host=$(basename "$file" .lan)
    if [ "$(cat "$file")" = "$lan" ] && [ "$host" != "$router" ]; then
      ns "$host" ip route replace default via "$lan_net.254"
    fi
  done
  # A cone remembers which port belongs to whom, and whom that host has talked to.
  if [ -n "$back" ]; then
    learn='iifname "lan" oifname "wan" meta l4proto udp update @back { udp sport : ip saddr . udp sport } update @talked { ip daddr . udp sport }'
    back="iifname \"wan\" $back"
  fi
  [ "$kind" = route ] || ns "$router" nft -f - <<EOF
table ip nat {
  map back { type inet_service : ipv4_addr . inet_service; flags dynamic, timeout; timeout 60s; size 1024; }
  set talked { type ipv4_addr . inet_service; flags dynamic, timeout; timeout 60s; size 1024; }
  chain learn { type filter hook forward priority -10; $learn; }
  chain pre { type nat hook prerouting priority -100; $back; }
  chain post { type nat hook postrouting priority 100; oifname "wan" masquerade$flags; }
}
table inet fw {
  chain thru { type filter hook forward priority 0; policy drop;
    ct state established,related accept; iifname "lan" accept; ct status dnat accept; }
  chain mine { type filter hook input priority 0;
    iifname "wan" ct state established,related accept; iifname "wan" meta l4proto { tcp, udp } $other; }
}
EOF
  echo "$wan_net.$last"
}

cmd_forward() { ns "$1" nft add rule ip nat pre iifname wan "$2" dport "$3" dnat to "$4:$3"; }

cmd_natage() {
  ns "$1" sysctl -qw "net.netfilter.nf_conntrack_udp_timeout=$2" \
    "net.netfilter.nf_conntrack_udp_timeout_stream=$2"
}

# Masquerade forgets its mappings when the interface goes down.
cmd_natflush() {
  local gateway
  gateway=$(ns "$1" ip route show default | awk '{ print $3 }')
  ns "$1" ip link set wan down
  sleep 0.2
  ns "$1" ip link set wan up
  [ -z "$gateway" ] || ns "$1" ip route replace default via "$gateway"
}

cmd_loss() { # HOST PERCENT [in|out]
  local drop=
  # All of it is no number that "less than" could take.
  [ "$2" != 100 ] || drop=drop
  [ "$2" = 0 ] || [ "$2" = 100 ] || drop="numgen random mod 1000 < $(awk -v p="$2" 'BEGIN { print int(p * 10) }') drop"
  rules "$1" loss "$drop" "${3:-both}"
}

cmd_hole() {
  local drop=
  [ "$2" != on ] || drop=drop
  rules "$1" hole "$drop" both
}

cmd_blockudp() {
  local drop=
  [ "$2" != on ] || drop="meta l4proto udp drop"
  rules "$1" blockudp "$drop" both
}

cmd_cut() { ns "$(switch_of "$1")" ip link set "$(port_of "$1")" down; }
cmd_heal() { ns "$(switch_of "$1")" ip link set "$(port_of "$1")" up; }

cmd_part() { # HOST1 HOST2 on|off
  one_way "$1" "$2" "$3"
  one_way "$2" "$1" "$3"
}

one_way() { # ME HIM on|off
  local drop=
  [ "$3" != on ] || drop="ether saddr $(cat "$S/$2.mac") drop"
  rule "$1" "part_$2" "$drop" in
}

cmd_isolate() {
  ns "$(switch_of "$1")" ip link set "$(port_of "$1")" type bridge_slave isolated "$2"
}

cmd_rate() { # HOST KBIT|0
  local dev
  dev=$(dev_of "$1")
  if [ "$2" = 0 ]; then
    ns "$1" tc qdisc del dev "$dev" root
  else
    ns "$1" tc qdisc replace dev "$dev" root tbf rate "${2}kbit" burst 8k latency 400ms
  fi
}

cmd_delay() { # HOST MS [JITTER [REORDER%]]
  local host=$1 wire=${1}_wire pid ready
  [ -e "/run/netns/$P$wire" ] || split_cable "$host" "$wire"
  for pid in $(ip netns pids "$P$wire"); do kill "$pid" 2>/dev/null || true; done
  # The wire answers "ready" once it listens and then lives on without this script.
  read -r ready < <(ip netns exec "$P$wire" python3 \
    "$(dirname "$(readlink -f "$0")")/delay.py" w0 w1 "$2" "${3:-0}" "${4:-0}" </dev/null 2>/dev/null)
  [ "$ready" = ready ] || die "the slow wire of $host did not start"
}

# Cuts the cable between a host and its switch in two, with a small box between.
split_cable() { # HOST WIRE
  local switch port
  switch=$(switch_of "$1") port=$(port_of "$1")
  new_host "$2"
  ns "$2" sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1
  ns "$switch" ip link set "$port" nomaster netns "$P$2"
  ns "$2" ip link set "$port" name w0
  ip link add w1 netns "$P$2" type veth peer name "$port" netns "$P$switch"
  ns "$switch" ip link set "$port" master br0 gso_max_segs 1 up
  ns "$2" ip link set w0 gso_max_segs 1 up
  ns "$2" ip link set w1 gso_max_segs 1 up
}

cmd_show() { ip netns list | awk -v p="$P" 'index($1, p) == 1 { print $1 }'; }

cmd_clean() {
  local name pid
  for name in $(cmd_show); do
    for pid in $(ip netns pids "$name"); do kill -9 "$pid" 2>/dev/null || true; done
    ip netns del "$name"
  done
  rm -rf "$S"
}

ns() { ip netns exec "$P$1" "${@:2}"; }
lan_of() { cat "$S/$1.lan" 2>/dev/null || die "no host $1"; }
switch_of() { echo "$(lan_of "$1")_sw"; }
dev_of() { cat "$S/$1.dev"; }
port_of() { echo "$1.$(dev_of "$1")"; }

new_host() { # NAME
  ip netns add "$P$1"
  ns "$1" ip link set lo up
  ns "$1" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
}

plug() { # HOST IFACE LAN ADDRESS...: a cable from HOST to LAN's switch
  local host=$1 iface=$2 lan=$3 port=$1.$2 address
  shift 3
  [ ${#port} -le $IFACE_MAX ] || die "host name too long: $port has more than $IFACE_MAX characters"
  ip link add "$iface" netns "$P$host" type veth peer name "$port" netns "$P${lan}_sw"
  # Big sends become real packets before the cable, or one "loss" would eat 64 kB.
  ns "$host" ip link set "$iface" gso_max_segs 1
  ns "$host" ip link set "$iface" up
  ns "${lan}_sw" ip link set "$port" master br0 gso_max_segs 1 up
  echo "$lan" >"$S/$host.lan"
  echo "$iface" >"$S/$host.dev"
  ns "$host" cat "/sys/class/net/$iface/address" >"$S/$host.mac"
  for address in "$@"; do
    case $address in
      *:*) ns "$host" ip addr add "$address" dev "$iface" nodad ;;
      *) ns "$host" ip addr add "$address" dev "$iface" ;;
    esac
  done
}

rules() { # HOST CHAIN RULE|"" in|out|both
  case $4 in
    both) rule "$1" "$2" "$3" out; rule "$1" "$2" "$3" in ;;
    in | out) rule "$@" ;;
    *) die "in or out, not $4" ;;
  esac
}

# Rules sit on the switch's port of a host, so that the host itself notices nothing:
# a drop in its own output chain would give its send() EPERM.
rule() { # HOST CHAIN RULE|"" out|in: (re)place; out = what HOST sends, in = what it gets
  local switch port hook=ingress chain=$1_$2_$4
  switch=$(switch_of "$1") port=$(port_of "$1")
  [ "$4" = out ] || hook=egress
  ns "$switch" nft "add table netdev mesh; add chain netdev mesh $chain { type filter hook $hook device \"$port\" priority 0; }; flush chain netdev mesh $chain"
  if [ -n "$3" ]; then
    ns "$switch" nft "add rule netdev mesh $chain $3"
  else
    ns "$switch" nft "delete chain netdev mesh $chain"
  fi
}

main "$@"
