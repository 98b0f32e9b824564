"""A new key reaches its owner, or the old one stays valid, or the command says that nobody has the new one."""

import os
import re
import subprocess

from harness.executable import DONE, clean_environment
from harness.sandbox import OWNER

NOT_WRITTEN = 74


def generate_into(sandbox, redirection):
    """Runs `generate` with a shell redirection."""
    command = sandbox.latchkey.command("generate", "acme", "--yes", as_=OWNER)
    return subprocess.run(
        ["bash", "-c", f'exec "$@" {redirection}', "bash", *command],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, env=clean_environment(),
    )


def errors_of(sandbox):
    """What the store has counted as errors, but for those that say where a slot is."""
    return re.findall(r"errorstat_(?!MOVED:|ASK:).*", sandbox.redis.cli("INFO", "errorstats"))


def test_a_key_that_cannot_be_written_is_reported(sandbox):
    sandbox.key()

    result = generate_into(sandbox, ">/dev/full")

    assert result.returncode == NOT_WRITTEN
    assert len(result.stderr.splitlines()) == 1
    assert "generate another" in result.stderr


def test_a_closed_standard_output_costs_no_key(sandbox):
    key = sandbox.key()
    errors = errors_of(sandbox)

    result = generate_into(sandbox, ">&-")

    assert result.returncode == NOT_WRITTEN
    assert errors_of(sandbox) == errors
    assert sandbox.status_of(key) == 200


def test_a_pipe_without_a_reader_costs_no_key(sandbox):
    key = sandbox.key()
    read, write = os.pipe()
    os.close(read)

    result = subprocess.run(
        sandbox.latchkey.command("generate", "acme", "--yes", as_=OWNER), stdout=write, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL, text=True, timeout=60, env=clean_environment(),
    )
    os.close(write)

    assert result.returncode == NOT_WRITTEN
    assert len(result.stderr.splitlines()) == 1
    assert sandbox.status_of(key) == 200


def test_a_closed_standard_error_harms_nothing(sandbox):
    sandbox.key()
    errors = errors_of(sandbox)
    command = sandbox.latchkey.command("generate", "acme", "--yes", as_=OWNER)

    result = subprocess.run(
        ["bash", "-c", 'exec "$@" 2>&-', "bash", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        text=True, timeout=60, env=clean_environment(),
    )

    assert result.returncode == DONE
    assert sandbox.status_of(sandbox.latchkey.remember(result.stdout.strip())) == 200
    assert errors_of(sandbox) == errors
