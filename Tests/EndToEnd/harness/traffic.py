"""Clients of the usual kinds, which send one request after another: each answer has to be the right one.

A client that keeps its connection may find it closed: a server that shuts down closes idle connections.  The client
then retries on another connection, as RFC 9112 (9.3.1) allows, but only if no byte of an answer has arrived;
such retries are counted.  Each request has a path of its own, so the access log tells whether the server
handled it exactly once.
"""

import itertools
import threading
import time
from contextlib import contextmanager

from harness import http_client
from harness.http_client import Connection

# Between two requests of a client, so that a test on two cores has time for other work.
PAUSE = 0.003


class Client:
    """Sends requests to `gate`, each on a new connection or, with `keeps`, on one for as long as it lasts."""

    def __init__(self, gate, keeps):
        self.gate = gate
        self.keeps = keeps
        self.connection = None
        self.retries = 0

    def ask(self, target, headers):
        if self.connection:
            try:
                return self.exchange(target, headers)
            except ClosedBeforeAnswer:
                self.close()
                self.retries += 1
        self.connection = Connection(self.gate)
        return self.exchange(target, headers)

    def exchange(self, target, headers):
        if not self.keeps:
            headers = [*headers, ("Connection", "close")]
        try:
            self.connection.send(target, headers)
            piece = self.connection.peek()
        except (BrokenPipeError, ConnectionResetError):
            piece = b""
        if not piece:
            raise ClosedBeforeAnswer()
        answer = self.connection.receive()
        if not self.keeps or answer.header("Connection") == "close":
            self.close()
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class ClosedBeforeAnswer(Exception):
    pass


class Traffic:
    """`kinds` are (path, headers, status): the requests to send in turn, and the expected status."""

    def __init__(self, gate, kinds):
        self.clients = [Client(gate, keeps) for keeps in (True, True, False)]
        self.kinds = kinds
        self.numbers = itertools.count()
        self.asked = []
        self.wrong = []
        self.ended = threading.Event()

    @property
    def retries(self):
        return sum(client.retries for client in self.clients)

    def run(self, client):
        for path, headers, status in itertools.cycle(self.kinds):
            if self.ended.wait(PAUSE):
                return client.close()
            target = f"{path}/{next(self.numbers)}"
            try:
                outcome = client.ask(target, headers).status
            except Exception as error:  # every failure is an outcome
                client.close()
                outcome = repr(error)
            self.asked.append((target, status))
            if outcome != status:
                self.wrong.append((time.strftime("%T"), target, status, outcome))

    def faults(self, access_log):
        """Requests with a wrong answer, and requests that the server handled more than once or not at all."""
        worked = {}
        for line in access_log.splitlines():
            _, target, status = line.split()[:3]
            worked.setdefault(target, []).append(int(status))
        twice = [(target, worked.get(target)) for target, status in self.asked if worked.get(target) != [status]]
        return self.wrong + twice


@contextmanager
def traffic(gate, kinds):
    """Sends requests for the duration of the block."""
    going = Traffic(gate, kinds)
    threads = [threading.Thread(target=going.run, args=(client,)) for client in going.clients]
    for thread in threads:
        thread.start()
    try:
        yield going
    finally:
        going.ended.set()
        for thread in threads:
            thread.join()


def kinds_of(key):
    """A valid key, a forged one, and none."""
    return [("/api", http_client.bearer(key), 200), ("/checked", http_client.bearer(key), 200),
            ("/api", http_client.bearer(key[:-1]), 401), ("/api", [], 401)]
