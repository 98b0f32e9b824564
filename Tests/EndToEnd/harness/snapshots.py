"""The output of commands, recorded without the parts that differ from run to run."""

import os
import re
from pathlib import Path

from harness.executable import KEY, Dialogue

FOLDER = Path(__file__).resolve().parents[1] / "snapshots"

# Replaced in this order.
VARYING = [
    (KEY, lambda found: found[0][: -46] + "<secret>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?(\.\d+)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d+"), "<time>"),
    (re.compile(r"\b(now|just now|less than a second ago|\d+ (second|minute)s? ago)\b"), "<ago>"),
    (re.compile(r'("(pid|heartbeat_at|id|host)":)("[^"]*"|\d+)'), r"\1<…>"),
]


class Snapshots:
    """Blocks of a file, one for each command; UPDATE=1 rewrites the file."""

    def __init__(self, gate, name):
        self.gate = gate
        self.file = FOLDER / name
        self.blocks = []

    def run(self, *arguments, as_=None, stdin=""):
        """A command in a pipe."""
        result = self.gate.latchkey.run(*arguments, as_=as_, stdin=stdin)
        self.add(arguments, as_, result.code, {"standard output": result.out, "standard error": result.err})
        return result

    def show(self, *arguments, as_=None, answers=(), colours=False):
        """A command on a terminal, with a person's answers to its questions."""
        environment = {"TERM": "xterm"} if colours else None
        with Dialogue(self.gate.latchkey, *arguments, as_=as_, environment=environment) as dialogue:
            for answer in answers:
                dialogue.read_until("[y/N] ")
                dialogue.answer(answer)
            code = dialogue.end()
        text = dialogue.text.replace("\r\n", "\n").replace("\x1b", "<esc>")
        self.add(arguments, as_, code, {"terminal": text})
        return dialogue.text

    def add(self, arguments, as_, code, streams):
        command = " ".join(["latchkey", *map(str, arguments), *(["--as", as_] if as_ else [])])
        lines = [f"$ {command}", *shown(streams), f"exit code {code}"]
        self.blocks.append(self.without_varying("\n".join(lines)))

    def without_varying(self, text):
        text = text.replace(str(self.gate.folder), "<folder>")
        for pattern, replacement in VARYING:
            text = pattern.sub(replacement, text)
        return text

    def compare(self):
        text = "\n\n".join(self.blocks) + "\n"
        if os.environ.get("UPDATE"):
            self.file.write_text(text)
        assert text == self.file.read_text()


def shown(streams):
    """The lines of each stream that is not empty, after its name."""
    for name, text in streams.items():
        if text:
            yield f"--- {name}"
            yield text.removesuffix("\n")
