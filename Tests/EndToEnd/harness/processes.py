"""Processes in /proc: inspected, frozen, thawed and ended."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.polling import wait_until


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name: state, parent, …; none if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] != "Z"


def held_back_signals(pid):
    """The pending signals that a process blocks, as a bit set."""
    lines = read_bytes(pid, "status").decode().splitlines()
    return next((int(line.split()[1], 16) for line in lines if line.startswith("ShdPnd:")), 0)


def waits_for(pid):
    """A process' state, where in the kernel it waits, and which processes hold its standard output."""
    output = link_target(f"/proc/{pid}/fd/1")
    holders = [each.parts[2] for each in Path("/proc").glob("[0-9]*/fd/*") if output and link_target(each) == output]
    kernel = {name: read_bytes(pid, name).decode() for name in ("wchan", "syscall", "stack")}
    return {"state": stat_fields(pid)[:1], **kernel, "holders": holders}


def link_target(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def arguments(pid):
    """The argument list of a process, as every account can see it."""
    return read_bytes(pid, "cmdline")


def environment(pid):
    return read_bytes(pid, "environ")


def read_bytes(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


class Stranger:
    """A process that is not our child, with the part of `Popen`'s interface that the tests use."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if not is_alive(self.pid):
            self.returncode = 0  # only its parent receives the exit code
        return self.returncode

    def send_signal(self, how):
        os.kill(self.pid, how)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds=60):
        try:
            wait_until(lambda: self.poll() is not None, "the process ends", seconds)
        except AssertionError as error:
            raise subprocess.TimeoutExpired(f"process {self.pid}", seconds) from error
        return self.returncode


def children(pid):
    try:
        return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()


def freeze(pid):
    """Freezes a process, and returns once it is frozen."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: stat_fields(pid)[:1] == ["T"], f"process {pid} is frozen")


def thaw(pid):
    os.kill(pid, signal.SIGCONT)


@contextmanager
def ending(worker):
    """Asks a worker of nginx to end once it has seen what the block does."""
    freeze(worker)
    os.kill(worker, signal.SIGQUIT)
    yield worker
    thaw(worker)


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def stop(process, how=signal.SIGTERM, seconds=60):
    """Ends a process that we started, even if it is frozen.  Returns whether it ended without being killed."""
    if process.poll() is not None:
        return True
    process.send_signal(how)
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
