"""Slots of a cluster move to other servers: no key is lost, none that has ended is accepted, and changes go on."""

import pytest

from harness.cluster_store import STEADY
from harness.consistency import under_either_consistency
from harness.executable import BAD_DATA, DONE
from harness.failovers import Watch
from harness.key_forge import record_key
from harness.polling import wait_until
from harness.promises import check_refused
from harness.sandbox import OWNER, PATIENT
from harness.slot_moves import move_of


@pytest.fixture
def gates(sandboxes, consistency):
    return lambda **options: sandboxes(workers=1, cluster=STEADY, **{"consistency": consistency, **options})


@under_either_consistency
def test_a_key_whose_slot_moves_is_accepted_throughout(gates):
    gate = gates(settings=PATIENT)
    key = gate.key()
    gate.warm(key)

    with Watch(gate, key) as watch:
        move_of(gate.redis, record_key("acme")).run()
        watch.wait_for([key])
        gate.redis.wait_until_whole()

    assert watch.statuses(key) == {200}


@under_either_consistency
def test_a_key_that_ends_at_the_new_server_is_refused(gates):
    gate = gates()
    key = gate.key()
    gate.warm(key)

    for _ in range(3):
        move_of(gate.redis, record_key("acme")).run()
        assert gate.revoke().code == DONE
        assert gate.status_of(key) == 401
        key = gate.latchkey.generate("acme", as_=OWNER)
        assert gate.status_of(key) == 200


@under_either_consistency
def test_a_change_while_a_slot_is_open_waits_until_it_is_settled(gates):
    gate = gates()
    key = gate.key()
    gate.warm(key)
    open_slot = move_of(gate.redis, record_key("acme")).begin()

    with Watch(gate, key) as watch:
        running = gate.latchkey.start("revoke", "acme", "--yes", as_=OWNER)
        wait_until(lambda: watch.of(key, after=running.began + 1), "clients go on")
        open_slot.move_keys().end()
        result = running.finish()
        wait_until(lambda: watch.of(key, after=result.ended + 1), "clients go on")

    assert result.code == DONE, result.err
    check_refused(watch.statuses(key, after=result.ended))
    assert watch.statuses(key, after=result.ended) == {401}
    assert 200 in watch.statuses(key)


def test_a_slot_that_stays_open_delays_a_change_and_undoes_none(gates):
    """A rebalance that broke off: what the change comes to is said, and true."""
    gate = gates()
    key = gate.key()
    gate.warm(key)
    open_slot = move_of(gate.redis, record_key("acme")).begin()

    result = gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER, timeout=120)

    if result.code == DONE:
        assert gate.status_of(key) == 401
    open_slot.move_keys().end()
    wait_until(lambda: gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER).code in (DONE, 65), "the key is revoked")
    assert gate.status_of(key) == 401


def test_a_record_that_a_broken_move_has_left_behind_is_named_until_the_move_is_mended(gates):
    """The source does not know of the move any more, as a replica of it that takes over."""
    gate = gates()
    gate.key()
    gate.key("umbrella")
    move = move_of(gate.redis, record_key("acme")).begin().move_keys()
    move.source.ask("CLUSTER", "SETSLOT", move.slot, "STABLE")

    export = gate.latchkey.run("export")
    report = gate.latchkey.run("doctor")

    assert export.code == BAD_DATA
    assert f"is at 127.0.0.1:{move.target.listener.listening}, which does not hold its slot: redis-cli --cluster fix" in export.err
    assert "organization=umbrella" in export.out and "organization=acme" not in export.out
    assert "which does not hold its slot" in report.out and report.code != DONE

    move.begin().end()
    gate.redis.wait_until_whole()
    export = gate.latchkey.run("export")
    assert export.code == DONE and "organization=acme" in export.out
