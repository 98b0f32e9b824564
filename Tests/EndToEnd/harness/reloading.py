"""Repeated reloads under traffic, and the master's footprint meanwhile."""

import os
import signal
import time

from harness import processes
from harness.footprint import footprint
from harness.polling import wait_until
from harness.traffic import traffic

RELOADS = int(os.environ.get("RELOADS", 30))

# The footprint is measured this often, and compared with the one after the first part, when memory has settled.
POINTS = 10

WORKERS = 2

# The tolerated fluctuation of memory in kB; a leak of 300 bytes a reload exceeds it over a thousand.
MEMORY_SLACK = 256


def reload(nginx):
    """Reloads, and waits until only the new workers run: a master cannot handle reloads that come faster."""
    old = processes.children(nginx.process.pid)
    nginx.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not old & processes.children(nginx.process.pid), "the old workers end", seconds=60)
    wait_until(lambda: len(processes.children(nginx.process.pid)) == WORKERS, "the new workers run", seconds=60)


def reload_many(nginx, kinds, at_each=lambda: None):
    """Returns the outcome of the traffic and the master's footprints."""
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
        wait_until(lambda: len(load.asked) > count + 50, "requests are still answered")
    print(f"{len(load.asked)} requests in {seconds:.0f} s, {len(load.wrong)} of them with a wrong answer;\n"
          f"{load.retries} found their kept connection closed before any answer, and were sent again")
    return load, footprints


def assert_flat(footprints):
    first, *later = footprints
    assert {each.descriptors for each in later} == {first.descriptors}
    assert max(each.anonymous for each in later) <= first.anonymous + MEMORY_SLACK
    assert max(each.resident for each in later) <= first.resident + MEMORY_SLACK


def assert_all_answered(load, nginx):
    assert load.wrong == []
    wait_until(lambda: not load.faults(nginx.access_log()), "each request is in the access log once")
