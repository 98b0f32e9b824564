"""Whatever is done to a record that a worker has cached, Redis sends an invalidation, and the worker reads it again.

What is done to single fields is in test_tampering.py.
"""

import pytest

from harness.key_forge import locator, record_key
from harness.polling import SLACK, wait_until

RECORD = record_key("acme")


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1)


@pytest.fixture
def key(gate):
    """A key that the worker answers from its cache, as it does that of another organization."""
    gate.key("acme")
    key = gate.key("acme", "--grace", "1h", "--expires-in", "1d")
    gate.warm(key)
    return key


def comes_to(gate, key, result):
    """Whether a key soon comes to a result, and stays so."""
    wait_until(lambda: gate.request(key=key).result == result, f"the key is {result}", SLACK)
    assert {gate.request(key=key).result for _ in range(5)} == {result}
    return True


REMOVALS = {
    "DEL": [["DEL", RECORD]],
    "UNLINK": [["UNLINK", RECORD]],
    "PEXPIRE": [["PEXPIRE", RECORD, "1"]],
    "EXPIREAT": [["EXPIREAT", RECORD, "1"]],
    "RENAME": [["RENAME", RECORD, "elsewhere"]],
    "MOVE": [["MOVE", RECORD, "1"]],
    "FLUSHDB": [["FLUSHDB"]],
    "FLUSHALL": [["FLUSHALL"]],
    "FLUSHALL ASYNC": [["FLUSHALL", "ASYNC"]],
    "EVAL": [["EVAL", "return redis.call('DEL', KEYS[1])", "1", RECORD]],
    "eviction": [["CONFIG", "SET", "maxmemory-policy", "allkeys-random"], ["CONFIG", "SET", "maxmemory", "1"]],
    "state": [["HSET", RECORD, "state", "revoked"]],
}


@pytest.mark.parametrize("name", REMOVALS)
def test_a_record_that_is_taken_away_lets_nobody_in(gate, key, name):
    for command in REMOVALS[name]:
        gate.redis.cli(*command)

    assert comes_to(gate, key, "revoked")


def test_a_record_that_is_moved_away_and_back_is_believed_again(gate, key):
    gate.redis.cli("RENAME", RECORD, "elsewhere")
    assert comes_to(gate, key, "revoked")

    gate.redis.cli("RENAME", "elsewhere", RECORD)

    assert comes_to(gate, key, "allowed")


@pytest.mark.parametrize("change", ["generate", "revoke"])
def test_an_older_copy_that_is_put_back_is_recognized(gate, key, change):
    gate.redis.cli("COPY", RECORD, "backup")
    if change == "generate":
        gate.warm(gate.key("acme"))
    else:
        gate.revoke("acme")
    assert comes_to(gate, key, "revoked")

    gate.redis.cli("COPY", "backup", RECORD, "REPLACE")

    assert comes_to(gate, key, "unavailable")
    (line,) = gate.nginx.lines("is older than a version seen before")[:1]
    assert locator("acme") in line


def test_an_older_copy_gives_way_to_the_next_key(gate, key):
    gate.redis.cli("COPY", RECORD, "backup")
    gate.key("acme")
    gate.revoke("acme")
    assert comes_to(gate, key, "revoked")
    gate.redis.cli("COPY", "backup", RECORD, "REPLACE")
    assert comes_to(gate, key, "unavailable")

    keys = [gate.key("acme") for _ in range(3)]

    assert comes_to(gate, keys[-1], "allowed")
    assert comes_to(gate, key, "revoked")


# Messages that are no invalidations


FORGED_INVALIDATIONS = [
    ["PUBLISH", "__redis__:invalidate", "garbage"],
    ["PUBLISH", "__redis__:invalidate", ""],
    ["PUBLISH", "__redis__:invalidate", RECORD],
    ["PUBLISH", "__redis__:invalidate", "x" * 100_000],
    ["-n", "5", "FLUSHDB"],
]


@pytest.mark.parametrize("command", FORGED_INVALIDATIONS, ids=lambda command: " ".join(command)[:40])
def test_forged_invalidations_cost_a_read_and_nothing_more(gate, key, command):
    worker = gate.nginx.worker()
    before = gate.redis.calls("hmget")

    gate.redis.cli(*command)

    wait_until(lambda: gate.status_of(key) == 200 and gate.redis.calls("hmget") > before, "the store is asked again")
    gate.warm(key)
    assert gate.nginx.worker() == worker


FORGED_BARRIERS = ["", "garbage", "ab" * 15, "AB" * 16, "ab" * 17, "x" * 100_000, "../" * 10 + "ab"]


@pytest.mark.parametrize("text", FORGED_BARRIERS, ids=lambda text: text[:20])
def test_a_barrier_that_is_none_is_not_confirmed(gate, key, text):
    gate.redis.cli("PUBLISH", "latchkey:barrier", text)

    gate.revoke("acme")
    assert gate.redis.calls("rpush") == 1 + 2, "the two keys before, and this"


def test_a_barrier_that_somebody_else_sets_up_leaves_nothing_for_long(gate, key):
    nonce = "0123456789abcdef" * 2

    gate.redis.cli("PUBLISH", "latchkey:barrier", nonce)

    wait_until(lambda: gate.redis.cli("EXISTS", f"latchkey:ack:{nonce}") == "1", "the worker confirms")
    assert 0 < int(gate.redis.cli("TTL", f"latchkey:ack:{nonce}")) <= 60
    assert gate.request(key=key).source == "cache"


def test_after_the_store_was_emptied_organizations_that_were_not_known_begin_anew(gate, key):
    gate.redis.cli("FLUSHALL")
    assert comes_to(gate, key, "revoked")

    gate.wait_for_members()

    gate.warm(gate.key("hooli"))


def test_after_the_store_was_emptied_organizations_that_were_known_begin_anew_with_a_reload(gate, key):
    """To the gateway it looks like an older copy: the error log says what to do."""
    gate.redis.cli("FLUSHALL")
    new = gate.key("acme")
    assert comes_to(gate, new, "unavailable")
    assert gate.nginx.lines("is older than a version seen before: if a backup was restored, reload nginx")

    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends")

    gate.warm(new)
    assert gate.request(key=key).result == "revoked"
