"""A gateway, a console in front of the same store, and an nginx that says who asks."""

import re
import zlib
from contextlib import ExitStack, contextmanager

import pytest

from harness.console_server import CONSOLE, OWNER, ConsoleServer, Front, operators
from harness.sandbox import Sandbox


def pytest_collection_modifyitems(items):
    if not CONSOLE.exists():
        for item in items:
            if "EndToEnd/console" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="run `make console` first"))


class Stack:
    """Everything that one console needs."""

    def __init__(self, sandbox, settings="", location=None, front=True, start=True, origins="", **options):
        self.sandbox = sandbox
        sandbox.add_settings(operators())
        self.front = None
        folder = sandbox.folder / "console"
        if front:
            self.front = Front(sandbox.folder / "front", folder / "http.sock", **({"location": location} if location else {}))
        origin = f"{self.front.origin} {origins}" if front else "http://127.0.0.1"
        self.console = ConsoleServer(sandbox, settings, origin=origin, **options)
        if start:
            self.start()

    def start(self):
        if self.front:
            self.front.start()
        self.console.start()

    def add(self, organization="acme", owner=OWNER):
        self.sandbox.add(organization, owner)

    def stop(self):
        for server in (self.front, self.console):
            if server:
                assert server.stop(), "a server does not end"
        for key in self.sandbox.latchkey.keys:
            assert key[-46:] not in self.console.log(), "a key is in the log"


@contextmanager
def stack(sandbox=None, **options):
    with ExitStack() as exits:
        sandbox = sandbox or exits.enter_context(Sandbox(workers=1))
        made = Stack(sandbox, **options)
        exits.callback(made.stop)
        yield made


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
