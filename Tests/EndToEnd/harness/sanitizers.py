"""The reports of programs built by scripts/build-sanitized."""

import re

from harness.artefacts import BUILD

REPORTS = BUILD / "reports"

LEAKS = "LeakSanitizer: detected memory leaks"

# A project file in a line of a stack trace.
OURS = re.compile(r"^ *#\d+ .*latchkey", re.MULTILINE)


def are_used():
    return REPORTS.is_dir()


def take_reports():
    """The reports since the last call; the files are kept for inspection."""
    reports = [path for path in sorted(REPORTS.glob("report.*")) if not path.name.endswith(".taken")]
    texts = [text_of(path.rename(f"{path}.taken")) for path in reports]
    return [text for text in texts if not is_of_others(text)]


def text_of(path):
    return f"{path}:\n{path.read_text(errors='replace')}"


def is_of_others(report):
    """Whether a report holds nothing but nginx's deliberate leaks: it frees no connections before it exits."""
    if LEAKS not in report or report.count("ERROR:") != 1 or "runtime error:" in report:
        return False
    return not OURS.search(report)
