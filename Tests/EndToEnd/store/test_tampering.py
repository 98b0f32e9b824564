"""A record that the executable did not write is refused, by the gateway and by the executable.

This holds for a worker that reads the record for every check, and for one that had cached it.
"""

import time

import pytest

from harness.consistency import LEASED, STRICT
from harness.executable import BAD_DATA, DONE, NOT_PERMITTED, NOT_VALID
from harness.key_forge import locator, record_key
from harness.polling import wait_until
from harness.sandbox import OWNER

RECORD = record_key("acme")
MILLISECONDS_A_DAY = 86_400_000


@pytest.fixture(params=[LEASED, STRICT])
def gate(request, sandboxes):
    return sandboxes(workers=1, consistency=request.param)


@pytest.fixture
def key(gate):
    """The active key of acme; it will expire, and the previous key is still valid."""
    gate.key("acme")
    key = gate.latchkey.generate("acme", "--yes", "--grace", "1h", "--expires-in", "1d", as_=OWNER)
    gate.warm(key)
    return key


def comes_to(gate, key, status):
    """Whether a key is answered with a status: at once where the store is read, else as soon as the invalidation arrives."""
    if gate.consistency == LEASED:
        wait_until(lambda: gate.status_of(key) == status, f"the answer is {status}")
    return gate.status_of(key) == status


def refused(gate, key):
    """Asserts that gateway and executable refuse a record, and say so in one line each."""
    assert comes_to(gate, key, 503)
    assert gate.request(key=key).result == "unavailable"
    line = gate.nginx.lines("[error]")[-1]
    assert locator("acme") in line, line

    for result in (gate.latchkey.verify(key), gate.latchkey.run("status", "acme", as_=OWNER)):
        assert result.code in (BAD_DATA, NOT_PERMITTED), result
        assert result.one_line()
    for command in ("generate", "revoke"):
        before = gate.redis.cli("TYPE", RECORD), gate.redis.run("HGETALL", RECORD).stdout
        result = gate.latchkey.run(command, "acme", "--yes", as_=OWNER)
        assert result.code in (BAD_DATA, NOT_PERMITTED), result
        assert result.one_line()
        assert before == (gate.redis.cli("TYPE", RECORD), gate.redis.run("HGETALL", RECORD).stdout)


def later(value):
    return str(int(value) + MILLISECONDS_A_DAY)


OTHER_VERIFIER = "ab" * 24

# A few of each kind; all are in StoredRecordTests.swift, and what the executable does with them in TamperingTests.swift.
ALTERATIONS = {
    "owner": lambda value: "mallory",
    "version": lambda value: "9" * 30,
    "verifier": lambda value: OTHER_VERIFIER,
    "expires_at": later,
    "previous_until": later,
    "mac": lambda value: "",
}


@pytest.mark.parametrize("field", ALTERATIONS)
def test_an_altered_field_is_refused(gate, key, field):
    value = gate.redis.hash(RECORD).get(field, "0")

    gate.redis.cli("HSET", RECORD, field, ALTERATIONS[field](value))

    refused(gate, key)


@pytest.mark.parametrize("field", ["verifier", "expires_at", "mac"])
def test_a_missing_field_is_refused(gate, key, field):
    assert gate.redis.cli("HDEL", RECORD, field) == "1"

    refused(gate, key)


def test_a_verifier_planted_in_the_store_admits_no_request(gate, key):
    own = gate.forge().issued("acme")

    gate.redis.cli("HSET", RECORD, "verifier", gate.forge().verifier(own))

    refused(gate, key)
    assert gate.status_of(own) == 503


def test_an_owner_planted_in_the_store_owns_nothing(gate, key):
    gate.redis.cli("HSET", RECORD, "owner", "mallory")

    for command in (["generate", "acme", "--yes"], ["revoke", "acme", "--yes"], ["status", "acme"]):
        result = gate.latchkey.run(*command, as_="mallory")
        assert result.code in (BAD_DATA, NOT_PERMITTED)
        assert result.one_line()


def test_an_expired_key_is_not_extended_by_a_writer_of_the_store(gate, key):
    gate.redis.cli("HDEL", RECORD, "expires_at")

    refused(gate, key)


