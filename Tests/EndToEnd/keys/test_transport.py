"""Records in a file: for a backup, or to move them to another store."""

import random
import re

import pytest

from harness.executable import BAD_DATA, DONE, NOT_CONFIRMED
from harness.key_forge import locator, record_key, secret_of, used_key
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.topology import says


def exported(sandbox):
    return sandbox.latchkey.must("export")


def imported(sandbox, text, *options):
    file = sandbox.folder / "export"
    file.write_text(text)
    return sandbox.latchkey.run("import", file, *options)


@pytest.fixture
def twins(sandboxes):
    """Two installations with one pepper."""
    one, other = sandboxes(workers=1), sandboxes(start=False, workers=1)
    other.pepper_file.write_bytes(one.pepper_file.read_bytes())
    other.nginx.start()
    return one, other


def records(sandbox):
    return {key: sandbox.redis.hash(key) for key in sandbox.redis.cli("KEYS", "latchkey:record:*").splitlines()}


def test_one_record_is_one_record(sandbox):
    sandbox.add()

    result = sandbox.latchkey.run("export")

    assert result.err == "Exported 1 record.\n"
    assert says(imported(sandbox, result.out).err, "Imported 0 records; 1 was left unchanged.\n")


def test_keys_work_with_another_store_after_an_import(twins):
    one, other = twins
    keys = {name: one.key(name) for name in ("acme", "umbrella")}
    one.add("initech", owner="bob")
    old = one.latchkey.remember(keys["acme"])
    keys["acme"] = one.key("acme", "--grace", "1h", "--expires-in", "90d")
    one.latchkey.must("revoke", "umbrella", "--yes", as_=OWNER)
    text = exported(one)

    result = imported(other, text)

    assert result.code == DONE and says(result.err, "Imported 3 records; 0 were left unchanged.\n")
    assert records(other) == records(one)
    assert [other.status_of(key) for key in (keys["acme"], old, keys["umbrella"])] == [200, 200, 401]
    assert not any(secret_of(key) in text for key in [*keys.values(), old])


def test_the_last_use_is_exported_and_imported(twins):
    one, other = twins
    key = one.key()
    one.status_of(key)
    use = wait_until(lambda: one.redis.cli("ZSCORE", used_key("acme"), locator("acme")), "the use is recorded")

    imported(other, exported(one))

    assert other.redis.cli("ZSCORE", used_key("acme"), locator("acme")) == use


def test_an_import_again_changes_nothing(sandbox):
    key = sandbox.key()
    before = records(sandbox)

    assert "Imported 0 records; 1 was left unchanged" in imported(sandbox, exported(sandbox)).err

    assert records(sandbox) == before
    assert sandbox.status_of(key) == 200


def test_a_later_version_in_the_store_stays(sandbox):
    key = sandbox.key()
    text = exported(sandbox)
    sandbox.revoke()

    assert "Imported 0 records; 1 was left unchanged" in imported(sandbox, text).err

    assert sandbox.status_of(key) == 401


def test_an_earlier_version_in_the_store_is_replaced_at_once(twins):
    one, other = twins
    old = one.key()
    imported(other, exported(one))
    assert other.status_of(old) == 200
    new = one.key()

    assert imported(other, exported(one)).code == DONE

    assert other.status_of(old) == 401
    assert other.status_of(new) == 200


def damages(text):
    """The text with one character changed, truncated, or with a line missing or added."""
    chance = random.Random(62)
    lines = text.splitlines(keepends=True)
    for at in chance.sample(range(len(text)), 40):
        yield text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
    for length in (0, 1, len(lines[0]), len(text) // 2, len(text) - 1):
        yield text[:length]
    yield "".join(lines[:1] + lines[2:])
    yield "".join(lines + lines[1:2])
    yield "".join(lines[1:])
    yield text + "\n"


def test_a_damaged_file_is_refused_whole(sandboxes):
    sandbox = sandboxes(start=False)
    for name in ("acme", "umbrella", "initech"):
        sandbox.key(name)
    text = exported(sandbox)
    sandbox.redis.cli("FLUSHALL")

    for damaged in damages(text):
        result = imported(sandbox, damaged)
        assert result.code == BAD_DATA, damaged
        assert "nothing was imported" in result.one_line()
    assert records(sandbox) == {}
    assert imported(sandbox, text).code == DONE


def forged(text, old, new):
    """The text with other words and a matching checksum."""
    import hashlib

    body = text[: text.rindex("records=")].replace(old, new)
    return f"{body}records={len(body.splitlines()) - 1} sha256={hashlib.sha256(body.encode()).hexdigest()}\n"


@pytest.mark.parametrize("new", ["owner=mallory", "owner=alice owner=alice", "colour=blue", ""])
def test_a_record_that_was_altered_is_refused_though_the_checksum_is_right(sandboxes, new):
    sandbox = sandboxes(start=False)
    sandbox.key()
    text = exported(sandbox)
    sandbox.redis.cli("FLUSHALL")

    assert imported(sandbox, forged(text, "owner=alice", new)).code == BAD_DATA
    assert records(sandbox) == {}
    assert imported(sandbox, forged(text, "none", "none")).code == DONE


def test_records_of_another_pepper_are_refused(sandboxes):
    one, other = sandboxes(start=False), sandboxes(start=False)
    one.key()

    assert imported(other, exported(one)).code == BAD_DATA
    assert records(other) == {}


def test_records_that_cannot_be_verified_are_left_out_and_reported(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.key("acme")
    sandbox.key("umbrella")
    sandbox.redis.cli("HSET", record_key("acme"), "owner", "mallory")

    result = sandbox.latchkey.run("export")

    assert result.code == BAD_DATA
    assert locator("acme") in result.err
    assert re.search(r"^records=1 ", result.out, re.MULTILINE)
    sandbox.redis.cli("FLUSHALL")
    assert imported(sandbox, result.out).code == DONE


def test_an_import_waits_for_the_gateways(twins):
    one, other = twins
    one.key()
    imported(other, exported(one))
    other.redis.cli("HSET", MEMBERSHIP, "stranger", "lease=soon")
    one.key()

    result = imported(other, exported(one))

    assert result.code == NOT_CONFIRMED
    assert "stranger" in result.err
