"""A key from its creation to its end, as its owner and its user see it."""

import json
import re
import subprocess
from datetime import datetime, timedelta

import pytest

from harness.artefacts import CALLER, EXECUTABLE
from harness.consistency import under_either_consistency
from harness.executable import BAD_DATA, DONE, KEY, NOT_PERMITTED, NOT_VALID, USAGE
from harness.key_forge import audit_key, locator
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.topology import says


@under_either_consistency
def test_a_key_is_accepted_and_its_organization_is_passed_to_the_api(sandbox):
    key = sandbox.key("acme")

    assert sandbox.request().status == 401
    answer = sandbox.request(key=key)

    assert answer.status == 200
    assert answer.body == "/api organization=acme result=allowed\n"


def test_a_key_contains_the_locator_of_its_organization(sandbox):
    assert sandbox.key("acme").startswith(f"lk_{locator('acme')}_")


@under_either_consistency
def test_a_key_of_one_organization_is_never_taken_for_another(sandbox):
    keys = {name: sandbox.key(name) for name in ("acme", "umbrella", "A.b_c-9", "x" * 64)}

    for name, key in keys.items():
        assert sandbox.request(key=key).body == f"/api organization={name} result=allowed\n"


@under_either_consistency
def test_a_new_key_ends_the_previous_one_at_once(sandbox):
    old = sandbox.key()
    assert sandbox.status_of(old) == 200

    new = sandbox.key()

    assert sandbox.request(key=old).result == "revoked"
    assert sandbox.status_of(old) == 401
    assert sandbox.status_of(new) == 200


@under_either_consistency
def test_a_revoked_key_is_refused_at_once_and_for_good(sandbox):
    key = sandbox.key()
    assert sandbox.status_of(key) == 200

    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)

    assert sandbox.status_of(key) == 401
    assert "No API key generated" in sandbox.latchkey.status("acme", as_=OWNER)

    new = sandbox.key()
    assert sandbox.status_of(new) == 200
    assert sandbox.request(key=key).result == "revoked"


@under_either_consistency
def test_a_revocation_of_one_organization_leaves_the_others_alone(sandbox):
    acme, umbrella = sandbox.key("acme"), sandbox.key("umbrella")

    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)

    assert sandbox.status_of(acme) == 401
    assert sandbox.status_of(umbrella) == 200


@under_either_consistency
def test_the_status_shows_the_life_of_a_key(sandbox):
    sandbox.add()
    assert "No API key generated" in sandbox.latchkey.status("acme", as_=OWNER)

    key = sandbox.key()
    status = sandbox.latchkey.status("acme", as_=OWNER)
    assert "Active" in status
    assert "No API key generated" not in status
    assert "Never" in status

    assert sandbox.status_of(key) == 200
    wait_until(lambda: "ago" in sandbox.latchkey.status("acme", as_=OWNER), "the last use is shown")


def test_the_key_is_alone_on_standard_output(sandbox):
    sandbox.add()

    result = sandbox.latchkey.run("generate", "acme", "--yes", as_=OWNER)
    sandbox.latchkey.remember(result.out.strip())

    assert result.code == DONE
    assert KEY.fullmatch(result.out), "a newline would be stored with the key"
    assert says(result.err, "")


@under_either_consistency
def test_a_key_expires(sandbox):
    key = sandbox.key("acme", "--expires-in", "2s")
    assert sandbox.status_of(key) == 200

    wait_until(lambda: sandbox.status_of(key) == 401, "the key expires")

    assert sandbox.request(key=key).result == "expired"
    assert sandbox.latchkey.verify(key).code == NOT_VALID


def test_a_key_with_a_distant_expiry_is_accepted(sandbox):
    key = sandbox.key("acme", "--expires-in", "90d")

    assert sandbox.status_of(key) == 200
    assert "xpires" in sandbox.latchkey.status("acme", as_=OWNER)


@under_either_consistency
def test_the_previous_key_stays_valid_for_the_given_grace(sandbox):
    old = sandbox.key()
    new = sandbox.key("acme", "--grace", "3s")

    assert sandbox.status_of(old) == 200
    assert sandbox.status_of(new) == 200

    wait_until(lambda: sandbox.status_of(old) == 401, "the grace ends")
    assert sandbox.status_of(new) == 200


