"""A killed worker, which could have accepted keys in its outage grace for longer than any command waits."""

import re
from datetime import datetime, timezone

from harness import processes
from harness.executable import NOT_CONFIRMED
from harness.polling import wait_until
from harness.sandbox import OWNER
from test_revocation import known_by_all, waited_out


def test_a_worker_with_a_long_grace_that_was_killed_costs_changes_thirty_seconds_until_its_grace_is_over(sandboxes):
    pair = sandboxes(gateways=2, workers=1, settings="latchkey_outage_grace 40s;")
    pair.expect("exited on signal 9")
    pair.wait_for_members()
    known_by_all(pair)
    dead = pair.gateways[1].worker()
    processes.kill(dead)
    wait_until(lambda: dead not in pair.gateways[1].workers() and pair.gateways[1].workers(), "another takes its place")

    first = pair.latchkey.run("revoke", "acme", "--yes", as_=OWNER)

    assert first.code == NOT_CONFIRMED
    until = re.search(rf" \(process {dead}\) until (\S+)", first.err)[1].rstrip(".;")
    left = (datetime.fromisoformat(until) - datetime.now(timezone.utc)).total_seconds()
    assert 0 < left < 15
    wait_until(lambda: datetime.now(timezone.utc) > datetime.fromisoformat(until), "its grace is over", seconds=60)
    second = pair.revoke()
    assert re.match(waited_out(dead), second.err)
    assert second.ended - second.began < 5
    pair.wait_for_members()
