"""Tables in Markdown, each made of one part of the results."""

import statistics

from compare.acceptance import HEADER
from compare.cells import Cell
from compare.requests import KINDS as COUNTED_KINDS
from report.figures import CONTROL, REFERENCE, lines

SHORT_CELLS = ("own:valid:64", "own:forged:64")


def table(header, rows):
    """The first column is text, the others are figures."""
    text = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    text += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(text) + "\n"


def labels(results):
    return {each["name"]: each["label"] for each in results["made"]["candidates"]}


def bold(name, text):
    return f"**{text}**" if "latchkey" in name else text


def ratio_text(line):
    if line.candidate == REFERENCE:
        return "1"
    found = {"≈": line.is_noise, "†": line.generator_is_limit, "~": line.is_disturbed}
    marks = "".join(mark for mark, holds in found.items() if holds)
    return f"{line.ratio.median:.2f}{marks} ({line.ratio.least:.2f}..{line.ratio.most:.2f})"


MARKS = (
    "≈ not told apart from no check: the spread overlaps that of no check measured twice. "
    "† the generator was the limit. ~ other programs used the machine meanwhile.\n"
)


# Load


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


def capitalized(text):
    return text[0].upper() + text[1:]


def microseconds(value):
    return "–" if value is None else f"{value:,.0f}"


def load(results):
    if "load" not in results:
        return ""
    made = results["load"]
    head = f"{made['rounds']} rounds of {made['seconds']} s each, {made['organizations']:,} organizations. {MARKS}\n"
    return head + "\n".join(cell_table(results, cell) for cell in made["cells"])


# The short table


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
    return f"{line.cpu_added_us.median:.1f} ({line.cpu_added_us.least:.1f}..{line.cpu_added_us.most:.1f})"


def accepted_for(results, name):
    times = results["revocation"].get(name, {}).get("times")
    if not times:
        return "–"
    most = max(each["accepted_for_s"] for each in times)
    if most == 0:
        return "0"
    return f"{most:.0f} s" if most >= 1 else f"{1000 * most:.0f} ms"


SHORT_NAMES = {
    "its letter case swapped": "another letter case",
    "a valid key, then a made-up one": "a second, made-up key",
    "a made-up key, then a valid one": "a second, made-up key",
    "two organizations' keys": "two organizations' keys",
}


def wrongly_accepted(results, name):
    found = results["acceptance"].get(name)
    if not found:
        return "–"
    wrong = [probe for probe, came in found.items() if came["let_in"] and not came["should"]]
    return ", ".join(dict.fromkeys(SHORT_NAMES.get(probe, probe) for probe in wrong)) or "nothing"


# What is let in


def acceptance(results):
    if "acceptance" not in results:
        return ""
    names = labels(results)
    found = results["acceptance"]
    probes = next(iter(found.values()))
    rows = [
        [bold(name, names[name]), *(status_text(came[probe]) for probe in probes)] for name, came in found.items()
    ]
    return f"What is answered to {HEADER} with …; in bold what should not be so.\n\n" + table(["", *probes], rows)


def status_text(came):
    return str(came["status"]) if came["let_in"] == came["should"] else f"**{came['status']}**"


def revocation(results):
    if "revocation" not in results:
        return ""
    names = labels(results)
    rows = []
    for name, found in results["revocation"].items():
        times = found["times"]
        rows.append([
            bold(name, names[name]), found["by"],
            milliseconds([each["command_s"] for each in times]),
            milliseconds([each["accepted_for_s"] for each in times]),
            str(max(each["accepted_after"] for each in times)),
            str(len(times)),
        ])
    header = ["", "by", "the command takes, ms", "then accepted for, ms", "requests accepted then, at most", "n"]
    return table(header, rows)


def milliseconds(seconds):
    values = [1000 * each for each in seconds]
    if max(values) == 0:
        return "0"
    return f"{statistics.median(values):,.1f} ({min(values):,.1f}..{max(values):,.1f})"


# What is counted


