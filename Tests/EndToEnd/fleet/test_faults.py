"""Whatever fails while a key is ended: once the command has succeeded, no request with the key is accepted.

Clients never stop asking two gateways, with the ended key and with one that stays valid. The latter may get
503 for a while, and is never refused.
"""

import time

import pytest

from harness import processes
from harness.key_forge import record_key
from harness.membership import MEMBERSHIP
from harness.polling import SLACK, wait_until
from harness.revocations import Revocations
from harness.sandbox import STANDALONE, TOPOLOGY
from harness.topology import behind_a_proxy

CONNECTIONS = 4

LEASE = 1.0

# What a gateway may take to find the store again (see store/test_store_outage.py).
RECONNECT = 2.0

# For how long a gateway's workers are frozen.
ABSENCE = 3.0


@pytest.fixture
def fleet(sandboxes):
    fleet = sandboxes(gateways=2, workers=2, proxied=TOPOLOGY == STANDALONE)
    fleet.wait_for_members()
    return fleet


def hold_the_store(fleet):
    fleet.redis.freeze()
    time.sleep(LEASE)
    fleet.redis.thaw()


class Fault:
    """A fault that happens while a command runs."""

    marks = ()

    def __init__(self, fleet):
        self.fleet = fleet
        self.version = self.stored_version()

    def stored_version(self):
        return self.fleet.redis.hash(record_key("acme")).get("version")

    def happen(self, running):
        self.come(running)
        self.over = time.monotonic()

    def wait_for_change(self):
        wait_until(lambda: self.stored_version() != self.version, "the change is stored")


class StoreFreezes(Fault):
    def come(self, running):
        hold_the_store(self.fleet)


class StoreFreezesAfterTheChange(Fault):
    def come(self, running):
        self.wait_for_change()
        hold_the_store(self.fleet)


class InvalidationLinksEnd(Fault):
    def come(self, running):
        self.fleet.redis.cli("CLIENT", "KILL", "TYPE", "pubsub")


class OtherConnectionsEnd(Fault):
    def come(self, running):
        self.fleet.redis.end_connections()


class AllConnectionsEndAgainAndAgain(Fault):
    def come(self, running):
        while running.is_running():
            self.fleet.redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
            self.fleet.redis.end_connections()


class NetworkIsSlow(Fault):
    marks = behind_a_proxy

    def come(self, running):
        self.fleet.proxy.delay = 0.3
        wait_until(lambda: not running.is_running(), "the command ends")
        self.fleet.proxy.delay = 0


class NetworkStalls(Fault):
    marks = behind_a_proxy

    def come(self, running):
        self.fleet.proxy.is_stalled = True
        time.sleep(LEASE)
        self.fleet.proxy.is_stalled = False


class GatewaysAreCutOff(Fault):
    marks = behind_a_proxy

    def come(self, running):
        self.fleet.proxy.is_refusing = True
        self.fleet.proxy.cut(listens=True)
        self.fleet.proxy.cut(listens=False)
        wait_until(lambda: not running.is_running(), "the command ends")
        self.fleet.proxy.is_refusing = False


class InvalidationsAreLostSilently(Fault):
    marks = behind_a_proxy

    def come(self, running):
        self.fleet.proxy.silence(listens=True)


class EverythingIsLostSilently(Fault):
    marks = behind_a_proxy

    def come(self, running):
        self.fleet.proxy.silence(listens=True)
        self.fleet.proxy.silence(listens=False)


class GatewayFreezes(Fault):
    def come(self, running):
        workers = self.fleet.gateways[1].workers()
        for pid in workers:
            processes.freeze(pid)
        time.sleep(ABSENCE)
        for pid in workers:
            processes.thaw(pid)


class StoreIsEmptiedOfGateways(Fault):
    def come(self, running):
        self.fleet.redis.cli("DEL", MEMBERSHIP)


KINDS = [pytest.param(kind, id=kind.__name__, marks=kind.marks) for kind in Fault.__subclasses__()]


@pytest.mark.parametrize("kind", KINDS)
def test_an_ended_key_is_no_longer_accepted(fleet, kind):
    other = fleet.key("umbrella")
    with Revocations(fleet, CONNECTIONS, other) as revocations:
        for command in ("revoke", "generate"):
            fault = kind(fleet)
            revocations.end(command, fault.happen)
            assert revocations.calm_of(other, after=fault.over) < LEASE + RECONNECT + SLACK
        hammer = revocations.hammer
        ends = revocations.finish()

    ends.check()
    assert {answer.status for answer in hammer.answers if answer.key == hammer.number(other)} <= {200, 503}
