"""A worker answers from its cache: how much it caches, and which reads that saves the store."""

import os

import pytest

from harness.http_client import bearer
from harness.key_forge import locator
from harness.load import at_once
from harness.polling import wait_until
from harness.sandbox import OWNER

# For a longer run: ORGANIZATIONS=100000 CACHED=1000 python3 -m pytest Tests/EndToEnd/store/test_cache.py -k too_small
ORGANIZATIONS = int(os.environ.get("ORGANIZATIONS", 100))
CACHED = int(os.environ.get("CACHED", 10))


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1)


def reads(gate):
    return gate.redis.calls("hmget")


def ask(gate, keys):
    """Sends requests with keys one after another, on one connection."""
    with gate.connect() as connection:
        return [connection.request("/api", bearer(key)) for key in keys]


def test_the_first_request_reads_the_store_and_the_next_ones_do_not(gate):
    gate.warm(gate.key("umbrella"))
    key = gate.key()
    before = reads(gate)

    answers = ask(gate, [key] * 100)

    assert [answer.status for answer in answers] == [200] * 100
    assert [answer.source for answer in answers] == ["store"] + ["cache"] * 99
    assert {answer.body for answer in answers} == {"/api organization=acme result=allowed\n"}
    assert reads(gate) == before + 1


def test_a_subrequest_is_answered_from_the_cache(gate):
    key = gate.key()
    gate.warm(key)
    before = reads(gate)

    assert {gate.status_of(key, "/checked") for _ in range(10)} == {200}

    assert reads(gate) == before


def test_an_earlier_key_is_refused_from_the_cache(gate):
    """A client with an outdated key must not cost the store a read for each request."""
    replaced = gate.key()
    key = gate.key()
    gate.warm(key)
    before = reads(gate)

    answers = ask(gate, [replaced] * 100)

    assert {(answer.status, answer.result, answer.source) for answer in answers} == {(401, "revoked", "cache")}
    assert reads(gate) == before


def test_a_revoked_key_is_refused_from_the_cache(gate):
    key = gate.key()
    gate.revoke()
    gate.warm(key)
    before = reads(gate)

    answers = ask(gate, [key] * 100)

    assert {(answer.status, answer.result, answer.source) for answer in answers} == {(401, "revoked", "cache")}
    assert reads(gate) == before


def test_a_key_made_for_an_organization_that_was_absent_is_accepted(gate):
    assert gate.status_of(gate.forge().issued("acme")) == 503

    key = gate.key("acme")

    assert gate.status_of(key) == 200


def test_an_expired_key_is_refused_from_the_cache(gate):
    key = gate.key("acme", "--expires-in", "1s")
    gate.warm(key)
    before = reads(gate)

    wait_until(lambda: gate.request(key=key).result == "expired", "the key expires")

    assert gate.request(key=key).source == "cache"
    assert reads(gate) == before


def test_the_previous_key_is_answered_from_the_cache_until_its_grace_is_over(gate):
    before = gate.key()
    key = gate.key("acme", "--grace", "1s")
    gate.warm(key)
    reads_before = reads(gate)

    assert gate.request(key=before).result == "allowed"
    wait_until(lambda: gate.request(key=before).result == "revoked", "the grace is over")

    assert gate.request(key=key).result == "allowed"
    assert reads(gate) == reads_before


def test_the_log_names_the_cache_as_source(gate):
    key = gate.key()
    gate.warm(key)

    gate.request("/api/known", key=key)

    line = f"GET /api/known 200 result=allowed organization=acme locator={locator('acme')} source=cache"
    wait_until(lambda: line in gate.nginx.access_log().splitlines(), "the log has the line")


def test_a_change_of_one_organization_leaves_the_cached_records_of_others(gate):
    acme, umbrella = gate.key("acme"), gate.key("umbrella")
    gate.warm(acme, umbrella)

    gate.key("acme")

    assert gate.request(key=umbrella).source == "cache"
    assert gate.request(key=acme).result == "revoked"


def test_writes_to_other_keys_invalidate_nothing(gate):
    """Only changes of records send invalidations; otherwise every use would cost each gateway a message."""
    key = gate.key()
    gate.warm(key)
    before = reads(gate)
    wait_until(lambda: gate.redis.calls("zadd"), "a use is recorded")

    assert gate.request(key=key).source == "cache"
    assert reads(gate) == before


# More organizations than the cache has places


@pytest.fixture
def full(sandboxes):
    """A gateway with a small cache, and keys of more organizations than it can keep."""
    gate = sandboxes(workers=1, settings=f"latchkey_cache_size {CACHED};")
    names = [f"organization-{number}" for number in range(ORGANIZATIONS)]
    keys = gate.keys_of(names)
    gate.warm(keys[names[0]])
    return gate, keys


def test_a_cache_that_is_too_small_answers_more_organizations_correctly(full):
    gate, keys = full
    for _ in range(2):
        bodies = [answer.body for answer in ask(gate, keys.values())]
        assert bodies == [f"/api organization={name} result=allowed\n" for name in keys]
    names = list(keys)[::10]
    at_once(4, lambda: [gate.request(key=keys[name]).status for name in names])
    gate.latchkey.must("revoke", names[-1], "--yes", as_=OWNER)

    for name in names:
        expected = "revoked" if name == names[-1] else "allowed"
        assert gate.request(key=keys[name]).result == expected


def test_a_cache_that_is_too_small_keeps_the_organizations_in_constant_use(full):
    gate, keys = full
    *others, last = keys.values()
    answers = [answer for other in others for answer in ask(gate, [last, other])]

    sources = [answer.source for answer in answers[::2]]
    assert sources.count("store") <= 2
    assert {answer.status for answer in answers} == {200}


def test_uses_of_evicted_records_are_recorded(full):
    gate, keys = full
    ask(gate, keys.values())

    def recorded():
        shards = gate.redis.cli("KEYS", "latchkey:used:*").split()
        return sum(int(gate.redis.cli("ZCARD", shard)) for shard in shards) == ORGANIZATIONS

    wait_until(recorded, "all uses are recorded")
