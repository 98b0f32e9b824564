"""The memory and the descriptors that a process uses."""

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Footprint:
    """Memory in kB: what is resident, and the part that is a process's own (a share of what it shares included)."""

    resident: int
    proportional: int
    descriptors: int

    def __str__(self):
        return f"RSS {self.resident} kB, PSS {self.proportional} kB, {self.descriptors} descriptors"


def footprint(pid):
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    resident, proportional = (int(re.search(rf"^{name}: +(\d+) kB", rollup, re.MULTILINE)[1]) for name in ("Rss", "Pss"))
    return Footprint(resident, proportional, len(os.listdir(f"/proc/{pid}/fd")))
