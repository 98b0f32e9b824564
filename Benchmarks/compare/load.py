"""Requests as fast as they are answered, by wrk, or over HTTP/2 by h2load.

Each run is bounded from outside: wrk can hang at a whole core when a server is slow.
"""

import json
import re
import resource
import subprocess
from dataclasses import dataclass

from compare import BENCHMARKS

SCRIPT = BENCHMARKS / "compare/keys.lua"
GRACE_SECONDS = 20

# Streams that h2load has open on a connection.
STREAMS = 8


class LoadFailed(Exception):
    pass


@dataclass(frozen=True)
class Outcome:
    requests: int
    seconds: float
    refused: int  # statuses of 400 and more
    broken: int
    p50_us: float
    p99_us: float
    generator_seconds: float  # processor time of the generator


def run(command, seconds):
    """What a generator prints, and the processor time that it took."""
    before = children_seconds()
    try:
        done = subprocess.run(
            [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds + GRACE_SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise LoadFailed(f"{command[0]} did not end") from late
    return done.stdout, children_seconds() - before


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def wrk(url, kind, keys, connections, seconds, seed):
    file = keys.file("revoked" if kind == "revoked" else "valid")
    said, spent = run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "-s", SCRIPT, url,
         "--", kind, file, keys.head, seed],
        seconds,
    )
    found = re.search(r"^JSON (.*)$", said, re.MULTILINE)
    if not found:
        raise LoadFailed(f"wrk said: {said[-500:]}")
    result = json.loads(found[1])
    return Outcome(seconds=result.pop("duration_us") / 1e6, generator_seconds=spent, **result)


def h2load(url, key, connections, seconds):
    """Sends one key, since h2load supports only one; it reports a mean latency, and no percentiles."""
    said, spent = run(
        ["h2load", "-t1", f"-c{connections}", f"-m{STREAMS}", f"-D{seconds}", "-H", f"x-api-key: {key}", url], seconds
    )
    codes = re.search(r"^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said, re.MULTILINE)
    taken = re.search(r"^finished in ([\d.]+)(m?)s,", said, re.MULTILINE)
    broken = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", said)
    protocol = re.search(r"^Application protocol: (.*)$", said, re.MULTILINE)
    if not (codes and taken and broken and protocol and protocol[1] == "h2"):
        raise LoadFailed(f"h2load said: {said[-500:]}")
    good, other, bad, worse = map(int, codes.groups())
    return Outcome(
        requests=good + other + bad + worse, seconds=float(taken[1]) / (1000 if taken[2] else 1),
        refused=bad + worse, broken=int(broken[2]) + int(broken[3]),
        p50_us=None, p99_us=None, generator_seconds=spent,
    )