@under_either_consistency
def test_a_revocation_ends_the_grace_of_the_previous_key(sandbox):
    old = sandbox.key()
    new = sandbox.key("acme", "--grace", "10m")
    assert sandbox.status_of(old) == 200

    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)

    assert sandbox.status_of(old) == 401
    assert sandbox.status_of(new) == 401


@under_either_consistency
def test_a_second_new_key_ends_the_grace_of_the_first(sandbox):
    first = sandbox.key()
    second = sandbox.key("acme", "--grace", "10m")
    third = sandbox.key("acme", "--grace", "10m")

    assert sandbox.status_of(first) == 401
    assert sandbox.status_of(second) == 200
    assert sandbox.status_of(third) == 200


@under_either_consistency
def test_keys_under_an_old_pepper_stay_valid_while_it_is_in_the_file(sandbox):
    old = sandbox.key("acme")
    peppers = sandbox.pepper_file.read_text()
    sandbox.pepper_file.write_text("ab" * 32 + "\n" + peppers)
    old_workers = sandbox.nginx.reload()
    wait_until(lambda: not old_workers & sandbox.nginx.workers(), "the old workers end")

    assert sandbox.status_of(old) == 200
    new = sandbox.key("umbrella")
    assert sandbox.status_of(new) == 200

    sandbox.pepper_file.write_text("ab" * 32 + "\n")
    old_workers = sandbox.nginx.reload()
    wait_until(lambda: not old_workers & sandbox.nginx.workers(), "the old workers end")

    assert sandbox.request(key=old).result == "forged"
    assert sandbox.status_of(new) == 200


@pytest.mark.parametrize("prefix", ["ab", "acme_live", "a1_test", "abcdefghijkl_live"])
def test_another_prefix_can_be_configured(sandboxes, prefix):
    sandbox = sandboxes(settings=f"latchkey_prefix {prefix};")
    key = sandbox.key()

    assert key.startswith(f"{prefix}_{locator('acme')}_")
    assert sandbox.status_of(key) == 200
    assert sandbox.latchkey.verify(key).code == DONE


def test_the_status_shows_ages_on_a_terminal_and_times_in_json(sandbox):
    sandbox.key()
    sandbox.key("acme", "--grace", "1h", "--expires-in", "2d")

    text = sandbox.latchkey.status("acme", as_=OWNER)
    exact = sandbox.latchkey.status_json("acme", as_=OWNER)

    assert re.search(r"^Expires: +in 1 day$", text, re.MULTILINE)
    assert re.search(r"^Previous key: +Stays valid for 59 minutes$", text, re.MULTILINE)
    created, until, expires = (
        datetime.fromisoformat(exact[name]) for name in ("created_at", "previous_key_until", "expires_at")
    )
    assert (until - created, expires - created) == (timedelta(hours=1), timedelta(days=2))


def test_the_status_says_when_a_new_key_is_due(sandboxes):
    sandbox = sandboxes(settings="latchkey_rotate_after 1ms;")
    sandbox.key()

    assert "latchkey generate acme" in sandbox.latchkey.status("acme", as_=OWNER)
    assert sandbox.latchkey.status_json("acme", as_=OWNER)["rotation_due"] is True


def test_a_key_is_due_for_replacement_only_once_it_is_old_enough(sandboxes):
    sandbox = sandboxes(settings="latchkey_rotate_after 90d;")
    sandbox.key()

    assert "Rotation" not in sandbox.latchkey.status("acme", as_=OWNER)
    assert sandbox.latchkey.status_json("acme", as_=OWNER)["rotation_due"] is False


@under_either_consistency
def test_a_key_is_revoked_though_the_pepper_is_lost(sandbox):
    key = sandbox.key()
    assert sandbox.status_of(key) == 200
    sandbox.pepper_file.rename(sandbox.pepper_file.with_name("lost"))

    assert sandbox.latchkey.run("revoke", "acme", "--yes", as_="mallory").code == NOT_PERMITTED
    result = sandbox.latchkey.run("revoke", "acme", "--yes", as_=OWNER)

    assert result.code == DONE
    assert sandbox.status_of(key) == 401
    sandbox.pepper_file.with_name("lost").rename(sandbox.pepper_file)


