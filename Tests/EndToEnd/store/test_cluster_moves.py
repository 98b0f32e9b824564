"""Slots of a cluster move to other servers: no key is lost, none that has ended is accepted, and changes go on."""

import time

import pytest

from harness.cluster_store import STEADY, slot_of
from harness.consistency import under_either_consistency
from harness.executable import DONE, NOT_CONFIRMED
from harness.failovers import Watch
from harness.key_forge import locator, record_key, used_key
from harness.polling import wait_until
from harness.sandbox import MEMBERSHIP, OWNER
from harness.slot_moves import SlotMove, move



@pytest.fixture
def gates(sandboxes, consistency):
    return lambda **options: sandboxes(workers=1, cluster=STEADY, **{"consistency": consistency, **options})


def step(store, key):
    """The move of a key's slot to another server, which has not begun."""
    slot = slot_of(key)
    source = store.owner_of_slot(slot)
    target = next(each for each in store.primaries if each is not source)
    return SlotMove(store, slot, source, target)


def move_slot_of(store, key):
    move_of = step(store, key)
    move(store, move_of.slot, move_of.source, move_of.target)


@under_either_consistency
def test_a_key_whose_slot_moves_is_accepted_throughout(gates):
    gate = gates()
    key = gate.key()
    gate.warm(key)

    with Watch(gate, key) as watch:
        move_slot_of(gate.redis, record_key("acme"))
        watch.wait_for([key])
        gate.redis.wait_until_whole()

    assert watch.statuses(key) == {200}


@under_either_consistency
def test_a_key_that_ends_at_the_new_server_is_refused(gates):
    gate = gates()
    key = gate.key()
    gate.warm(key)

    for _ in range(3):
        move_slot_of(gate.redis, record_key("acme"))
        assert gate.revoke().code == DONE
        assert gate.status_of(key) == 401
        key = gate.latchkey.generate("acme", as_=OWNER)
        assert gate.status_of(key) == 200


@under_either_consistency
def test_a_change_while_a_slot_is_open_waits_until_it_is_settled(gates):
    gate = gates()
    key = gate.key()
    gate.warm(key)
    open_slot = step(gate.redis, record_key("acme")).begin()

    with Watch(gate, key) as watch:
        running = gate.latchkey.start("revoke", "acme", "--yes", as_=OWNER)
        wait_until(lambda: watch.of(key, after=running.began + 1), "clients go on")
        open_slot.move_keys().end()
        result = running.finish()
        wait_until(lambda: watch.of(key, after=result.ended + 1), "clients go on")

    assert result.code == DONE, result.err
    assert watch.statuses(key, after=result.ended) == {401}
    assert 200 in watch.statuses(key)


def test_a_slot_that_stays_open_delays_a_change_and_undoes_none(gates):
    """A rebalance that broke off: what the change comes to is said, and true."""
    gate = gates()
    key = gate.key()
    gate.warm(key)
    open_slot = step(gate.redis, record_key("acme")).begin()

    result = gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER, timeout=120)

    if result.code == DONE:
        assert gate.status_of(key) == 401
    open_slot.move_keys().end()
    wait_until(lambda: gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER).code in (DONE, 65), "the key is revoked")
    assert gate.status_of(key) == 401


@under_either_consistency
def test_the_membership_list_moves_and_workers_stay_members(gates):
    gate = gates(gateways=2)
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key, other)
    gate.wait_for_members()

    with Watch(gate, key, other) as watch:
        move_slot_of(gate.redis, MEMBERSHIP)
        assert gate.revoke("umbrella").code == DONE
        revoked = time.monotonic()
        watch.wait_for([key])
        gate.wait_for_members()

    assert watch.statuses(key) <= {200, 503}
    assert watch.statuses(other, after=revoked) <= {401, 503}


def test_the_last_use_is_exact_while_its_slot_moves(gates):
    gate = gates()
    key = gate.key()
    gate.wait_for_members()

    for _ in range(5):
        open_slot = step(gate.redis, used_key("acme")).begin()
        before = int(time.time() * 1000)
        assert gate.status_of(key) == 200
        open_slot.move_keys().end()
        gate.latchkey.status("acme", as_=OWNER)
        score = gate.redis.cli("ZSCORE", used_key("acme"), locator("acme"))
        assert int(float(score)) >= before - 1000


def test_a_server_without_slots_is_no_server_of_keys(gates):
    """All slots of one server with records move away, and it stays in the cluster."""
    gate = gates()
    names = [f"org-{number}" for number in range(6)]
    keys = {name: gate.key(name) for name in names}
    gate.warm(*keys.values())
    leaving, target, _ = gate.redis.primaries
    for first, last, port in leaving.slot_map():
        if port == leaving.listener.port:
            for slot in range(first, last + 1, 1):
                move(gate.redis, slot, leaving, target)

    for name in names[:3]:
        assert gate.revoke(name).code in (DONE, NOT_CONFIRMED)
        assert gate.status_of(keys[name]) in (401, 503)
    for name in names[3:]:
        wait_until(lambda: gate.status_of(keys[name]) == 200, "the key is accepted")
