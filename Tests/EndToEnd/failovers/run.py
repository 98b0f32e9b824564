"""One run: traffic and changes all the time, and one failover after another."""

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from failovers.naming import Naming
from failovers.world import LEASE, Owners, World
from harness.failovers import FAULTS
from harness.hammer import Hammer
from trials.judge import Judge
from trials.trial import ORGANIZATIONS, PATIENCE, REPORT_EVERY, Trial

ADMINISTRATORS = 2
CONNECTIONS, SLOW_CONNECTIONS, PAUSE = 1, 16, 0.05

# Seconds, at least and at most: from one failover to the next, and until a fault is taken back.
CALM = 1, 4
HOLDING = 0, 6

KINDS = {
    "killed": "kill -9, then a restart",
    "stopped": "SIGSTOP, then SIGCONT",
    "ordered": "SENTINEL FAILOVER",
    "cut_off": "a partition that heals",
}


@dataclass
class Failover:
    """Moments by the monotonic clock; `company` are the gateways that stayed with the old primary."""

    kind: str
    began: float
    company: tuple = ()
    named: float = None
    healed: float = None
    until: float = float("inf")

    def over_at(self, gateway):
        """From when on the gateway could know the new primary."""
        return max(self.named, self.healed) if gateway in self.company else self.named


class Run(Trial):
    """A trial whose only faults are failovers."""

    def __init__(self, seed, told=lambda line: None, **world):
        super().__init__(seed, told=told)
        self.judge = Judge(LEASE)
        self.options = world
        self.failovers = []
        self.refusals = []
        self.spans = {}

    def run(self, count):
        with self.traffic():
            with self.threads(self.works(), self.ended), Naming(self.world.store) as self.naming:
                chance = self.chance("failovers")
                for number in range(count):
                    self.report_for(chance.uniform(*CALM))
                    self.fail_over(chance, list(KINDS)[number % len(KINDS)])
                self.report_for(CALM[1])
            self.calm()

    @contextmanager
    def traffic(self):
        with ExitStack() as stack:
            self.world = World(stack, **self.options)
            self.forged = self.world.forged_keys(ORGANIZATIONS)
            sandbox = self.world.sandbox
            sandbox.wait_for_members()
            self.administrators = Owners(self.judge, self.world.programs, None, ORGANIZATIONS, self.spread)
            gates = [gateway.gate for gateway in self.world.gateways]
            self.hammer = stack.enter_context(
                Hammer(gates, CONNECTIONS, slow=SLOW_CONNECTIONS, pause=PAUSE, patience=PATIENCE))
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
            counts = self.spans.setdefault(int(answer.ended * 10), [0, 0])
            counts[0] += 1
            counts[1] += answer.status == 503
        self.judge.take(answers, texts.__getitem__)
        return answers

    # Failovers

    def fail_over(self, chance, kind):
        store = self.world.store
        store.wait_until_whole()
        if self.failovers:
            self.failovers[-1].until = time.monotonic()
        company = (0,) if kind == "cut_off" and chance.random() < 0.5 else ()
        workers = set().union(*(self.world.gateways[number].workers() for number in company))
        old = store.primary
        failover = Failover(kind, time.monotonic(), company)
        with FAULTS[kind](store, workers):
            self.report_for(chance.uniform(*HOLDING))
            failover.named = self.naming.named_other_than(old, failover.began)
        failover.healed = time.monotonic()
        store.wait_until_whole()
        self.failovers.append(failover)
        self.told(f"{len(self.failovers)}: {KINDS[kind]}, named after {failover.named - failover.began:.2f} s; "
                  f"{self.judge.faults or 'no fault'}")

    def excess(self, failover):
        """For how many seconds gateways still refused keys when they could have known the new primary."""
        late = [moment - failover.over_at(gateway) for moment, gateway in self.refusals
                if failover.began <= moment < failover.until]
        return max([0, *late])

    def refused_seconds(self, failover):
        """The time in which any gateway refused keys that had not stayed with the old primary, in tenths of a second."""
        return len({int(moment * 10) for moment, gateway in self.refusals
                    if failover.began <= moment < failover.until and gateway not in failover.company}) / 10

    @property
    def stray_refusals(self):
        """Refusals before the first failover."""
        first = self.failovers[0].began if self.failovers else float("inf")
        return sum(moment < first for moment, _ in self.refusals)
