"""A membership list that is longer than any fleet: no reply is too long, and no step takes a turn for each member."""

import pytest

from harness.executable import DONE
from harness.listed_members import SHORT_LEASE, list_members
from harness.sandbox import OWNER

MEMBERS = 20_000


@pytest.fixture
def gate(sandboxes):
    gate = sandboxes(workers=1, settings=f"latchkey_lease {SHORT_LEASE}ms;")
    gate.wait_for_members()
    list_members(gate.redis, MEMBERS)
    return gate


def test_twenty_thousand_members_are_listed(gate):
    assert len(gate.latchkey.gateways()) == MEMBERS + 1


def test_a_change_waits_for_twenty_thousand_silent_members_once(gate):
    key = gate.key()
    gate.warm(key)

    result = gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER)

    assert result.code == DONE, result.err
    assert gate.status_of(key) == 401
    gate.wait_for_members()
    gate.key()
    again = gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER)
    assert again.code == DONE
    assert "did not acknowledge" not in again.err
