"""A new pepper takes over, and the old one is removed once nothing needs it."""

import json
import os
import stat
import subprocess

import pytest

from harness.artefacts import IS_ROOT
from harness.executable import BAD_DATA, CONFIGURATION, DONE, NOT_PERMITTED, Dialogue
from harness.key_forge import KeyForge, record_key
from harness.polling import wait_until
from harness.sandbox import OWNER


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1)


@pytest.fixture
def quiet(sandboxes):
    """Without a gateway."""
    return sandboxes(start=False)


def peppers(gate):
    return gate.pepper_file.read_text().split()


def rotate(gate):
    """Rotates the pepper; returns the command's output."""
    result = gate.latchkey.run("init", "--rotate-pepper")
    assert (result.code, result.out) == (DONE, ""), result.err
    return result.err


def reload(gate):
    """Reloads, and waits until the old workers, which hold the old peppers, are gone."""
    before = gate.nginx.reload()
    wait_until(lambda: not gate.workers() & before, "the old workers have ended")


def rotate_and_reload(gate):
    rotate(gate)
    reload(gate)


def drop(gate, line):
    """Removes a line from the pepper file."""
    lines = peppers(gate)
    del lines[line - 1]
    gate.pepper_file.write_text("".join(f"{text}\n" for text in lines))


def notes(gate):
    """The doctor's findings about all peppers but the first."""
    findings = json.loads(gate.latchkey.run("doctor", "--json").out)["findings"]
    return {f["check"]: f["text"] for f in findings if f["check"].startswith("pepper.") and f["check"] != "pepper.folder"}


def seal(gate):
    return gate.latchkey.run("org", "seal", "--yes")


# The file


def test_a_new_secret_stands_before_the_others(quiet):
    before = peppers(quiet)

    said = rotate(quiet)

    after = peppers(quiet)
    assert after[1:] == before and after[0] not in before and len(after[0]) == 64
    assert "2 in" in said and "reload every gateway" in said and "copy" in said
    assert not any(secret in said for secret in after)


def test_the_rest_of_the_pepper_file_stays_as_it_was(quiet):
    quiet.pepper_file.chmod(0o640)
    if IS_ROOT:
        os.chown(quiet.pepper_file, 65534, 65534)
    before, names = quiet.pepper_file.stat(), set(quiet.folder.iterdir())

    rotate(quiet)

    after = quiet.pepper_file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_ino != before.st_ino
    assert set(quiet.folder.iterdir()) == names


def test_if_the_pepper_file_is_a_link_its_target_is_rotated(quiet):
    real = quiet.pepper_file.rename(quiet.folder / "redis/real")
    quiet.pepper_file.symlink_to(real)

    rotate(quiet)

    assert quiet.pepper_file.is_symlink() and len(peppers(quiet)) == 2
    quiet.pepper_file.unlink()
    real.rename(quiet.pepper_file)


def test_there_are_at_most_eight_secrets(quiet):
    for count in range(2, 9):
        rotate(quiet)
        assert len(peppers(quiet)) == count
    before = peppers(quiet)

    result = quiet.latchkey.run("init", "--rotate-pepper")

    assert result.code == BAD_DATA
    assert "remove a line" in result.one_line()
    assert peppers(quiet) == before


def test_two_rotations_at_the_same_time_lose_no_secret(quiet):
    running = [quiet.latchkey.start("init", "--rotate-pepper") for _ in range(6)]
    results = [command.finish() for command in running]

    done = [result for result in results if result.code == DONE]
    assert len(peppers(quiet)) == 1 + len(done) >= 2
    assert all(result.code in (DONE, BAD_DATA) for result in results)
    assert all("being changed" in result.one_line() for result in results if result.code != DONE)


