#!/usr/bin/env python3
"""Counts the system calls of the built examples with strace, and fails where there are too many.

    cargo build --release --examples
    python3 tests/system_calls.py target/release/examples

An echo costs three system calls on one connection and about two on 64 busy ones, no epoll_ctl in steady state; a burst of
a million raises costs fewer than a thousand writes.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

MESSAGE = 64


def fail(text):
    sys.exit(f"system_calls: {text}")


class Traced:
    """A program under strace that counts its system calls."""

    def __init__(self, command):
        self.summary = tempfile.NamedTemporaryFile(mode="r", suffix=".strace")
        strace = ["strace", "-f", "-c", "-U", "name,calls", "-o", self.summary.name]
        self.process = subprocess.Popen(strace + command, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def interrupt(self):
        # strace passes no signal on: the whole group gets it, and strace itself ignores it while it has a child.
        os.killpg(self.process.pid, signal.SIGTERM)

    def finish(self):
        rest = self.process.communicate(timeout=120)[0]
        if self.process.returncode != 0:
            fail(f"the program ended with {self.process.returncode}")
        counts = dict(re.findall(r"^(\w+)\s+(\d+)$", self.summary.read(), re.MULTILINE))
        return {name: int(calls) for name, calls in counts.items() if name != "total"}, rest


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            fail("a connection ended too early")
        data += part
    return data


def echo(examples, connections, rounds):
    """The system calls of the echo example for so many rounds on so many connections."""
    traced = Traced([os.path.join(examples, "echo"), "--listen", "127.0.0.1:0", "--connections", str(connections)])
    port = int(traced.process.stdout.readline().rsplit(":", 1)[1])
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    messages = [bytes([n % 251]) * MESSAGE for n in range(connections)]
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(rounds):
        for each, message in zip(sockets, messages):
            each.sendall(message)
        for each, message in zip(sockets, messages):
            if receive(each, MESSAGE) != message:
                fail("an echo differs")
    # Every run ends with all connections closed on both sides.
    for each in sockets:
        each.shutdown(socket.SHUT_WR)
    for each in sockets:
        if each.recv(1):
            fail("an echo came twice")
        each.close()
    traced.interrupt()
    return traced.finish()[0]


def steady(examples, connections, rounds):
    """The system calls for each echo, without those of start, connecting and closing."""
    few, many = echo(examples, connections, rounds), echo(examples, connections, 3 * rounds)
    echoes = 2 * rounds * connections
    each = {name: (many[name] - few.get(name, 0)) / echoes for name in many}
    total = sum(each.values())
    print(f"{connections} connections: {total:.3f} system calls an echo, epoll_ctl {each.get('epoll_ctl', 0):.3f}")
    return total, each.get("epoll_ctl", 0)


def writes_for_a_million_raises(examples):
    """Whatever else the machine runs makes the loop sleep more often: the least of several runs counts."""
    counts, output = Traced([os.path.join(examples, "events")]).finish()
    if "1000000" not in output.replace(",", ""):
        fail(f"not all raises arrived:\n{output}")
    return counts.get("write", 0)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("strace"):
        fail("strace is not installed")
    examples = sys.argv[1]
    for connections, rounds, limit in ((1, 1000, 3.01), (64, 30, 2.3)):
        total, epoll_ctl = steady(examples, connections, rounds)
        if total > limit or epoll_ctl > 0:
            fail(f"more than {limit} system calls an echo, or epoll_ctl in steady state")

    writes = min(writes_for_a_million_raises(examples) for _ in range(3))
    print(f"a million raises: {writes} writes, output included")
    if writes >= 1000:
        fail(f"a million raises cost {writes} writes")


if __name__ == "__main__":
    main()
