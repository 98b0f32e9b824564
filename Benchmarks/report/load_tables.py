"""Tables of how fast candidates answer, and of what that takes."""

from compare.cells import Cell
from report.figures import CONTROL, REFERENCE, lines
from report.markdown import bold, capitalized, labels, microseconds, table
from report.trust_tables import accepted_for, wrongly_accepted

SHORT_CELLS = ("own:valid:64", "own:forged:64")

MARKS = (
    "≈ not told apart from no check: the spread overlaps that of no check measured twice. "
    "† the generator was the limit. ~ other programs used the machine meanwhile.\n"
)


def ratio_text(line):
    if line.candidate == REFERENCE:
        return "1"
    found = {"≈": line.ratio_is_noise, "†": line.generator_is_limit, "~": line.is_disturbed}
    marks = "".join(mark for mark, holds in found.items() if holds)
    return f"{line.ratio.median:.2f}{marks} ({line.ratio.least:.2f}..{line.ratio.most:.2f})"


def cell_table(results, cell):
    names = labels(results)
    rows = []
    for line in lines(results["load"], cell):
        parts = line.cpu_parts_us
        rows.append([
            bold(line.candidate, names[line.candidate]) + ("" if line.is_as_expected else " **(answers were wrong)**"),
            f"{line.per_second.median:,.0f}",
            ratio_text(line),
            microseconds(line.p50_us), microseconds(line.p99_us),
            *(f"{parts[part]:.1f}" for part in ("front", "side", "redis")),
            f"{line.cpu_us.median:.1f} ({line.cpu_us.least:.1f}..{line.cpu_us.most:.1f})",
        ])
    header = [
        "", "requests/s", "ratio to no check (min..max)", "p50 µs", "p99 µs",
        "CPU µs: front", "side", "Redis", "all (min..max)",
    ]
    return f"**{capitalized(Cell.named(cell).title)}**\n\n" + table(header, rows)


def load(results):
    if "load" not in results:
        return ""
    made = results["load"]
    head = f"{made['rounds']} rounds of {made['seconds']} s each, {made['organizations']:,} organizations. {MARKS}\n"
    return head + "\n".join(cell_table(results, cell) for cell in made["cells"])


def short(results):
    """Speed and correctness side by side."""
    by_cell = {cell: {line.candidate: line for line in lines(results["load"], cell)} for cell in SHORT_CELLS}
    candidates = {each["name"]: each for each in results["made"]["candidates"]}
    rows = []
    for name in by_cell[SHORT_CELLS[0]]:
        if name == CONTROL:
            continue
        rows.append([
            bold(name, candidates[name]["label"]),
            *(ratio_text(by_cell[cell][name]) if name in by_cell[cell] else "–" for cell in SHORT_CELLS),
            cpu_added(by_cell[SHORT_CELLS[0]][name]),
            accepted_for(results, name),
            wrongly_accepted(results, name),
            candidates[name]["at_rest"] or "–",
        ])
    header = [
        "", "valid key", "made-up key", "CPU µs added (valid key)",
        "a revoked key is accepted for", "accepts, and should not", "what is stored",
    ]
    return table(header, rows) + "\nRequests a second, as a ratio to no check (min..max). " + MARKS


def cpu_added(line):
    if line.candidate == REFERENCE:
        return "–"
    mark = "≈" if line.cpu_is_noise else ""
    return f"{line.cpu_added_us.median:.1f}{mark} ({line.cpu_added_us.least:.1f}..{line.cpu_added_us.most:.1f})"
