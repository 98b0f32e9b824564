"""A proxy to Redis that can stop the executable before and after each of its commands."""

import contextlib
import socket
import struct
import threading
from collections import Counter

BEFORE, BEHIND = "before", "behind"


class SteppingStore:
    """Listens on a unix socket and passes commands on one by one, each with its reply.

    `at_step` is called with the process that sends a command, the command's number in that process, and whether
    the step is before or behind it: Redis has not seen the command yet, or the process has not seen the reply.
    """

    def __init__(self, path, store):
        self.path = path
        self.store = store
        self.counts = Counter()
        self.at_step = lambda process, number, place: None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"unix:{self.path}"

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as store, contextlib.suppress(OSError, EOFError):
            process = peer(client)
            store.connect(str(self.store.socket))
            with client.makefile("rb") as commands, store.makefile("rb") as replies:
                while True:
                    self.pass_on(process, read_value(commands), store, replies, client)

    def pass_on(self, process, command, store, replies, client):
        number = self.counts[process]
        self.counts[process] += 1
        self.at_step(process, number, BEFORE)
        store.sendall(command)
        reply = read_value(replies)
        self.at_step(process, number, BEHIND)
        client.sendall(reply)


def peer(client):
    """The process at the other end of a unix socket."""
    process, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return process


def read_value(file):
    """One value of the Redis protocol, as sent on the wire."""
    line = file.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    kind, number = line[:1], line[1:-2]
    if kind == b"$" and int(number) >= 0:
        return line + file.read(int(number) + 2)
    if kind == b"*" and int(number) > 0:
        return line + b"".join(read_value(file) for _ in range(int(number)))
    return line
