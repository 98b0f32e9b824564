"""Forged keys cost the store nothing."""

import pytest

from harness.consistency import LEASED, STRICT
from harness.http_client import bearer
from harness.redis_server import NO_SOCKET

COUNT = 10_000
CONNECTIONS = 16


@pytest.fixture(params=[LEASED, STRICT])
def gate(request, sandboxes):
    return sandboxes(workers=2, consistency=request.param)


def results(gate, keys):
    """The results of many keys, sent over one connection."""
    with gate.connect() as connection:
        return {connection.request("/api", bearer(key)).result for key in keys}


def test_ten_thousand_forged_keys_with_a_right_checksum_never_reach_the_store(gate):
    key = gate.key("acme")
    assert gate.status_of(key) == 200
    forge = gate.forge()
    keys = [forge.forged("acme") for _ in range(COUNT)]
    before = reads(gate)

    share = COUNT // CONNECTIONS
    for start in range(0, COUNT, share):
        assert results(gate, keys[start : start + share]) == {"forged"}

    assert reads(gate) == before
    assert gate.status_of(key) == 200
    assert reads(gate)["hmget"] - before["hmget"] <= 1


def test_malformed_keys_never_reach_the_store(gate):
    key = gate.key("acme")
    assert gate.status_of(key) == 200
    before = reads(gate)

    assert results(gate, [key[:length] for length in range(1, len(key))]) == {"malformed"}

    assert reads(gate) == before


def test_forged_keys_are_refused_without_the_store_too(gate):
    gate.expect(NO_SOCKET)
    gate.redis.stop()
    forge = gate.forge()

    assert results(gate, [forge.forged("acme") for _ in range(100)]) == {"forged"}


def reads(gate):
    """How often Redis ran each command that can read a record; workers read their own entries with HGET, all the time."""
    return {command: gate.redis.calls(command) for command in ("hmget", "hgetall", "get", "exists", "zscore")}
