"""Instructions of a process in user space, and the library's calls of functions that allocate, as callgrind counts them.

Callgrind takes no time into account: the figures are the same on every machine of a kind, however busy it is. It does
not know the processor's own instructions for SHA-256, so hashing counts for more than it costs.
"""

import re
import subprocess
from dataclasses import dataclass

from harness.artefacts import LIBRARY, NGINX

ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"}


@dataclass(frozen=True)
class Counts:
    instructions: int
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
    subprocess.run(["vgdb", f"--pid={pid}", command], check=True, capture_output=True, timeout=120)


def read(text):
    """Reads callgrind's file: all instructions, and the library's calls of functions that allocate."""
    names = {}
    caller = callee = None
    allocations = instructions = 0
    for line in text.splitlines():
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
    return Counts(instructions, allocations)


def name(value, names, kind):
    """Callgrind writes a name in full once, `(12) malloc`, and by its number from then on."""
    number, text = re.fullmatch(r"\((\d+)\)(?: (.*))?", value).groups()
    if text:
        names[kind, number] = text
    return names[kind, number]