def costs(results):
    if "costs" not in results:
        return ""
    counted = results["costs"]
    return "\n".join([
        "Instructions of nginx in user space a request, more than without a check:\n",
        table(["", *COUNTED_KINDS.values()], instruction_rows(results, counted)),
        "System calls a request (front + side process), without a check 3:\n",
        table(["", *COUNTED_KINDS.values()], call_rows(results, counted, system_calls)),
        "Commands to Redis a request:\n",
        table(["", *COUNTED_KINDS.values()], call_rows(results, counted, commands)),
        "By itself, in a second without requests:\n",
        table(["", "system calls", "commands to Redis"], idle_rows(results, counted)),
    ])


def instruction_rows(results, counted):
    names = labels(results)
    reference = counted[REFERENCE]
    for name, costs_of in counted.items():
        if name == REFERENCE or "instructions" not in costs_of:
            continue
        base = reference["instructions_of_latchkeys_key" if "latchkey" in name else "instructions"]
        own = costs_of["instructions"]
        added = (own[kind]["instructions"] - base[kind]["instructions"] for kind in COUNTED_KINDS)
        yield [bold(name, names[name]), *(f"{count:,.0f}" for count in added)]


def call_rows(results, counted, text):
    names = labels(results)
    for name, costs_of in counted.items():
        yield [bold(name, names[name]), *(text(costs_of["calls"][kind]) for kind in COUNTED_KINDS)]


def system_calls(calls):
    return f"{sum(count for name, count in calls.items() if name.endswith('system_calls')):.2f}"


def commands(calls):
    return f"{calls['redis_commands']:.2f}"


def idle_rows(results, counted):
    names = labels(results)
    for name, costs_of in counted.items():
        idle = costs_of["by_itself"]
        yield [bold(name, names[name]), system_calls(idle), f"{idle['redis_commands']:.1f}"]


# How things grow


GROWTH = (
    ("Seconds until nginx or HAProxy listens, by organizations:", "start_s", lambda seconds: f"{seconds:.2f}"),
    ("Memory with one worker, MB, once every key was used:", "memory", lambda size: f"{size / 1e6:,.1f}"),
    ("CPU µs a request, all that takes part, median (min..max):", "cpu_us", lambda value: spread_text(value)),
)


def growth(results):
    if "by_organizations" not in results:
        return ""
    names = labels(results)
    rows = results["by_organizations"]
    counts = list(dict.fromkeys(row["organizations"] for row in rows))
    header = ["", *(f"{count:,}" for count in counts)]
    parts = []
    for title, key, text in GROWTH:
        known = {(row["candidate"], row["organizations"]): row[key] for row in rows if key in row}
        parts += [title + "\n", table(header, [
            [bold(name, names[name]), *(text(known[name, count]) for count in counts)]
            for name in dict.fromkeys(name for name, _ in known)
        ])]
    for part, title in (("by_workers", "workers"), ("by_gateways", "gateways")):
        parts += fleet_table(results, part, title)
    return "\n".join(parts)


def spread_text(value):
    return f"{value['median']:.1f} ({value['least']:.1f}..{value['most']:.1f})"


def fleet_table(results, part, title):
    if part not in results:
        return []
    rows = {}
    for row in results[part]:
        rows.setdefault(row[title], {})[row["candidate"]] = row
    body = []
    for count, of in rows.items():
        leased = of["10-latchkey-leased"]
        revocation_ms = {name: 1000 * seconds for name, seconds in leased["revocation_s"].items()}
        body.append([
            str(count), spread_text(of[REFERENCE]["cpu_us"]), spread_text(leased["cpu_us"]), spread_text(revocation_ms)
        ])
    header = [title, "CPU µs a request: no check", "Latchkey", "`latchkey revoke`, ms"]
    return [f"By the number of {title}, 10,000 organizations, median (min..max):\n", table(header, body)]


def machine(results):
    made = results["made"]
    on = made["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["packages"].items())
    return (
        f"Measured on {made['on']} at commit {made['commit']}: {on['processor']}, {on['cores']} cores, "
        f"Linux {on['kernel']}; {versions}.\n"
    )


def candidates(results):
    return "\n".join(
        f"- *{each['label']}*: {each['description']}." for each in results["made"]["candidates"]
    ) + "\n"


def everything(results):
    parts = [machine(results)]
    if "load" in results and "revocation" in results:
        parts.append(short(results))
    parts += [load(results), acceptance(results), revocation(results), costs(results), growth(results)]
    return "\n".join(part for part in parts if part)
