"""Moments in which the machine stood still: what fails in one says nothing about the programs, and is tried again.

Virtual machines may stand still for half a minute. Programs cannot keep what they promise about time then, and tests cannot see that they do.
"""

import threading
import time
import warnings

import pytest
from _pytest.runner import runtestprotocol

from harness.promises import BrokenPromise

PAUSE = 0.1

# However many programs share the processors, a thread is not woken up this late, in seconds.
STANDSTILL = 2.0

TRIES_MAX = 3


class Pulse(threading.Thread):
    """A thread that wakes up again and again, and notes for how long it could not."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stood_still = 0.0
        self.beaten = time.monotonic()
        self.start()

    def run(self):
        while True:
            time.sleep(PAUSE)
            self.beat()

    def beat(self):
        now = time.monotonic()
        if now - self.beaten > STANDSTILL:
            self.stood_still += now - self.beaten
        self.beaten = now


pulse = Pulse()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Runs a test; once more, with fixtures of its own, if it failed and the machine stood still meanwhile.

    A broken promise is none of the machine's.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for number in range(TRIES_MAX):
        before = pulse.stood_still
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        time.sleep(2 * PAUSE if any(report.failed for report in reports) else 0)  # the pulse notes what has just ended
        seconds = pulse.stood_still - before
        failed = [report for report in reports if report.failed]
        is_broken = any(BrokenPromise.__name__ in report.longreprtext for report in failed)
        if seconds == 0 or number == TRIES_MAX - 1 or not failed or is_broken:
            break
        warnings.warn(pytest.PytestWarning(f"{item.nodeid}: tried again, as the machine stood still for {seconds:.1f} s"))
        end_fixtures(item)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def end_fixtures(item):
    """Ends all fixtures, those that tests share too: none is left that has failed, or stood still."""
    try:
        item.session._setupstate.teardown_exact(None)
    except (Exception, pytest.fail.Exception):
        pass  # what it says about a gateway that stood still is no more telling than the failure
