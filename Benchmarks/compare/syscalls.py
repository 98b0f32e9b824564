"""System calls of processes, as strace counts them."""

import re
import signal
import subprocess

from harness.polling import wait_until


class Tracer:
    """Counts the system calls of some processes until it is stopped."""

    def __init__(self, pids):
        attached = [word for pid in pids for word in ("-p", str(pid))]
        self.process = subprocess.Popen(
            ["strace", "-f", "-c", *attached], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )
        wait_until(lambda: all(map(is_traced, pids)), "strace is attached")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=30)
        found = re.search(r"^100\.00 +\S+ +\S+ +(\d+)", said, re.MULTILINE)
        return int(found[1]) if found else 0


def is_traced(pid):
    with open(f"/proc/{pid}/status") as status:
        return not re.search(r"^TracerPid:\s+0$", status.read(), re.MULTILINE)
