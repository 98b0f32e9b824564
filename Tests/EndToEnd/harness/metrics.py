"""The metrics of a gateway's latchkey_metrics location."""

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
        """The values of a name, by its one label's value or by both labels' values."""
        return {
            tuple(value for _, value in sorted(labels)): value
            for (each, labels), value in self.samples.items() if each == f"latchkey_{name}"
        }

    def checks(self):
        """The checks that took place, by (result, source)."""
        return {labels: value for labels, value in self.all("checks_total").items() if value}

    def pids(self):
        return {int(pid) for pid, in self.all("lease_seconds")}

    def histogram(self, name):
        """Cumulative counts by bound."""
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
    """Waits until a metric has a value; other workers' counts arrive with a delay."""
    wait_until(lambda: scrape(gate).value(name, **labels) == value, f"{name} {labels} is {value}")
    return scrape(gate)


def faults(text):
    """What promtool objects to in a text."""
    result = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    return result.stdout + result.stderr if result.returncode or result.stderr else ""
