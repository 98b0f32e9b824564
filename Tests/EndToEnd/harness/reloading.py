"""Reloads again and again under traffic, and what the master takes meanwhile."""

import os
import signal
import time

from harness import processes
from harness.footprint import footprint
from harness.polling import wait_until
from harness.traffic import traffic

RELOADS = int(os.environ.get("RELOADS", 30))

# Figures are taken so often, and compared with those after the first part, in which memory finds its size.
POINTS = 10

WORKERS = 2

# What memory may come and go by, in kB; a leak of 300 bytes a reload is more over a thousand.
MEMORY_SLACK = 256


def reload(nginx):
    """Reloads, and waits until the new workers are there alone: the master may not be asked faster than it can."""
    old = processes.children(nginx.process.pid)
    nginx.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not old & processes.children(nginx.process.pid), "the old workers end", seconds=60)
    wait_until(lambda: len(processes.children(nginx.process.pid)) == WORKERS, "there are new ones", seconds=60)


def reload_many(nginx, kinds, at_each=lambda: None):
    """Returns what came of the traffic, and the master's footprints."""
    footprints = []
    with traffic(nginx.gate, kinds) as load:
        began = time.monotonic()
        for number in range(1, RELOADS + 1):
            reload(nginx)
            at_each()
            if number % (RELOADS // POINTS) == 0:
                footprints.append(footprint(nginx.process.pid))
                print(f"  {number:5} reloads: {footprints[-1]}")
        seconds = time.monotonic() - began
        count = len(load.asked)
        wait_until(lambda: len(load.asked) > count + 50, "requests go on")
    print(f"{len(load.asked)} requests in {seconds:.0f} s, {len(load.wrong)} of them not answered as they should be;\n"
          f"{load.retries} found their kept connection closed before any answer, and were sent again")
    return load, footprints


def assert_flat(footprints):
    first, *later = footprints
    assert {each.descriptors for each in later} == {first.descriptors}
    assert max(each.proportional for each in later) <= first.proportional + MEMORY_SLACK
    assert max(each.resident for each in later) <= first.resident + MEMORY_SLACK


def assert_all_answered(load, nginx):
    assert load.wrong == []
    wait_until(lambda: not load.faults(nginx.access_log()), "each request is in the access log once", seconds=5)
