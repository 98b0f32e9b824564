"""The messages to owners about faults of the store: one clear line each, and nothing is lost."""

import pytest

from harness import acl
from harness.acl import write_credentials
from harness.executable import BAD_DATA, DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.old_redis import OldRedis
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.store_proxy import StoreProxy
from harness.topology import NO_PRIMARY, NO_SERVER, behind_a_proxy, no_cluster


class Unreachable:
    says = NO_SERVER

    def come(self, gate):
        gate.expect(NO_SOCKET)
        gate.redis.stop()

    def go(self, gate):
        gate.redis.start()


class ReadOnly:
    """A replica, to which an address may point after a failed failover."""

    says = NO_PRIMARY

    def come(self, gate):
        gate.redis.cli("REPLICAOF", "127.0.0.1", "1")

    def go(self, gate):
        gate.redis.cli("REPLICAOF", "NO", "ONE")


class OutOfMemory:
    says = "OOM"

    def come(self, gate):
        gate.redis.cli("CONFIG", "SET", "maxmemory", "1")

    def go(self, gate):
        gate.redis.cli("CONFIG", "SET", "maxmemory", "0")


class WrongPassword:
    says = "WRONGPASS"

    def come(self, gate):
        acl.give(gate, "admin", acl.rules("admin"))
        credentials = write_credentials(gate, "admin.auth", "admin not-the-password\n")
        gate.add_settings(f"latchkey_store_auth admin={credentials};")

    def go(self, gate):
        write_credentials(gate, "admin.auth", f"admin {acl.PASSWORD['admin']}\n")


class Slow:
    """Answers arrive, but after the timeout."""

    says = "timed out"

    def come(self, gate):
        self.proxy = StoreProxy(gate.folder / "slow.sock", gate.redis).start()
        self.proxy.delay = 30
        gate.add_settings(f"latchkey_store {self.proxy.url};")

    def go(self, gate):
        gate.add_settings(f"latchkey_store {gate.redis.url};")
        self.proxy.stop()


class TooOld:
    says = "6.2 or newer is required"

    def come(self, gate):
        self.old = OldRedis(gate.folder / "old.sock", "6.0.16")
        self.old.__enter__()
        gate.add_settings(f"latchkey_store unix:{gate.folder}/old.sock;")

    def go(self, gate):
        gate.add_settings(f"latchkey_store {gate.redis.url};")
        self.old.__exit__(None, None, None)


FAULTS = [Unreachable, ReadOnly, OutOfMemory, WrongPassword, Slow, TooOld]


@pytest.fixture
def gate(sandboxes):
    gate = sandboxes(workers=1, settings="latchkey_lease 200ms;")
    gate.wait_for_members()
    return gate


# The first two lead the executable to one server.
MARKS = {Slow: behind_a_proxy, TooOld: behind_a_proxy, ReadOnly: no_cluster("the servers of a cluster know no REPLICAOF")}

# A revocation needs no memory.
CASES = [pytest.param(fault, command, marks=MARKS.get(fault, ()))
         for fault in FAULTS for command in ("generate", "revoke") if (fault, command) != (OutOfMemory, "revoke")]


@pytest.mark.parametrize(("fault", "command"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_a_fault_of_the_store_is_reported_in_one_line_and_nothing_is_lost(gate, fault, command):
    key = gate.key()
    fault = fault()
    fault.come(gate)

    result = gate.latchkey.run(command, "acme", "--yes", as_=OWNER)

    assert result.code in (STORE_UNREACHABLE, NOT_CONFIRMED)
    assert fault.says in result.one_line()
    fault.go(gate)
    wait_until(lambda: gate.status_of(key) == 200, "the key still works")
    assert "Active" in gate.latchkey.status("acme", as_=OWNER)
    assert gate.latchkey.run(command, "acme", "--yes", as_=OWNER).code == DONE
    wait_until(lambda: gate.status_of(key) == 401, "the key has ended")


def revoke(gate):
    return gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER)


def test_without_memory_a_key_is_revoked_and_its_record_completed_later(gate):
    key = gate.key()
    gate.warm(key)
    fault = OutOfMemory()
    fault.come(gate)

    for _ in range(2):
        result = revoke(gate)
        assert result.code == NOT_CONFIRMED
        assert "its record is incomplete" in result.err and "revoke it again" in result.err
        assert gate.status_of(key) == 503
    assert gate.latchkey.verify(key).code == BAD_DATA

    fault.go(gate)
    result = revoke(gate)
    assert result.code == DONE and "No gateway accepts the key" in result.err
    assert gate.status_of(key) == 401
    assert revoke(gate).code == DONE
    result = gate.latchkey.run("generate", "acme", "--yes", as_=OWNER)
    assert result.code == BAD_DATA and '"latchkey org remove" and "latchkey org add"' in result.one_line()

    gate.latchkey.must("org", "remove", "acme", "--yes")
    gate.latchkey.must("org", "add", "acme", "--owner", OWNER)
    assert gate.status_of(gate.latchkey.generate("acme", as_=OWNER)) == 200