@pytest.mark.parametrize("spoil, code", [
    (lambda file: file.chmod(0o644), CONFIGURATION),
    (lambda file: file.write_text("g" * 64 + "\n"), CONFIGURATION),
    (lambda file: file.write_text(""), CONFIGURATION),
])
def test_a_file_that_is_no_pepper_file_is_left_alone(quiet, spoil, code):
    spoil(quiet.pepper_file)
    before = quiet.pepper_file.read_text()

    result = quiet.latchkey.run("init", "--rotate-pepper")

    assert result.code == code
    assert result.one_line()
    assert quiet.pepper_file.read_text() == before


@pytest.mark.skipif(not IS_ROOT, reason="only root can be somebody else")
def test_a_caller_that_cannot_preserve_the_owner_rotates_nothing(quiet):
    quiet.pepper_file.chmod(0o640)
    os.chown(quiet.pepper_file, 0, 65534)
    quiet.folder.chmod(0o777)
    before = peppers(quiet)

    result = quiet.latchkey.run("init", "--rotate-pepper", account="nobody")

    assert result.code == NOT_PERMITTED
    assert "run as root" in result.one_line()
    assert peppers(quiet) == before
    quiet.folder.chmod(0o755)


def test_a_full_disk_loses_nothing(quiet):
    before = quiet.pepper_file.read_bytes()
    command = quiet.latchkey.command("init", "--rotate-pepper")

    result = subprocess.run(["prlimit", "--fsize=64", *command], capture_output=True, text=True)

    assert result.returncode == 74
    assert "could not be written" in result.stderr
    assert quiet.pepper_file.read_bytes() == before
    assert [path.name for path in quiet.folder.glob("pepper*")] == ["pepper"]


# The keys


def test_keys_stay_valid_after_a_rotation_and_new_ones_use_the_new_pepper(gate):
    old_pepper = peppers(gate)[0]
    old = gate.key()

    rotate_and_reload(gate)
    new = gate.key("bravo")

    assert gate.status_of(old) == gate.status_of(new) == 200
    for key, pepper, other in ((old, old_pepper, peppers(gate)[0]), (new, peppers(gate)[0], old_pepper)):
        body = key[:-14]
        assert KeyForge(pepper).tag(body) == key[-14:-6] != KeyForge(other).tag(body)


def test_a_record_sealed_under_the_old_pepper_is_accepted(gate):
    gate.key()

    rotate_and_reload(gate)

    assert "Active" in gate.latchkey.status("acme", as_=OWNER)
    key = gate.latchkey.generate("acme", as_=OWNER)
    assert gate.status_of(key) == 200


def test_when_the_old_line_is_gone_its_keys_are_refused(gate):
    old = gate.key()
    rotate_and_reload(gate)
    new = gate.key("bravo")

    drop(gate, 2)
    reload(gate)

    assert (gate.status_of(old), gate.status_of(new)) == (401, 200)


def test_a_lost_pepper_means_a_fresh_start(gate):
    key = gate.key()
    gate.pepper_file.unlink()

    said = rotate(gate)

    assert "no earlier key works" in said
    assert stat.S_IMODE(gate.pepper_file.stat().st_mode) == 0o600
    reload(gate)
    assert gate.request(key=key).result == "forged"
    assert gate.latchkey.run("generate", "acme", "--yes", as_=OWNER).code == BAD_DATA
    gate.latchkey.must("org", "remove", "acme", "--yes")
    assert gate.status_of(gate.key()) == 200


# When the old line may go


def test_with_one_pepper_the_doctor_mentions_no_others(quiet):
    quiet.key()

    assert notes(quiet) == {}


