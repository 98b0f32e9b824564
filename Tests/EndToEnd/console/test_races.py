"""Changes at the same moment: of one owner, of two owners in turn, and of many organizations while a gateway is silent."""

import json
from contextlib import ExitStack

import pytest

from harness import processes
from harness.console_server import OWNER, SAME_ORIGIN, who
from harness.http_client import Connection
from harness.load import at_once
from harness.polling import wait_until

pytestmark = pytest.mark.xdist_group("console_races")

CLIENTS = 8


def key_of(answer, console):
    return console.remember(answer.body)[0]


def test_of_many_that_have_seen_the_same_one_makes_a_key(served, organization):
    tag = served.console.api(organization=organization).header("ETag")

    answers = at_once(CLIENTS, lambda: served.console.api("POST", tag, organization=organization))

    made = [answer for answer in answers if answer.status == 201]
    assert sorted(answer.status for answer in answers) == [201] + [412] * (CLIENTS - 1)
    assert served.sandbox.status_of(key_of(made[0], served.console)) == 200
    entries = json.loads(served.console.api(organization=organization, of="audit").body)
    assert [entry["what"] for entry in entries] == ["register", "generate"]


def test_of_many_that_take_whatever_is_there_the_last_key_counts(served, organization):
    answers = at_once(CLIENTS, lambda: served.console.api("POST", "*", organization=organization))

    keys = [key_of(answer, served.console) for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} <= {201, 412, 503} and keys
    statuses = [served.sandbox.status_of(key) for key in keys]
    assert statuses.count(200) == 1 and statuses.count(401) == len(keys) - 1
    entries = json.loads(served.console.api(organization=organization, of="audit").body)
    assert [entry["what"] for entry in entries] == ["register"] + ["generate"] * len(keys)


def test_generating_and_revoking_at_once_leaves_what_the_last_answer_says(served, organization):
    served.console.remember(served.console.api("POST", "*", organization=organization).body)
    tag = served.console.api(organization=organization).header("ETag")
    methods = iter(["POST", "DELETE"] * 2)

    answers = at_once(4, lambda: served.console.api(next(methods), tag, organization=organization))

    done = [answer for answer in answers if answer.status < 300]
    assert {answer.status for answer in answers} - {412} == {done[0].status}
    assert len(done) == 1 or done[0].status == 200, "what another revocation has done already needs no refusal"
    status = json.loads(served.console.api(organization=organization).body)["status"]
    if done[0].status == 201:
        assert status == "active" and served.sandbox.status_of(key_of(done[0], served.console)) == 200
    else:
        assert status == "none" and any(json.loads(answer.body)["revoked"] for answer in done)


def test_a_new_owner_sees_nothing_of_the_old_ones_tab(served, organization):
    """What the old owner's page offers ends with the transfer, with the same 404 as ever."""
    served.console.remember(served.console.api("POST", "*", organization=organization).body)
    version = served.console.version(organization=organization)
    served.sandbox.latchkey.must("org", "transfer", organization, "--owner", "carol")

    for change in ("generate", "revoke"):
        assert served.console.post(change, version, organization=organization).status == 404
        stale = served.console.post(change, version, user="carol", organization=organization)
        assert stale.status == 412 and "The key has just been changed" in stale.body
    assert served.console.api("DELETE", "*", organization=organization).status == 404
    assert served.console.api(user="carol", organization=organization).status == 200


def test_changes_that_wait_for_a_silent_gateway_hold_up_no_page(stacks):
    """More of them than there are threads for changes."""
    stack = stacks(front=False)
    names = [f"org-{number}" for number in range(5)]
    for name in names:
        stack.add(name)
    stack.sandbox.wait_for_members()
    worker = stack.sandbox.nginx.worker()
    processes.freeze(worker)
    try:
        with ExitStack() as exits:
            waiting = [exits.enter_context(Connection(stack.console.socket)) for _ in names]
            for name, connection in zip(names, waiting):
                fields = [*who(OWNER), *SAME_ORIGIN, ("Content-Type", "application/json"), ("If-Match", "*")]
                connection.send(f"/console/api/v1/organizations/{name}/key", fields, method="POST", body=b"{}")
            wait_until(lambda: "latchkey_console_pool_waiting 1" in stack.console.ask("/metrics").body, "four wait for the gateway, and one for them")
            page = stack.console.page(organization="org-0", method="HEAD")
            assert page.status == 200
            assert "latchkey_console_pool_waiting 1" in stack.console.ask("/metrics").body, "they still wait"
            processes.thaw(worker)
            for connection in waiting:
                answer = connection.receive("POST")
                assert answer.status == 201
                stack.console.remember(answer.body)
    finally:
        processes.thaw(worker)
