"""Whatever is done to a record that a worker has cached, Redis sends an invalidation, and the worker reads it again.

What is done to single fields is in test_tampering.py.
"""

import pytest

from harness.key_forge import beside, locator, record_key
from harness.polling import wait_until
from harness.topology import ONE_DATABASE, no_cluster, versions_outlive_the_store

RECORD = record_key("acme")
ELSEWHERE, BACKUP = beside("acme", "elsewhere"), beside("acme", "backup")


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1)


@pytest.fixture
def key(gate):
    """A key that the worker answers from its cache, where another organization's is as well."""
    gate.key("acme")
    key = gate.key("acme", "--grace", "1h", "--expires-in", "1d")
    gate.warm(key)
    return key


def comes_to(gate, key, result):
    """Checks that a key soon gets a result, and keeps it."""
    wait_until(lambda: gate.request(key=key).result == result, f"the key is {result}")
    assert {gate.request(key=key).result for _ in range(5)} == {result}
    return True


REMOVALS = {
    "DEL": [["DEL", RECORD]],
    "UNLINK": [["UNLINK", RECORD]],
    "PEXPIRE": [["PEXPIRE", RECORD, "1"]],
    "EXPIREAT": [["EXPIREAT", RECORD, "1"]],
    "RENAME": [["RENAME", RECORD, ELSEWHERE]],
    "MOVE": [["MOVE", RECORD, "1"]],
    "FLUSHDB": [["FLUSHDB"]],
    "FLUSHALL": [["FLUSHALL"]],
    "FLUSHALL ASYNC": [["FLUSHALL", "ASYNC"]],
    "EVAL": [["EVAL", "return redis.call('DEL', KEYS[1])", "1", RECORD]],
    "eviction": [["CONFIG", "SET", "maxmemory-policy", "allkeys-random"], ["CONFIG", "SET", "maxmemory", "1"]],
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[no_cluster(ONE_DATABASE)] if name == "MOVE" else []) for name in REMOVALS])
def test_the_key_of_a_deleted_record_is_not_accepted(gate, key, name):
    for command in REMOVALS[name]:
        gate.redis.cli(*command)

    assert comes_to(gate, key, "unavailable")


def test_the_key_of_a_record_that_was_set_to_revoked_is_refused(gate, key):
    gate.redis.cli("HSET", RECORD, "state", "revoked")

    assert comes_to(gate, key, "revoked")


def test_a_record_that_is_moved_away_and_back_is_accepted_again(gate, key):
    gate.redis.cli("RENAME", RECORD, ELSEWHERE)
    assert comes_to(gate, key, "unavailable")

    gate.redis.cli("RENAME", ELSEWHERE, RECORD)

    assert comes_to(gate, key, "allowed")


@pytest.mark.parametrize("change", ["generate", "revoke"])
def test_a_restored_older_copy_is_recognized(gate, key, change):
    gate.redis.cli("COPY", RECORD, BACKUP)
    if change == "generate":
        gate.warm(gate.key("acme"))
    else:
        gate.revoke("acme")
    assert comes_to(gate, key, "revoked")

    gate.redis.cli("COPY", BACKUP, RECORD, "REPLACE")

    assert comes_to(gate, key, "unavailable")
    (line,) = gate.nginx.lines("is older than a version seen before")[:1]
    assert locator("acme") in line


def test_the_next_key_replaces_an_older_copy(gate, key):
    gate.redis.cli("COPY", RECORD, BACKUP)
    gate.key("acme")
    gate.revoke("acme")
    assert comes_to(gate, key, "revoked")
    gate.redis.cli("COPY", BACKUP, RECORD, "REPLACE")
    assert comes_to(gate, key, "unavailable")

    keys = [gate.key("acme") for _ in range(3)]

    assert comes_to(gate, keys[-1], "allowed")
    assert comes_to(gate, key, "revoked")


# Messages that are not invalidations


FORGED_INVALIDATIONS = [
    ["PUBLISH", "__redis__:invalidate", "garbage"],
    ["PUBLISH", "__redis__:invalidate", ""],
    ["PUBLISH", "__redis__:invalidate", RECORD],
    ["PUBLISH", "__redis__:invalidate", "x" * 100_000],
]


@pytest.mark.parametrize("command", FORGED_INVALIDATIONS, ids=lambda command: " ".join(command)[:40])
def test_a_published_message_invalidates_nothing(gate, key, command):
    worker = gate.nginx.worker()

    gate.redis.cli(*command)

    gate.key("umbrella")  # the worker has acknowledged it, behind the message
    assert gate.request(key=key).source == "cache"
    assert gate.nginx.worker() == worker


@no_cluster(ONE_DATABASE)
def test_another_database_that_is_emptied_costs_a_read_and_nothing_more(gate, key):
    worker = gate.nginx.worker()
    before = gate.redis.calls("hmget")

    gate.redis.cli("-n", "5", "FLUSHDB")

    wait_until(lambda: gate.status_of(key) == 200 and gate.redis.calls("hmget") > before, "the store is asked again")
    gate.warm(key)
    assert gate.nginx.worker() == worker


FORGED_SIGNALS = ["", "garbage", "ab" * 15, "AB" * 16, "ab" * 17, "x" * 100_000, "../" * 10 + "ab", "??" + "ab" * 16]


def send_signal(gate, organization, text):
    """Sends a signal about an organization; returns the name of the list in which it is acknowledged."""
    for command in (["SET", f"{record_key(organization)}:{text}", ""], ["DEL", f"{record_key(organization)}:{text}"]):
        gate.redis.cli(*command)
    return f"latchkey:ack:{{{locator(organization)}}}:{text}"


@pytest.mark.parametrize("text", FORGED_SIGNALS, ids=lambda text: text[:20])
def test_a_malformed_signal_is_not_acknowledged(gate, key, text):
    acknowledgements = send_signal(gate, "acme", text)

    gate.key("umbrella")  # the worker has acknowledged it, behind the signal
    assert gate.redis.cli("EXISTS", acknowledgements) == "0"
    assert gate.status_of(key) == 200


def test_a_foreign_signal_leaves_nothing_in_the_store_for_long(gate, key):
    acknowledgements = send_signal(gate, "hooli", "0123456789abcdef" * 2)

    wait_until(lambda: gate.redis.cli("EXISTS", acknowledgements) == "1", "the worker acknowledges")
    assert 0 < int(gate.redis.cli("TTL", acknowledgements)) <= 60
    assert gate.request(key=key).source == "cache"


def test_after_the_store_was_emptied_organizations_that_were_not_cached_start_afresh(gate, key):
    gate.redis.cli("FLUSHALL")
    assert comes_to(gate, key, "unavailable")

    gate.wait_for_members()

    gate.warm(gate.key("hooli"))


@versions_outlive_the_store
def test_after_the_store_was_emptied_cached_organizations_start_afresh_with_a_reload(gate, key):
    """To the gateway it looks like an older copy: the error log says what to do."""
    gate.redis.cli("FLUSHALL")
    new = gate.key("acme")
    assert comes_to(gate, new, "unavailable")
    assert gate.nginx.lines("is older than a version seen before: if a backup was restored, reload nginx")

    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends")

    gate.warm(new)
    assert gate.request(key=key).result == "revoked"
