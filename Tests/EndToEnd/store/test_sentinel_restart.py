"""A primary that is killed and back before the sentinels notice: what it had confirmed holds."""

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
