"""The faults.  Each is a function in the registry: what is before its `yield` does harm, what is behind takes it back.

A fault happens to a part of the world: a gateway, the store, or the administrators.  Each part has a lane of its own, on
which one fault follows the other, chosen by a generator of the lane's own; lanes go on side by side.
"""

import signal
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Callable

from harness import processes

# A process may be gone when a signal is sent to it.
GONE = (ProcessLookupError, AssertionError)

# The share of long pauses between faults, and their length in seconds: some effects end only in a calm phase.
LONG_ONES = 0.15
LONG_PAUSES = (8, 16)


@dataclass(frozen=True)
class Fault:
    """`seconds` is how long it lasts, at least and at most; `weight` how often it comes, beside the others.

    `excuses` tells whether open requests may outlive their keys meanwhile: a gateway that cannot ask cannot know.
    """

    name: str
    part: str
    seconds: tuple
    weight: int
    excuses: bool
    happen: Callable


REGISTRY = []


def fault(part, seconds=(0, 0), weight=1, excuses=True):
    def register(function):
        name = function.__name__.replace("_", " ")
        REGISTRY.append(Fault(name, part, seconds, weight, excuses, contextmanager(function)))
        return function
    return register


def faults_of(part):
    return [each for each in REGISTRY if each.part == part]


# What happens to a gateway, and to its links


@fault("gateway")
def links_are_cut(gateway, chance):
    for listens in chance.choice([(True,), (False,), (True, False)]):
        gateway.proxy.cut(listens)
    yield


@fault("gateway", (0.2, 5), weight=2)
def links_are_half_open(gateway, chance):
    """All data is lost, and neither side notices.  The connection is given up in the end."""
    lost = [each for listens in chance.choice([(True,), (False,), (True, False)]) for each in gateway.proxy.silence(listens)]
    yield
    gateway.proxy.close(lost)


@fault("gateway", (0.1, 5), weight=2)
def links_stand_still(gateway, chance):
    gateway.proxy.is_stalled = True
    yield
    gateway.proxy.is_stalled = False


@fault("gateway", (0.5, 5), weight=2)
def links_are_slow(gateway, chance):
    gateway.proxy.delay = chance.uniform(0.005, 0.6)
    yield
    gateway.proxy.delay = 0


@fault("gateway", (0.2, 6), weight=2)
def links_are_cut_and_refused(gateway, chance):
    gateway.proxy.is_refusing = True
    for listens in (True, False):
        gateway.proxy.cut(listens)
    yield
    gateway.proxy.is_refusing = False


@fault("gateway", (0.1, 6), weight=2)
def worker_stands_still(gateway, chance):
    yield from stand_still(gateway.some_workers(chance, 1))


@fault("gateway", (0.1, 4))
def all_workers_stand_still(gateway, chance):
    yield from stand_still(gateway.some_workers(chance, None))


def stand_still(workers):
    for worker in workers:
        with suppress(*GONE):
            processes.freeze(worker)
    yield
    for worker in workers:
        with suppress(*GONE):
            processes.thaw(worker)


@fault("gateway")
def worker_is_killed(gateway, chance):
    for worker in gateway.some_workers(chance, 1):
        with suppress(*GONE):
            processes.kill(worker)
    yield


@fault("gateway", (0, 1))
def configuration_is_reloaded(gateway, chance):
    gateway.nginx.process.send_signal(signal.SIGHUP)
    yield


# What happens to the store


@fault("store", (0, 3), weight=2)
def redis_restarts_in_order(store, chance):
    store.stop()
    yield
    store.start(chance.choice(["always", "everysec"]))


@fault("store", (0, 3), weight=2)
def redis_is_killed(store, chance):
    """With `always`, or with `everysec`, which may cost what was written in the last second."""
    store.crash()
    yield
    store.start(chance.choice(["always", "everysec"]))


@fault("store", (0.1, 5), weight=2)
def redis_stands_still(store, chance):
    store.redis.freeze()
    yield
    store.redis.thaw()


@fault("store")
def append_only_file_is_rewritten(store, chance):
    store.redis.cli("BGREWRITEAOF")
    yield


@fault("store")
def redis_ends_connections(store, chance):
    store.end_connections(chance.choice(["normal", "pubsub"]))
    yield


@fault("store", (8, 20), excuses=False)
def redis_refuses_tracking(store, chance):
    """As in some managed stores: gateways receive no invalidations, and have to ask."""
    store.permit("gateway", "-client|tracking")
    yield
    store.permit("gateway", "+client|tracking")


# What happens to administrators


@fault("administrators", (0.1, 3))
def link_of_administrators_stands_still(administrators, chance):
    administrators.proxy.is_stalled = True
    yield
    administrators.proxy.is_stalled = False


@fault("administrators", (0.1, 2))
def link_of_administrators_is_cut_and_refused(administrators, chance):
    administrators.proxy.is_refusing = True
    administrators.proxy.cut(False)
    yield
    administrators.proxy.is_refusing = False


@fault("administrators", (0.1, 3))
def link_of_administrators_is_half_open(administrators, chance):
    lost = administrators.proxy.silence(False)
    yield
    administrators.proxy.close(lost)


@fault("administrators", (1, 8))
def transactions_of_administrators_are_late(administrators, chance):
    """The commands run after the executable has given up its connection, or has ended."""
    administrators.proxy.late = b"EXEC", chance.uniform(0.1, 9)
    yield
    administrators.proxy.late = None, 0


@fault("administrators")
def command_is_interrupted(administrators, chance):
    administrators.signal_one(chance, signal.SIGINT)
    yield


@fault("administrators")
def command_is_killed(administrators, chance):
    administrators.signal_one(chance, signal.SIGKILL)
    yield


# The lanes


class Lane:
    """Makes faults happen to one part of the world, one after another, with pauses, some of them long."""

    def __init__(self, part, target, chance, pauses, told=lambda line: None):
        self.faults = faults_of(part)
        self.target = target
        self.chance = chance
        self.pauses = pauses
        self.told = told

    def pause(self):
        return self.chance.uniform(*(LONG_PAUSES if self.chance.random() < LONG_ONES else self.pauses))

    def run(self, ended, happened):
        """Runs until an event is set; counts the faults in `happened`."""
        while not ended.wait(self.pause()):
            (chosen,) = self.chance.choices(self.faults, [each.weight for each in self.faults])
            seconds = self.chance.uniform(*chosen.seconds)
            happened[chosen.name] += 1
            self.told(f"{time.monotonic():.3f} {self.target.name}: {chosen.name}, {seconds:.1f} s")
            excuse = self.target.troubled() if chosen.excuses else nullcontext()
            with excuse, chosen.happen(self.target, self.chance):
                ended.wait(seconds)
