"""Consoles for tests. `make build` does not build the program."""

import re
import zlib
from contextlib import ExitStack

import pytest

from harness.console_server import CONSOLE
from harness.console_stack import stack


@pytest.fixture(autouse=True, scope="session")
def program():
    """Without it no test says anything about the console, so none passes."""
    assert CONSOLE.exists(), f"{CONSOLE} is missing: run `make console` first"


@pytest.fixture
def stacks(sandboxes):
    """Makes consoles with options, each with a gateway of its own."""
    with ExitStack() as exits:
        def make(sandbox=None, **options):
            made = exits.enter_context(stack(sandbox or sandboxes(workers=1), **options))
            return made

        yield make


@pytest.fixture(scope="module")
def served():
    """One console for the tests of a file; each test uses an organization of its own."""
    with stack() as made:
        yield made


@pytest.fixture
def organization(served, request):
    """An organization of this test's own, which alice owns."""
    name = re.sub("[^A-Za-z0-9]+", "-", request.node.name.removeprefix("test_"))[:50]
    name += f"-{zlib.crc32(request.node.nodeid.encode()):08x}"
    served.add(name)
    return name
