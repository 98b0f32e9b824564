"""A store that refuses CLIENT TRACKING or SUBSCRIBE, as some managed services do, or the commands of a signal."""

from contextlib import ExitStack

import pytest

from harness.consistency import under_either_consistency
from harness.executable import DONE
from harness.open_streams import MAP, SERVER, Streams
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.topology import one_redis

# What some stores refuse.
COMMANDS = ["CLIENT", pytest.param("SUBSCRIBE", marks=one_redis("sentinels subscribe at the servers"))]


def without(command):
    """Options of a Redis without a command."""
    return ["--rename-command", command, ""]


@pytest.fixture
def streams(sandboxes):
    with ExitStack() as stack:
        yield lambda **options: Streams(stack, sandboxes(**{"workers": 1, "http": MAP, "server": SERVER, **options}))


@under_either_consistency
@pytest.mark.parametrize("command", COMMANDS)
def test_a_confirmed_revocation_ends_open_requests_without_invalidations(streams, consistency, command):
    streams = streams(redis_options=without(command), consistency=consistency)
    gate = streams.gate
    key, other = gate.key(), gate.key("umbrella")
    gate.wait_for_members()
    request, goes_on = streams.open("download", key), streams.open("websocket", other)

    result = gate.revoke()

    assert "receives no invalidations; its lease has ended." in result.err
    request.wait_until_closed()
    assert goes_on.echoes("still here")
    assert (gate.status_of(key), gate.status_of(other)) == (401, 200)


@pytest.mark.parametrize("command", COMMANDS)
def test_workers_without_invalidations_are_listed_and_the_doctor_states_the_cost(sandboxes, command):
    gate = sandboxes(redis_options=without(command), workers=2)
    gate.key()
    gate.wait_for_members()

    assert {member["tracking"] for member in gate.members()} == {"off"}
    report = gate.latchkey.run("doctor")
    assert report.code != DONE
    assert f"does not permit the gateway user: {command}" in report.out
    assert report.out.count("receives no invalidations: it reads the store for every check") == 2


def test_workers_that_lose_and_regain_the_permission_to_track_cache_again(sandboxes):
    gate = sandboxes(workers=1)
    key = gate.key()
    gate.warm(key)
    gate.redis.cli("ACL", "SETUSER", "default", "-client|tracking")
    gate.redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
    wait_until(lambda: [member["tracking"] for member in gate.members()] == ["off"], "the worker logs it")
    assert gate.request(key=key).source == "store"

    gate.redis.cli("ACL", "SETUSER", "default", "+@all")

    gate.warm(key)
    assert [member["tracking"] for member in gate.members()] == ["on"]
    gate.revoke()
    assert gate.status_of(key) == 401


@pytest.mark.parametrize("command", ["SET", "DEL"])
@pytest.mark.parametrize("gateways", [0, 1])
def test_without_signals_a_change_waits_for_a_lease_and_holds(sandboxes, gateways, command):
    gate = sandboxes(redis_options=without(command), workers=1, gateways=gateways)
    key = gate.key()
    if gateways:
        gate.warm(key)

    gate.revoke()

    assert not gateways or gate.status_of(key) == 401
    assert f"does not permit the admin user: {command} latchkey:record:" in gate.latchkey.run("doctor").out
    assert gate.latchkey.run("status", "acme", as_=OWNER).code == DONE
