"""Requests from many clients at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


def at_once(count, action):
    """Runs an action on many threads; returns their outcomes."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: action(), range(count)))


class Load:
    """The outcomes of a steady load so far."""

    def __init__(self):
        self.ended = threading.Event()
        self.outcomes = []

    def run(self, action):
        while not self.ended.is_set():
            try:
                self.outcomes.append(action())
            except Exception as error:  # every failure is an outcome
                self.outcomes.append(repr(error))


@contextmanager
def steady_load(action, clients=4):
    """Repeats an action on a few threads for the duration of the block."""
    load = Load()
    threads = [threading.Thread(target=load.run, args=(action,)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.ended.set()
        for thread in threads:
            thread.join()
