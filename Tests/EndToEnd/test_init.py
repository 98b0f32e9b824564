"""What `latchkey init` makes, and what it leaves alone."""

import re
import stat
import subprocess

import pytest

from harness.executable import BAD_DATA, CONFIGURATION, DONE
from harness.polling import wait_until
from harness.sandbox import OWNER


@pytest.fixture
def gate(sandboxes):
    return sandboxes(start=False)


def test_init_makes_a_pepper_and_a_configuration_for_their_owner(gate):
    assert stat.S_IMODE(gate.pepper_file.stat().st_mode) == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", gate.pepper_file.read_text())
    assert f"latchkey_store {gate.redis.url};" in re.sub(" +", " ", gate.config.read_text())


def test_init_makes_another_pepper_each_time(sandboxes):
    assert len({sandboxes(start=False).pepper_file.read_text() for _ in range(3)}) == 3


def test_init_never_overwrites(gate):
    before = gate.pepper_file.read_text(), gate.config.read_text()

    result = gate.latchkey.run("init", "--store", gate.redis.url, "--pepper-file", gate.pepper_file)

    assert result.code != DONE
    assert (gate.pepper_file.read_text(), gate.config.read_text()) == before


def test_init_does_not_overwrite_one_of_the_two(gate):
    pepper_before = gate.pepper_file.read_text()
    gate.config.unlink()
    gate.latchkey.run("init", "--store", gate.redis.url, "--pepper-file", gate.pepper_file)
    assert gate.pepper_file.read_text() == pepper_before


def test_init_refuses_a_store_that_it_could_not_use(gate, tmp_path):
    gate.latchkey.config = tmp_path / "new.conf"

    result = gate.latchkey.run("init", "--store", "http://127.0.0.1", "--pepper-file", tmp_path / "pepper")

    assert result.code != DONE
    assert result.one_line()
    assert not list(tmp_path.iterdir())


def test_the_configuration_may_be_named_in_the_environment(gate):
    gate.add(owner=OWNER)
    command = gate.latchkey.command("status", "acme", as_=OWNER)
    at = command.index("--config")
    del command[at : at + 2]

    result = subprocess.run(
        command, capture_output=True, text=True, env={"LATCHKEY_CONFIG": str(gate.config), "PATH": "/usr/bin:/bin"}
    )

    assert (result.returncode, "No API key generated" in result.stdout) == (DONE, True)


# Another pepper


def rotate(sandbox):
    return sandbox.latchkey.run("init", "--rotate-pepper")


def test_a_new_pepper_comes_before_the_old_ones(sandbox):
    old = sandbox.key("acme")
    before = sandbox.pepper_file.read_text()
    sandbox.pepper_file.chmod(0o640)

    result = rotate(sandbox)

    assert result.code == DONE
    assert "reload nginx" in result.err
    first, rest = sandbox.pepper_file.read_text().split("\n", 1)
    assert re.fullmatch(r"[0-9a-f]{64}", first) and rest == before
    assert stat.S_IMODE(sandbox.pepper_file.stat().st_mode) == 0o640
    assert not [path for path in sandbox.folder.iterdir() if path.name.endswith(".new")]
    assert not set(sandbox.pepper_file.read_text().split()) & set(result.err.split())

    workers = sandbox.nginx.reload()
    wait_until(lambda: not workers & sandbox.nginx.workers(), "the old workers end")
    new = sandbox.key("umbrella")
    assert [sandbox.status_of(key) for key in (old, new)] == [200, 200]
    sandbox.revoke()
    assert sandbox.status_of(old) == 401


def test_peppers_are_eight_at_most(gate):
    for _ in range(7):
        assert rotate(gate).code == DONE
    before = gate.pepper_file.read_text()

    result = rotate(gate)

    assert result.code == BAD_DATA
    assert "take the last line out" in result.one_line()
    assert gate.pepper_file.read_text() == before


@pytest.mark.parametrize("contents", ["", "nonsense-62\n", "ab" * 31 + "\n"])
def test_a_pepper_file_that_cannot_be_read_is_left_as_it_is(gate, contents):
    gate.pepper_file.write_text(contents)

    assert rotate(gate).code == CONFIGURATION
    assert gate.pepper_file.read_text() == contents


def test_where_the_pepper_is_lost_everything_begins_anew(sandbox):
    key = sandbox.key("acme")
    sandbox.pepper_file.unlink()

    result = rotate(sandbox)

    assert result.code == DONE
    assert "No key made before works" in result.err
    sandbox.nginx.reload()
    wait_until(lambda: sandbox.request(key=key).result == "forged", "the new pepper counts")
    assert sandbox.latchkey.run("generate", "acme", "--yes", as_=OWNER).code == BAD_DATA
    sandbox.latchkey.must("org", "remove", "acme", "--yes")
    assert sandbox.status_of(sandbox.key("acme")) == 200


def test_a_full_disk_leaves_the_peppers_as_they_are(gate):
    before = gate.pepper_file.read_text()

    result = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", *gate.latchkey.command("init", "--rotate-pepper")],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )

    assert result.returncode != DONE
    assert gate.pepper_file.read_text() == before
    assert not [path for path in gate.folder.iterdir() if path.name.endswith(".new")]
