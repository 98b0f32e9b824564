"""Tables of how things grow with organizations, workers and gateways."""

from report.figures import REFERENCE
from report.markdown import bold, labels, spread_text, table

GROWTH = (
    ("Seconds until nginx or HAProxy listens, by organizations:", "start_s", lambda seconds: f"{seconds:.2f}"),
    ("Memory with one worker, MB, once every key was used:", "memory", lambda size: f"{size / 1e6:,.1f}"),
    ("CPU µs per request, all processes but the API, median (min..max):", "cpu_us", spread_text),
    ("Of that, nginx or HAProxy:", "front_us", spread_text),
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
            [bold(name, names[name]), *(cell(known, name, count, text) for count in counts)]
            for name in dict.fromkeys(name for name, _ in known)
        ])]
    for part, title in (("by_workers", "workers"), ("by_gateways", "gateways")):
        parts += fleet_table(results, part, title)
    return "\n".join(parts)


def cell(known, name, count, text):
    """A candidate that could not start with that many organizations has no figure."""
    return text(known[name, count]) if (name, count) in known else "failed"


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
    header = [title, "CPU µs per request: no check", "Latchkey", "`latchkey revoke`, ms"]
    return [f"By the number of {title}, 1,000 organizations, median (min..max):\n", table(header, body)]
