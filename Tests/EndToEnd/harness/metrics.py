"""What a gateway shows at its latchkey_metrics location."""

import re
import subprocess

from harness.polling import wait_until

LOCATION = """
        location = /metrics {
            latchkey_metrics;
        }
"""

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)+)\})? (\d+(?:\.\d+)?)')


class Metrics:
    """The samples of one answer: {(name, (label=value, …)): number}."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("# "):
                continue
            name, labels, value = SAMPLE.fullmatch(line).groups()
            sample = name, frozenset(re.findall(r'([a-z]+)="([^"]*)"', labels or ""))
            assert sample not in self.samples, f"twice: {line}"
            self.samples[sample] = float(value)

    def value(self, name, **labels):
        return self.samples[f"latchkey_{name}", frozenset(labels.items())]

    def all(self, name):
        """The values of a name, by what its one label says, or by what both say."""
        return {
            tuple(value for _, value in sorted(labels)): value
            for (each, labels), value in self.samples.items() if each == f"latchkey_{name}"
        }

    def checks(self):
        """Checks by (result, source), those that there were."""
        return {labels: value for labels, value in self.all("checks_total").items() if value}

    def pids(self):
        return {int(pid) for pid, in self.all("lease_seconds")}

    def histogram(self, name):
        """Counts by bound, each with those of the bounds before it."""
        buckets = {float(bound): count for (bound,), count in self.all(f"{name}_bucket").items()}
        assert list(buckets) == sorted(buckets), "the bounds rise"
        assert list(buckets.values()) == sorted(buckets.values()), "the counts rise"
        assert buckets[float("inf")] == self.value(f"{name}_count")
        return buckets


def scrape(gate, target="/metrics"):
    answer = gate.request(target)
    assert answer.status == 200
    return Metrics(answer.body)


def wait_for(gate, value, name, **labels):
    """Waits until a metric has a value; counts of other workers come with a delay."""
    wait_until(lambda: scrape(gate).value(name, **labels) == value, f"{name} {labels} is {value}")
    return scrape(gate)


def faults(text):
    """What promtool has to say against a text."""
    result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    return result.stdout + result.stderr if result.returncode or result.stderr else ""
