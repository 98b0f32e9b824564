"""Clients as the world has them, which ask for one thing after another: each answer has to be the right one.

A client that keeps its connection may find it closed: a server that ends closes those on which nothing is asked.  It
then asks once more on another connection, as RFC 9112 has it (9.3.1), but only where no byte of an answer has come;
that happens at times, and is counted.  Each request has a path of its own: the access log tells whether the server
did the work once.
"""

import itertools
import threading
import time
from contextlib import contextmanager

from harness import http_client
from harness.http_client import Connection

# Between two requests of a client, so that a test on two cores can do something else, too.
PAUSE = 0.003


class Client:
    """Asks on connections to `gate`, each for one request or, with `keeps`, for as many as it lasts."""

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
    """`kinds` are (path, headers, status): what is asked for in turn, and what has to come of it."""

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
            except Exception as error:  # whatever it was, it is an outcome
                client.close()
                outcome = repr(error)
            self.asked.append((target, status))
            if outcome != status:
                self.wrong.append((time.strftime("%T"), target, status, outcome))

    def faults(self, access_log):
        """What was not answered as it should have been, or was worked on more than once or not at all."""
        worked = {}
        for line in access_log.splitlines():
            _, target, status = line.split()[:3]
            worked.setdefault(target, []).append(int(status))
        twice = [(target, worked.get(target)) for target, status in self.asked if worked.get(target) != [status]]
        return self.wrong + twice


@contextmanager
def traffic(gate, kinds):
    """Goes on for as long as the block lasts."""
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
    """A key that is right, one that nobody made, and none."""
    return [("/api", http_client.bearer(key), 200), ("/checked", http_client.bearer(key), 200),
            ("/api", http_client.bearer(key[:-1]), 401), ("/api", [], 401)]
