"""Clients that never stop asking: many connections, each with one request in flight, in a separate process.

The process reads from standard input, a line of JSON each, which keys to use, and when to report. It reports on standard
output every answer since the last report. Times are those of CLOCK_MONOTONIC, which all processes share.
"""

import heapq
import json
import os
import random
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PIECE = 1 << 16
RECONNECT_PAUSE = 0.01
OVERDUE_PAUSE = 0.1
BROKEN = 0

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request: its key and gateway by number, and when it was sent and answered."""

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
    """The test's side.

    Each gate gets `connections` connections with back-to-back requests, and `slow` ones, whose clients take up to
    `pause` seconds between an answer and their next request. A client that has waited for `patience` seconds leaves.
    """

    def __init__(self, gates, connections, target="/api", slow=0, pause=1, patience=None):
        self.numbers = {}
        self.answers = []
        options = [list(map(str, gates)), connections, target, slow, pause, patience]
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__), json.dumps(options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait(60):
            raise AssertionError("the clients ended by themselves")
        self.process.stdout.close()

    def use(self, *keys):
        """From now on, requests carry these keys in turn."""
        self.say({"keys": [[self.numbers.setdefault(key, len(self.numbers)), key] for key in keys]})

    def report(self):
        """Adds the answers since the last report to `answers`."""
        self.say({"report": True})
        new = [Answer(*each) for each in json.loads(self.process.stdout.readline())]
        self.answers += new
        return new

    def say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def number(self, key):
        return self.numbers[key]


# The process


class Client:
    """One connection, reopened whenever it closes."""

    def __init__(self, gateway, gate, target, pause=0):
        self.gateway = gateway
        self.gate = gate
        self.target = target
        self.pause = pause
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
        """Sends a request; returns whether that succeeded."""
        self.key, text = keys[self.turn % len(keys)]
        self.turn += 1
        self.began = time.monotonic()
        try:
            self.socket.send(b"GET %s HTTP/1.1\r\nHost: gateway\r\nX-API-Key: %s\r\n\r\n" % (self.target, text))
        except OSError:
            return False
        return True

    def take(self):
        """The answer, if it has arrived in full; `None` means that the connection is lost."""
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
    def __init__(self, gates, count, target, slow, pause, patience):
        self.clients = [
            Client(number, gate, target, pause if each < slow else 0)
            for number, gate in enumerate(gates) for each in range(slow + count)
        ]
        self.patience = patience
        self.next_look = 0
        self.resting = []
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
            for descriptor, _ in self.poll.poll(self.longest_wait()):
                if descriptor in self.by_descriptor:
                    self.take(self.by_descriptor[descriptor])
                elif descriptor == 0 and not self.obey():
                    return
            self.wake()
            self.give_up()

    def longest_wait(self):
        waits = [RECONNECT_PAUSE] if self.unconnected else []
        if self.resting:
            waits.append(max(0, self.resting[0][0] - time.monotonic()))
        if self.patience:
            waits.append(OVERDUE_PAUSE)
        return min(waits, default=-1)

    def wake(self):
        """Lets the clients ask whose pause is over."""
        while self.resting and self.resting[0][0] <= time.monotonic():
            _, _, client, connection = heapq.heappop(self.resting)
            if client.socket is connection:
                self.ask(client)

    def give_up(self):
        """Closes the clients that have waited for too long."""
        now = time.monotonic()
        if not self.patience or now < self.next_look:
            return
        self.next_look = now + OVERDUE_PAUSE
        for client in list(self.by_descriptor.values()):
            if client.key is not None and client.began < now - self.patience:
                self.note(client, BROKEN, "", "")
                self.lose(client)

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
        """Carries out the test's commands; returns whether more may come."""
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
            # nginx may close an idle connection: that is no answer.
            if client.key is not None:
                self.note(client, BROKEN, "", "")
            return self.lose(client)
        self.note(client, *answer)
        if client.is_last:
            return self.lose(client)
        if client.pause:
            due = time.monotonic() + random.random() * client.pause
            return heapq.heappush(self.resting, (due, id(client), client, client.socket))
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
    gates, count, target, *options = json.loads(sys.argv[1])
    Clients(gates, count, target.encode(), *options).run()
