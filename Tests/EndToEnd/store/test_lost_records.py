"""A genuine key whose record the store does not have: nobody knows whether it was revoked, so it is not refused as such."""

import pytest

from harness.consistency import under_either_consistency
from harness.key_forge import record_key
from harness.polling import wait_until


@pytest.fixture
def gate(sandboxes, consistency):
    return sandboxes(workers=1, consistency=consistency)


def is_unavailable(answer):
    return (answer.status, answer.result) == (503, "unavailable")


@under_either_consistency
def test_a_key_whose_record_was_deleted_is_unavailable(gate):
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key, other)
    gate.redis.cli("DEL", record_key("acme"))

    wait_until(lambda: gate.status_of(key) != 200, "the gateway receives the invalidation")

    assert all(is_unavailable(gate.request(key=key)) for _ in range(10))
    assert gate.status_of(other) == 200


@under_either_consistency
def test_a_key_whose_record_was_never_stored_is_unavailable(gate):
    assert all(is_unavailable(gate.request(key=gate.forge().issued("acme"))) for _ in range(10))
    assert gate.request(key=gate.forge().forged("acme")).result == "forged"


@under_either_consistency
def test_a_missing_record_is_logged(gate):
    key = gate.key()
    gate.redis.cli("DEL", record_key("acme"))

    wait_until(lambda: is_unavailable(gate.request(key=key)), "the gateway receives the invalidation")

    locator = record_key("acme").partition("{")[2].rstrip("}")
    assert gate.nginx.lines(locator), "the line names the record"


@under_either_consistency
def test_a_record_that_is_written_back_is_accepted_again(gate):
    key = gate.key()
    record = gate.redis.hash(record_key("acme"))
    gate.redis.cli("DEL", record_key("acme"))
    wait_until(lambda: is_unavailable(gate.request(key=key)), "the gateway receives the invalidation")

    gate.redis.cli("HSET", record_key("acme"), *sum(record.items(), ()))

    wait_until(lambda: gate.status_of(key) == 200, "the gateway receives the invalidation")
