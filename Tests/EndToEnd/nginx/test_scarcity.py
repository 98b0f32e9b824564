"""A worker without connections or descriptors left for its store: it decides from its cache, or answers 503."""

import os
import signal
from contextlib import ExitStack, suppress

import pytest

from harness import processes
from harness.consistency import under_either_consistency
from harness.http_client import Connection, bearer
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.topology import LINKS

SERVER = "        location /api { latchkey_verify; }\n"

# How nginx is kept short, what it says where it has none for a client, and where it has none for the store.
SHORT_OF = {
    "connections": ({"connections": 24}, "worker_connections are not enough", "worker_connections are not enough"),
    "descriptors": ({"main": "worker_rlimit_nofile 32;"}, r"accept4() failed (24", r"socket() failed (24"),
}


@pytest.fixture(params=SHORT_OF)
def scarcity(sandboxes, consistency, request):
    with ExitStack() as stack:
        yield lambda settings="": Scarcity(stack, sandboxes, request.param, consistency, settings)


class HeldRequest(Connection):
    """A request that nginx has begun to read: as long as its head is not complete, its connection is not given up."""

    def __init__(self, gate, key):
        super().__init__(gate)
        self.key = key
        self.socket.sendall(b"GET /api HTTP/1.1\r\nHost: gateway\r\n")

    def finish(self):
        (name, value), = bearer(self.key)
        self.socket.sendall(f"{name}: {value}\r\nConnection: close\r\n\r\n".encode())
        return self.receive()


class Scarcity:
    """A gateway of one worker, and clients that take all that it has."""

    def __init__(self, stack, sandboxes, kind, consistency, settings):
        options, self.for_client, self.for_store = SHORT_OF[kind]
        self.stack = stack
        self.gate = sandboxes(workers=1, server=SERVER, consistency=consistency, settings=settings, **options)
        # nginx's own words, at level alert or crit; the last one where it tries to accept on what it has just closed.
        self.gate.expect("worker_connections are not enough", r"failed \(24: Too many open files\)", NO_SOCKET,
                         r"accept4\(\) failed \(9: Bad file descriptor\)")
        self.worker = self.gate.nginx.worker()
        self.held = []

    def count(self, mark):
        """How often nginx has said so, and not that it has found a way out."""
        return sum("reusing connections" not in line for line in self.gate.nginx.lines(mark))

    def use_up(self, gate=None):
        """Clients come until nginx has nothing left for one."""
        before = self.count(self.for_client)

        def full():
            if self.count(self.for_client) > before:
                return True
            with suppress(OSError):  # there is no room for this one
                self.hold(None, gate)

        wait_until(full, "nginx has no room for a client")

    def hold(self, key, gate=None):
        request = self.stack.enter_context(HeldRequest(gate or self.gate.nginx.gate, key))
        self.held.append(request)
        return request

    def lose_the_store(self, gate=None):
        """The store goes away and comes back, and what its connections were is in others' hands by then."""
        self.gate.redis.kill()
        wait_until(lambda: self.count("does not send invalidations"), "the store is lost")
        wait_until(lambda: self.both_links_lack() or self.knock(gate), "clients have what both links had", pause=0.1)
        before = self.gate.nginx.lines(self.for_store)
        self.gate.redis.start()
        wait_until(lambda: len(self.gate.nginx.lines(self.for_store)) > len(before) + 2, "nginx has none for the store")
        assert self.gate.redis.clients() == []

    def knock(self, gate):
        """Another client comes, who may get what TLS gives back late."""
        with suppress(OSError):
            self.hold(None, gate)

    def both_links_lack(self):
        lines = self.gate.nginx.lines("this process is out of connections")
        listening = sum("does not send invalidations" in line for line in lines)
        return 0 < listening < len(lines)

    def let_go(self):
        for request in self.held:
            request.close()
        self.held.clear()

    def wait_for_recovery(self, key):
        wait_until(lambda: self.status_of(key) == 204, "keys are checked again")
        wait_until(lambda: len(self.gate.redis.clients()) == LINKS, "the worker is connected to the store again")
        self.gate.wait_for_members()
        assert self.gate.nginx.worker() == self.worker, "it is the same one"

    def status_of(self, key):
        try:
            return self.gate.status_of(key)
        except OSError:  # nginx has no room yet
            return None


@under_either_consistency
def test_checks_are_answered_while_clients_take_all_that_is_left(scarcity):
    scarce = scarcity()
    gate = scarce.gate
    key, old = gate.key(), gate.key("umbrella")
    gate.warm(key, old)
    gate.revoke("umbrella")
    good, bad = scarce.hold(key), scarce.hold(old)
    scarce.use_up()

    assert good.finish().status == 204
    assert bad.finish().result == "revoked"
    scarce.let_go()
    scarce.wait_for_recovery(key)


