"""The ways in which another server becomes the primary, and what clients may see meanwhile."""

import time
from contextlib import contextmanager

from harness.hammer import Hammer
from harness.polling import wait_until

# A few clients, each with a pause of up to this many seconds between two requests: they watch, and do not load the machine.
WATCHERS = 6
WATCHING_PAUSE = 0.1


@contextmanager
def ordered(store, company=()):
    """SENTINEL FAILOVER: the old primary is told at once."""
    yield store.fail_over()


@contextmanager
def killed(store, company=()):
    """The primary is killed, and started again later."""
    old = store.kill_primary()
    yield store.wait_for_another(old)
    old.start()


@contextmanager
def stopped(store, company=()):
    """The primary stands still, and comes back as one that does not know better."""
    with store.frozen(store.primary) as old:
        yield store.wait_for_another(old)


@contextmanager
def cut_off(store, company=()):
    """The primary is cut off, with the processes in its company, until the network heals."""
    with store.partition(store.primary, company) as old:
        yield store.wait_for_another(old)


# By the word for a test's name: each yields the new primary, and takes the fault back.
FAULTS = {"ordered": ordered, "killed": killed, "stopped": stopped, "cut_off": cut_off}


class Watch:
    """Clients that use the same keys all the time, at all gateways of a fleet."""

    def __init__(self, fleet, *keys):
        self.fleet = fleet
        self.hammer = Hammer([gateway.gate for gateway in fleet.gateways], 0, slow=WATCHERS, pause=WATCHING_PAUSE)
        self.keys = keys
        self.is_over = False

    def __enter__(self):
        self.hammer.use(*self.keys)
        self.wait_for(self.keys[:1])
        return self

    def __exit__(self, *_):
        self.take()
        self.is_over = True
        self.hammer.__exit__()

    def take(self):
        """Takes the answers of by now."""
        return [] if self.is_over else self.hammer.report()

    def wait_for(self, keys, seconds=60):
        """Waits until each gateway has accepted each of the keys in requests that began from now on."""
        now = time.monotonic()
        wanted = {(self.hammer.number(key), gateway) for key in keys for gateway in range(len(self.fleet.gateways))}

        def all_accepted():
            wanted.difference_update(
                (answer.key, answer.gateway) for answer in self.take() if answer.is_accepted and answer.began > now)
            return not wanted

        wait_until(all_accepted, "all gateways accept the keys", seconds)

    def of(self, key, gateway=None, after=float("-inf")):
        """The answers to requests with a key that began after a moment."""
        self.take()
        number = self.hammer.number(key)
        return [answer for answer in self.hammer.answers
                if answer.key == number and answer.began > after and gateway in (None, answer.gateway)]

    def statuses(self, key, gateway=None, after=float("-inf")):
        return {answer.status for answer in self.of(key, gateway, after)}
