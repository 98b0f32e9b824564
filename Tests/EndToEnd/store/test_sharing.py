"""The cost of strict checks for the store: one read for a record that is not cached, and one PING for all checks of a turn.

test_cache.py tests the savings of the cache.
"""

from contextlib import ExitStack

import pytest

from harness import processes
from harness.consistency import STRICT
from harness.http_client import bearer
from harness.topology import no_cluster

CLIENTS = 20


@pytest.fixture
def gate(sandboxes):
    gate = sandboxes(workers=1, settings="latchkey_timeout 10s;", consistency=STRICT)
    gate.wait_for_members()
    return gate


def in_one_turn(gate, keys):
    """Sends requests that the worker receives all at once, in one turn of its event loop."""
    worker = gate.nginx.worker()
    with ExitStack() as stack:
        connections = [stack.enter_context(gate.connect()) for _ in keys]
        for connection in connections:
            assert connection.request("/open").status == 200, "the worker has accepted it"
        processes.freeze(worker)
        for connection, key in zip(connections, keys):
            connection.send("/api", bearer(key))
        processes.thaw(worker)
        return [connection.receive().body for connection in connections]


def test_checks_of_one_organization_in_one_turn_share_a_read(gate):
    key = gate.key()
    before = gate.redis.calls("hmget")

    bodies = in_one_turn(gate, [key] * CLIENTS)

    assert bodies == ["/api organization=acme result=allowed\n"] * CLIENTS
    assert gate.redis.calls("hmget") == before + 1


def test_checks_of_cached_records_in_one_turn_share_a_ping_and_read_nothing(gate):
    keys = [gate.key(name) for name in ("acme", "umbrella")]
    for key in keys:
        assert gate.status_of(key) == 200
    reads, pings, beats = gate.redis.calls("hmget"), gate.redis.calls("ping"), gate.redis.calls("hget")

    bodies = in_one_turn(gate, keys * (CLIENTS // 2))

    assert all("result=allowed" in body for body in bodies)
    assert gate.redis.calls("hmget") == reads
    # One for the checks, or two where they came in two turns, and one a heartbeat.
    assert gate.redis.calls("ping") - pings <= 2 + gate.redis.calls("hget") - beats + 1


@no_cluster("each of its servers reads what this test asks of it")
def test_checks_of_many_organizations_in_one_turn_go_out_together(gate):
    names = [f"organization-{number}" for number in range(CLIENTS)]
    keys = [gate.key(name) for name in names]
    beats = heartbeats(gate)
    calls, reads = gate.redis.calls("hmget"), reads_of_connections(gate)

    bodies = in_one_turn(gate, keys)

    assert bodies == [f"/api organization={name} result=allowed\n" for name in names]
    assert gate.redis.calls("hmget") == calls + CLIENTS
    # One for the checks, one for a batch of last uses, one for each redis-cli that asks, and one a heartbeat.
    reads = reads_of_connections(gate) - reads
    assert reads <= 6 + heartbeats(gate) - beats


def heartbeats(gate):
    """The number of the worker's heartbeats on both connections."""
    return gate.redis.calls("ping") + gate.redis.calls("hget")


def reads_of_connections(gate):
    """How often Redis has read from a connection."""
    return gate.redis.statistic("total_reads_processed")


def test_checks_that_follow_one_another_each_ask_the_store(gate):
    key = gate.key()
    reads, pings = gate.redis.calls("hmget"), gate.redis.calls("ping")

    for _ in range(10):
        assert gate.status_of(key) == 200

    assert gate.redis.calls("hmget") == reads + 1
    assert gate.redis.calls("ping") >= pings + 9


def test_good_and_bad_keys_of_one_organization_share_a_read_and_no_answer(gate):
    replaced = gate.key()
    key = gate.key()
    before = gate.redis.calls("hmget")

    bodies = in_one_turn(gate, [key, replaced] * (CLIENTS // 2))

    assert ["organization=acme" in body for body in bodies] == [True, False] * (CLIENTS // 2)
    assert gate.redis.calls("hmget") == before + 1
