"""nginx-conf/limits.conf: limits by organization, and by address for those who are refused."""

from contextlib import ExitStack

import pytest

from harness.example_server import ExampleServer, example
from harness.http_client import bearer
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.streams import OpenRequest, StreamingUpstream

HERE, THERE = [("X-Test-Address", "192.0.2.7")], [("X-Test-Address", "192.0.2.8")]


@pytest.fixture
def gate(sandboxes):
    with example(sandboxes, "limits.conf") as server:
        yield server


def statuses(gate, times, headers=(), key=None):
    return [gate.request("/", headers, key=key).status for _ in range(times)]


def test_the_sixth_forged_key_is_limited_while_valid_keys_from_that_address_are_accepted(gate):
    key, forge = gate.key("acme"), gate.forge()
    forged = [gate.request("/", HERE, key=forge.forged("acme")).status for _ in range(6)]

    assert forged == [401] * 5 + [429]
    assert statuses(gate, 20, HERE, key) == [200] * 20
    assert statuses(gate, 2, THERE, forge.forged("acme")) == [401, 401]


def test_a_key_that_only_the_store_can_refuse_is_counted_too(gate):
    revoked = gate.key("acme")
    gate.latchkey.must("revoke", "acme", "--yes", as_="alice")

    assert statuses(gate, 6, HERE, revoked) == [401] * 5 + [429]


def test_an_outage_is_not_counted_against_the_client(gate):
    key = gate.key("acme")
    gate.expect(NO_SOCKET)
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key, "/") == 503, "the store is missed")

    assert statuses(gate, 10, HERE, key) == [503] * 10


def test_an_organization_is_limited_wherever_it_comes_from_and_others_are_not(gate):
    key, other = gate.key("acme"), gate.key("umbrella")

    asked = in_one_piece(gate, 900, key)
    others = in_one_piece(gate, 100, other)

    assert asked[:200] == [200] * 200
    assert 429 in asked
    assert others == [200] * 100


def test_two_gateways_of_a_fleet_count_for_themselves(sandboxes, gate):
    """What docs/NGINX.md says about limits in a fleet: N gateways let N bursts through."""
    key = gate.key("acme")
    other = ExampleServer(gate.folder / "second", gate.config, "limits.conf", "api.sock")
    other.start()
    try:
        first = in_one_piece(gate, 900, key)
        second = in_one_piece(gate, 900, key, at=other)
    finally:
        other.stop()

    assert first[:200] == second[:200] == [200] * 200
    assert 429 in first and 429 in second


def in_one_piece(gate, times, key, at=None):
    """Requests that come faster than any limit, from two addresses in turn."""
    with gate.connect(at) as connection:
        requests = [("/", [*place, *bearer(key)]) for place in (HERE, THERE)] * (times // 2)
        return [answer.status for answer in connection.pipeline(requests)]


def test_the_open_requests_of_an_organization_are_limited(sandboxes):
    with ExitStack() as stack:
        gate = stack.enter_context(example(sandboxes, "limits.conf", upstream="stream.sock"))
        upstream = stack.enter_context(StreamingUpstream(gate.nginx.upstream))
        key, other = gate.key("acme"), gate.key("umbrella")
        requests = [stack.enter_context(OpenRequest(gate.nginx.gate, "/silence", bearer(key))) for _ in range(20)]
        wait_until(lambda: len(upstream.requests) == 20, "all reach the API")

        assert gate.request("/", key=key).status == 429
        assert gate.request("/", key=other).status == 200

        requests[0].connection.close()
        wait_until(lambda: gate.request("/", key=key).status == 200, "there is room for another")
