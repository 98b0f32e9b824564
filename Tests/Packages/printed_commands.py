"""The commands that documents print, in blocks and in sentences, in their order."""

import re
from functools import cache
from typing import NamedTuple

from debian_root import ROOT

DOCUMENTS = ["README.md", "docs/NGINX.md", "docs/EXECUTABLE.md", "docs/ACCESS.md", "docs/OPERATIONS.md"]

# Blocks in these languages are read by programs, not typed.
READ = {"nginx", "yaml", "sudoers"}

# A command in a sentence; latchkey's directives begin with the same word.
SENTENCE = re.compile(
    r"`((?:sudo|redis-cli|systemctl|kill|make|visudo|apt-get|nginx(?= -)|latchkey(?! on| off| optional| dry_run))(?: [^`]*)?)`")


class Block(NamedTuple):
    document: str
    heading: str
    text: str
    is_sentence: bool = False

    @property
    def commands(self):
        """What is typed: all lines, or those behind a prompt."""
        prompted = re.findall(r"^\$ (.*)$", self.text, re.MULTILINE)
        return "\n".join(prompted) + "\n" if prompted else self.text


@cache
def printed():
    """Blocks, and commands in sentences."""
    found = []
    for name in DOCUMENTS:
        heading, inside, prose = "", None, ""
        for line in (ROOT / name).read_text().splitlines(keepends=True):
            if inside is None and line.startswith("#"):
                heading = line.strip("# \n")
            if not line.startswith("```"):
                if inside is None:
                    prose += line
                else:
                    inside[1].append(line)
            elif inside is None:
                found += [Block(name, heading, text, is_sentence=True) for text in commands_in(prose)]
                inside, prose = (line.strip("` \n"), []), ""
            else:
                if inside[0] not in READ:
                    found.append(Block(name, heading, "".join(inside[1])))
                inside = None
        found += [Block(name, heading, text, is_sentence=True) for text in commands_in(prose)]
    return found


def commands_in(prose):
    return [" ".join(text.split()) for text in SENTENCE.findall(prose)]


def blocks():
    return [block for block in printed() if not block.is_sentence]


def sentences():
    return [block for block in printed() if block.is_sentence]
