"""Everything that one console needs: a gateway, its store, the program, and an nginx that says who asks."""

from contextlib import ExitStack, contextmanager

from harness.console_server import OWNER, ConsoleServer, Front, operators
from harness.sandbox import Sandbox


class Stack:
    """Everything that one console needs."""

    def __init__(self, sandbox, settings="", location=None, front=True, start=True, origins="", **options):
        self.sandbox = sandbox
        sandbox.add_settings(operators())
        self.front = None
        folder = sandbox.folder / "console"
        if front:
            self.front = Front(sandbox.folder / "front", folder / "http.sock", **({"location": location} if location else {}))
        origin = f"{self.front.origin} {origins}" if front else f"http://127.0.0.1 {origins}"
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
