#!/usr/bin/env python3
"""Speaks with a virtual machine of qemu over its Unix sockets, with Python's standard library alone.

    guest.py SOCKET run SECONDS COMMAND...   run it as root in the guest: its output and its exit code
    guest.py SOCKET boot SECONDS [OTHER-ID]  wait for the guest's agent; print the id of this boot,
                                             which must not be OTHER-ID
    guest.py SOCKET qmp JSON                 tell qemu itself something (a QMP command)

The first two need the socket of the guest agent, which works without a network in the guest.
Exit code 124: not done within SECONDS; the agent was silent or the command still runs.
"""

import base64
import json
import os
import socket
import sys
import time

SLICE = 5.0  # seconds for one answer of the agent, before it is asked anew
PAUSE = 0.1  # seconds between two looks at a running command


class Late(Exception):
    """Something took longer than it may."""


class Refused(Exception):
    """The other side answered with an error."""


class Line:
    """A connection over which JSON values come, one a line."""

    def __init__(self, path, deadline):
        self.deadline = deadline
        self.buffer = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SLICE)
        self.socket.connect(path)

    def send(self, value, lead=b""):
        self.socket.sendall(lead + json.dumps(value).encode() + b"\n")

    def read(self, patience=SLICE):
        until = min(self.deadline, time.monotonic() + patience)
        while b"\n" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0:
                raise Late
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError as error:
                raise Late from error
            if not data:
                raise ConnectionError("the virtual machine is gone")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        # The agent marks the beginning of its answer to "sync" with a byte that is no JSON.
        return json.loads(line.rpartition(b"\xff")[2])


class Agent:
    """The guest agent. A guest that starts anew loses what was asked, so each connection begins
    with an exchange of a number, as the agent's protocol wants."""

    def __init__(self, path, deadline):
        self.path, self.deadline, self.line = path, deadline, None

    def ask(self, command, **arguments):
        """One command. Before the deadline a silent agent is asked again; so this is for questions."""
        while time.monotonic() < self.deadline:
            try:
                self.attach()
                return self.ask_once(command, arguments)
            except (Late, ConnectionResetError):
                self.line = None
        raise Late

    def attach(self):
        """Exchanges a number with the agent, so that no older answer is mistaken for the next one."""
        while self.line is None:
            line = Line(self.path, self.deadline)
            number = time.monotonic_ns() & 0x7FFFFFFF
            line.send({"execute": "guest-sync-delimited", "arguments": {"id": number}}, b"\xff")
            try:
                while line.read().get("return") != number:
                    pass
                self.line = line
            except Late:
                line.socket.close()
                if time.monotonic() >= self.deadline:
                    raise

    def ask_once(self, command, arguments, patience=SLICE):
        self.line.send({"execute": command, "arguments": arguments})
        answer = self.line.read(patience)
        if "error" in answer:
            raise Refused(f"{command}: {answer['error'].get('desc')}")
        return answer["return"]

    def start(self, command):
        """Starts a command, once: a second try could start it twice."""
        self.attach()
        arguments = {"path": command[0], "arg": command[1:], "capture-output": True}
        return self.ask_once("guest-exec", arguments, float("inf"))["pid"]

    def run(self, command):
        """Runs a command to its end. Returns output, error output and exit code."""
        pid = self.start(command)
        while True:
            state = self.ask("guest-exec-status", pid=pid)
            if state["exited"]:
                out, err = (base64.b64decode(state.get(key, "")) for key in ("out-data", "err-data"))
                return out, err, state.get("exitcode", 128 + state.get("signal", 0))
            if time.monotonic() >= self.deadline:
                raise Late
            time.sleep(PAUSE)


def run(agent, command):
    out, err, code = agent.run(command)
    sys.stdout.buffer.write(out)
    sys.stdout.flush()
    sys.stderr.buffer.write(err)
    return code


def boot(agent, other):
    while time.monotonic() < agent.deadline:
        try:
            out, _, _ = agent.run(["/bin/cat", "/proc/sys/kernel/random/boot_id"])
            if out.decode().strip() not in ("", other):
                print(out.decode().strip())
                return 0
        except (Refused, ConnectionResetError):
            pass  # it went down between two questions
        agent.line = None
        time.sleep(PAUSE)
    raise Late


def qmp(path, command):
    line = Line(path, time.monotonic() + SLICE)
    line.read()  # qemu's greeting
    for request in ({"execute": "qmp_capabilities"}, json.loads(command)):
        line.send(request)
        answer = line.read()
        while "event" in answer:
            answer = line.read()
        if "error" in answer:
            raise Refused(answer["error"].get("desc"))
    return 0


def main():
    match sys.argv[1:]:
        case [path, "run", seconds, *command] if command:
            return run(Agent(path, time.monotonic() + float(seconds)), command)
        case [path, "boot", seconds, *other]:
            return boot(Agent(path, time.monotonic() + float(seconds)), "".join(other))
        case [path, "qmp", command]:
            return qmp(path, command)
    sys.exit(__doc__)


if __name__ == "__main__":
    try:
        code = main()
    except Late:
        print("guest.py: not done in time", file=sys.stderr)
        code = 124
    except (OSError, Refused) as error:
        print(f"guest.py: {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    os._exit(code)
