"""Another server becomes the primary: keys go on, ended keys stay ended, and no gateway follows the old one."""

import time

import pytest

from harness import processes
from harness.consistency import LEASED, STRICT
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.failovers import FAULTS, Watch, cut_off
from harness.key_forge import record_key
from harness.polling import SLACK, wait_until
from harness.promises import check_refused
from harness.sandbox import CLUSTER, SENTINEL
from harness.topology import FAILOVER

LEASE = 1


# What too few servers for a change are called.
MISSING = {SENTINEL: "held by 2 servers, 3 are needed", CLUSTER: "held by 1 server, 2 are needed"}


# Parted networks are tested with sentinels.
PARTED = pytest.mark.parametrize("topology", [SENTINEL])


@pytest.fixture
def fleets(sandboxes, topology):
    return lambda **options: sandboxes(gateways=2, workers=1, **{topology: {"proxied": True}}, **options)


def shard(fleet, organization="acme"):
    """The part of the store that has an organization's record."""
    return fleet.redis.shard_of(record_key(organization))


def revoke_until(fleet, organization, what):
    """Revokes a key, again after each further failover, until that is said of it; returns the results."""
    results = []

    def said():
        results.append(fleet.latchkey.run("revoke", organization, "--yes", as_="alice"))
        return what in results[-1].err

    wait_until(said, f"revoke says {what}", 60)
    return results


def confirmed(fleet, *command):
    """Repeats a command that ends a key until it is confirmed; returns the exit codes."""
    codes = []

    def done():
        codes.append(fleet.latchkey.run(*command, "--yes", as_="alice").code)
        return codes[-1] == DONE

    wait_until(done, f"{command[0]} is confirmed", 60)
    return codes


@pytest.mark.parametrize("consistency", [LEASED, STRICT])
@pytest.mark.parametrize("topology, fault", [
    (topology, fault) for topology in FAILOVER for fault in FAULTS if topology == SENTINEL or fault != "cut_off"])
def test_keys_go_on_and_ended_keys_stay_ended(fleets, topology, fault, consistency):
    fleet = fleets(consistency=consistency)
    key, ended, late = fleet.key(), fleet.key("umbrella"), fleet.key("hooli")
    fleet.warm(key, ended, late)
    fleet.revoke("umbrella")
    since = time.monotonic()

    with Watch(fleet, key, ended, late) as watch:
        with FAULTS[fault](shard(fleet, "hooli")):
            watch.wait_for([key])
        back = time.monotonic()
        codes = confirmed(fleet, "revoke", "hooli")
        revoked = time.monotonic()
        watch.wait_for([key])
        fleet.wait_for_members()

    check_refused(watch.statuses(ended, after=since))
    assert watch.statuses(ended, after=since) <= {401, 503}
    assert 401 in watch.statuses(ended, after=back)
    assert watch.statuses(key) <= {200, 503}
    check_refused(watch.statuses(late, after=revoked))
    assert set(codes[:-1]) <= {NOT_CONFIRMED}


@PARTED
def test_a_gateway_that_stays_with_a_primary_that_was_cut_off_accepts_nothing_beyond_its_lease(fleets, topology):
    fleet = fleets()
    key, ended = fleet.key(), fleet.key("umbrella")
    fleet.warm(key, ended)
    lonely, other = fleet.gateways

    with Watch(fleet, key, ended) as watch:
        with cut_off(shard(fleet, "umbrella"), company=lonely.workers()):
            cut = time.monotonic()
            wait_until(lambda: fleet.request(key=key, at=other).status == 200, "the other gateway follows the new primary")
            results = revoke_until(fleet, "umbrella", MISSING[topology])
            revoked = time.monotonic()
            wait_until(lambda: watch.of(ended, after=revoked, gateway=0), "the lonely gateway is asked")
        watch.wait_for([key])

    assert {result.code for result in results} == {NOT_CONFIRMED}
    check_refused(watch.statuses(ended, gateway=0, after=revoked))
    assert watch.statuses(ended, gateway=0, after=revoked) <= {401, 503}
    assert watch.statuses(key, gateway=0, after=cut + LEASE + SLACK) == {200, 503}
    assert watch.statuses(key) == {200, 503}
    assert confirmed(fleet, "revoke", "umbrella")[-1] == DONE


# A command begins when it is told to, as the same process.
HELD_BACK = ("sh", "-c", 'read word; exec "$@"', "sh")


@PARTED
def test_a_command_that_is_cut_off_with_the_primary_does_nothing(fleets, topology):
    fleet = fleets()
    key = fleet.key()
    fleet.latchkey.prefix = HELD_BACK
    running = fleet.latchkey.start("revoke", "acme", "--yes", as_="alice")
    fleet.latchkey.prefix = ()

    with cut_off(shard(fleet), company={running.process.pid}):
        running.process.stdin.write("begin\n")
        running.process.stdin.flush()
        result = running.finish(120)
    fleet.redis.wait_until_whole()

    assert result.code == STORE_UNREACHABLE and result.one_line()
    assert topology != SENTINEL or "sentinel" in result.err
    for gateway in fleet.gateways:
        wait_until(lambda: fleet.request(key=key, at=gateway).status == 200, "the key is still valid")


@PARTED
def test_a_command_that_is_cut_off_with_the_primary_behind_its_change_confirms_nothing(fleets, topology):
    fleet = fleets(settings="latchkey_lease 5s;")
    key = fleet.key()
    fleet.warm(key)
    worker = fleet.nginx.worker()
    processes.freeze(worker)
    running = fleet.latchkey.start("revoke", "acme", "--yes", as_="alice")
    wait_until(lambda: fleet.redis.hash(record_key("acme"))["state"] == "revoked", "the change is stored")

    with cut_off(shard(fleet), company={running.process.pid}):
        result = running.finish(120)
    processes.thaw(worker)
    fleet.redis.wait_until_whole()

    assert result.code == NOT_CONFIRMED
    assert confirmed(fleet, "revoke", "acme")[-1] == DONE
    assert fleet.status_of(key) == 401
