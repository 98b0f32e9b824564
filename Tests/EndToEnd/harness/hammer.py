"""Clients that never stop asking: many connections, each with one request under way, in a process of its own.

The process is told on standard input, a line of JSON each, which keys to use, and to report. It reports on standard
output every answer since the last report. Times are those of CLOCK_MONOTONIC, which all processes share.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PIECE = 1 << 16
RECONNECT_PAUSE = 0.01
BROKEN = 0

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: its key and its gateway by number, and when it was sent and answered."""

    key: int
    gateway: int
    began: float
    ended: float
    status: int
    result: str
    source: str

    @property
    def is_accepted(self):
        return self.status == 200


class Hammer:
    """The test's side."""

    def __init__(self, gates, connections, target="/api"):
        self.keys = []
        self.answers = []
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__), json.dumps([list(map(str, gates)), connections, target])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait(20):
            raise AssertionError("the clients ended by themselves")
        self.process.stdout.close()

    def use(self, *keys):
        """All requests that are sent from now on come with one of these keys, in turn."""
        new = [key for key in keys if key not in self.keys]
        self.keys += new
        self.say({"keys": [[self.keys.index(key), key] for key in keys]})

    def report(self):
        """Takes the answers since the last report; all of them are in `answers`."""
        self.say({"report": True})
        new = [Answer(*each) for each in json.loads(self.process.stdout.readline())]
        self.answers += new
        return new

    def say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def number(self, key):
        return self.keys.index(key)


# The process


class Client:
    """One connection, made again and again."""

    def __init__(self, gateway, gate, target):
        self.gateway = gateway
        self.gate = gate
        self.target = target
        self.turn = 0
        self.socket = None
        self.key = None

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.received = b""
        self.key = None
        try:
            self.socket.connect(self.gate)
        except OSError:
            self.close()
        return self.socket is not None

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def ask(self, keys):
        """Sends a request; returns whether it could."""
        self.key, text = keys[self.turn % len(keys)]
        self.turn += 1
        self.began = time.monotonic()
        try:
            self.socket.send(b"GET %s HTTP/1.1\r\nHost: gateway\r\nX-API-Key: %s\r\n\r\n" % (self.target, text))
        except OSError:
            return False
        return True

    def take(self):
        """The answer, if it is there as a whole; `None` means that the connection is lost."""
        try:
            piece = self.socket.recv(PIECE)
        except OSError:
            piece = b""
        if not piece:
            return None
        self.received += piece
        head, found, body = self.received.partition(HEAD_END)
        if not found or len(body) < int(header(head, b"Content-Length") or 0):
            return False
        self.received = b""
        self.is_last = header(head, b"Connection") == b"close"
        return int(head[9:12]), text_of(head, b"X-Result"), text_of(head, b"X-Source")


def header(head, name):
    at = head.find(b"\r\n" + name + b": ")
    return head[at + len(name) + 4 :].partition(b"\r")[0] if at >= 0 else None


def text_of(head, name):
    return (header(head, name) or b"").decode()


class Clients:
    def __init__(self, gates, count, target):
        self.clients = [Client(number, gate, target) for number, gate in enumerate(gates) for _ in range(count)]
        self.by_descriptor = {}
        self.unconnected = list(self.clients)
        self.idle = []
        self.poll = select.epoll()
        self.poll.register(0, select.EPOLLIN)
        self.keys = []
        self.answers = []
        self.unread = b""

    def run(self):
        while True:
            self.connect_all()
            for descriptor, _ in self.poll.poll(RECONNECT_PAUSE if self.unconnected else -1):
                if descriptor:
                    self.take(self.by_descriptor[descriptor])
                elif not self.obey():
                    return

    def connect_all(self):
        waiting, self.unconnected = self.unconnected, []
        for client in waiting:
            if not client.connect():
                self.unconnected.append(client)
                continue
            descriptor = client.socket.fileno()
            self.by_descriptor[descriptor] = client
            self.poll.register(descriptor, select.EPOLLIN)
            self.ask(client)

    def obey(self):
        """Does what the test says; returns whether there is more to come."""
        piece = os.read(0, PIECE)
        *lines, self.unread = (self.unread + piece).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "keys" in message:
                self.keys = [(number, key.encode()) for number, key in message["keys"]]
                idle, self.idle = self.idle, []
                for client in idle:
                    self.ask(client)
            else:
                sys.stdout.write(json.dumps(self.answers) + "\n")
                sys.stdout.flush()
                self.answers = []
        return bool(piece)

    def ask(self, client):
        if not self.keys:
            self.idle.append(client)
        elif not client.ask(self.keys):
            self.lose(client)

    def take(self, client):
        answer = client.take()
        if answer is False:
            return
        if answer is None:
            # nginx may close a connection that nothing was asked on: that is no answer.
            if client.key is not None:
                self.note(client, BROKEN, "", "")
            return self.lose(client)
        self.note(client, *answer)
        if client.is_last:
            return self.lose(client)
        self.ask(client)

    def note(self, client, *answer):
        self.answers.append((client.key, client.gateway, client.began, time.monotonic(), *answer))
        client.key = None

    def lose(self, client):
        descriptor = client.socket.fileno()
        self.poll.unregister(descriptor)
        del self.by_descriptor[descriptor]
        if client in self.idle:
            self.idle.remove(client)
        client.close()
        self.unconnected.append(client)


if __name__ == "__main__":
    gates, count, target = json.loads(sys.argv[1])
    Clients(gates, count, target.encode()).run()
