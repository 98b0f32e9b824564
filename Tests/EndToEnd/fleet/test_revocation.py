"""Once `generate` or `revoke` has succeeded, no gateway of the fleet accepts the old key."""

import os
import re
from datetime import datetime, timedelta, timezone

import pytest

from harness import processes
from harness.consistency import said_besides_the_late, under_either_consistency
from harness.executable import DONE, NOT_CONFIRMED, KEY
from harness.http_client import bearer
from harness.key_forge import record_key
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.revocations import Revocations
from harness.sandbox import OWNER
from harness.topology import REVOKED, behind_a_proxy

# For figures: REVOCATIONS=200 CONNECTIONS=64 python3 -m pytest -s Tests/EndToEnd/fleet/test_revocation.py -k never_stop
FOR_FIGURES = "REVOCATIONS" in os.environ
REVOCATIONS = int(os.environ.get("REVOCATIONS", 20))
CONNECTIONS = int(os.environ.get("CONNECTIONS", 16))

MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def fleet(sandboxes, consistency):
    """Two gateways of two workers each, all of them in the membership list."""
    fleet = sandboxes(gateways=2, workers=2, consistency=consistency)
    fleet.wait_for_members()
    return fleet


@pytest.fixture
def pair(sandboxes):
    """Two gateways of one worker each."""
    pair = sandboxes(gateways=2, workers=1)
    pair.wait_for_members()
    return pair


def known_by_all(pair, organization="acme"):
    """A key that every worker answers from its cache."""
    key = pair.key(organization)
    pair.warm(key)
    return key


def millisecond_of(time):
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def waited_out(pid):
    return rf"nginx worker \S+ \(process {pid}\) did not acknowledge the change; its lease has ended\.\n"


@under_either_consistency
def test_no_request_begun_after_the_command_ended_is_accepted_from_clients_that_never_stop(fleet):
    with Revocations(fleet, CONNECTIONS, clocked=FOR_FIGURES) as revocations:
        for number in range(REVOCATIONS):
            revocations.end(["revoke", "generate"][number % 2])
        ends = revocations.finish()

    print("", ends.summary(), sep="\n")
    ends.check()


@under_either_consistency
def test_revoke_prints_the_time_from_which_no_gateway_accepts_the_key(fleet):
    fleet.key()
    before = datetime.now(timezone.utc)

    result = fleet.revoke()

    after = datetime.now(timezone.utc)
    moment = REVOKED.fullmatch(said_besides_the_late(fleet, result))[1]
    told = datetime.combine(after.date(), datetime.strptime(moment, "%H:%M:%S.%f").time(), timezone.utc)
    if before.date() == after.date():
        assert millisecond_of(before) < told <= millisecond_of(after) + MILLISECOND, "rounded up: it holds by then"


