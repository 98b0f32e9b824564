"""A store that can be read and refuses writes: leases are kept, because a heartbeat writes nothing."""

import time

import pytest

from harness.executable import DONE
from harness.http_client import bearer
from harness.polling import PAUSE, wait_until
from harness.sandbox import OWNER

LEASE = 2.0

LEASES = 3


class Fault:
    """Lasts for a block, at the end of which Redis accepts writes again."""

    def __init__(self, gate):
        self.gate = gate

    def __enter__(self):
        self.come(self.gate)
        assert self.is_refusing()

    def __exit__(self, *_):
        assert self.is_refusing()
        self.go(self.gate)
        assert not self.is_refusing()

    def is_refusing(self):
        return self.says in self.gate.redis.run("SET", "any", "thing").stdout


class SnapshotFails(Fault):
    """The last BGSAVE failed: Redis refuses writes until one succeeds."""

    says = "MISCONF"

    def come(self, gate):
        # Redis writes another file and renames it; a folder cannot be replaced in this way.
        blocker = gate.redis.folder / "dump.rdb"
        blocker.mkdir()
        (blocker / "file").touch()
        gate.redis.cli("CONFIG", "SET", "save", "3600 1000000")
        gate.redis.cli("BGSAVE")
        wait_until(lambda: "rdb_last_bgsave_status:err" in gate.redis.cli("INFO", "persistence"), "the snapshot fails")

    def go(self, gate):
        gate.redis.cli("CONFIG", "SET", "save", "")


class MemoryIsFull(Fault):
    says = "OOM"

    def come(self, gate):
        gate.redis.cli("CONFIG", "SET", "maxmemory", "1")

    def go(self, gate):
        gate.redis.cli("CONFIG", "SET", "maxmemory", "0")


class ReplicasAreMissing(Fault):
    says = "NOREPLICAS"

    def come(self, gate):
        gate.redis.cli("CONFIG", "SET", "min-replicas-to-write", "3")

    def go(self, gate):
        gate.redis.cli("CONFIG", "SET", "min-replicas-to-write", "0")


FAULTS = [SnapshotFails, MemoryIsFull, ReplicasAreMissing]


@pytest.fixture
def gate(sandboxes):
    gate = sandboxes(workers=1, settings=f"latchkey_lease {LEASE * 1000:.0f}ms;")
    gate.wait_for_members()
    return gate


@pytest.mark.parametrize("fault", FAULTS)
def test_cached_keys_are_served_from_the_cache_while_the_store_refuses_writes(gate, fault):
    key = gate.key()
    gate.warm(key)
    reads = gate.redis.calls("hmget")
    answers = set()

    with fault(gate), gate.connect() as connection:
        end = time.monotonic() + LEASES * LEASE
        while time.monotonic() < end:
            answer = connection.request("/api", bearer(key))
            answers.add((answer.status, answer.source))
            time.sleep(PAUSE)

    assert answers == {(200, "cache")}
    assert gate.redis.calls("hmget") == reads


@pytest.mark.parametrize("fault", FAULTS)
def test_keys_that_are_not_cached_are_read_while_the_store_refuses_writes(gate, fault):
    known, other = gate.key(), gate.key("umbrella")
    gate.warm(known)

    with fault(gate):
        assert gate.status_of(other) == 200
        gate.warm(other)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_that_is_revoked_once_the_store_accepts_writes_again_is_refused(gate, fault):
    key = gate.key()
    gate.warm(key)
    with fault(gate):
        time.sleep(3 * LEASE)

    assert gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER).code == DONE

    assert gate.status_of(key) == 401
