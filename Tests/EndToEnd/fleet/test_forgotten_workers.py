"""An operator takes a worker off the membership list: whether the worker is gone or not, no revoked key is accepted."""

import pytest

from harness import processes
from harness.artefacts import IS_ROOT
from harness.each_worker import connection_to
from harness.executable import BAD_DATA, DONE, NOT_PERMITTED, USAGE, Dialogue
from harness.http_client import bearer
from harness.membership import MEMBERSHIP
from harness.polling import wait_until

SETTINGS = "latchkey_lease 500ms;\nlatchkey_outage_grace 1500ms;\nlatchkey_timeout 10s;"
NOBODY = "0123456789abcdef"


@pytest.fixture
def gate(sandboxes):
    sandbox = sandboxes(workers=2, settings=SETTINGS)
    sandbox.wait_for_members()
    return sandbox


def ids(gate):
    """The ID of each listed worker, by its process."""
    return {member["pid"]: member["id"] for member in gate.latchkey.gateways()}


def token(gate, name):
    return gate.redis.cli("HGET", MEMBERSHIP, name)


def test_a_worker_that_is_alive_joins_again_and_acknowledges(gate):
    key = gate.key()
    name = min(ids(gate).values())
    before = token(gate, name)

    result = gate.latchkey.run("gateways", "--forget", name, "--yes")

    assert result.code == DONE
    assert "Changes wait for what it had cached until" in result.one_line()
    wait_until(lambda: token(gate, name) not in ("", before), "the worker rejoins")
    gate.wait_for_members()
    assert gate.status_of(key) == 200
    gate.revoke()
    assert gate.status_of(key) == 401


def test_a_worker_that_was_only_stopped_accepts_no_key_that_was_revoked_meanwhile(gate):
    key = gate.key()
    stopped = min(gate.nginx.workers())
    with connection_to(gate, stopped) as connection:
        assert connection.request("/api", bearer(key)).status == 200
        processes.freeze(stopped)
        name = ids(gate)[stopped]

        gate.latchkey.must("gateways", "--forget", name, "--yes")
        gate.revoke()

        processes.thaw(stopped)
        assert connection.request("/api", bearer(key)).result == "revoked"
    gate.wait_for_members()


def test_no_change_waits_for_a_worker_whose_lease_has_ended_since_it_was_removed(gate):
    gate.expect("exited on signal 9")
    gate.key()
    lost = min(gate.nginx.workers())
    name = ids(gate)[lost]
    processes.kill(lost)
    wait_until(lambda: len(gate.nginx.workers()) == 2, "another worker takes its place")

    gate.latchkey.must("gateways", "--forget", name, "--yes")
    gate.revoke()

    gate.key()
    assert gate.revoke().err.count("\n") == 1, "it is not waited for again"
    assert not [field for field in gate.redis.hash(MEMBERSHIP) if field.startswith("silent:")]


def test_a_terminal_is_asked_and_no_means_no(gate):
    name = min(ids(gate).values())

    with Dialogue(gate.latchkey, "gateways", "--forget", name) as dialogue:
        question = dialogue.read_until("Continue?")
        dialogue.answer("n")
        code = dialogue.end()

    assert "off the membership list. For 2s, its lease and grace" in " ".join(question.split())
    assert code == BAD_DATA
    assert name in ids(gate).values()


@pytest.mark.parametrize("arguments, code, words", [
    (["--forget", NOBODY, "--yes"], BAD_DATA, f"nginx worker {NOBODY} is not on the membership list"),
    (["--forget", "a b", "--yes"], USAGE, "--forget"),
    (["--forget", NOBODY, "--json"], USAGE, "--yes belongs to --forget"),
    (["--yes"], USAGE, "--yes belongs to --forget"),
])
def test_what_makes_no_sense_is_refused(gate, arguments, code, words):
    result = gate.latchkey.run("gateways", *arguments)

    assert result.code == code and words in result.err


def test_without_a_terminal_it_takes_yes(gate):
    name = min(ids(gate).values())

    result = gate.latchkey.run("gateways", "--forget", name)

    assert result.code == USAGE and "add --yes" in result.one_line()
    assert name in ids(gate).values()


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
def test_only_operators_take_workers_off_the_list(gate):
    name = min(ids(gate).values())

    result = gate.latchkey.run("gateways", "--forget", name, "--yes", account="nobody")

    assert result.code == NOT_PERMITTED
    assert "may not take workers off the membership list" in result.one_line()
    assert name in ids(gate).values()
