"""Puts tables and plots into README.md and docs/PERFORMANCE.md, where they say so:

    <!-- table: NAME -->
    …
    <!-- end of table -->
"""

import re
import sys

from compare import BENCHMARKS, ROOT
from compare.results import Results
from report import load_tables, plots, tables

PUBLISHED = BENCHMARKS / "results/published.json"
DOCUMENTS = [ROOT / "README.md", ROOT / "docs/PERFORMANCE.md"]

TABLES = {
    "machine": tables.machine,
    "candidates": tables.candidates,
    "first": load_tables.first,
    "short": tables.short,
    "load": tables.load,
    "acceptance": tables.acceptance,
    "revocation": tables.revocation,
    "costs": tables.costs,
    "growth": tables.growth,
}

PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def written(text, results):
    """A document with its tables regenerated."""

    def filled(place):
        begin, name, end = place.groups()
        return f"{begin}\n{TABLES[name](results).strip()}\n\n{end}"

    return PLACE.sub(filled, text)


def made(results):
    """What each file should hold."""
    files = {path: written(path.read_text(), results) for path in DOCUMENTS}
    files[ROOT / "docs/comparison.svg"] = plots.comparison(results)
    if "by_organizations" in results:
        files[ROOT / "docs/growth.svg"] = plots.growth(results)
    return files


def write(results):
    for path, text in made(results).items():
        path.write_text(text)


def outdated():
    """The files that differ from the published results."""
    files = made(Results.read(PUBLISHED))
    return [path for path, text in files.items() if not path.exists() or path.read_text() != text]


if __name__ == "__main__":
    faults = outdated()
    for path in faults:
        name = path.relative_to(ROOT)
        print(f"{name} does not say what {PUBLISHED.name} does: run `make bench-report`", file=sys.stderr)
    raise SystemExit(1 if faults else 0)
