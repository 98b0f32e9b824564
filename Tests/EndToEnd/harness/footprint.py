"""The memory and the descriptors that a process uses."""

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Footprint:
    """Memory in kB: what is resident, its proportional share, and the part that no file backs.

    The proportional share depends on how many other processes map the same files.
    """

    resident: int
    proportional: int
    anonymous: int
    descriptors: int

    def __str__(self):
        return (f"RSS {self.resident} kB, PSS {self.proportional} kB, {self.anonymous} kB anonymous, "
                f"{self.descriptors} descriptors")


def footprint(pid):
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    memory = (int(re.search(rf"^{name}: +(\d+) kB", rollup, re.MULTILINE)[1]) for name in ("Rss", "Pss", "Anonymous"))
    return Footprint(*memory, len(os.listdir(f"/proc/{pid}/fd")))
