"""Tables of the speed of candidates, and of its cost."""

from compare.cells import Cell
from report.cost_tables import added_instructions, added_system_calls
from report.figures import CONTROL, REFERENCE, lines
from report.markdown import bold, capitalized, labels, microseconds, table
from report.trust_tables import accepted_for, wrongly_accepted

VALID, FORGED = "own:valid:64", "own:forged:64"

# In the README: a row for each way to check keys within nginx.
FIRST = (
    "10-latchkey-leased", "11-latchkey-strict", "20-map", "22-njs-hashes", "30-lua-redis", "31-lua-caches",
    "40-auth-request-go",
)

INDISTINGUISHABLE = "not distinguishable from no check"

MARKS = (
    f"“{capitalized(INDISTINGUISHABLE)}”: the range includes or exceeds no check, or overlaps that of no check measured twice. "
    "† the load generator was the limit: the server could do more. ~ other programs used the machine meanwhile.\n"
)


def ratio_text(line):
    """A candidate as fast as no check has no figure: a ratio above 1 would be noise."""
    if line.candidate == REFERENCE:
        return "1"
    marks = "".join(mark for mark, holds in {"†": line.generator_is_limit, "~": line.is_disturbed}.items() if holds)
    if line.ratio_is_noise:
        return f"{INDISTINGUISHABLE}{marks and ' ' + marks}"
    return f"{line.ratio.median:.2f}{marks} ({line.ratio.least:.2f}..{line.ratio.most:.2f})"


def cpu_added(line):
    if line.candidate == REFERENCE:
        return "–"
    if line.cpu_is_noise:
        return f"not distinguishable, at most {max(0, line.cpu_added_us.most):.1f}"
    return f"{line.cpu_added_us.median:.1f} ({line.cpu_added_us.least:.1f}..{line.cpu_added_us.most:.1f})"


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


def first(results):
    """What is counted, with processor time: the ways to check keys within nginx."""
    by_name = lines_of(results, VALID)
    names = labels(results)
    rows = [
        [
            bold(name, names[name]),
            counted(results, name, added_instructions),
            counted(results, name, added_system_calls),
            counted(results, name, commands_of_a_valid_key),
            cpu_added(by_name[name]),
            accepted_for(results, name),
        ]
        for name in FIRST if name in by_name
    ]
    header = [
        "a check of a valid key adds", "instructions in nginx", "system calls", "commands to Redis", "CPU µs (min..max)",
        "a revoked key is accepted for",
    ]
    return table(header, rows)


def short(results):
    """What is counted, speed and correctness side by side."""
    valid, forged = lines_of(results, VALID), lines_of(results, FORGED)
    candidates = {each["name"]: each for each in results["made"]["candidates"]}
    rows = [
        [
            bold(name, candidates[name]["label"]),
            counted(results, name, added_instructions),
            counted(results, name, commands_of_a_valid_key),
            cpu_added(valid[name]),
            ratio_text(valid[name]),
            ratio_text(forged[name]) if name in forged else "–",
            accepted_for(results, name),
            wrongly_accepted(results, name),
            candidates[name]["at_rest"] or "–",
        ]
        for name in valid if name != CONTROL
    ]
    header = [
        "", "instructions added in nginx", "commands to Redis", "CPU µs added (min..max)",
        "requests/s, valid key", "requests/s, forged key",
        "a revoked key is accepted for", "accepts, and should not", "what is stored",
    ]
    return table(header, rows) + (
        "\nThe first three are for a valid key; “–”: not counted. Requests a second are a ratio to no check (min..max). " + MARKS
    )


def lines_of(results, cell):
    return {line.candidate: line for line in lines(results["load"], cell)}


def counted(results, name, figure):
    """A figure of what was counted, where it was."""
    costs = results["costs"] if "costs" in results else {}
    found = figure(costs, name) if name in costs else None
    return "–" if found is None else f"{found:,}"


def commands_of_a_valid_key(costs, name):
    return round(costs[name]["calls"]["valid"]["redis_commands"])
