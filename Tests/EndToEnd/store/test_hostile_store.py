"""A store whose clock steps, whose databases are swapped, that is killed, or that uses several threads.

Clients use the old key all the time. Once the command has succeeded, no request that begins later is accepted.
For the long run: make hostile N=100
"""

import random
import time
from contextlib import ExitStack

import pytest

from harness.consistency import under_either_consistency
from harness.executable import DONE, NOT_CONFIRMED
from harness.key_forge import record_key
from harness.old_keys import ROUNDS, OldKeys, end_key, finish_ending, start_ending
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.redis_wheels import Unavailable, server
from harness.revocations import Revocations
from harness.sandbox import OWNER
from harness.separate_links import CutOff, SeparateLinks
from harness.stepped_clock import SteppedClock
from harness.topology import one_redis

SETTINGS = "latchkey_lease 300ms;\nlatchkey_outage_grace 3s;"

STEPS = [90, -90]

# By when after its start a command has certainly written its change, unless the machine is very slow.
COMMAND_SECONDS = 0.05


pytestmark = one_redis("each gateway has a way of its own to one server")


@pytest.fixture
def fleets():
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SeparateLinks(settings=SETTINGS, **options))


@pytest.fixture
def clock(tmp_path):
    return SteppedClock(tmp_path)


@pytest.fixture
def timed(fleets, clock):
    """Two gateways, and a Redis that is started with the clock."""
    fleet = fleets(gateways=2, redis_program=clock.program)
    fleet.wait_for_members()
    return fleet


def version(fleet, organization):
    return fleet.redis.hash(record_key(organization)).get("version")


def wait_for_change(fleet, organization, before):
    wait_until(lambda: version(fleet, organization) not in (None, before), "the change is stored")


def test_the_clock_of_a_redis_is_stepped(timed, clock):
    for seconds in STEPS:
        clock.step(seconds)

        told = int(timed.redis.cli("TIME").split()[0])

        assert abs(told - time.time() - seconds) < 30


@pytest.mark.parametrize("seconds", STEPS)
def test_a_clock_of_redis_that_steps_during_a_change_ends_no_wait_early(timed, clock, seconds):
    with OldKeys(timed) as clients:
        for number in range(ROUNDS):
            clock.step(0)
            clients.use(timed.key())
            gateway = timed.gateways[number % 2]
            lost = CutOff(gateway)
            clients.wait_for_grace(gateway)
            before = version(timed, "acme")
            running = start_ending(timed, number)
            wait_for_change(timed, "acme", before)

            clock.step(seconds)

            result = finish_ending(timed, running, number)
            clients.check_through_return(result, lost)


@pytest.mark.parametrize("seconds", STEPS)
def test_a_clock_of_redis_that_steps_between_changes_ends_no_wait_early(timed, clock, seconds):
    """A command that is interrupted notes who was silent. The next one waits for that worker as long as it may trust."""
    timed.key("umbrella")
    with OldKeys(timed) as clients:
        for number in range(ROUNDS):
            clock.step(0)
            clients.use(timed.key())
            gateway = timed.gateways[number % 2]
            lost = CutOff(gateway)
            clients.wait_for_grace(gateway)
            before = version(timed, "umbrella")
            first = timed.latchkey.start("generate", "umbrella", "--yes", as_=OWNER)
            wait_for_change(timed, "umbrella", before)
            first.interrupt()
            outcome = first.finish()
            assert outcome.code in (DONE, NOT_CONFIRMED), outcome.err
            timed.latchkey.remember(outcome.out.strip())

            clock.step(seconds)

            result = end_key(timed, number)
            clients.check_through_return(result, lost)


def swap(fleet):
    fleet.redis.cli("SWAPDB", "0", "1")


@pytest.mark.parametrize("is_cut_off", [False, True], ids=["connected", "cut_off"])
def test_workers_forget_what_they_cached_before_databases_were_swapped(fleets, is_cut_off):
    """The databases are swapped, each worker sends a heartbeat, and they are swapped back."""
    pair = fleets(gateways=2)
    pair.wait_for_members()
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            clients.use(pair.key())
            swap(pair)
            pair.wait_for_members()
            pair.key("umbrella")
            swap(pair)
            clients.use(clients.key)
            lost = cut_off(clients, pair.gateways[number % 2]) if is_cut_off else None

            result = end_key(pair, number)

            clients.check(result)
            if lost:
                lost.end()
            pair.wait_for_members()
            clients.check(result)


def cut_off(clients, gateway):
    """Cuts a gateway off. If its heartbeat was the last thing that it heard, it has an empty cache."""
    lost = CutOff(gateway)
    clients.wait_for(gateway, lambda answer: answer.source == "grace" or not answer.is_accepted, "the lease is over")
    return lost


def test_a_key_that_another_database_accepts_ends_when_the_databases_are_swapped_back(fleets):
    """While swapped, the workers cache another record of the organization. A change then ends what that one allowed."""
    pair = fleets(gateways=2)
    pair.wait_for_members()
    pair.key()
    swap(pair)
    pair.wait_for_members()
    for _ in range(3 * ROUNDS + 3):
        key = pair.key()
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            pair.wait_for_members()
            clients.use(key)
            swap(pair)

            result = end_key(pair, number)

            clients.check(result)
            pair.wait_for_members()
            clients.check(result)
            swap(pair)
            for gateway in pair.gateways:
                gateway.reload()
            key = pair.key()


@pytest.mark.parametrize("is_cut_off", [False, True], ids=["connected", "cut_off"])
def test_a_store_that_is_killed_during_a_change_and_started_again_keeps_what_was_confirmed(fleets, is_cut_off):
    pair = fleets(gateways=2, redis_options=["--appendfsync", "always"])
    pair.expect(NO_SOCKET)
    pair.wait_for_members()
    chance = random.Random(ROUNDS)
    with OldKeys(pair) as clients:
        for number in range(ROUNDS):
            clients.use(pair.key())
            gateway = pair.gateways[number % 2]
            lost = None
            if is_cut_off:
                lost = CutOff(gateway)
                clients.wait_for_grace(gateway)
            running = start_ending(pair, number)
            # At any point of the command: before it connects, between its steps, after its end.
            time.sleep(chance.uniform(0, COMMAND_SECONDS))
            kill(pair)

            result = finish_ending(pair, running, number)

            clients.check(result)
            kill(pair)
            clients.check(result)
            if lost:
                lost.end()
            pair.wait_for_members()
            clients.check(result)


def kill(fleet):
    fleet.redis.kill()
    fleet.redis.start()


def redis_8():
    """The server; skips the test if there is none."""
    try:
        return server("Redis 8.2")
    except Unavailable as error:
        pytest.skip(f"not tested with Redis 8.2: {error}")


@under_either_consistency
def test_a_redis_8_with_several_threads_ends_keys_as_any_other(sandboxes, consistency):
    """Its answers to heartbeats may overtake invalidations, since other threads write them."""
    fleet = sandboxes(gateways=2, workers=2, consistency=consistency, tcp=True, tls=None,
                      redis_program=[redis_8()], redis_options=["--io-threads", "4"])
    fleet.wait_for_members()
    assert "\nredis_version:8." in fleet.redis.cli("INFO", "server")

    with Revocations(fleet, connections=16) as revocations:
        for number in range(10 * ROUNDS):
            revocations.end(["revoke", "generate"][number % 2])
        ends = revocations.finish()

    assert fleet.redis.statistic("io_threads_active") == 1
    ends.check()
