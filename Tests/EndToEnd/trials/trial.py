"""One run: traffic, administrators and faults side by side for a while, then calm, in which all must be well again."""

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager

from harness.executable import DONE
from harness.hammer import Hammer
from harness.polling import wait_until
from trials.administrators import GENERATE, Administrators
from trials.faults import Lane
from trials.judge import ENDED, VALID, Judge
from trials.streams import StreamKeeper
from trials.world import GATEWAYS, LONGEST_LEASE, World

ORGANIZATIONS = [f"org-{number}" for number in range(16)]
ADMINISTRATORS = 4

CONNECTIONS, SLOW_CONNECTIONS, STREAMS = 6, 6, 5
PATIENCE = 2

# For each organization this many of the latest keys are used, and a few of all earlier ones.
LATEST, EARLIER = 3, 2

REPORT_EVERY = 0.25

# From one fault to the next, on each lane.
PAUSES = {"gateway": (0.3, 4), "store": (4, 15), "administrators": (0.5, 4)}

# In calm, all is well again in less.
CALM_SECONDS = 60


class Trial:
    def __init__(self, seed, gateways=GATEWAYS, told=lambda line: None):
        self.seed = seed
        self.gateways = gateways
        self.told = told
        self.judge = Judge(LONGEST_LEASE)
        self.happened = Counter()
        self.errors = []
        self.ended = threading.Event()
        self.spreading = threading.Lock()
        self.in_use = []
        self.began = time.monotonic()

    def run(self, seconds):
        with self.traffic():
            with self.threads(self.lanes(), self.ended):
                self.report_for(seconds)
            self.calm()

    @contextmanager
    def traffic(self):
        """Gateways and their clients, before the first fault."""
        with ExitStack() as stack:
            self.world = World(stack, self.judge, self.gateways)
            self.forged = self.world.forged_keys(ORGANIZATIONS)
            self.administrators = Administrators(
                self.judge, self.world.programs, self.world.proxy, ORGANIZATIONS, self.spread)
            self.gates = [gateway.nginx.gate for gateway in self.world.gateways]
            self.hammer = stack.enter_context(Hammer(self.gates, CONNECTIONS, slow=SLOW_CONNECTIONS, patience=PATIENCE))
            self.streams = StreamKeeper(self.world.gateways, self.judge, self.keys_in_use, self.hammer.number, STREAMS)
            self.began = time.monotonic()
            self.spread()
            with self.threads([(self.streams.run,)], self.streams.ended):
                yield
            self.report_for(2 * REPORT_EVERY)

    @property
    def seconds(self):
        return time.monotonic() - self.began

    # Concurrent parts

    def chance(self, name):
        return random.Random(f"{self.seed} {name}")

    def lanes(self):
        world = self.world
        parts = [("gateway", gateway) for gateway in world.gateways]
        parts += [("store", world.store), ("administrators", self.administrators)]
        for part, target in parts:
            lane = Lane(part, target, self.chance(target.name), PAUSES[part], self.told)
            yield lane.run, self.ended, self.happened
        for number in range(ADMINISTRATORS):
            yield self.administrators.work, self.chance(f"administrator {number}"), self.ended

    @contextmanager
    def threads(self, works, ended):
        """They run until the block ends; the first error among them ends all."""
        threads = [threading.Thread(target=self.guarded, args=work) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        if self.errors:
            raise self.errors[0]

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except BaseException as error:
            self.errors.append(error)
            self.ended.set()

    # Keys and clients

    def keys_in_use(self):
        return self.in_use

    def spread(self):
        """Makes clients use keys of all kinds: current ones, earlier ones, and forged ones."""
        with self.spreading:
            chance = random.Random()
            keys = []
            for known in self.judge.known_keys().values():
                keys += known[-LATEST:] + known[-1:] + chance.sample(known[:-LATEST], min(EARLIER, len(known[:-LATEST])))
            chance.shuffle(keys)
            self.hammer.use(*keys, chance.choice(self.forged))
            self.in_use = keys

    def report_for(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.errors:
            time.sleep(REPORT_EVERY)
            self.report()

    def report(self):
        with self.spreading:
            answers = self.hammer.report() + self.streams.report()
            self.hammer.answers.clear()
            texts = list(self.hammer.numbers)
        self.judge.take(answers, texts.__getitem__)
        return answers

    # The end

    def renew(self, organization):
        """Makes a key; returns whether it is certain that it counts."""
        result = self.administrators.change(self.world.programs[0], organization, GENERATE, {})
        return result.code == DONE and self.judge.state_of(result.out.strip(), time.monotonic()) == VALID

    def calm(self):
        """Each organization gets a key, which each gateway accepts, and no other."""
        for organization in ORGANIZATIONS:
            wait_until(lambda: self.renew(organization), f"a key of {organization} is confirmed", CALM_SECONDS)
        now = time.monotonic()
        states = {key: self.judge.state_of(key, now) for key in self.in_use}
        wanted = {
            (gateway, self.hammer.number(key), 200 if state == VALID else 401)
            for gateway in range(len(self.gates)) for key, state in states.items() if state in (VALID, ENDED)
        }

        def all_are_answered_well():
            wanted.difference_update((answer.gateway, answer.key, answer.status) for answer in self.report())
            return not wanted

        try:
            wait_until(all_are_answered_well, "", CALM_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"not within {CALM_SECONDS} s: (gateway, key, status) in {wanted}") from error
