"""Instructions of a process in user space, and what the library allocates, as callgrind counts them.

Callgrind takes no time into account: the figures are the same on every machine of a kind, however busy it is. It does
not know the processor's own instructions for SHA-256, so hashing counts for more than it costs.  The work inside the C
library's heap is counted apart: how long malloc searches depends on what was freed before, by up to 300 instructions a
request of nginx.
"""

import re
import subprocess
from dataclasses import dataclass

from harness.artefacts import LIBRARY, NGINX

ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"}
HEAP = "malloc/malloc.c"

# Which lines give names, and of what kind.
TABLES = {
    "ob": "ob", "cob": "ob", "fn": "fn", "cfn": "fn", "fl": "fl", "fi": "fl", "fe": "fl", "cfi": "fl", "cfl": "fl",
}
COST = re.compile(r"[+*-]?\d+ \d+$|\* \d+$")


@dataclass(frozen=True)
class Counts:
    instructions: int
    outside_heap: int
    allocations: int


class Callgrind:
    """Counts what one process does from a call of `begin` to the next one of `take`."""

    def __init__(self, folder):
        self.folder = folder
        self.program = (
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.%p", "--quiet", NGINX
        )
        self.taken = 0

    def begin(self, pid):
        tell(pid, "zero")

    def take(self, pid):
        tell(pid, "dump")
        self.taken += 1
        path = self.folder / f"callgrind.{pid}.{self.taken}"
        counts = read(path.read_text())
        path.unlink()
        return counts


def tell(pid, command):
    """A command to the valgrind that a process runs in."""
    subprocess.run(["vgdb", "--max-invoke-ms=1", f"--pid={pid}", command], check=True, capture_output=True, timeout=120)


def read(text):
    """Reads callgrind's file: instructions, and the library's calls of functions that allocate."""
    names = {}
    source = caller = callee = None
    allocations = instructions = outside_heap = 0
    is_inclusive = False  # what a called function did, which is counted where it did it
    for line in text.splitlines():
        kind, _, value = line.partition("=")
        if kind in TABLES:
            value = name(value, names, TABLES[kind])
        if kind == "fl":
            source = value
        elif kind == "ob":
            caller = value
        elif kind == "cfn":
            callee = value
        elif kind == "calls":
            is_inclusive = True
            if caller.endswith(LIBRARY.name) and callee in ALLOCATORS:
                allocations += int(value.split()[0])
        elif COST.match(line):
            cost = 0 if is_inclusive else int(line.split()[1])
            instructions += cost
            outside_heap += 0 if source.endswith(HEAP) else cost
            is_inclusive = False
    return Counts(instructions, outside_heap, allocations)


def name(value, names, kind):
    """Callgrind writes a name in full once, `(12) malloc`, and by its number from then on."""
    number, text = re.fullmatch(r"\((\d+)\)(?: (.*))?", value).groups()
    if text:
        names[kind, number] = text
    return names[kind, number]
