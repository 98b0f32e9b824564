"""The results of a run, in one file of JSON; each part is written as soon as it is there."""

import json
import subprocess
import time

from compare import ROOT, machine
from compare.candidate import all_candidates

# Most characters of a measurement.
LINE_MAX = 600


class Results:
    def __init__(self, path, values=None):
        self.path = path
        self.values = values if values is not None else {"made": made()}

    @staticmethod
    def read(path):
        return Results(path, json.loads(path.read_text()))

    def put(self, name, value):
        self.values[name] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(in_lines(self.values) + "\n")
        unfinished.replace(self.path)

    def __getitem__(self, name):
        return self.values[name]

    def __contains__(self, name):
        return name in self.values


def in_lines(value, indent=""):
    """JSON with a measurement a line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) <= LINE_MAX or not isinstance(value, dict | list):
        return line
    deeper = indent + " "
    if isinstance(value, dict):
        begin, end = "{", "}"
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {in_lines(part, deeper)}" for name, part in value.items()]
    else:
        begin, end = "[", "]"
        parts = [in_lines(part, deeper) for part in value]
    return begin + "\n" + ",\n".join(deeper + part for part in parts) + "\n" + indent + end


def made():
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    return {
        "on": time.strftime("%Y-%m-%d"),
        "commit": commit,
        "machine": machine.description(),
        "candidates": [
            {"name": each.name, "label": each.label, "description": each.description, "at_rest": each.at_rest}
            for each in all_candidates()
        ],
    }
