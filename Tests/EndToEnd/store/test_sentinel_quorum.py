"""Sentinels that are gone: without a majority of those that are configured nothing is accepted for longer than a lease."""

import time

import pytest

from harness import processes
from harness.consistency import under_either_consistency
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.failovers import Watch
from harness.polling import SLACK, wait_until
from harness.sandbox import OWNER
from harness.sentinel_store import STEADY

LEASE = 1

# The executable waits for each answer of a sentinel for a second, and asks for half a minute.
ASKED_FOR_LONGER = 1.5
PATIENCE = 30


@pytest.fixture
def gates(sandboxes, consistency):
    return lambda **options: sandboxes(workers=1, sentinel=STEADY, **{"consistency": consistency, **options})


def kill(sentinels):
    for sentinel in sentinels:
        sentinel.kill()


def start(sentinels):
    for sentinel in sentinels:
        sentinel.start()


@under_either_consistency
@pytest.mark.parametrize("lost", [2, 3])
def test_without_a_majority_of_the_sentinels_keys_are_accepted_until_the_lease_ends(gates, lost):
    gate = gates()
    key = gate.key()
    gate.warm(key)
    lost = gate.redis.sentinels[:lost]

    with Watch(gate, key) as watch:
        kill(lost)
        gone = time.monotonic()
        wait_until(lambda: 503 in watch.statuses(key), "the lease ends")
        wait_until(lambda: watch.of(key, after=gone + LEASE + SLACK), "clients go on")
        silent = time.monotonic()
        start(lost)
        watch.wait_for([key])

    assert 200 not in {answer.status for answer in watch.of(key, after=gone + LEASE + SLACK) if answer.ended < silent}
    assert watch.statuses(key) == {200, 503}


@under_either_consistency
def test_a_majority_suffices(gates):
    gate = gates()
    key = gate.key()
    gate.warm(key)

    with Watch(gate, key) as watch:
        kill(gate.redis.sentinels[:1])
        gone = time.monotonic()
        wait_until(lambda: watch.of(key, after=gone + 2 * LEASE), "clients go on without it")
        assert gate.revoke().code == DONE
        wait_until(lambda: 401 in watch.statuses(key), "the key is refused")

    assert watch.statuses(key, after=gone) == {200, 401}


def test_without_a_majority_a_change_is_not_made(gates):
    gate = gates()
    key = gate.key()
    kill(gate.redis.sentinels[1:])

    result = gate.latchkey.run("revoke", "acme", "--yes", as_="alice")

    assert result.code == STORE_UNREACHABLE
    assert "sentinel" in result.one_line()
    start(gate.redis.sentinels[1:])
    wait_until(lambda: gate.status_of(key) == 200, "the key is still valid")


def test_a_change_that_loses_the_sentinels_is_not_confirmed(gates):
    """The primary was found; whether it still is one, nobody tells."""
    gate = gates(gateways=2, settings="latchkey_lease 5s;")
    key = gate.key()
    gate.warm(key)
    (worker,) = gate.nginx.workers()
    processes.freeze(worker)
    running = gate.latchkey.start("revoke", "acme", "--yes", as_="alice")
    wait_until(lambda: gate.request(key=key, at=gate.gateways[1]).status == 401, "the change is stored")

    kill(gate.redis.sentinels)
    processes.thaw(worker)
    result = running.finish(120)

    assert result.code == NOT_CONFIRMED
    assert gate.status_of(key) in (401, 503)


def test_in_the_grace_keys_are_accepted_without_the_sentinels(gates):
    gate = gates(settings="latchkey_outage_grace 10m;")
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key)

    kill(gate.redis.sentinels)

    wait_until(lambda: gate.request(key=key).source == "grace", "the grace begins")
    assert gate.status_of(key) == 200
    assert gate.status_of(other) == 503
    start(gate.redis.sentinels)
    wait_until(lambda: gate.status_of(other) == 200, "the sentinels are heard again")


@pytest.mark.parametrize("silent", [2, 3])
def test_a_command_goes_on_once_a_majority_of_the_sentinels_answers_again(sandboxes, silent):
    gate = sandboxes(start=False, sentinel=STEADY)
    gate.add()
    silent = gate.redis.sentinels[:silent]

    for sentinel in silent:
        sentinel.freeze()
    command = gate.latchkey.start("generate", "acme", "--yes", as_=OWNER)
    wait_until(lambda: time.monotonic() > command.began + ASKED_FOR_LONGER, "the executable has asked in vain")
    for sentinel in silent:
        sentinel.thaw()
    thawed = time.monotonic()
    result = command.finish()

    assert result.code == DONE, result.err
    assert result.ended < thawed + PATIENCE / 2