def test_revoking_without_a_key_succeeds(sandbox):
    sandbox.add()
    assert "nothing to revoke" in sandbox.latchkey.run("revoke", "acme", "--yes", as_=OWNER).one_line()
    sandbox.key()
    sandbox.revoke()

    assert "nothing to revoke" in sandbox.revoke().one_line()


# The executable's own checks


def test_verify_prints_the_organization_in_json(sandbox):
    old, new = sandbox.key(), sandbox.key()

    results = [sandbox.latchkey.run("verify", "--json", stdin=f"{key}\n") for key in (new, old, "nonsense")]

    assert [result.code for result in results] == [DONE, NOT_VALID, NOT_VALID]
    assert [json.loads(result.out) for result in results] == [
        {"result": "valid", "organization": "acme"}, {"result": "revoked", "organization": None},
        {"result": "malformed", "organization": None},
    ]


def test_latchkey_without_arguments_says_where_to_begin(sandbox):
    result = subprocess.run([EXECUTABLE], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    assert result.returncode == DONE
    assert "latchkey init" in result.stdout


def test_verify_names_the_organization_of_a_key(sandbox):
    result = sandbox.latchkey.verify(sandbox.key("acme"))

    assert result.code == DONE
    assert "acme" in result.out


def test_verify_refuses_what_the_gateway_refuses(sandbox):
    replaced = sandbox.key()
    sandbox.key()
    forge = sandbox.forge()
    refused = [replaced, forge.forged("acme"), forge.issued("acme"), "nonsense", ""]

    for key in refused:
        result = sandbox.latchkey.verify(key)
        assert (result.code, result.out) == (NOT_VALID, "")
        assert len(result.err.splitlines()) == 1
    # A key that was issued here has a record, unless the store has lost it.
    assert sandbox.latchkey.verify(forge.issued("unknown")).code == BAD_DATA


def test_verify_takes_no_key_from_its_arguments(sandbox):
    key = sandbox.key()

    for argument in (key, f"{key[:-1]}x", f"--json={key}"):
        result = sandbox.latchkey.run("verify", argument)
        assert (result.code, argument in result.err) == (USAGE, False)
    assert "latchkey verify < FILE" in sandbox.latchkey.run("verify", key).one_line()


@pytest.mark.parametrize("command", ["status", "revoke", "generate", "org", "verify", "scan", "no-such-command"])
def test_a_key_is_no_argument_of_any_command(sandbox, command):
    key = sandbox.key()

    result = sandbox.latchkey.run(command, key)

    assert result.code == USAGE
    assert "standard input" in result.one_line()
    assert key not in result.err and sandbox.status_of(key) == 200


def test_adding_an_organization_again_for_its_owner_changes_nothing(sandbox):
    key = sandbox.key()

    sandbox.add()

    assert sandbox.status_of(key) == 200


def test_an_organization_is_not_given_to_another_owner_by_adding_it(sandbox):
    key = sandbox.key()

    result = sandbox.latchkey.run("org", "add", "acme", "--owner", "mallory")

    assert result.code in (BAD_DATA, NOT_PERMITTED)
    assert result.one_line()
    assert sandbox.latchkey.run("status", "acme", as_="mallory").code == NOT_PERMITTED
    assert sandbox.status_of(key) == 200


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "x" * 65, "a\nb"])
def test_an_invalid_organization_name_is_refused(sandbox, name):
    for command in (["org", "add", name, "--owner", OWNER], ["generate", name, "--yes"], ["status", name]):
        assert sandbox.latchkey.run(*command).code in (USAGE, BAD_DATA)


@pytest.mark.parametrize("owner", ["", "a b", "x" * 129, "ü"])
def test_an_invalid_owner_name_is_refused(sandbox, owner):
    assert sandbox.latchkey.run("org", "add", "acme", "--owner", owner).code in (USAGE, BAD_DATA)


