"""make fleet: a fleet to look at, which loses what it is told to, and ends."""

import os
import re
import subprocess
import sys

import pytest

from harness.artefacts import ROOT
from harness.polling import wait_until
from harness.processes import is_alive
from harness.sandbox import CLUSTER, SENTINEL

PRIMARY = re.compile(r"(server-\d+) +primary")
TITLE = "A fleet with TOPOLOGY="


class Shown:
    """The fleet of `make fleet`, and the tables that it has printed."""

    def __init__(self, folder, topology, seconds):
        self.environment = {**os.environ, "TOPOLOGY": topology, "SECONDS": str(seconds), "FLEET_FOLDER": str(folder)}
        self.path = folder / "output"
        with self.path.open("w") as output:
            self.process = subprocess.Popen(self.command(), cwd=ROOT / "Tests/EndToEnd", env=self.environment, stdout=output, stderr=output)

    @staticmethod
    def command(*words):
        return [sys.executable, "-m", "live", *words]

    def tell(self, *words):
        return subprocess.run(self.command(*words), cwd=ROOT / "Tests/EndToEnd", env=self.environment, capture_output=True, text=True, timeout=60)

    def tables(self):
        assert self.process.poll() is None, self.path.read_text()
        return self.path.read_text().split(TITLE)[1:-1]

    def table(self):
        """The last table that is complete; empty before the first one."""
        return (self.tables() or [""])[-1]

    def wait_for(self, mark, what):
        wait_until(lambda: re.search(mark, self.table()), what, 90)
        return self.table()

    def end(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, self.path.read_text()


@pytest.fixture
def shown(tmp_path):
    running = []

    def start(topology, seconds=300):
        running.append(Shown(tmp_path, topology, seconds))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.end()


@pytest.mark.parametrize("topology, copies, primaries", [(SENTINEL, 3, 1), (CLUSTER, 2, 3)])
def test_it_shows_who_is_a_primary_and_that_another_one_takes_its_place(shown, topology, copies, primaries):
    fleet = shown(topology)
    table = fleet.wait_for(rf"Held by {copies} servers", "a change is confirmed")
    before = PRIMARY.findall(table)
    assert len(before) == primaries
    old = before[0]
    if topology == SENTINEL:
        assert len(re.findall(r"(?m)^sentinel-\d +sentinel +epoch \d+ +names " + old, table)) == 3
    assert len(re.findall(r"(?m)^gateway-\d +(leased|strict) .* s \(attested ", table)) == 3
    pids = {int(pid) for pid in re.findall(r"\b(\d+): \d+\.\d\d s", table)}
    assert len(pids) == 6 and all(map(is_alive, pids))

    told = fleet.tell("kill", old)
    assert told.returncode == 0 and "is killed" in told.stdout
    fleet.wait_for(rf"(?m)^{old} +- +- +killed; back in", "it is shown as killed")

    def is_replaced():
        now = PRIMARY.findall(fleet.table())
        return len(now) == primaries and old not in now

    wait_until(is_replaced, "another one is a primary", 90)
    fleet.wait_for(rf"(?m)^{old} +replica ", "it comes back")
    table = fleet.wait_for(rf"Held by {copies} servers", "changes go on")

    assert "and accepted: 0." in table and "401 for a valid key: 0." in table
    told = fleet.tell("down")
    assert told.returncode == 0
    assert fleet.process.wait(60) == 0
    wait_until(lambda: not any(map(is_alive, pids)), "no worker is left")
    assert fleet.tell("down").returncode == 1


def test_what_it_does_not_have_cannot_be_killed(shown):
    fleet = shown(SENTINEL)
    fleet.wait_for("server-0", "it is shown")

    told = fleet.tell("kill", "server-9")

    assert told.returncode == 1 and "server-0, server-1, server-2, sentinel-0" in told.stdout
    fleet.end()


def test_it_ends_by_itself(shown):
    fleet = shown(SENTINEL, seconds=3)

    assert fleet.process.wait(90) == 0
    assert "0:00 more" in fleet.path.read_text()
