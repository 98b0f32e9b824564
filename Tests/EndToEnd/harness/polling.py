"""Waiting for a condition, with a deadline."""

import time

PAUSE = 0.02

# How long to wait for something that must happen: a virtual machine may stand still for half a minute.
PATIENCE = 60

# What a loaded machine may add to any promised time, in seconds.
SLACK = 1.0


def wait_until(condition, what, seconds=PATIENCE, pause=PAUSE):
    """Returns the first true value of a condition; fails if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)