@under_either_consistency
def test_without_a_connection_to_the_store_no_key_is_accepted_for_longer_than_allowed(scarcity):
    scarce = scarcity()
    gate = scarce.gate
    key, ended = gate.key(), gate.key("umbrella")
    gate.warm(key, ended)
    known, unknown, late = scarce.hold(key), scarce.hold(gate.key("hooli")), scarce.hold(ended)
    scarce.use_up()
    scarce.lose_the_store()

    assert gate.latchkey.run("revoke", "umbrella", "--yes", as_="alice").code == 0
    assert late.finish().result in ("unavailable", "revoked")
    assert unknown.finish().status in (204, 503)
    assert known.finish().status in (204, 503)

    scarce.let_go()
    scarce.wait_for_recovery(key)
    assert gate.request(key=ended).result == "revoked"


def test_in_the_grace_cached_keys_are_accepted_without_the_store(scarcity):
    scarce = scarcity("latchkey_outage_grace 10m;")
    gate = scarce.gate
    key = gate.key()
    gate.warm(key)
    known, unknown = scarce.hold(key), scarce.hold(gate.key("hooli"))
    scarce.use_up()
    scarce.lose_the_store()

    answer = known.finish()
    assert (answer.status, answer.source) in ((204, "grace"), (204, "cache"))
    assert unknown.finish().status in (204, 503)

    scarce.let_go()
    scarce.wait_for_recovery(key)


def test_a_worker_that_is_shut_down_while_nothing_is_left_ends_cleanly(scarcity):
    """nginx waits to accept again, and its timer outlives the socket that it is for.

    A link that then gets the socket's connection broke the tree of timers: the worker crashed, more often than not.
    """
    scarce = scarcity()
    gate = scarce.gate
    # What listens last is what nginx gives away first when it has closed it.
    last = gate.nginx.folder / "api.sock"
    scarce.use_up(last)
    scarce.lose_the_store(last)

    # All at once: descriptors are free again, the worker receives the signal to quit, and connects to the store.
    processes.freeze(scarce.worker)
    scarce.let_go()
    gate.nginx.process.send_signal(signal.SIGQUIT)
    wait_until(lambda: gate.nginx.lines("signal 3 (SIGQUIT) received"), "the master tells the worker to end")
    processes.thaw(scarce.worker)

    assert gate.nginx.process.wait(60) == 0
    assert not gate.nginx.lines("exited on signal")


@pytest.mark.parametrize("scarcity", ["descriptors"], indirect=True)
def test_a_worker_without_a_descriptor_for_its_masters_messages_runs_until_it_gets_a_signal(scarcity):
    """nginx passes descriptors to its workers in a reload; a worker without room for them receives no more messages."""
    scarce = scarcity()
    gate = scarce.gate
    gate.expect(r"recvmsg\(\) returned (invalid|too small) ancillary data")
    key = gate.key()
    scarce.use_up()
    gate.nginx.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gate.nginx.lines("ancillary data"), "the worker receives no messages")
    scarce.let_go()
    gate.wait_for_members()

    assert len(gate.nginx.workers()) == 2
    assert gate.status_of(key) == 204
    assert gate.revoke().err.count("\n") == 1, "both acknowledge"

    os.kill(scarce.worker, signal.SIGQUIT)
    wait_until(lambda: not processes.is_alive(scarce.worker), "the old worker ends")
    gate.wait_for_members()
    assert gate.status_of(key) == 401


def test_a_worker_that_has_no_connection_for_the_store_from_the_start_lives_and_a_reload_helps(sandboxes):
    # Two that listen, and one to the master: one is left, and the first to ask gets it.
    gate = sandboxes(workers=1, server=SERVER, connections=4)
    gate.expect("worker_connections are not enough")
    key = gate.key()
    worker = gate.nginx.worker()
    wait_until(lambda: len(gate.nginx.lines("worker_connections are not enough")) > 3, "nginx says so")
    wait_until(lambda: gate.nginx.lines("this process is out of connections, descriptors or memory"), "the gateway says so")
    for _ in range(20):
        with gate.connect() as connection:
            try:
                connection.send("/api", bearer(key))
                assert connection.peek() == b"" or connection.receive().status in (204, 503)
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert gate.nginx.worker() == worker

    gate.nginx.configure(connections=64)
    gate.nginx.reload()

    wait_until(lambda: gate.nginx.workers() and worker not in gate.nginx.workers(), "the old worker ends")
    wait_until(lambda: gate.status_of(key) == 204, "keys are checked")
    gate.wait_for_members()
