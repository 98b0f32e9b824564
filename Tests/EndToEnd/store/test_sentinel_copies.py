"""Replicas that are gone, or late: gateways go on, and a change says how many servers hold it."""

import pytest

from harness.executable import DONE, NOT_CONFIRMED
from harness.failovers import Watch
from harness.polling import wait_until
from harness.sandbox import PATIENT
from harness.sentinel_store import STEADY


@pytest.fixture
def gates(sandboxes):
    return lambda settings="", sentinel=STEADY: sandboxes(workers=1, sentinel=sentinel, settings=settings)


def revoke(gate, organization="acme"):
    return gate.latchkey.run("revoke", organization, "--yes", as_="alice")


def test_a_change_tells_how_many_servers_hold_it(gates):
    gate = gates()
    gate.key()

    assert "Held by 3 servers" in revoke(gate).err


def test_without_a_replica_gateways_go_on_and_changes_are_not_confirmed(gates):
    gate = gates(PATIENT)
    key, ended = gate.key(), gate.key("umbrella")
    gate.warm(key, ended)
    (lost, _) = gate.redis.replicas

    with Watch(gate, key, ended) as watch:
        lost.stop()
        result = revoke(gate, "umbrella")
        assert gate.status_of(ended) == 401
        lost.start()
        gate.redis.wait_until_whole()
        assert revoke(gate, "umbrella").code in (DONE, NOT_CONFIRMED)

    assert result.code == NOT_CONFIRMED
    assert "held by 2 servers, 3 are needed" in result.err
    assert f"without a link to the primary: 127.0.0.1:{lost.listener.port}" in result.err
    assert watch.statuses(key) == {200}
    assert revoke(gate, "acme").code == DONE


@pytest.mark.parametrize("copies, lost", [(2, 1), (1, 2)])
def test_with_fewer_copies_a_change_is_confirmed_without_the_others(gates, copies, lost):
    gate = gates(f"latchkey_copies {copies};")
    key = gate.key()
    for replica in gate.redis.replicas[:lost]:
        replica.stop()

    result = revoke(gate)

    assert result.code == DONE
    assert f"Held by {copies} server" in result.err
    assert gate.status_of(key) == 401


def test_more_copies_than_there_are_servers_are_never_reached(gates):
    gate = gates("latchkey_copies 4;")
    gate.add()

    result = gate.latchkey.run("generate", "acme", "--yes", as_="alice")

    assert result.code == NOT_CONFIRMED
    assert "held by 3 servers, 4 are needed" in result.err


def test_a_late_replica_of_better_priority_undoes_nothing_that_was_confirmed(gates):
    """Sentinels look at the priority before they look at how much a replica has: it may undo what it has not got."""
    gate = gates(sentinel={})
    key, confirmed = gate.key(), gate.key("umbrella")
    gate.warm(key, confirmed)
    (late, _) = gate.redis.replicas
    late.ask("CONFIG", "SET", "replica-priority", "1")
    for sentinel in gate.redis.sentinels:
        wait_until(lambda: any(each["slave-priority"] == "1" for each in sentinel.reports_of("replicas")), "the sentinels know")
    assert revoke(gate, "umbrella").code == DONE
    late.freeze()
    result = revoke(gate)

    old = gate.redis.kill_primary()
    late.thaw()
    new = gate.redis.wait_for_another(old)
    old.start()
    gate.redis.wait_until_whole()

    assert result.code == NOT_CONFIRMED
    assert new is late
    assert gate.status_of(confirmed) == 401
    assert gate.latchkey.run("status", "umbrella", as_="alice").out.count("No API key generated") == 1
    wait_until(lambda: revoke(gate).code in (DONE, 65), "the key is revoked for good")
    assert gate.status_of(key) == 401
