"""One run: one slot after another moves to another shard and, some of them, back, while keys are used and changed."""

import time

from failovers.course import Course
from harness.cluster_server import SLOTS
from harness.cluster_store import slot_of
from harness.key_forge import record_key, used_key
from harness.membership import MEMBERSHIP
from harness.sandbox import CLUSTER
from harness.slot_moves import SlotMove
from trials.trial import ORGANIZATIONS

# Milliseconds. Nothing fails, so nobody has to notice soon.
NODE_TIMEOUT = 15_000

# Seconds without a move, before and after, and the longest that a slot stays open.
BEFORE, AFTER = 2, 4
OPEN = 0.3

# Every so many moves one stays open for a while: changes meet it.
OPEN_EVERY = 10


class Moves(Course):
    """Every other slot is one with records, uses, or the membership list."""

    def __init__(self, seed, told=lambda line: None):
        super().__init__(seed, told=told, topology=CLUSTER, proxied=False, node_timeout=NODE_TIMEOUT)
        self.moved = 0

    def run(self, count):
        with self.traffic():
            with self.threads(self.works(), self.ended):
                self.report_for(BEFORE)
                self.begins = time.monotonic()
                chance = self.chance("moves")
                for number in range(count):
                    self.move(chance, number)
                    if number % OPEN_EVERY == 0:
                        self.report()
                        self.told_now(number)
                self.took = time.monotonic() - self.begins
                self.report_for(AFTER)
            self.world.store.wait_until_whole()
            self.calm()

    def slot(self, chance, number):
        """A slot that is used, in every other move."""
        used = [slot_of(key) for name in ORGANIZATIONS for key in (record_key(name), used_key(name))] + [slot_of(MEMBERSHIP)]
        return chance.choice(used) if number % 2 else chance.randrange(SLOTS)

    def move(self, chance, number):
        store = self.world.store
        slot = self.slot(chance, number)
        source = store.owner_of_slot(slot)
        target = chance.choice([each for each in store.primaries if each is not source])
        step = SlotMove(store, slot, source, target).begin()
        if number % OPEN_EVERY == 0:
            self.report_for(chance.uniform(0, OPEN))
        step.move_keys().end()
        self.moved += 1

    def told_now(self, number):
        if number % 100 == 0:
            self.told(f"{number} slots after {time.monotonic() - self.begins:.0f} s; {self.judge.faults or 'no fault'}")

    def refused_seconds(self):
        """The longest stretch of tenths of a second in which a gateway refused keys with 503."""
        longest = 0
        for gateway in range(len(self.gates)):
            tenths = sorted({int(moment * 10) for moment, each in self.refusals if each == gateway})
            run = 0
            for before, tenth in zip([None, *tenths], tenths):
                run = run + 1 if before is not None and tenth == before + 1 else 1
                longest = max(longest, run)
        return longest / 10
