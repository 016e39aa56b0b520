#!/usr/bin/env python3
"""udp_probe.py echo PORT | ask HOST PORT COUNT [FROM_PORT]

echo answers every datagram with the address it came from and prints "ready" once it
listens. ask sends COUNT datagrams and prints how many came back and what address the
other side saw: "7 10.77.0.1:5000", or "0 -".
"""
import select
import socket
import sys
import time

QUIET_SECONDS = 1.0  # no answer for so long: none will come on these local wires


def main():
    if sys.argv[1] == "echo":
        echo(int(sys.argv[2]))
    else:
        own_port = int(sys.argv[5]) if len(sys.argv) > 5 else 0
        ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), own_port)


def echo(port):
    s = udp(port)
    print("ready", flush=True)
    while True:
        _, (host, from_port) = s.recvfrom(2048)
        try:
            s.sendto(f"{host}:{from_port}".encode(), (host, from_port))
        except OSError:
            pass  # no way back just now


def ask(host, port, count, own_port):
    s = udp(own_port)
    for _ in range(count):
        try:
            s.sendto(b"?", (host, port))
        except OSError:
            pass  # cable out
        time.sleep(0.001)
    answers, seen = 0, "-"
    while answers < count and select.select([s], [], [], QUIET_SECONDS)[0]:
        try:
            seen = s.recv(2048).decode()
            answers += 1
        except OSError:
            pass
    print(answers, seen)


def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("0.0.0.0", port))
    return s


main()
