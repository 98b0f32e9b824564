"""Repeated reloads under traffic: nothing is lost, and nothing piles up.

`make reloads` does it a thousand times, prints the figures, and those of the same nginx without the module.
"""

from harness.membership import MEMBER_ID, MEMBERSHIP
from harness.reloading import WORKERS, assert_all_answered, assert_flat, reload_many
from harness.traffic import kinds_of

# Workers of earlier reloads whose entries may not be gone yet.
ENDING = 2 * WORKERS


def test_reloads_lose_no_request_and_leave_nothing_behind(sandboxes):
    gate = sandboxes(workers=WORKERS, settings="latchkey_timeout 10s;")
    key = gate.key()
    gate.wait_for_members()
    entries = []

    def count():
        fields = gate.redis.cli("HKEYS", MEMBERSHIP).split()
        entries.append(sum(MEMBER_ID.fullmatch(field) is not None for field in fields))

    load, footprints = reload_many(gate.nginx, kinds_of(key), count)

    print(f"members in the membership list: {max(entries)} at most")
    assert_all_answered(load, gate.nginx)
    assert_flat(footprints)
    assert max(entries) <= WORKERS + ENDING
    gate.wait_for_members()
    assert gate.revoke().err.count("\n") == 1, "no worker is waited out"
