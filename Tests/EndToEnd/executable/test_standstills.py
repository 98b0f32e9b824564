"""Of tests that fail, only those are tried again during which the machine stood still."""

import subprocess
import sys

import pytest

from harness.artefacts import ROOT
from harness.standstills import STANDSTILL, TRIES_MAX

TEST = """
import os, signal, subprocess
import pytest

runs, fixtures = [], []

def stand_still():
    '''Stops this process, as a machine that stands still stops all of them.'''
    subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -CONT {{os.getpid()}}"])
    os.kill(os.getpid(), signal.SIGSTOP)

@pytest.fixture(scope="module")
def shared():
    fixtures.append(None)
    yield len(fixtures)
    {ending}

def test_it(shared):
    runs.append(None)
    print("runs", len(runs), "fixture", shared)
    {body}

def test_next(shared):
    print("next: fixture", shared)
"""


@pytest.fixture
def outcome(tmp_path):
    """What pytest prints about a test with a body."""
    def run(body, seconds=STANDSTILL + 0.5, ending="pass"):
        (tmp_path / "test_body.py").write_text(TEST.format(body=body, seconds=seconds, ending=ending))
        plugins = ["-p", "no:cacheprovider", "-p", "harness.standstills"]
        command = [sys.executable, "-m", "pytest", *plugins, "-rA", f"--rootdir={tmp_path}", tmp_path / "test_body.py"]
        environment = {"PYTHONPATH": str(ROOT / "Tests/EndToEnd"), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120).stdout

    return run


def test_a_failure_while_the_machine_stood_still_is_tried_again_with_new_fixtures(outcome):
    text = outcome("if len(runs) == 1: stand_still(); assert False")

    assert "2 passed" in text and "failed" not in text
    assert "runs 2 fixture 2" in text and "next: fixture 2" in text
    assert "tried again, as the machine stood still for" in text


def test_what_fixtures_say_that_stood_still_does_not_count(outcome):
    text = outcome("if len(runs) == 1: stand_still(); assert False", ending="assert len(fixtures) == 2")

    assert "2 passed" in text and "failed" not in text and "error" not in text


def test_a_failure_while_the_machine_ran_counts(outcome):
    text = outcome("assert len(runs) > 1")

    assert "1 failed, 1 passed" in text
    assert "runs 1" in text and "tried again" not in text


def test_a_failure_counts_that_has_nothing_to_do_with_standstills(outcome):
    text = outcome("if len(runs) == 1: stand_still()\n    assert False")

    assert "1 failed, 1 passed" in text and "runs 2 fixture 2" in text


def test_a_broken_promise_counts_although_the_machine_stood_still(outcome):
    text = outcome("stand_still(); from harness.promises import check_refused; check_refused({200} if len(runs) == 1 else {401})")

    assert "1 failed, 1 passed" in text
    assert "runs 1" in text and "tried again" not in text


def test_a_test_that_passes_although_the_machine_stood_still_has_passed(outcome):
    text = outcome("stand_still()")

    assert "2 passed" in text and "runs 1 fixture 1" in text and "tried again" not in text


def test_a_test_that_fails_in_every_standstill_fails(outcome):
    text = outcome("stand_still(); assert False")

    assert "1 failed, 1 passed" in text and f"runs {TRIES_MAX}" in text
