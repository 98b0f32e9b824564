"""Tests that fail beside others are tried once more, alone; not where that would hide something."""

import subprocess
import sys

import pytest

from harness.artefacts import ROOT
from harness.second_tries import FAILURES_MAX

# The first run has company.
TEST = """
import os
import pytest
from harness.promises import check_refused

is_alone = "PYTEST_XDIST_WORKER" not in os.environ

@pytest.fixture
def ended():
    yield
    {ending}

@pytest.mark.parametrize("number", range({count}), ids="nobody@example.com {{}}".format)
def test_it(number, ended):
    {body}

@pytest.mark.xdist_group("group")
def test_of_a_group():
    {group}

def test_that_passes():
    assert not is_alone
"""


@pytest.fixture
def outcome(tmp_path):
    """The exit code and the output of end-to-end tests that do as they are told."""
    def run(body="pass", count=1, ending="pass", group="pass"):
        (tmp_path / "test_body.py").write_text(TEST.format(body=body, count=count, ending=ending, group=group))
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.second_tries"]\n')
        environment = {"PYTHONPATH": str(ROOT / "Tests/EndToEnd"), "PATH": "/usr/bin:/bin"}
        result = subprocess.run([ROOT / "scripts/end-to-end", sys.executable, "2", "test_body.py"], cwd=tmp_path, env=environment,
                                capture_output=True, text=True, timeout=120)
        return result.returncode, result.stdout

    return run


def test_what_passes_runs_once(outcome):
    status, text = outcome()

    assert status == 0 and "3 passed" in text and "tried alone" not in text


@pytest.mark.parametrize("failure", [
    {"body": "assert is_alone"}, {"ending": "assert is_alone"}, {"group": "assert is_alone"}], ids=str)
def test_what_fails_beside_others_and_passes_alone_has_passed_and_is_named(outcome, failure):
    status, text = outcome(**failure)

    assert status == 0 and "tried alone: test_body.py::test_" in text
    assert text.splitlines()[-1].strip("= ").startswith("1 passed in")


def test_what_fails_alone_too_has_failed(outcome):
    status, text = outcome("assert False")

    assert status == 1 and text.count("1 failed") == 2


def test_a_broken_promise_is_final(outcome):
    status, text = outcome("check_refused({401} if is_alone else {200})")

    assert status == 1 and "tried alone" not in text


def test_a_broken_promise_beside_other_failures_is_final(outcome):
    status, text = outcome("check_refused({401} if is_alone else {200})", group="assert is_alone")

    assert status == 1 and "tried alone" not in text


def test_many_failures_are_final(outcome):
    assert outcome("assert is_alone", count=FAILURES_MAX)[0] == 0
    status, text = outcome("assert is_alone", count=FAILURES_MAX + 1)

    assert status == 1 and "tried alone" not in text


def test_tests_that_cannot_be_read_are_final(outcome):
    status, text = outcome("this is no Python")

    assert status != 0 and "tried alone" not in text
