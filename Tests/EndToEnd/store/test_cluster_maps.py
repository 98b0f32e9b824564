"""Maps of a cluster that other programs find large."""

import pytest

from harness.cluster_server import SLOTS
from harness.cluster_store import STEADY
from harness.executable import DONE
from harness.key_forge import record_key, used_key
from harness.membership import MEMBERSHIP
from harness.sandbox import OWNER
from harness.slot_moves import move_of


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1, cluster={**STEADY, "parts": SLOTS})


def test_a_map_may_name_every_slot_by_itself(gate):
    names = ["acme", "umbrella", "initech", "hooli"]
    keys = [gate.key(name) for name in names]

    assert [gate.status_of(key) for key in keys] == [200] * len(keys)
    assert gate.revoke().code == DONE
    assert [gate.status_of(key) for key in keys] == [401] + [200] * (len(keys) - 1)
    assert len(gate.latchkey.run("org", "list").out.splitlines()) == len(names)
    assert gate.latchkey.status_json("hooli", as_=OWNER)["last_used_delay_seconds"] == 0


@pytest.mark.parametrize("moved", [record_key("acme"), used_key("acme"), MEMBERSHIP])
def test_a_slot_of_a_large_map_moves(gate, moved):
    key = gate.key()
    gate.warm(key)

    move_of(gate.redis, moved).run()

    assert gate.status_of(key) == 200
    assert gate.revoke().code == DONE
    assert gate.status_of(key) == 401
