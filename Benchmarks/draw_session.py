"""Draws docs/session.svg: an owner at a terminal, as the commands really answer.

Only the key's secret is blotted out.
"""

import re
import sys
from html import escape
from pathlib import Path

from gateways import ROOT, gateway
from harness.executable import KEY, Dialogue
from harness.http_client import bearer
from harness.polling import wait_until

CHARACTER, LINE, MARGIN, WIDTH = 8.4, 19, 16, 880
COLOURS = {"32": "#7ec07e", "33": "#d8b45a", "31": "#e08080", "1": "#ffffff", "2": "#999999"}
COLOUR = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m")


class Session:
    """What a terminal shows."""

    def __init__(self, gate, owner):
        self.gate = gate
        self.owner = owner
        self.text = ""

    def say(self, command, *answers):
        words = command.split()[1:]
        with Dialogue(self.gate.latchkey, *words, as_=self.owner, environment={"TERM": "xterm"}) as dialogue:
            for answer in answers:
                dialogue.read_until("[y/N] ")
                dialogue.answer(answer)
            assert dialogue.end() == 0
        shown = dialogue.text.replace("\r\n", "\n")
        self.text += f"$ {command}\n{shown}\n"
        return shown


def play(gate):
    gate.add()
    session = Session(gate, "alice")
    session.say("latchkey status acme")
    key = gate.latchkey.remember(KEY.search(session.say("latchkey generate acme"))[0])
    with gate.connect() as connection:
        assert connection.request("/checked", bearer(key)).status == 200
    wait_until(lambda: gate.latchkey.status_json("acme", as_="alice")["last_used_at"], "the use is known")
    session.say("latchkey status acme")
    session.say("latchkey revoke acme", "yes")
    session.say("latchkey status acme")
    return KEY.sub(lambda found: found[0][:-46] + 46 * "•", session.text)


def picture(text):
    """The lines of an SVG of a terminal."""
    lines = text.rstrip("\n").split("\n")
    height = 2 * MARGIN + LINE * len(lines)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">'
    yield "<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre;fill:#dddddd}</style>"
    yield f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#1d1f21"/>'
    for number, line in enumerate(lines):
        yield f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 14}" xml:space="preserve">{spans(line)}</text>'
    yield "</svg>"


def spans(line):
    """A line with its colours; commands stand out."""
    if line.startswith("$ "):
        return f'<tspan fill="#8ab4d8">$ </tspan><tspan fill="#ffffff">{escape(line[2:])}</tspan>'
    text, end = "", 0
    for found in COLOUR.finditer(line):
        text += escape(line[end : found.start()])
        text += f'<tspan fill="{COLOURS.get(found[1], "#dddddd")}">{escape(found[2])}</tspan>'
        end = found.end()
    return text + escape(line[end:])


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/session.svg"
    with gateway() as gate:
        target.write_text("\n".join(picture(play(gate))) + "\n")


if __name__ == "__main__":
    main()
