"""Organizations as operators manage them, and the audit that their owners read."""

import json

import pytest

from harness.artefacts import CALLER
from harness.consistency import under_either_consistency
from harness.executable import BAD_DATA, DONE, NOT_PERMITTED, USAGE, Dialogue
from harness.key_forge import record_key
from harness.sandbox import OWNER


def listed(sandbox):
    return json.loads(sandbox.latchkey.must("org", "list", "--json"))


def audit(sandbox, *options, as_=OWNER):
    return json.loads(sandbox.latchkey.must("audit", "acme", "--json", *options, as_=as_))


def test_organizations_are_listed_with_their_owners(sandbox):
    sandbox.add("umbrella", owner="bob")
    sandbox.key("acme")

    assert listed(sandbox) == [
        {"organization": "acme", "owner": OWNER}, {"organization": "umbrella", "owner": "bob"},
    ]
    assert sandbox.latchkey.must("org", "list") == f"acme\t{OWNER}\numbrella\tbob\n"


def test_on_a_terminal_the_list_is_a_table(sandbox):
    sandbox.add("acme")

    with Dialogue(sandbox.latchkey, "org", "list") as dialogue:
        assert dialogue.end() == DONE

    assert dialogue.text.split() == ["ORGANIZATION", "OWNER", "acme", OWNER]


def test_the_list_shows_no_keys(sandbox):
    sandbox.add("acme")
    before = sandbox.latchkey.must("org", "list")
    sandbox.key("acme")

    assert sandbox.latchkey.must("org", "list") == before


def test_an_organization_of_another_owner_keeps_its_key(sandbox):
    key = sandbox.key("acme")

    sandbox.latchkey.must("org", "transfer", "acme", "--owner", "bob")

    assert sandbox.status_of(key) == 200
    assert sandbox.latchkey.run("status", "acme", as_=OWNER).code == NOT_PERMITTED
    assert "Active" in sandbox.latchkey.status("acme", as_="bob")
    sandbox.latchkey.must("revoke", "acme", "--yes", as_="bob")
    assert sandbox.status_of(key) == 401


@under_either_consistency
def test_removing_an_organization_ends_its_key_at_once(sandbox):
    key = sandbox.key("acme")
    assert sandbox.status_of(key) == 200

    result = sandbox.latchkey.run("org", "remove", "acme", "--yes")

    assert result.code == DONE
    assert sandbox.request(key=key).result == "revoked"
    assert listed(sandbox) == []


def test_the_version_keeps_rising_after_a_removal(sandbox):
    old = sandbox.key("acme")
    version = int(sandbox.redis.hash(record_key("acme"))["version"])
    sandbox.latchkey.must("org", "remove", "acme", "--yes")

    new = sandbox.key("acme", owner="bob")

    assert int(sandbox.redis.hash(record_key("acme"))["version"]) > version + 1
    assert sandbox.status_of(new) == 200
    assert sandbox.status_of(old) == 401


def test_a_second_removal_reports_that_the_organization_was_removed_before(sandbox):
    key = sandbox.key("acme")
    first = sandbox.latchkey.run("org", "remove", "acme", "--yes")

    second = sandbox.latchkey.run("org", "remove", "acme")

    assert (first.code, second.code) == (DONE, DONE)
    assert first.one_line().startswith("Removed. No gateway accepts a key of acme as of ")
    assert second.one_line().startswith("acme had already been removed. No gateway accepts a key of acme as of ")
    assert sandbox.status_of(key) == 401


def test_a_removal_asks_for_confirmation(sandbox):
    key = sandbox.key("acme")

    assert sandbox.latchkey.run("org", "remove", "acme").code == USAGE
    with Dialogue(sandbox.latchkey, "org", "remove", "acme") as dialogue:
        dialogue.read_until("?")
        dialogue.answer("no")
        assert dialogue.end() != DONE
    assert sandbox.status_of(key) == 200

    with Dialogue(sandbox.latchkey, "org", "remove", "acme") as dialogue:
        dialogue.read_until("?")
        dialogue.answer("yes")
        assert dialogue.end() == DONE
    assert sandbox.status_of(key) == 401


@pytest.mark.parametrize("command", [("remove", "none", "--yes"), ("transfer", "none", "--owner", "bob")])
def test_an_organization_that_does_not_exist_is_not_managed(sandbox, command):
    result = sandbox.latchkey.run("org", *command)

    assert result.code == BAD_DATA
    assert "no organization" in result.one_line()


def test_a_mistyped_organization_gets_a_suggestion(sandbox):
    sandbox.add("acme")

    for command in (["org", "remove", "acmee", "--yes"], ["status", "amce"], ["audit", "acm"]):
        assert "did you mean acme?" in sandbox.latchkey.run(*command).one_line()


def test_an_organization_with_an_altered_record_can_be_removed_and_added_again(sandbox):
    key = sandbox.key("acme")
    sandbox.expect("was altered")
    sandbox.redis.cli("HSET", record_key("acme"), "owner", "mallory")
    assert sandbox.request(key=key).result == "unavailable"

    sandbox.latchkey.must("org", "remove", "acme", "--yes")
    assert sandbox.status_of(key) == 401

    assert sandbox.status_of(sandbox.key("acme")) == 200


# The audit


def test_the_audit_shows_each_action_with_its_actor_and_each_refusal(sandbox):
    sandbox.key("acme")
    sandbox.latchkey.run("status", "acme", as_="mallory")
    sandbox.latchkey.run("revoke", "acme", "--yes")
    sandbox.latchkey.must("org", "transfer", "acme", "--owner", "bob")
    sandbox.latchkey.must("revoke", "acme", "--yes", as_="bob")

    told = [(line["what"], line["who"], line["via"], line["outcome"]) for line in audit(sandbox, as_="bob")]

    assert told == [
        ("register", CALLER, CALLER, "done"), ("generate", OWNER, CALLER, "done"),
        ("status", "mallory", CALLER, "refused"), ("revoke", CALLER, CALLER, "refused"),
        ("transfer", CALLER, CALLER, "done"), ("revoke", "bob", CALLER, "done"),
    ]


def test_the_audit_can_be_cut_off_at_a_time(sandbox):
    sandbox.key("acme")

    assert len(audit(sandbox, "--since", "1h")) == 2
    assert len(audit(sandbox)) == 2
    assert audit(sandbox, "--since", "1ms") == []


def test_the_audit_is_for_the_owner(sandbox):
    sandbox.key("acme")

    assert sandbox.latchkey.run("audit", "acme").code == NOT_PERMITTED
    assert sandbox.latchkey.run("audit", "acme", as_="mallory").code == NOT_PERMITTED
