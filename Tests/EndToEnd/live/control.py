"""How `make fleet-kill` and `make fleet-down` reach the fleet that runs: by a unix socket in the working folder."""

import os
import signal
import socket
import threading
from contextlib import suppress

PATH = "fleet.sock"

# The first word of an answer.
DONE, REFUSED = "done", "refused"


def tell(words):
    """Gives the fleet a command; returns whether it is carried out, and the answer."""
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(PATH)
            link.sendall(" ".join(words).encode() + b"\n")
            mark, _, text = link.makefile().read().partition(" ")
            return mark == DONE, text
        except OSError:
            return False, "there is no fleet: start one with `make fleet`"


class Control:
    """Answers commands while the fleet runs."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.listener = socket.socket(socket.AF_UNIX)

    def __enter__(self):
        if tell(["look"])[0]:
            raise SystemExit("a fleet is running: end it with `make fleet-down`")
        with suppress(FileNotFoundError):
            os.unlink(PATH)
        self.listener.bind(PATH)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        with suppress(FileNotFoundError):
            os.unlink(PATH)

    def serve(self):
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            with link, suppress(OSError):
                link.sendall(" ".join(self.answer(link.makefile().readline().split())).encode())

    def answer(self, words):
        match words:
            case ["kill", node] if node in self.fleet.nodes:
                return DONE, self.fleet.kill(node)
            case ["kill", *_]:
                return REFUSED, f"NODE= must be one of {', '.join(self.fleet.nodes) or 'those that the table will show'}"
            case ["down"]:
                os.kill(os.getpid(), signal.SIGTERM)
                return DONE, "The fleet ends."
        return DONE, "The fleet runs."