def copy(gate, source, target):
    """Copies a record over another one, which may be at another server."""
    fields = gate.redis.hash(source)
    gate.redis.cli("DEL", target)
    gate.redis.cli("HSET", target, *(word for field in fields.items() for word in field))


def test_another_record_copied_over_it_is_refused(gate, key):
    other = gate.key("umbrella")
    copy(gate, record_key("umbrella"), RECORD)

    refused(gate, key)
    assert gate.status_of(other) == 200


def test_a_copied_record_gives_its_key_no_other_organization(gate, key):
    gate.key("umbrella")
    copy(gate, RECORD, record_key("umbrella"))

    assert gate.request(key=key).body == "/api organization=acme result=allowed\n"
    result = gate.latchkey.run("status", "umbrella", as_=OWNER)
    assert result.code in (BAD_DATA, NOT_PERMITTED)


def test_a_record_of_another_pepper_is_refused(gate, key):
    gate.pepper_file.write_text("cd" * 32 + "\n")

    result = gate.latchkey.run("status", "acme", as_=OWNER)

    assert result.code in (BAD_DATA, NOT_PERMITTED)
    assert result.one_line()


@pytest.mark.parametrize(
    "command",
    [
        ("SET", RECORD, "text"),
        ("XADD", RECORD, "*", "state", "active"),
    ],
    ids=lambda command: command[0],
)
def test_a_record_of_the_wrong_type_is_refused(gate, key, command):
    gate.redis.cli("DEL", RECORD)
    gate.redis.cli(*command)

    refused(gate, key)


@pytest.mark.parametrize("state", ["Active"])
def test_an_unknown_state_is_refused(gate, key, state):
    gate.redis.cli("HSET", RECORD, "state", state)

    refused(gate, key)


def test_unknown_fields_do_no_harm(gate, key):
    gate.redis.cli("HSET", RECORD, "colour", "blue", "x" * 1000, "y" * 1000)

    assert gate.status_of(key) == 200
    assert "Active" in gate.latchkey.status("acme", as_=OWNER)
    assert gate.status_of(gate.latchkey.generate("acme", as_=OWNER)) == 200


@pytest.mark.parametrize("state", ["revoked", "none"])
def test_a_writer_of_the_store_can_take_a_key_away(gate, key, state):
    gate.redis.cli("HSET", RECORD, "state", state)

    assert comes_to(gate, key, 401)
    assert gate.request(key=key).result == "revoked"
    assert gate.latchkey.verify(key).code in (NOT_VALID, BAD_DATA)


def test_the_key_of_a_missing_record_is_not_accepted(gate, key):
    gate.redis.cli("DEL", RECORD)

    assert comes_to(gate, key, 503)
    assert gate.request(key=key).result == "unavailable"
    assert gate.latchkey.verify(key).code == BAD_DATA


def test_a_revoked_record_cannot_be_set_active_again(gate, key):
    before = gate.redis.hash(RECORD)
    gate.latchkey.must("revoke", "acme", "--yes", as_=OWNER)

    gate.redis.cli("HSET", RECORD, "state", "active", "verifier", before["verifier"], "mac", before["mac"])

    refused(gate, key)


def test_a_corrected_record_is_accepted_again(gate, key):
    owner = gate.redis.hash(RECORD)["owner"]
    gate.redis.cli("HSET", RECORD, "owner", "mallory")
    assert comes_to(gate, key, 503)

    gate.redis.cli("HSET", RECORD, "owner", owner)

    assert comes_to(gate, key, 200)
    assert gate.latchkey.verify(key).code == DONE


def test_a_bad_record_of_one_organization_does_not_affect_another(gate, key):
    other = gate.key("umbrella")
    gate.redis.cli("HSET", RECORD, "owner", "mallory")
    assert comes_to(gate, key, 503)

    for _ in range(5):
        assert gate.status_of(key) == 503
        assert gate.status_of(other) == 200


def test_the_error_log_has_one_line_a_second_at_most(gate, key):
    gate.redis.cli("HSET", RECORD, "owner", "mallory")
    began = time.monotonic()
    assert comes_to(gate, key, 503)

    for _ in range(50):
        assert gate.status_of(key) == 503

    lines = gate.nginx.lines(f"locator {locator('acme')}")
    assert 1 <= len(lines) <= 1 + (time.monotonic() - began)
    assert "mallory" not in "".join(lines)
