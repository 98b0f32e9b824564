"""Draws docs/metrics.svg: what two workers show while keys are used and replaced, and the store has its troubles.

    plot_metrics.py [FILE]
"""

import itertools
import math
import sys
import threading
import time

import drawing
import gateways
from harness.executable import DONE
from harness.http_client import bearer
from harness.load import steady_load
from harness.metrics import LOCATION, scrape
from harness.sandbox import OWNER, Sandbox

SECONDS = 34
PAUSE = 0.2
WINDOW = 5  # scrapes over which rates and quantiles are taken
ORGANIZATIONS = 20

# What happens to the store: begin, end, what.
TROUBLES = [(12, 17, "Redis is stopped"), (23, 30, "Redis responds 20 ms late")]


# The run


def record():
    """Scrapes of a run, each with its time."""
    server = gateways.SERVER + LOCATION
    with Sandbox(settings="latchkey_timeout 250ms;", workers=2, server=server, proxied=True) as gate:
        gate.wait_for_members()
        keys = [gate.key(f"org-{number}") for number in range(ORGANIZATIONS)]
        wrong = gate.forge().forged("nobody")
        start = time.monotonic()
        ended = threading.Event()
        others = [threading.Thread(target=work, args=(gate, start, ended, keys)) for work in (trouble, replace)]
        for thread in others:
            thread.start()
        with steady_load(lambda: use(gate, keys, wrong)):
            scrapes = []
            while (now := time.monotonic() - start) < SECONDS:
                scrapes.append((now, scrape(gate)))
                time.sleep(PAUSE)
        ended.set()
        for thread in others:
            thread.join()
        return scrapes


def use(gate, keys, wrong):
    """A connection's worth of requests: most with good keys, some with none, forged or replaced ones."""
    with gate.connect() as connection:
        for number, key in enumerate([*keys, *keys, wrong]):
            connection.request("/checked", bearer(key) if number % 7 else ())
            time.sleep(0.001)


def replace(gate, start, ended, keys):
    """Replaces a key every half a second; for as long the old one is still used."""
    for number in itertools.cycle(range(ORGANIZATIONS)):
        result = gate.latchkey.run("generate", f"org-{number}", "--yes", as_=OWNER)
        if ended.wait(0.5):
            return
        if result.code == DONE:
            keys[number] = gate.latchkey.remember(result.out.strip())


def trouble(gate, start, ended, keys):
    (freeze, thaw, _), (slow, fast, _) = TROUBLES
    for moment, act in (
        (freeze, gate.redis.freeze), (thaw, gate.redis.thaw),
        (slow, lambda: setattr(gate.proxy, "delay", 0.02)), (fast, lambda: setattr(gate.proxy, "delay", 0)),
    ):
        time.sleep(max(0, start + moment - time.monotonic()))
        act()


# The curves: {name: [(time, value), …]}


def windows(scrapes):
    return [(new[0], old, new) for old, new in zip(scrapes, scrapes[WINDOW:])]


def checks(scrapes):
    curves = {}
    for now, (before, old), (after, new) in windows(scrapes):
        rates = {}
        for labels, count in new.all("checks_total").items():
            rates[labels[0]] = rates.get(labels[0], 0) + (count - old.all("checks_total")[labels]) / (after - before)
        for result, rate in rates.items():
            curves.setdefault(result, []).append((now, rate))
    return {name: curve for name, curve in curves.items() if any(rate for _, rate in curve)}


def quantiles(scrapes, name):
    curves = {"median": [], "99 %": []}
    for now, (_, old), (_, new) in windows(scrapes):
        before = old.histogram(name)
        counts = {bound: count - before[bound] for bound, count in new.histogram(name).items()}
        for curve, quantile in (("median", 0.5), ("99 %", 0.99)):
            curves[curve].append((now, value_at(quantile, counts)))
    return curves


def value_at(quantile, counts):
    """As histogram_quantile() does, assuming an even distribution within a bucket."""
    rank = quantile * counts[math.inf]
    low = below = 0
    for bound, count in counts.items():
        if count >= rank > 0:
            return low if bound == math.inf else low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return None


def leases(scrapes):
    pids = sorted(set().union(*(metrics.pids() for _, metrics in scrapes)))
    return {
        f"worker {number}": [(now, metrics.all("lease_seconds").get((str(pid),))) for now, metrics in scrapes]
        for number, pid in enumerate(pids, 1)
    }


# The picture


def picture(scrapes):
    rates = checks(scrapes)
    most = max(rate for curve in rates.values() for _, rate in curve)
    step = 10 ** math.floor(math.log10(most))
    decades = [1e-4, 1e-3, 1e-2, 1e-1, 1]
    plots = [
        ("Checks a second, by result", rates, [step * number for number in range(math.ceil(most / step) + 1)], float),
        ("Wait for the store, seconds", quantiles(scrapes, "store_wait_seconds"), decades, math.log),
        ("Delay of a change, seconds", quantiles(scrapes, "change_delay_seconds"), decades[1:], math.log),
        ("Lease, seconds", leases(scrapes), [0, 0.5, 1], float),
    ]
    return drawing.picture(plots, drawing.Axis(SECONDS, 5), TROUBLES)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else gateways.ROOT / "docs/metrics.svg"
    with open(path, "w") as file:
        file.write("\n".join(picture(record())) + "\n")


if __name__ == "__main__":
    main()
