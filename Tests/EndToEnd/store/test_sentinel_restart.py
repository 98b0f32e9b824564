"""A primary that is killed and back before the sentinels notice: what it had confirmed holds."""

import json
import time

import pytest

from harness.executable import DONE
from harness.failovers import Watch
from harness.polling import wait_until
from harness.promises import check_refused

# So long that a killed primary is back in time.
SLOW = {"down_after": 10_000}

ROUNDS = 3


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1, sentinel=SLOW)


def test_nothing_is_undone_by_a_restart_in_place(gate):
    valid, ended = gate.key(), [gate.key(f"org-{number}") for number in range(ROUNDS)]
    gate.warm(valid, *ended)
    primary = gate.redis.primary

    with Watch(gate, valid, *ended) as watch:
        revoked = []
        for number in range(ROUNDS):
            assert gate.revoke(f"org-{number}").code == DONE
            revoked.append(time.monotonic())
            primary.kill()
            primary.start()
            gate.redis.wait_until_whole()
        watch.wait_for([valid])
        for key in ended:
            wait_until(lambda: gate.status_of(key) == 401, "the key is refused")

    assert gate.redis.primary is primary
    assert watch.statuses(valid) <= {200, 503}
    for key, since in zip(ended, revoked):
        check_refused(watch.statuses(key, after=since))


def test_snapshots_alone_let_a_restart_in_place_undo_a_change_and_doctor_says_so(sandboxes):
    gate = sandboxes(workers=1, sentinel=SLOW, redis_options=["--appendonly", "no"])
    ended = gate.key()
    primary = gate.redis.primary
    primary.ask("SAVE")
    report = gate.latchkey.run("doctor", "--json")

    assert gate.revoke("acme").code == DONE
    primary.crash()
    primary.start()
    gate.redis.wait_until_whole()

    persistence = [finding for finding in json.loads(report.out)["findings"]
                   if finding["check"] == "store.persistence" and finding["level"] == "fault"]
    assert len(persistence) == len(gate.redis.servers)
    assert all("brings revoked keys back" in finding["text"] for finding in persistence)
    wait_until(lambda: gate.status_of(ended) == 200, "the change is undone")
