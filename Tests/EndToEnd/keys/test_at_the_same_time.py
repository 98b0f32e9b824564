"""Many clients change and use a key at the same time: at most one key is valid, and none is accepted after its end."""

import time

from harness.consistency import under_either_consistency
from harness.executable import DONE
from harness.key_forge import record_key
from harness.load import at_once, steady_load
from harness.polling import wait_until
from harness.promises import check_refused
from harness.sandbox import OWNER

CALLERS = 8


def test_of_many_keys_made_at_the_same_time_one_is_active(sandbox):
    sandbox.add()

    results = at_once(CALLERS, lambda: sandbox.latchkey.run("generate", "acme", "--yes", as_=OWNER))

    keys = [sandbox.latchkey.remember(result.out.strip()) for result in results if result.code == DONE]
    statuses = sorted(sandbox.status_of(key) for key in keys)
    assert statuses == [200] + [401] * (len(keys) - 1)
    assert sandbox.redis.hash(record_key("acme"))["version"] == str(1 + len(keys))


def test_keys_made_and_revoked_at_the_same_time_leave_a_sound_record(sandbox):
    sandbox.key()
    commands = iter([["generate", "acme", "--yes"], ["revoke", "acme", "--yes"]] * (CALLERS // 2))

    results = at_once(CALLERS, lambda: sandbox.latchkey.run(*next(commands), as_=OWNER))

    keys = [sandbox.latchkey.remember(result.out.strip()) for result in results if result.out]
    accepted = [key for key in keys if sandbox.status_of(key) == 200]
    status = sandbox.latchkey.status("acme", as_=OWNER)
    assert len(accepted) == ("Active" in status)


@under_either_consistency
def test_no_request_that_begins_after_the_end_of_a_key_is_accepted(sandboxes, consistency):
    """The promise of `generate` and `revoke`, seen by clients that never stop asking."""
    gate = sandboxes(workers=2, settings="latchkey_timeout 10s;", consistency=consistency)
    key = gate.key()
    for end in ("generate", "revoke") * 5:
        current = key

        def ask():
            began = time.monotonic()
            try:
                return began, gate.status_of(current)
            except ConnectionError:  # it was open when its key ended
                return began, None

        with steady_load(ask, clients=4) as load:
            wait_until(lambda: any(status == 200 for _, status in load.outcomes[-4:]), "the key is accepted")
            if end == "generate":
                key = gate.latchkey.generate("acme", as_=OWNER)
            else:
                gate.latchkey.must("revoke", "acme", "--yes", as_=OWNER)
            ended = time.monotonic()
            wait_until(lambda: sum(began > ended for began, _ in load.outcomes) > 20, "clients keep asking")

        statuses = {status for began, status in load.outcomes if began > ended}
        check_refused(statuses)
        assert statuses == {401}
        if end == "revoke":
            key = gate.latchkey.generate("acme", as_=OWNER)
