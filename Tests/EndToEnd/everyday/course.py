"""One piece of work under traffic and changes of keys."""

import time

from failovers.course import STEPS, Course
from harness.executable import DONE, NOT_CONFIRMED
from harness.sandbox import CLUSTER, SENTINEL

# Seconds before and after the work, without which nothing can be compared.
BEFORE, AFTER = 3, 5

# As docs/DEPLOYMENT.md says, in milliseconds. Sentinels ask as often as they do in production.
STORES = {
    SENTINEL: {"is_hurried": False, "down_after": 2000, "failover_timeout": 10_000},
    CLUSTER: {"node_timeout": 2000},
}


class Everyday(Course):
    """`topology` is that of the store."""

    def __init__(self, work, topology=SENTINEL):
        super().__init__(seed=1, topology=topology, **STORES[topology])
        self.work = work
        self.took = 0

    def run(self):
        with self.traffic():
            with self.threads(self.works(), self.ended):
                self.report_for(BEFORE)
                self.begins = time.monotonic()
                self.work.do(self)
                self.took = time.monotonic() - self.begins
                self.report_for(AFTER)
            self.calm()

    # For works

    def wait(self, condition):
        """Takes reports until a condition holds."""
        while not condition():
            self.report_for(0.25)

    # What was noticed

    def refused_seconds(self):
        """The longest time in which a gateway refused keys with 503, in tenths of a second."""
        counts = {}
        for moment, gateway in self.refusals:
            counts.setdefault(gateway, set()).add(int(moment * STEPS))
        return max(map(len, counts.values()), default=0) / STEPS

    def unconfirmed_seconds(self):
        """The time from the first change that was not confirmed to the first one behind the last of them that was."""
        results = [result for _, result in self.administrators.results if result.code in (DONE, NOT_CONFIRMED)]
        doubtful = [result for result in results if result.code == NOT_CONFIRMED]
        if not doubtful:
            return 0
        after = [result.ended for result in results if result.code == DONE and result.ended > doubtful[-1].ended]
        return min(after, default=time.monotonic()) - min(result.began for result in doubtful)

    def row(self):
        results = [result.code for _, result in self.administrators.results]
        return (f"| {self.work.name} | {self.took:.1f} | {self.refused_seconds():.1f} s, {len(self.refusals)} of "
                f"{sum(self.judge.answers.values()):,} | {self.unconfirmed_seconds():.1f} s, "
                f"{results.count(NOT_CONFIRMED)} of {len(results)} |")
