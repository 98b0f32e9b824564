"""One candidate in one cell: how fast it answers, and what everything that takes part uses for it."""

import time
from contextlib import contextmanager

from compare import load, machine
from compare.warming import warm

# More than these take longer than a cache keeps them.
CACHED_MAX = 100_000

# From then on last uses are written as fast as they go on to be.
STEADY_SECONDS = 2


def measure(stack, running, cell, seconds, seed):
    if running.candidate.cached_for and cell.kind in ("valid", "hot"):
        warm(running.ports["own"], running.keys.valid[:CACHED_MAX])
    with uses_written(stack, running, cell):
        return measured(stack, running, cell, seconds, seed)


@contextmanager
def uses_written(stack, running, cell):
    """Who writes down last uses does so all the time meanwhile, and is done when the next one is measured."""
    if not running.candidate.notes_uses_of(cell.kind):
        yield
        return
    generate(running, cell, STEADY_SECONDS, seed=0)
    yield
    stack.settle()


def measured(stack, running, cell, seconds, seed):
    groups = stack.groups(running)
    before = reading(stack, groups)
    outcome = generate(running, cell, seconds, seed)
    after = reading(stack, groups)
    return row(running.candidate, cell, groups, outcome, before, after)


def generate(running, cell, seconds, seed):
    scheme = "https" if cell.port == "tls" else "http"
    url = f"{scheme}://127.0.0.1:{running.ports[cell.port]}/"
    if cell.answer == "h2":
        return load.h2load(url, running.keys.valid[0], cell.connections, seconds)
    return load.wrk(url, cell.kind, running.keys, cell.connections, seconds, seed)


def reading(stack, groups):
    return {
        "time": time.monotonic(),
        "processors": machine.Processors.now(),
        "commands": stack.redis.statistic("total_commands_processed"),
        "cpu": {name: machine.cpu_seconds(pids) for name, pids in groups.items()},
    }


def row(candidate, cell, groups, outcome, before, after):
    spent = {name: after["cpu"][name] - before["cpu"][name] for name in groups}
    machine_spent = after["processors"] - before["processors"]
    elapsed = after["time"] - before["time"]
    requests = max(1, outcome.requests)
    return {
        "candidate": candidate.name,
        "cell": cell.name,
        "requests": outcome.requests,
        "per_second": outcome.requests / outcome.seconds,
        "p50_us": outcome.p50_us,
        "p99_us": outcome.p99_us,
        "cpu_us": {name: 1e6 * used / requests for name, used in spent.items()},
        "generator_cores": outcome.generator_seconds / elapsed,
        "redis_commands": (after["commands"] - before["commands"] - 1) / requests,
        "foreign_cores": max(0, machine_spent.busy - sum(spent.values()) - outcome.generator_seconds) / elapsed,
        "stolen_cores": machine_spent.stolen / elapsed,
        "as_expected": is_as_expected(candidate, cell, outcome),
    }


def is_as_expected(candidate, cell, outcome):
    """Whether all requests were accepted or refused as they should be, except those in flight at the end."""
    wanted = 0 if candidate.lets_in(cell.kind) else outcome.requests
    return outcome.broken == 0 and abs(outcome.refused - wanted) <= cell.connections
