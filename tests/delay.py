#!/usr/bin/env python3
"""delay.py A B MS JITTER [REORDER%]: a slow wire between interfaces A and B.

For kernels without netem; started by netns.sh delay. Each packet waits MS +- JITTER
(order is kept, except for the REORDER per cent that skip the queue). Prints "ready"
once it listens.
"""
import heapq
import os
import random
import select
import socket
import sys
import time

SOL_PACKET = 263
PACKET_VNET_HDR = 15  # keeps half-done checksums right
PACKET_IGNORE_OUTGOING = 23  # not our own
ETH_P_ALL = 3
RECEIVE_BUFFER = 8 << 20
LARGEST_PACKET = 70000


def main():
    a, b, ms, jitter = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    reorder = float(sys.argv[5]) if len(sys.argv) > 5 else 0
    sockets = {name: tap(name) for name in (a, b)}
    print("ready", flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    run(sockets, {a: b, b: a}, lambda: max(0, ms + random.uniform(-jitter, jitter)) / 1000, reorder)


def tap(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    s.bind((interface, ETH_P_ALL))
    s.setblocking(False)
    return s


def run(sockets, other, wait, reorder):
    queue, count, last = [], 0, dict.fromkeys(sockets, 0)
    while True:
        send_due(queue, sockets)
        limit = max(0, queue[0][0] - time.monotonic()) if queue else None
        ready, _, _ = select.select(list(sockets.values()), [], [], limit)
        now = time.monotonic()
        for name, s in sockets.items():
            if s not in ready:
                continue
            out = other[name]
            for packet in drain(s):
                if random.uniform(0, 100) < reorder:
                    due = now
                else:
                    due = last[out] = max(now + wait(), last[out])
                count += 1
                heapq.heappush(queue, (due, count, out, packet))


def send_due(queue, sockets):
    now = time.monotonic()
    while queue and queue[0][0] <= now:
        _, _, out, packet = heapq.heappop(queue)
        try:
            sockets[out].send(packet)
        except OSError:
            pass  # link down, too big: lost, as on a wire


def drain(s):
    while True:
        try:
            yield s.recv(LARGEST_PACKET)
        except OSError:
            return


main()
