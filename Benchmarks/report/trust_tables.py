"""Tables of what candidates wrongly accept, and for how long."""

from compare.acceptance import HEADER
from report.markdown import bold, labels, milliseconds, table

SHORT_NAMES = {
    "its letter case swapped": "another letter case",
    "a valid key, then a forged one": "a second, forged key",
    "a forged key, then a valid one": "a second, forged key",
    "two organizations' keys": "two organizations' keys",
}


def acceptance(results):
    if "acceptance" not in results:
        return ""
    names = labels(results)
    found = results["acceptance"]
    probes = next(iter(found.values()))
    rows = [
        [bold(name, names[name]), *(status_text(came[probe]) for probe in probes)] for name, came in found.items()
    ]
    return f"What is answered to {HEADER} with …; answers that should not be are in bold.\n\n" + table(["", *probes], rows)


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


def accepted_for(results, name):
    times = results["revocation"].get(name, {}).get("times")
    if not times:
        return "–"
    most = max(each["accepted_for_s"] for each in times)
    if most == 0:
        return "0"
    return f"{most:.0f} s" if most >= 1 else f"{1000 * most:.0f} ms"


def wrongly_accepted(results, name):
    found = results["acceptance"].get(name)
    if not found:
        return "–"
    wrong = [probe for probe, came in found.items() if came["let_in"] and not came["should"]]
    return ", ".join(dict.fromkeys(SHORT_NAMES.get(probe, probe) for probe in wrong)) or "nothing"
