"""Requests one after another on one connection: as regular as can be, for what is counted and not timed."""

import itertools
import socket

from compare.warming import ANSWER, is_whole, request_with
from harness.key_forge import base62, with_checksum

KEYS = 64
NO_KEY = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"

# Kinds of requests, in the order in which they are counted.
KINDS = {
    "valid": f"{KEYS} valid keys in turn",
    "hot": "one valid key",
    "forged": "forged, correct checksum",
    "random": "random text",
    "revoked": "replaced",
    "missing": "no key",
}


def requests_of(kind, keys):
    """An endless row of requests."""
    if kind == "missing":
        return itertools.repeat(NO_KEY)
    if kind == "hot":
        return itertools.repeat(request_with(keys.valid[0]))
    if kind in ("valid", "revoked"):
        return itertools.cycle(map(request_with, getattr(keys, kind)[:KEYS]))
    return map(request_with, forged(keys, kind))


def forged(keys, kind):
    """Keys that never come twice: a valid one with its secret counted up, and a checksum that is right or not."""
    for number in itertools.count(62**3):
        body = keys.head + base62(number, 20)
        yield with_checksum(body) if kind == "forged" else body + "0" * 6


class Client:
    """Sends requests and waits for each answer."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, requests, count):
        """Returns how many were accepted."""
        return sum(self.ask(request) for request in itertools.islice(requests, count))

    def ask(self, request):
        self.connection.sendall(request)
        received = b""
        while not (received and is_whole(received)):
            piece = self.connection.recv(1 << 16)
            assert piece, "the connection was closed"
            received += piece
        return received.startswith(ANSWER + b"200")
