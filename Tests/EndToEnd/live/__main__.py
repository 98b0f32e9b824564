"""make fleet: shows it for SECONDS=, with TOPOLOGY=sentinel|cluster. `kill NODE` and `down` are commands to the one that runs."""

import os
import signal
import sys

from harness.artefacts import BUILD
from harness.sandbox import SENTINEL
from live.control import Control, tell
from live.fleet import Fleet
from live.screen import Screen


def show():
    """Runs the fleet."""
    fleet = Fleet(os.environ.get("TOPOLOGY") or SENTINEL, int(os.environ.get("SECONDS") or 600))
    signal.signal(signal.SIGTERM, lambda *_: fleet.stop())
    with Control(fleet):
        fleet.run(Screen(sys.stdout))


def show_apart():
    """The same in a session of its own: Ctrl-C on the terminal reaches this process alone, which passes it on."""
    child = os.fork()
    if child == 0:
        os.setsid()
        show()
        return 0
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: os.kill(child, signal.SIGTERM))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(words):
    folder = os.environ.get("FLEET_FOLDER") or BUILD
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    if not words:
        return show_apart()
    is_done, text = tell(words)
    print(text)
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
