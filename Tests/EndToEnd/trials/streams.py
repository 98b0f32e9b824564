"""Requests that stay open through the gateways, with all kinds of keys: each must end soon after its key."""

import random
import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from harness.hammer import Answer, HEAD_END

PIECE = 1 << 16
LOOK_EVERY = 0.05

# After this many seconds at most, a client leaves its stream, or stops waiting for its beginning.
SECONDS_MAX = 15
PATIENCE = 3


@dataclass(eq=False)
class Stream:
    gateway: object
    key: str
    socket: socket.socket
    began: float
    leaves: float
    head: bytes = b""
    status: int = 0
    heard: float = 0


class StreamKeeper:
    """Keeps downloads open at each gateway, and reports to the judge those that outlive their key."""

    def __init__(self, gateways, judge, keys, number, count):
        self.gateways = gateways
        self.judge = judge
        self.keys = keys
        self.number = number
        self.count = count
        self.chance = random.Random()
        self.selector = selectors.DefaultSelector()
        self.open = set()
        self.ended = threading.Event()
        self.answers = []

    def run(self):
        while not self.ended.is_set():
            for gateway in self.gateways:
                if sum(stream.gateway is gateway for stream in self.open) < self.count:
                    self.begin(gateway)
            for found, _ in self.selector.select(LOOK_EVERY):
                self.take(found.data)
            now = time.monotonic()
            for stream in list(self.open):
                if now > stream.leaves or (not stream.status and now > stream.began + PATIENCE):
                    self.close(stream)
        for stream in list(self.open):
            self.close(stream)

    def begin(self, gateway):
        keys = self.keys()
        if not keys:
            return
        key = self.chance.choice(keys)
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        now = time.monotonic()
        try:
            client.connect(str(gateway.nginx.gate))
            client.send(b"GET /stream/download HTTP/1.1\r\nHost: gateway\r\nX-API-Key: %s\r\n\r\n" % key.encode())
        except OSError:
            return client.close()
        stream = Stream(gateway, key, client, now, now + self.chance.uniform(0.5, SECONDS_MAX))
        self.open.add(stream)
        self.selector.register(client, selectors.EVENT_READ, stream)

    def take(self, stream):
        try:
            piece = stream.socket.recv(PIECE)
        except OSError:
            piece = b""
        if not piece:
            if stream.status == 200:
                self.judge.note_end_of_stream(stream.key, time.monotonic())
            return self.close(stream)
        now = stream.heard = time.monotonic()
        if not stream.status:
            self.take_head(stream, piece, now)
        elif stream.gateway.must_end_stream(self.judge, stream.key, now):
            self.judge.accuse_stream(stream.key, f"{stream.gateway.name}, begun {stream.began}, open at {now}")
            self.close(stream)

    def take_head(self, stream, piece, now):
        stream.head += piece
        if HEAD_END not in stream.head:
            return
        stream.status = int(stream.head[9:12])
        self.answers.append(Answer(self.number(stream.key), stream.gateway.number, stream.began, now, stream.status,
                                   "(stream)", ""))
        if stream.status != 200:
            self.close(stream)

    def close(self, stream):
        self.open.discard(stream)
        with suppress(KeyError):
            self.selector.unregister(stream.socket)
        stream.socket.close()

    def report(self):
        answers, self.answers = self.answers, []
        return answers