def test_the_old_pepper_is_needed_until_each_record_and_key_is_new(gate):
    keys = [gate.key(name) for name in ("acme", "bravo")]
    gate.add("charlie")
    rotate_and_reload(gate)
    assert "for the seals of acme, bravo, charlie" in notes(gate)["pepper.2"]
    assert "possibly for the keys of acme, bravo" in notes(gate)["pepper.2"]

    assert "3 records were resealed" in seal(gate).err
    assert "needed, possibly for the keys of acme, bravo" in notes(gate)["pepper.2"]
    assert [gate.status_of(key) for key in keys] == [200, 200]

    keys[0] = gate.latchkey.generate("acme", as_=OWNER)
    assert notes(gate)["pepper.2"].endswith("possibly for the keys of bravo")
    gate.revoke("bravo")
    assert "no longer needed" in notes(gate)["pepper.2"]

    seal_of_charlie = gate.redis.cli("HGET", record_key("charlie"), "mac")
    gate.redis.cli("HSET", record_key("charlie"), "mac", "0")
    assert "needed by no record that can be proven" in notes(gate)["pepper.2"]
    gate.redis.cli("HSET", record_key("charlie"), "mac", seal_of_charlie)

    drop(gate, 2)
    reload(gate)
    assert gate.status_of(keys[0]) == 200
    assert "No API key" in gate.latchkey.status("charlie", as_=OWNER)
    assert gate.latchkey.run("doctor").code == DONE


def test_a_key_in_its_grace_needs_its_pepper(gate):
    gate.key()
    rotate_and_reload(gate)
    gate.latchkey.generate("acme", "--grace", "1h", as_=OWNER)

    assert "possibly for the keys of acme" in notes(gate)["pepper.2"]


def test_a_key_that_has_expired_needs_no_pepper_but_its_seal_does(gate):
    gate.key("acme", "--expires-in", "1ms")
    rotate_and_reload(gate)

    assert notes(gate)["pepper.2"].endswith("still needed for the seals of acme")


def test_the_seals_of_each_pepper_are_counted_separately(gate):
    gate.add("acme")
    rotate_and_reload(gate)
    gate.add("bravo")
    rotate_and_reload(gate)

    assert notes(gate)["pepper.3"].endswith("for the seals of acme")
    assert notes(gate)["pepper.2"].endswith("for the seals of bravo")


def test_resealing_changes_nothing_else(gate):
    gate.key()
    before = gate.redis.hash(record_key("acme"))
    rotate_and_reload(gate)

    assert seal(gate).code == DONE

    after = gate.redis.hash(record_key("acme"))
    assert after["mac"] == gate.forge().seal(after) != before["mac"]
    assert {**after, "version": "", "mac": ""} == {**before, "version": "", "mac": ""}
    assert int(after["version"]) == int(before["version"]) + 1
    assert "0 records were resealed" in seal(gate).err
    audit = json.loads(gate.latchkey.must("audit", "acme", "--json", as_=OWNER))
    assert audit[-1]["what"] == "seal"


def test_a_removed_organization_stays_removed_when_it_is_resealed(quiet):
    quiet.key()
    quiet.latchkey.must("org", "remove", "acme", "--yes")
    rotate(quiet)

    assert "1 record was resealed" in seal(quiet).err

    assert quiet.latchkey.must("org", "list") == ""


def test_an_altered_record_is_not_resealed(quiet):
    quiet.key()
    quiet.key("bravo")
    quiet.redis.cli("HSET", record_key("acme"), "owner", "mallory")
    before = quiet.redis.hash(record_key("acme"))
    rotate(quiet)

    result = seal(quiet)

    assert result.code == BAD_DATA
    assert "1 record was resealed" in result.err
    assert quiet.redis.hash(record_key("acme")) == before


def test_resealing_is_for_operators_and_asks_for_confirmation(quiet):
    quiet.add("acme", OWNER)
    rotate(quiet)

    with Dialogue(quiet.latchkey, "org", "seal") as dialogue:
        dialogue.read_until("Continue? [y/N]")
        dialogue.answer("n")
        assert dialogue.end() == BAD_DATA
    if IS_ROOT:
        os.chown(quiet.pepper_file, 0, 65534)
        quiet.pepper_file.chmod(0o640)
        assert quiet.latchkey.run("org", "seal", "--yes", account="nobody").code == NOT_PERMITTED
    assert stat.S_ISREG(quiet.pepper_file.stat().st_mode)
