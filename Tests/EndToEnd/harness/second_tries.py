"""Which tests that failed beside others may be tried again with nothing beside them: see scripts/end-to-end."""

import os
import re
from pathlib import Path

import pytest

from harness.promises import BrokenPromise

# Where the names of such tests belong, one a line, if somebody asks for them.
WANTED = os.environ.get("FAILURES")

# An overloaded machine fails a few tests; more have another cause.
FAILURES_MAX = 12

# What xdist appends to a test's name.
GROUP = re.compile(r"@[^]@]*$")

failures = set()
broken_promises = []


def pytest_runtest_logreport(report):
    if report.failed:
        failures.add(GROUP.sub("", report.nodeid))
        broken_promises.extend([report.nodeid] if BrokenPromise.__name__ in report.longreprtext else [])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Writes them down, unless a failure is final; only in the process that hears of all tests."""
    if WANTED and not hasattr(session.config, "workerinput") and not broken_promises and len(failures) <= FAILURES_MAX:
        Path(WANTED).write_text("".join(f"{name}\n" for name in sorted(failures)))
