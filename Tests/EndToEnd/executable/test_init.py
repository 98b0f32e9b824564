"""The files that `latchkey init` makes, and those that it leaves alone."""

import re
import stat
import subprocess

import pytest

from harness.executable import DONE
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
