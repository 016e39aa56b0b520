#!/usr/bin/env python3
"""A small client of the meshchatd control socket, written from docs/control-protocol.md.

    meshchat.py send [--room ROOM] TEXT
    meshchat.py tail [--room ROOM] [-n N] [--no-follow]
    meshchat.py peers

Needs the msgpack module: apt install python3-msgpack, or pip install msgpack.
"""

import argparse
import os
import socket
import struct
import sys
import time

import msgpack

VERSION = 1
MOST = 1024 * 1024  # longest frame that a daemon sends


class Refused(Exception):
    """The daemon said no."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["code"]
        self.hint = error.get("hint", "")


class Daemon:
    """One connection; requests run one after the other."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.last_id = 0
        self.write({"min": VERSION, "max": VERSION, "client": "meshchat.py"})
        self.welcome = self.read()
        if "error" in self.welcome:
            raise Refused(self.welcome["error"])

    def write(self, value):
        body = msgpack.packb(value)
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def read(self):
        (length,) = struct.unpack(">I", self.read_exactly(4))
        if length > MOST:
            raise ValueError(f"a frame of {length} bytes")
        return msgpack.unpackb(self.read_exactly(length))

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the daemon closed the connection")
            data += more
        return data

    def begin(self, name, **fields):
        """Sends a request; gives its id."""
        self.last_id += 1
        self.write({"id": self.last_id, "request": {name: fields}})
        return self.last_id

    def answers(self, wanted):
        """All frames of one request, whatever they are."""
        while True:
            frame = self.read()
            if frame["id"] not in (wanted, 0):
                continue
            if "error" in frame:
                raise Refused(frame["error"])
            if frame.get("end"):
                return
            yield frame

    def request(self, name, **fields):
        """Sends a request and waits for its reply: its name and its content."""
        for frame in self.answers(self.begin(name, **fields)):
            if "ok" in frame:
                return next(iter(frame["ok"].items()))
        raise ConnectionError("no reply")

    def stream(self, name, **fields):
        """Sends a request that streams: names and contents of its events."""
        for frame in self.answers(self.begin(name, **fields)):
            if "event" in frame:
                yield next(iter(frame["event"].items()))


def find_socket():
    """The socket of this user's own daemon if there is one, else the system's."""
    if os.environ.get("MESHCHAT_SOCKET"):
        return os.environ["MESHCHAT_SOCKET"]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        own = f"{runtime}/meshchat/control.sock"
    else:
        own = f"/tmp/meshchat-{os.geteuid()}/control.sock"
    return own if os.path.exists(own) else "/run/meshchat/control.sock"


def clean(text):
    """Text that cannot control a terminal. A real program would do better by bidi too."""
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)


def send(daemon, args):
    _, sent = daemon.request("send", room=args.room, text=args.text)
    print(f"accepted in {sent['room']} as number {sent['seq']}, out on {sent['links']} links")


def tail(daemon, args):
    events = daemon.stream(
        "tail", room=args.room, start={"last": args.lines}, follow=not args.no_follow, presence=True
    )
    for kind, event in events:
        if kind == "message":
            when = time.strftime("%H:%M:%S", time.localtime(event["wall_ms"] / 1000))
            who = f"{event['author']}@{event['node_name']}"
            print(f"{when} {event['room']} {who}: {clean(event['text'])}")
        elif kind == "person":
            print(f"* {event['name']}@{event['node_name']} is {event['state']}")
        elif kind == "node":
            print(f"* node {event['name']} is {event['state']}")
        elif kind == "missed":
            print(f"* missed {event['messages']} messages")
        elif kind == "gone":
            print(f"* {event['count']} messages from {event['node_name']} are gone")
        elif kind == "caught_up":
            print("* caught up")
        sys.stdout.flush()


def peers(daemon, _args):
    _, found = daemon.request("peers")
    for peer in found:
        print(f"{peer['name'] or '?'} {peer['address']} {peer['state']} {clean(peer['error'])}".strip())


def parse():
    parser = argparse.ArgumentParser(description="A small client of meshchatd.")
    parser.add_argument("--socket", default=find_socket(), help="path of the control socket")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("send", help="say something")
    command.add_argument("--room", help="the room (default: #lobby)")
    command.add_argument("text")
    command.set_defaults(run=send)
    command = commands.add_parser("tail", help="show messages and who comes and goes")
    command.add_argument("--room", help="the room (default: all that you are in)")
    command.add_argument("-n", "--lines", type=int, default=10, help="begin with this many")
    command.add_argument("--no-follow", action="store_true", help="end after history")
    command.set_defaults(run=tail)
    command = commands.add_parser("peers", help="list peers")
    command.set_defaults(run=peers)
    return parser.parse_args()


def main():
    args = parse()
    try:
        args.run(Daemon(args.socket), args)
    except Refused as refused:
        sys.exit(f"meshchat.py: {refused} ({refused.code}) {refused.hint}".rstrip())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(f"meshchat.py: {args.socket}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
