"""How long a key is accepted after its end: clients ask all the time while it is revoked."""

import http.client
import itertools
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from compare.acceptance import HEADER
from compare.keys import peer_record
from harness.polling import wait_until
from harness.sandbox import OWNER

CLIENTS = 2
PAUSE = 0.002  # the generator must not take the processor from what is asked
ASKED_BEFORE = 20
REFUSALS = 20


class Client:
    """Asks with one key, on one connection, reopened when it is closed; notes when each request began."""

    def __init__(self, port, key):
        self.port = port
        self.key = key
        self.answers = []  # (began, status)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.connection = None

    def run(self):
        while not self.ended.is_set():
            began = time.monotonic()
            try:
                self.answers.append((began, self.ask()))
            except (OSError, http.client.HTTPException):
                self.connection = None
            time.sleep(PAUSE)

    def ask(self):
        self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        self.connection.request("GET", "/", headers={HEADER: self.key})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def accepted(self):
        return [began for began, status in self.answers if status == 200]

    def refused(self):
        return [began for began, status in self.answers if status in (401, 403)]


# The ways to revoke a key.  What is prepared beforehand is not timed.


class ByRedis:
    """The hash is deleted."""

    says = "DEL in Redis"

    def __init__(self, stack, running, number):
        self.command = ["redis-cli", "-s", stack.redis.socket, "DEL", peer_record(running.keys.valid[number])]

    def __call__(self):
        subprocess.run(self.command, check=True, capture_output=True, timeout=60)


class ByReload:
    """The line is taken out of the file, and nginx reloads."""

    says = "the line removed, nginx reloaded"

    def __init__(self, stack, running, number):
        keys = list(running.keys.valid)
        keys[number] = None
        running.write_keys(keys)
        self.running = running

    def __call__(self):
        self.running.front.process.send_signal(signal.SIGHUP)


class ByRuntimeCommand:
    """HAProxy gets a command on its socket; its file would have to be changed, too."""

    says = "`del map` on HAProxy's socket"

    def __init__(self, stack, running, number):
        path = running.folder / running.candidate.key_file["name"]
        with open(path) as lines:
            known = next(line for at, line in enumerate(lines) if at == number).split()[0]
        self.command = f"del map {path} {known}\n".encode()
        self.socket = running.folder / "runtime.sock"

    def __call__(self):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(self.command)
            connection.recv(1024)


class ByLatchkey:
    """`latchkey revoke`, by its owner."""

    says = "`latchkey revoke`"

    def __init__(self, stack, running, number):
        self.latchkey = stack.sandbox.latchkey
        self.arguments = ["revoke", stack.names[number], "--yes"]

    def __call__(self):
        self.latchkey.must(*self.arguments, as_=OWNER)


WAYS = {"redis": ByRedis, "reload": ByReload, "haproxy": ByRuntimeCommand, "latchkey": ByLatchkey}


def revoke_once(stack, running, number):
    """Revokes the key of an organization; what came of it, in seconds and requests."""
    name = running.candidate.name
    act = WAYS[running.candidate.revocation](stack, running, number)
    clients = [Client(running.ports["own"], running.keys.valid[number]) for _ in range(CLIENTS)]
    for client in clients:
        client.thread.start()
    try:
        wait_until(
            lambda: all(len(client.accepted()) >= ASKED_BEFORE for client in clients), f"{name} accepts the key"
        )
        began = time.monotonic()
        act()
        ended = time.monotonic()
        wait_until(
            lambda: all(len(client.refused()) >= REFUSALS for client in clients), f"{name} refuses the key",
            running.candidate.revocation_seconds_max,
        )
    finally:
        for client in clients:
            client.ended.set()
        for client in clients:
            client.thread.join()
    late = [moment for client in clients for moment in client.accepted() if moment > ended]
    return {
        "command_s": ended - began,
        "accepted_after": len(late),
        "accepted_for_s": max(late, default=ended) - ended,
    }


def revocations(stack, repetitions):
    """All candidates in turn, and beside them those that take long.

    This comes last: it changes the keys that are known.
    """
    revocable = [running for running in stack.running if running.candidate.revocation]
    slow = [running for running in revocable if running.candidate.cached_for]
    numbers = itertools.count(100)
    found = {running.candidate.name: [] for running in revocable}
    with ThreadPoolExecutor(max(1, len(slow))) as pool:
        begun = [(running, pool.submit(revoke_once, stack, running, fresh(stack, running))) for running in slow]
        for _ in range(repetitions):
            for running in revocable:
                if running not in slow:
                    found[running.candidate.name].append(revoke_once(stack, running, next(numbers)))
        for running, future in begun:
            found[running.candidate.name].append(future.result())
    return {
        running.candidate.name: {
            "by": WAYS[running.candidate.revocation].says, "times": found[running.candidate.name],
        }
        for running in revocable
    }


def fresh(stack, running):
    """The number of a key that was never sent yet, so that no cache holds it."""
    key = running.keys.revoked[-1]
    stack.redis.cli("SET", peer_record(key), "fresh")
    running.keys.valid.append(key)
    return len(running.keys.valid) - 1
