"""What a check adds to a request: instructions, and allocations of the library.

A worker runs under callgrind, which counts and takes no time into account: the figures are the same on
every machine of a kind.  Each is the difference between a run with many requests and one with twice as
many, so that neither start nor end counts.
"""

import re
from dataclasses import dataclass

from gateways import gateway
from harness.artefacts import LIBRARY, NGINX
from harness.http_client import bearer

REQUESTS = 1000

CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=callgrind.%p", "--quiet", NGINX)

# A long lease, so that as few heartbeats as possible fall into a run.
LEASED = "latchkey_lease 1h; latchkey_timeout 60s;"

ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"}


@dataclass(frozen=True)
class Run:
    instructions: int
    allocations: int

    def __sub__(self, other):
        return Run(self.instructions - other.instructions, self.allocations - other.allocations)


def cost(target, with_key):
    """Instructions and allocations of one request."""
    few, many = (run(target, with_key, count) for count in (REQUESTS, 2 * REQUESTS))
    difference = many - few
    return difference.instructions / REQUESTS, difference.allocations / REQUESTS


def run(target, with_key, count):
    with gateway(LEASED, program=CALLGRIND) as gate:
        headers = bearer(gate.key()) if with_key else ()
        worker = gate.nginx.worker()
        with gate.connect() as connection:
            for _ in range(count):
                assert connection.request(target, headers).status == 200
        assert gate.nginx.stop()
        return read(gate.nginx.folder / f"callgrind.{worker}")


def read(path):
    """Reads callgrind's file: all instructions, and the library's calls of functions that allocate."""
    names = {}
    caller = callee = None
    allocations = instructions = 0
    for line in path.read_text().splitlines():
        kind, _, value = line.partition("=")
        if kind in ("ob", "cob", "cfn"):
            value = name(value, names, "fn" if kind == "cfn" else "ob")
        elif kind == "fn":
            name(value, names, "fn")
        if kind == "ob":
            caller = value
        elif kind == "cfn":
            callee = value
        elif kind == "calls" and caller.endswith(LIBRARY.name) and callee in ALLOCATORS:
            allocations += int(value.split()[0])
        elif line.startswith("totals:"):
            instructions = int(line.split()[1])
    return Run(instructions, allocations)


def name(value, names, kind):
    """Callgrind writes a name in full once, `(12) malloc`, and by its number from then on."""
    number, text = re.fullmatch(r"\((\d+)\)(?: (.*))?", value).groups()
    if text:
        names[kind, number] = text
    return names[kind, number]


def main():
    plain, _ = cost("/open", with_key=False)
    keyed, _ = cost("/open", with_key=True)
    checked, allocations = cost("/checked", with_key=True)
    print("Instructions a request of a worker (user space, callgrind), a known key, leased:")
    print(f"  no check, no key      {plain:8,.0f}")
    print(f"  no check, with a key  {keyed:8,.0f}")
    print(f"  check                 {checked:8,.0f}   the check adds {checked - keyed:,.0f}")
    print(f"  allocations of the library in a check: {allocations:g}")
    return allocations == 0


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
