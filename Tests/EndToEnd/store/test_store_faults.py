"""What owners are told when the store is not as it should be: one clear line each, and nothing is lost."""

import pytest

from harness import acl
from harness.acl import write_credentials
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.old_redis import OldRedis
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.store_proxy import StoreProxy


class Unreachable:
    says = "No such file or directory"

    def come(self, gate):
        gate.expect(NO_SOCKET)
        gate.redis.stop()

    def go(self, gate):
        gate.redis.start()


class ReadOnly:
    """A replica: what an address names after a failover that went wrong."""

    says = "READONLY"

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
    """Answers come, but later than anybody waits."""

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


@pytest.mark.parametrize("command", ["generate", "revoke"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_of_the_store_is_told_in_one_line_and_nothing_is_lost(gate, fault, command):
    key = gate.key()
    fault = fault()
    fault.come(gate)

    result = gate.latchkey.run(command, "acme", "--yes", as_=OWNER)

    assert result.code in (STORE_UNREACHABLE, NOT_CONFIRMED)
    assert fault.says in result.one_line()
    fault.go(gate)
    wait_until(lambda: gate.status_of(key) == 200, "the key works on")
    assert "Active" in gate.latchkey.status("acme", as_=OWNER)
    assert gate.latchkey.run(command, "acme", "--yes", as_=OWNER).code == DONE
    wait_until(lambda: gate.status_of(key) == 401, "the key has ended")
