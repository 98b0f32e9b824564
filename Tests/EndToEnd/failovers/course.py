"""Traffic and changes of keys in front of servers that fail over, and a count of what is refused."""

import time
from contextlib import ExitStack, contextmanager

from failovers.world import LEASE, Owners, World
from harness.hammer import Hammer
from trials.judge import Judge
from trials.trial import ORGANIZATIONS, PATIENCE, REPORT_EVERY, Trial

ADMINISTRATORS = 2
LOAD = {"connections": 1, "slow": 16, "pause": 0.05}

# The counts of answers are kept by stretches of a second's tenth.
STEPS = 10


class Course(Trial):
    """A trial without faults of its own. `load` are options of the Hammer, `world` of the World."""

    def __init__(self, seed, told=lambda line: None, load=LOAD, **world):
        super().__init__(seed, told=told)
        self.judge = Judge(LEASE, is_replicated=True)
        self.load = load
        self.options = world
        self.refusals = []
        self.spans = {}

    @contextmanager
    def traffic(self):
        with ExitStack() as stack:
            self.world = World(stack, **self.options)
            self.forged = self.world.forged_keys(ORGANIZATIONS)
            sandbox = self.world.sandbox
            sandbox.wait_for_members()
            self.administrators = Owners(self.judge, self.world.programs, None, ORGANIZATIONS, self.spread)
            self.gates = [gateway.gate for gateway in self.world.gateways]
            self.hammer = stack.enter_context(
                Hammer(self.gates, patience=PATIENCE, **self.load))
            self.began = time.monotonic()
            self.spread()
            yield
            self.report_for(2 * REPORT_EVERY)

    def works(self):
        for number in range(ADMINISTRATORS):
            yield self.administrators.work, self.chance(f"administrator {number}"), self.ended

    def report(self):
        with self.spreading:
            answers = self.hammer.report()
            self.hammer.answers.clear()
            texts = list(self.hammer.numbers)
        self.refusals += [(answer.ended, answer.gateway) for answer in answers if answer.status == 503]
        for answer in answers:
            counts = self.spans.setdefault(int(answer.ended * STEPS), [0, 0])
            counts[0] += 1
            counts[1] += answer.status == 503
        self.judge.take(answers, texts.__getitem__)
        return answers
