"""Workers that are killed or frozen: the others keep serving, and no command waits for longer than lease and grace."""

import re

import pytest

from harness import processes
from harness.consistency import under_either_consistency
from harness.each_worker import connection_to
from harness.http_client import bearer
from harness.load import steady_load
from harness.polling import SLACK, wait_until

LEASE, GRACE = 0.5, 1.5


DEATHS = 10

SETTINGS = f"latchkey_lease {LEASE * 1000:.0f}ms;\nlatchkey_outage_grace {GRACE * 1000:.0f}ms;"

LOSSES = {"killed": processes.kill, "stopped": processes.freeze}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_worker_delays_a_revocation_by_its_lease_and_grace_at_most(sandboxes, loss):
    gate = sandboxes(workers=2, settings=SETTINGS)
    gate.expect("exited on signal 9")
    gate.wait_for_members()
    key = gate.key()
    lost, other = sorted(gate.nginx.workers())
    with connection_to(gate, lost) as to_lost, connection_to(gate, other) as to_other:
        for connection in (to_lost, to_other):
            assert connection.request("/api", bearer(key)).status == 200
        LOSSES[loss](lost)

        result = gate.revoke()

        assert rf"(process {lost}) did not acknowledge the change; its lease has ended." in result.err
        assert result.ended - result.began < LEASE + GRACE + 2 * SLACK
        assert to_other.request("/api", bearer(key)).result == "revoked"
        if loss == "stopped":
            processes.thaw(lost)
            assert to_lost.request("/api", bearer(key)).result == "revoked"

    wait_until(lambda: len(gate.nginx.workers()) == 2, "there are two workers")
    gate.wait_for_members()
    key = gate.key()
    assert gate.revoke().err.count("\n") == 1, "no worker is waited out again"


@under_either_consistency
def test_workers_killed_again_and_again_lose_only_the_requests_that_they_were_serving(sandboxes, consistency):
    gate = sandboxes(workers=2, consistency=consistency, settings="latchkey_timeout 10s;",
                     server="        location /api { latchkey_verify; }\n")
    gate.expect("exited on signal 9")
    key, old = gate.key(), gate.key("umbrella")
    gate.revoke("umbrella")

    with steady_load(lambda: (gate.status_of(key), gate.status_of(old), gate.request().status)) as load:
        for _ in range(DEATHS):
            workers = gate.nginx.workers()
            processes.kill(min(workers))
            wait_until(lambda: gate.nginx.workers() - workers, "another worker takes its place")
        count = len(load.outcomes)
        wait_until(lambda: len(load.outcomes) > count + 20, "requests are still answered")

    answered = [each for each in load.outcomes if isinstance(each, tuple)]
    assert set(answered) == {(204, 401, 401)}
    cut_off = re.compile("RemoteDisconnected|ConnectionResetError|BrokenPipeError|BadStatusLine|IncompleteRead")
    assert all(cut_off.search(each) for each in load.outcomes if isinstance(each, str))
    assert len(load.outcomes) - len(answered) <= DEATHS * 4, "one request of each client at most"
    gate.revoke()
    gate.wait_for_members()
    gate.key()
    assert gate.revoke().err.count("\n") == 1, "the killed workers are not waited for again"
