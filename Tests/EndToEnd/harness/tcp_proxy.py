"""A network in front of one server, in a process of its own, that can lose sight of some of those behind it."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("tcp_network.py")


class TCPProxy:
    """The test's side: passes everything on from `port` to `target`, both on the loopback interface."""

    def __init__(self, port, target):
        self.port = port
        self.target = target
        self.process = None

    def start(self):
        if self.process:
            return self
        self.process = subprocess.Popen(
            [sys.executable, "-SE", PROGRAM, str(self.port), str(self.target)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        assert self.process.stdout.readline() == "ready\n", "the proxy does not start"
        return self

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait(60)
            self.process = None

    def stall(self, among=None, but=None):
        """From now on nothing arrives from, or at, the processes `among`, or any process `but` those.

        Nothing is lost: it arrives when the network is whole again. New connections are not answered meanwhile.
        """
        self.say({"stall": {"pids": sorted(among if among is not None else but or ()), "inside": among is not None}})

    def heal(self):
        """Everything arrives again."""
        self.say({"stall": None})

    def cut(self):
        """Closes all connections."""
        self.say({"cut": True})

    def say(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", "the proxy has ended"