@pytest.mark.parametrize("span", ["", "soon", "-1d", "0", "1.5d", "99999999999999999999s", "90", "1m30"])
def test_an_invalid_duration_is_refused(sandbox, span):
    key = sandbox.key()

    result = sandbox.latchkey.run("generate", "acme", "--yes", f"--expires-in={span}", as_=OWNER)

    assert result.code in (USAGE, BAD_DATA)
    assert sandbox.status_of(key) == 200


@pytest.mark.parametrize("option", ["--expires-in", "--grace"])
def test_a_number_without_a_unit_is_refused_and_the_message_says_what_is_missing(sandbox, option):
    key = sandbox.key()

    result = sandbox.latchkey.run("generate", "acme", "--yes", option, "90", as_=OWNER)

    assert (result.code, result.out) == (USAGE, "")
    assert "unit" in result.err and "90d" in result.err
    assert sandbox.status_of(key) == 200
    assert sandbox.latchkey.run("audit", "acme", "--since", "7", as_=OWNER).code == USAGE


def test_an_expiry_or_a_grace_is_shown_with_its_time(sandbox):
    sandbox.key()

    result = sandbox.latchkey.run("generate", "acme", "--yes", "--expires-in", "90d", "--grace", "10m", as_=OWNER)
    sandbox.latchkey.remember(result.out)

    exact = sandbox.latchkey.status_json("acme", as_=OWNER)
    expires, until = (datetime.fromisoformat(exact[name]) for name in ("expires_at", "previous_key_until"))
    expected = (
        f"The key expires {expires:%Y-%m-%d %H:%M:%S} UTC.\n"
        f"The previous key stays valid until {until:%Y-%m-%d %H:%M:%S} UTC.\n"
    )
    assert says(result.err, expected)


def test_bulk_keys_that_expire_are_shown_with_the_time(sandbox):
    sandbox.add()

    result = sandbox.latchkey.run("generate", "--from", "-", "--expires-in", "90d", stdin="acme alice\n")
    sandbox.latchkey.remember(result.out.split()[1])

    expires = datetime.fromisoformat(sandbox.latchkey.status_json("acme", as_=OWNER)["expires_at"])
    assert result.err.startswith("Generated 1; 0 already had a key. New keys expire ")
    assert f"{expires:%Y-%m-%d %H:%M}" in result.err


def test_a_use_during_the_grace_may_be_of_either_key_and_the_status_says_so(sandbox):
    old = sandbox.key()
    assert sandbox.status_of(old) == 200
    new = sandbox.key("acme", "--grace", "1h")
    assert re.search(r"^Last used: +Never$", sandbox.latchkey.status("acme", as_=OWNER), re.MULTILINE)

    assert sandbox.status_of(old) == 200

    wait_until(lambda: sandbox.latchkey.status_json("acme", as_=OWNER)["last_used_at"], "the use is recorded")
    assert "with this key or the previous one" in sandbox.latchkey.status("acme", as_=OWNER)
    assert sandbox.status_of(new) == 200


@pytest.mark.parametrize("words, meant", [
    (["genrate", "acme"], "generate"), (["sttaus"], "status"), (["org", "ad", "acme"], "add"), (["remove", "acme"], "org remove"),
])
def test_a_mistyped_command_gets_a_suggestion(sandbox, words, meant):
    result = sandbox.latchkey.run(*words)

    assert result.code == USAGE
    assert result.one_line().endswith(f"did you mean {meant}?")


def test_an_unknown_command_close_to_no_other_gets_no_suggestion(sandbox):
    assert "did you mean" not in sandbox.latchkey.run("conquer").one_line()


def test_the_audit_shows_each_action_with_its_actor_and_owner(sandbox):
    sandbox.key()
    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)

    entries = sandbox.redis.cli("LRANGE", audit_key("acme"), "0", "-1").splitlines()
    assert [entry.split(maxsplit=1)[1] for entry in entries] == [
        f"what=register who={CALLER} via={CALLER}",
        f"what=generate who={OWNER} via={CALLER}",
        f"what=revoke who={OWNER} via={CALLER}",
    ]
