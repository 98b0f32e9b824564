"""How things grow: start and memory with the number of organizations; a check with organizations, workers, gateways."""

import statistics
import sys

from compare import machine
from compare.acceptance import status
from compare.candidate import Running, chosen_candidates
from compare.cells import Cell
from compare.measuring import measure
from compare.stack import Stack
from compare.warming import warm
from harness.executable import DONE
from harness.polling import wait_until
from harness.sandbox import OWNER

# Whose start and memory depend on the number of organizations, and what they are compared with.
GROWING = [
    "00-nothing", "10-latchkey-leased", "20-map", "22-njs-hashes", "31-lua-caches", "50-haproxy-map",
    "51-haproxy-hashes",
]
CHECKED = ["00-nothing", "10-latchkey-leased", "20-map", "31-lua-caches", "50-haproxy-map"]

CELL = Cell("own", "valid", 64)

# Fewer organizations would be no load; more need no more keys than these to be asked for.
ORGANIZATIONS = [1, 10_000, 100_000, 1_000_000]
WORKERS = [1, 2, 4, 8]
GATEWAYS = [1, 2, 4, 8]
REVOCATIONS = 5


def by_organizations(rounds, seconds):
    """Start, memory and processor time of a check, for each number of organizations."""
    rows = []
    for count in ORGANIZATIONS:
        with Stack([], count) as stack:
            for name in GROWING:
                rows.append({"organizations": count, "candidate": name, **started(stack, name)})
                print(rows[-1], file=sys.stderr, flush=True)
            chosen = [each for each in stack.running if each.candidate.name in CHECKED]
            rows += cpu_rows(stack, chosen, rounds, seconds, organizations=count)
    return rows


def started(stack, name):
    """Starts a candidate, lets it see every key once, and looks at its memory; or tells that it does not come so far."""
    try:
        return started_well(stack, name)
    except (AssertionError, OSError) as failure:
        failed = stack.running.pop()
        failed.stop()
        return {"failed": str(failure)}


def started_well(stack, name):
    (candidate,) = chosen_candidates([name])
    cache = f"latchkey_cache_size {max(100_000, len(stack.names))};" if candidate.form == "latchkey" else ""
    running = stack.run(candidate, settings=cache)
    status(running.ports["own"], [])  # once it has answered, all its processes are there
    at_start = machine.memory(running.groups()["front"])
    if candidate.keeps_keys:
        warm(running.ports["own"], running.keys.valid)
    return {
        "start_s": running.start_seconds,
        "memory_at_start": at_start,
        "memory": machine.memory(running.groups()["front"]),
        "redis_memory": stack.redis.statistic("used_memory"),
    }


def cpu_rows(stack, chosen, rounds, seconds, **what):
    """Processor time of a request in all that takes part, and in the front alone, the medians of some rounds."""
    stack.settle()
    found = {running.candidate.name: [] for running in chosen}
    for number in range(rounds + 1):
        for running in chosen:
            row = measure(stack, running, CELL, seconds, seed=number + 1)
            if number > 0:  # in the first one, workers get to know the keys
                found[running.candidate.name].append(row["cpu_us"])
    return [
        {
            **what, "candidate": name,
            "cpu_us": spread([sum(parts.values()) for parts in measured]),
            "front_us": spread([parts["front"] for parts in measured]),
        }
        for name, measured in found.items()
    ]


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def by_workers(count, rounds, seconds):
    """Processor time of a check, and the time of a revocation, for each number of workers."""
    rows = []
    for workers in WORKERS:
        with Stack([], count) as stack:
            chosen = [
                stack.run(*chosen_candidates([name]), workers=workers) for name in ("00-nothing", "10-latchkey-leased")
            ]
            rows += cpu_rows(stack, chosen, rounds, seconds, workers=workers)
            rows[-1]["revocation_s"] = spread(revocation_times(stack, workers))
    return rows


def by_gateways(count, rounds, seconds):
    """The same for each number of gateways with a worker each, of which one is asked."""
    rows = []
    for gateways in GATEWAYS:
        with Stack([], count) as stack:
            (nothing,), (leased,) = chosen_candidates(["00-nothing"]), chosen_candidates(["10-latchkey-leased"])
            chosen = [stack.run(nothing), stack.run(leased)]
            for number in range(1, gateways):
                stack.running.append(Running(leased, stack, suffix=f"-{number}").start())
            rows += cpu_rows(stack, chosen, rounds, seconds, gateways=gateways)
            rows[-1]["revocation_s"] = spread(revocation_times(stack, gateways))
    return rows


def revocation_times(stack, workers):
    """How long `latchkey revoke` takes, once all workers are members."""
    latchkey = stack.sandbox.latchkey
    wait_until(lambda: len(stack.sandbox.members()) == workers, "all workers are members")
    times = []
    for name in stack.names[:REVOCATIONS]:
        result = latchkey.run("revoke", name, "--yes", as_=OWNER)
        assert result.code == DONE, result.err
        times.append(result.ended - result.began)
    return times