def test_without_gateways_there_is_no_wait(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.key()

    assert REVOKED.fullmatch(sandbox.revoke().err)


@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_a_frozen_worker_is_waited_out_and_never_accepts_the_key_again(pair, command):
    key = known_by_all(pair)
    gate = pair.gateways[1]
    worker = gate.worker()
    connections = [pair.connect(at=gate) for _ in range(20)]
    for connection in connections:
        assert connection.request("/api", bearer(key)).status == 200
    processes.freeze(worker)

    result = pair.latchkey.run(command, "acme", "--yes", as_=OWNER)

    assert result.code == DONE
    assert re.match(waited_out(worker), result.err)
    for connection in connections:
        connection.send("/api", bearer(key))
    processes.thaw(worker)
    assert {connection.receive().result for connection in connections} == {"revoked"}
    for connection in connections:
        connection.close()
    if command == "generate":
        new = pair.latchkey.remember(result.out.strip())
        assert [pair.request(key=new, at=each).status for each in pair.gateways] == [200, 200]
    pair.wait_for_members()


@behind_a_proxy
def test_listening_gateways_are_waited_for_after_the_membership_list_was_emptied(sandboxes):
    fleet = sandboxes(gateways=2, workers=1, proxied=True)
    fleet.wait_for_members()
    key = known_by_all(fleet)
    fleet.proxy.is_stalled = True
    fleet.redis.cli("DEL", MEMBERSHIP)

    assert fleet.revoke().code == DONE

    assert [fleet.request(key=key, at=each).status for each in fleet.gateways] == [503, 503]
    fleet.proxy.is_stalled = False
    wait_until(lambda: fleet.status_of(key) == 401, "the gateways receive the invalidation")
    fleet.wait_for_members()


def test_requests_that_wait_in_a_frozen_worker_are_checked_when_they_are_answered(pair):
    key = known_by_all(pair)
    gate = pair.gateways[1]
    worker = gate.worker()
    with pair.connect(at=gate) as connection:
        assert connection.request("/api", bearer(key)).status == 200
        processes.freeze(worker)
        connection.send("/api", bearer(key))
        assert pair.revoke().code == DONE
        processes.thaw(worker)
        assert connection.receive().result == "revoked"


def test_a_worker_that_was_killed_is_waited_out_once(fleet):
    fleet.expect("exited on signal 9")
    key = fleet.key()
    gate = fleet.gateways[1]
    dead = min(gate.workers())
    processes.kill(dead)
    wait_until(lambda: dead not in gate.workers() and len(gate.workers()) == 2, "another worker takes its place")

    first = fleet.revoke()

    assert re.match(waited_out(dead), first.err)
    assert fleet.status_of(key) == 401
    fleet.wait_for_members()
    fleet.key()
    assert REVOKED.fullmatch(fleet.revoke().err)


def test_revoke_with_no_wait_does_not_wait(pair):
    key = known_by_all(pair)
    worker = pair.gateways[1].worker()
    processes.freeze(worker)

    result = pair.revoke("acme", "--no-wait")

    assert result.err == \
        "Revoked. Redis notifies the nginx workers at once; their acknowledgements were not awaited.\n"
    processes.thaw(worker)
    for gate in pair.gateways:
        wait_until(lambda: pair.request(key=key, at=gate).result == "revoked", "the gateway receives the invalidation")


def test_revoking_once_more_asks_the_gateways_again(pair):
    key = known_by_all(pair)
    worker = pair.gateways[1].worker()
    processes.freeze(worker)
    pair.revoke("acme", "--no-wait")

    again = pair.revoke()

    assert re.fullmatch(waited_out(worker) + r"acme has no key: nothing to revoke\.\n", again.err)
    processes.thaw(worker)
    assert {pair.request(key=key, at=gate).result for gate in pair.gateways} == {"revoked"}


# When it is uncertain


@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_an_interrupted_wait_names_the_workers_that_may_still_accept_the_key_and_until_when(sandboxes, command):
    pair = sandboxes(gateways=2, workers=1, settings="latchkey_outage_grace 1h;")
    pair.wait_for_members()
    pair.key()
    before = pair.redis.hash(record_key("acme"))["version"]
    worker = pair.gateways[1].worker()
    processes.freeze(worker)

    running = pair.latchkey.start(command, "acme", "--yes", as_=OWNER)
    wait_until(lambda: pair.redis.hash(record_key("acme"))["version"] != before, "the change is stored")
    running.interrupt()
    result = running.finish()

    assert result.code == NOT_CONFIRMED
    until = re.search(rf"interrupted.* \(process {worker}\) until (\S+)", result.err)[1]
    left = datetime.fromisoformat(until) - datetime.now(timezone.utc)
    assert 3500 < left.total_seconds() < 3700
    assert f"process {pair.gateways[0].worker()}" not in result.err
    if command == "generate":
        assert KEY.fullmatch(result.out.strip())
        new = pair.latchkey.remember(result.out.strip())
        assert pair.status_of(new) == 200


def test_an_unreadable_member_is_named(pair):
    key = known_by_all(pair)
    pair.redis.cli("HSET", MEMBERSHIP, "stranger", "lease=soon")

    result = pair.latchkey.run("revoke", "acme", "--yes", as_=OWNER)

    assert result.code == NOT_CONFIRMED
    assert "stranger" in result.one_line()
    assert pair.status_of(key) == 401


def test_an_unreadable_membership_list_is_reported(pair):
    key = known_by_all(pair)
    pair.redis.cli("DEL", MEMBERSHIP)
    pair.redis.cli("SET", MEMBERSHIP, "text")

    result = pair.latchkey.run("revoke", "acme", "--yes", as_=OWNER)

    assert result.code == NOT_CONFIRMED
    assert "uncertain which nginx workers may still accept it" in result.one_line()
    wait_until(lambda: pair.request(key=key).result == "revoked", "the gateway receives the invalidation")
