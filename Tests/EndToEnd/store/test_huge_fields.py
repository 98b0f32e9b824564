"""A record with a huge field, which no executable has written: only its own organization's key is affected."""

import pytest

from harness.consistency import under_either_consistency
from harness.http_client import bearer
from harness.key_forge import beside, record_key
from harness.load import steady_load
from harness.polling import wait_until

HUGE = 2_000_000

# Every field that a check may read.
FIELDS = ["owner", "verifier", "mac", "previous_verifier"]


@pytest.fixture
def gate(sandboxes, consistency):
    return sandboxes(workers=1, consistency=consistency, settings="latchkey_timeout 10s;")


def write(gate, field, length):
    """Writes a field directly into Redis, and makes it long there."""
    long = beside("acme", "long")
    gate.redis.cli("SETRANGE", long, length - 1, "x")
    gate.redis.cli("EVAL", "redis.call('HSET', KEYS[1], ARGV[1], redis.call('GET', KEYS[2]))", "2", record_key("acme"), long,
                   field)


@pytest.mark.parametrize("field", FIELDS)
@under_either_consistency
def test_a_huge_field_makes_only_its_own_key_unavailable(gate, field):
    key, others = gate.key(), [gate.key(f"umbrella-{number}") for number in range(4)]
    gate.warm(key, *others)
    gate.wait_for_members()
    write(gate, field, HUGE)
    wait_until(lambda: gate.status_of(key) != 200, "the gateway receives the invalidation")
    before = sorted(map(client_id, gate.redis.clients()))

    with steady_load(lambda: [gate.status_of(other) for other in others]) as load:
        with gate.connect() as connection:
            own = {connection.request("/api", bearer(key)).status for _ in range(20)}

    assert own == {503}
    assert load.outcomes
    assert {status for outcome in load.outcomes for status in outcome} == {200}
    assert sorted(map(client_id, gate.redis.clients())) == before, "the gateway keeps its connections"


@under_either_consistency
def test_a_key_is_accepted_again_once_its_record_is_repaired(gate):
    key = gate.key()
    owner = gate.redis.hash(record_key("acme"))["owner"]
    write(gate, "owner", HUGE)
    wait_until(lambda: gate.status_of(key) == 503, "the record cannot be read")

    gate.redis.cli("HSET", record_key("acme"), "owner", owner)

    wait_until(lambda: gate.status_of(key) == 200, "the gateway receives the invalidation")


def client_id(line):
    return int(line.partition("id=")[2].partition(" ")[0])
