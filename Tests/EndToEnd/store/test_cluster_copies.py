"""A shard without its replica, and one without any server: what goes on, and what a change says."""

import time

import pytest

from harness.cluster_store import STEADY
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.failovers import Watch
from harness.key_forge import record_key
from harness.polling import SLACK, wait_until
from harness.sandbox import OWNER, PATIENT

LEASE = 1


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1, cluster=STEADY)


def revoke(gate, organization="acme"):
    return gate.latchkey.run("revoke", organization, "--yes", as_=OWNER, timeout=120)


def test_a_change_tells_how_many_servers_hold_it(gate):
    gate.key()

    assert "Held by 2 servers" in revoke(gate).err


def test_without_a_replica_gateways_go_on_and_changes_are_not_confirmed(sandboxes):
    gate = sandboxes(workers=1, cluster=STEADY, settings=PATIENT)
    key, ended = gate.key(), gate.key("umbrella")
    gate.warm(key, ended)
    (lost,) = gate.redis.shard_of(record_key("umbrella")).replicas

    with Watch(gate, key, ended) as watch:
        lost.stop()
        result = revoke(gate, "umbrella")
        assert gate.status_of(ended) == 401
        lost.start()
        gate.redis.wait_until_whole()

    assert result.code == NOT_CONFIRMED
    assert "held by 1 server, 2 are needed" in result.err
    assert f"without a link to the primary: 127.0.0.1:{lost.listener.port}" in result.err
    assert watch.statuses(key) == {200}


def test_with_one_copy_a_change_is_confirmed_without_the_replica(gate):
    gate.add_settings("latchkey_copies 1;")
    key = gate.key()
    for replica in gate.redis.shard_of(record_key("acme")).replicas:
        replica.stop()

    result = revoke(gate)

    assert result.code == DONE and "Held by 1 server" in result.err
    assert gate.status_of(key) == 401


def test_a_shard_without_any_server_stops_all_and_all_comes_back(gate):
    """Redis' default: without full coverage nobody is served."""
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key, other)
    shard = gate.redis.shard_of(record_key("acme"))
    for server in shard.servers:
        server.process.kill()
        server.process.wait()
    lost = time.monotonic()

    wait_until(lambda: gate.status_of(key) == 503, "the lease ends")
    assert time.monotonic() < lost + LEASE + 10 * SLACK
    result = revoke(gate)

    assert result.code in (STORE_UNREACHABLE, NOT_CONFIRMED)
    gate.redis.start()
    wait_until(lambda: gate.status_of(other) == 200, "the others are accepted again")
    wait_until(lambda: gate.status_of(key) in (200, 401), "the store answers again")
