"""Holds what a check costs against thresholds.json: instructions, system calls and allocations, none of them timed.

Fails where a check costs more than its threshold.

    /usr/bin/python3 Benchmarks/check_costs.py topologies    # a cached key's check beside Sentinel, a cluster and TLS

prints what that adds with each kind of store. It fails where one costs more than MOST instructions beyond one Redis.
"""

import json
import os
import subprocess
import sys

from compare import BENCHMARKS
from compare.candidate import chosen_candidates
from compare.costs import calls, instructions
from compare.stack import Stack

THRESHOLDS = BENCHMARKS / "thresholds.json"
ORGANIZATIONS = 200

CANDIDATES = {"nothing": "00-nothing", "leased": "10-latchkey-leased", "strict": "11-latchkey-strict"}

# More would be how the computer keeps fractions.
DIGITS = 6

# The kinds of store, and the environment in which the harness starts each.
STORES = {
    "one Redis": ("standalone", "0"), "one Redis, TLS": ("standalone", "1"), "Sentinel": ("sentinel", "0"),
    "Sentinel, TLS": ("sentinel", "1"), "a cluster": ("cluster", "0"), "a cluster, TLS": ("cluster", "1"),
}
KNOWN = "leased, valid"
MOST = 20

# A check is measured against requests with the same Latchkey key that is not checked.
FORM = "latchkey"


def measured(thresholds):
    """The figure of each threshold, by the same names."""
    wanted = {what: [name.split(", ") for name in names] for what, names in thresholds.items()}
    with Stack([], ORGANIZATIONS) as stack:
        counted = Counted(stack, wanted)
        return {
            what: {", ".join(each): counted.figure(what, *each) for each in names} for what, names in wanted.items()
        }


class Counted:
    """Counts once for each candidate what its figures need."""

    def __init__(self, stack, wanted):
        self.instructions = self.count(stack, instructions, wanted["instructions"] + wanted["allocations"])
        self.calls = self.count(stack, calls, wanted["system calls"])

    @staticmethod
    def count(stack, how, names):
        kinds = {}
        for consistency, kind in names:
            kinds.setdefault(consistency, []).append(kind)
        kinds["nothing"] = [kind for _, kind in names]
        return {
            name: how(stack, *chosen_candidates([CANDIDATES[name]]), kinds=unique(wanted), form=FORM)
            for name, wanted in kinds.items()
        }

    def figure(self, what, consistency, kind):
        if what == "allocations":
            return self.instructions[consistency][kind]["allocations"]
        if what == "instructions":
            return self.difference(self.instructions, consistency, kind, "outside_heap")
        return self.difference(self.calls, consistency, kind, "front_system_calls")

    @staticmethod
    def difference(counts, consistency, kind, name):
        return counts[consistency][kind][name] - counts["nothing"][kind][name]


def unique(names):
    return list(dict.fromkeys(names))


def figure_with(topology, tls):
    """The instructions of a known key's check, counted by a process of its own: the harness starts one kind of store."""
    environment = {**os.environ, "TOPOLOGY": topology, "TLS": tls}
    result = subprocess.run([sys.executable, __file__, KNOWN], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(result.stdout)


def compare_stores():
    print("Instructions that the check of a known key adds to a request of a worker:")
    found = {}
    for store, environment in STORES.items():
        found[store] = figure_with(*environment)
        print(f"  {store:16} {found[store]:10,.0f}", flush=True)
    return max(found.values()) - found["one Redis"] <= MOST


def main():
    if sys.argv[1:] == ["topologies"]:
        return compare_stores()
    if sys.argv[1:] == [KNOWN]:
        print(measured({"instructions": [KNOWN], "allocations": [], "system calls": []})["instructions"][KNOWN])
        return True
    thresholds = json.loads(THRESHOLDS.read_text())
    found = measured(thresholds)
    exceeded = False
    for what, most in thresholds.items():
        print(f"{what.capitalize()} that a check adds to a request of a worker, and the threshold:")
        for name, threshold in most.items():
            is_over = round(found[what][name], DIGITS) > threshold
            exceeded |= is_over
            print(f"  {name:16} {found[what][name]:10,.3f} {threshold:10,}{'   EXCEEDED' if is_over else ''}")
    return not exceeded


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
