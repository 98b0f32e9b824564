"""worker_shutdown_timeout: a worker that is shutting down ends in time, whatever is still open or waits."""

from contextlib import ExitStack

import pytest

from harness import processes
from harness.consistency import STRICT, assert_nobody_is_waited_out, under_either_consistency
from harness.http_client import bearer
from harness.open_streams import MAP, SERVER, Streams
from harness.polling import wait_until

# Longer than the shutdown timeout, so that only the latter can end a worker in time.
TIMEOUT = "latchkey_timeout 30s;"

MAIN = "worker_shutdown_timeout 1s;"

WAITING = 20


@pytest.fixture
def make(sandboxes):
    return lambda consistency=None: sandboxes(
        workers=1, http=MAP, server=SERVER, main=MAIN, settings=TIMEOUT, consistency=consistency
    )


def replaced(gate):
    """The worker from before a reload."""
    (old,) = gate.nginx.reload()
    return old


def wait_for_end(worker):
    wait_until(lambda: not processes.is_alive(worker), "the old worker ends")


@under_either_consistency
def test_open_streams_are_cut_and_the_worker_ends_and_leaves_the_fleet(make, consistency):
    gate = make(consistency)
    with ExitStack() as stack:
        streams = Streams(stack, gate)
        key = gate.key()
        requests = [streams.open(kind, key) for kind in ("websocket", "events", "download", "silence")]

        old = replaced(gate)
        assert requests[0].echoes("in the old worker")
        wait_for_end(old)

        for request in requests:
            request.wait_until_closed()
        streams.upstream.wait_until_idle()
    assert [member["pid"] for member in gate.members()] == [str(gate.nginx.worker())]
    assert_nobody_is_waited_out(gate, gate.revoke())


def test_checks_that_wait_for_the_store_admit_no_request_and_the_worker_ends(make):
    gate = make(STRICT)
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    with ExitStack() as stack:
        connections = waiting_requests(gate, key, stack)
        old = replaced(gate)
        wait_for_end(old)
        assert {outcome(connection) for connection in connections} <= {"cut off", 503}

    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the new worker finds the store")
    if gate.tls:
        # Redis reads one TLS record after another, and stops where it cannot reply: it may not come to the last, which leaves.
        gate.revoke()
    gate.wait_for_members()


def waiting_requests(gate, key, stack):
    """Connections with a request each that nginx has taken."""
    connections = [stack.enter_context(gate.connect()) for _ in range(WAITING)]
    for connection in connections:
        connection.send("/api", bearer(key))
    wait_until(lambda: all(connection.is_taken() for connection in connections), "nginx has taken the requests")
    return connections


def outcome(connection):
    try:
        return connection.receive().status if connection.peek() else "cut off"
    except ConnectionResetError:
        return "cut off"


def test_checks_that_are_answered_before_the_timeout_are_answered_well(sandboxes):
    gate = sandboxes(workers=1, main="worker_shutdown_timeout 30s;", settings=TIMEOUT, consistency=STRICT,
                     server="        location /api { latchkey_verify; }\n")
    key = gate.key()
    assert gate.status_of(key) == 204
    gate.redis.freeze()

    with ExitStack() as stack:
        connections = waiting_requests(gate, key, stack)
        old = replaced(gate)
        gate.redis.thaw()
        assert {connection.receive().status for connection in connections} == {204}
    wait_for_end(old)
