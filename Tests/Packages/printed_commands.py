"""The commands that documents print, block by block, in their order."""

import re
from typing import NamedTuple

from debian_root import ROOT

DOCUMENTS = ["README.md", "docs/NGINX.md", "docs/EXECUTABLE.md", "docs/ACCESS.md", "docs/OPERATIONS.md"]

# Blocks in these languages are read by programs, not typed.
READ = {"nginx", "yaml", "sudoers"}


class Block(NamedTuple):
    document: str
    heading: str
    text: str

    @property
    def commands(self):
        """What is typed: all lines, or those behind a prompt."""
        prompted = re.findall(r"^\$ (.*)$", self.text, re.MULTILINE)
        return "\n".join(prompted) + "\n" if prompted else self.text


def blocks(documents=DOCUMENTS):
    found = []
    for name in documents:
        heading, inside = "", None
        for line in (ROOT / name).read_text().splitlines(keepends=True):
            if inside is None and line.startswith("#"):
                heading = line.strip("# \n")
            if line.startswith("```"):
                if inside is None:
                    inside = (line.strip("` \n"), [])
                else:
                    if inside[0] not in READ:
                        found.append(Block(name, heading, "".join(inside[1])))
                    inside = None
            elif inside is not None:
                inside[1].append(line)
    return found
