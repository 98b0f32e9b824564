"""One run: one failover after another while keys are used and changed."""

import time
from dataclasses import dataclass

from failovers.course import STEPS, Course
from failovers.naming import NamingByServers, NamingBySentinels
from harness.failovers import FAULTS
from harness.polling import wait_until
from harness.sandbox import CLUSTER, SENTINEL

# Seconds, at least and at most: from one failover to the next, and until a fault is taken back.
CALM = 1, 4
HOLDING = 0, 6

# Milliseconds. Sentinels and servers that notice sooner take a loaded machine for a lost server.
STORES = {SENTINEL: {"down_after": 1000}, CLUSTER: {"node_timeout": 2000}}
NAMINGS = {SENTINEL: NamingBySentinels, CLUSTER: NamingByServers}

# What it may take to make another server the primary, and a gateway to find it, in seconds.
NOTICE, RECOVERY = 5, 2

KINDS = {
    "killed": "kill -9, then a restart",
    "stopped": "SIGSTOP, then SIGCONT",
    "ordered": "an order to fail over",
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

    def __str__(self):
        return f"{KINDS[self.kind]}, another primary named after {self.named - self.began:.2f} s"


class Run(Course):
    """A course in which the primary, or one of several, changes again and again."""

    def __init__(self, seed, topology=SENTINEL, **options):
        super().__init__(seed, topology=topology, **STORES[topology], **options)
        self.topology = topology
        self.failovers = []
        self.naming, self.stalls = None, []

    def run(self, count, kinds=tuple(KINDS)):
        with self.traffic():
            with self.threads(self.works(), self.ended), NAMINGS[self.topology](self.world.store) as self.naming:
                self.stalls = self.naming.stalls
                chance = self.chance("failovers")
                for number in range(count):
                    self.report_for(chance.uniform(*CALM))
                    shards = self.world.store.shards
                    self.fail_over(chance, kinds[number % len(kinds)], shards[number % len(shards)])
                self.report_for(CALM[1])
            self.calm()

    def fail_over(self, chance, kind, shard):
        """Each shard in turn: a replica of Redis 7.0 that is elected twice within two node timeouts may count the old votes."""
        store = self.world.store
        store.wait_until_whole()
        if self.failovers:
            self.failovers[-1].until = time.monotonic()
        company = (0,) if kind == "cut_off" and chance.random() < 0.5 else ()
        workers = set().union(*(self.world.gateways[number].workers() for number in company))
        old = shard.primary
        failover = Failover(kind, time.monotonic(), company)
        self.naming.lost = (old,)
        with FAULTS[kind](shard, workers):
            self.report_for(chance.uniform(*HOLDING))
            failover.named = wait_until(lambda: self.naming.named_other_than(old, failover.began), "another primary is named")
        failover.healed = time.monotonic()
        store.wait_until_whole()
        self.naming.lost = ()
        self.failovers.append(failover)
        self.told(f"{len(self.failovers)}: {failover}; {self.judge.faults or 'no fault'}")

    def excess(self, failover):
        """For how many seconds gateways still refused keys when they could have known the new primary."""
        late = [moment - failover.over_at(gateway) for moment, gateway in self.refusals
                if failover.began <= moment < failover.until and not self.is_excused(moment)]
        return max([0, *late])

    def story(self, failover):
        """When which gateway refused keys, in seconds from the fault on."""
        seen = sorted({(gateway, int((moment - failover.began) * 2) / 2) for moment, gateway in self.refusals
                       if failover.began <= moment < failover.until})
        healed = f"healed after {failover.healed - failover.began:.1f} s"
        return f"{failover}, {healed}, without the gateways {list(failover.company)}; 503 by gateway and half second: {seen}"

    def is_excused(self, moment):
        """Whether the machine stood still, or sentinels made yet another server the primary, around a moment."""
        return any(begin <= moment <= end + RECOVERY for begin, end in self.excuses)

    @property
    def excuses(self):
        """The spans of what nobody ordered: a machine that stands still, and failovers that only a late answer has caused."""
        ordered = {failover.named for failover in self.failovers}
        changes = self.naming.changed_to_others() if self.naming else []
        return [*self.stalls, *((moment - NOTICE, moment) for moment in changes if moment not in ordered)]

    @property
    def excused_seconds(self):
        """How long it all was together, in tenths of a second."""
        return len({step for begin, end in self.excuses for step in range(int(begin * STEPS), int((end + RECOVERY) * STEPS))}) / STEPS

    def refused_seconds(self, failover):
        """The time in which any gateway refused keys that had not stayed with the old primary, in tenths of a second."""
        return len({int(moment * STEPS) for moment, gateway in self.refusals
                    if failover.began <= moment < failover.until and gateway not in failover.company}) / STEPS

    @property
    def stray_refusals(self):
        """Refusals before the first failover."""
        first = self.failovers[0].began if self.failovers else float("inf")
        return sum(moment < first and not self.is_excused(moment) for moment, _ in self.refusals)
