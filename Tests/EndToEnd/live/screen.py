"""The table of a fleet, drawn again and again on a terminal, or one below the other elsewhere."""

import time

from harness.executable import DONE
from harness.sandbox import SENTINEL
from live.fleet import AWAY
from trials.judge import DEAD_ACCEPTED, VALID_REFUSED

CLEAR = "\033[H\033[2J"

# Digits of a term's name that are shown.
DIGITS = 8


class Screen:
    def __init__(self, output):
        self.output = output
        self.before = time.monotonic()

    def say(self, text):
        print(text, file=self.output, flush=True)

    def show(self, fleet):
        lines = [title(fleet), "", *servers(fleet), "", *self.gateways(fleet), "", *changes(fleet), "", *verdict(fleet)]
        self.say((CLEAR if self.output.isatty() else "") + "\n".join(lines) + "\n")

    def gateways(self, fleet):
        now = time.monotonic()
        span, self.before = now - self.before, now
        rows = [("GATEWAY", "CHECKS", "REQUESTS/S", "200", "401", "503", "WORKERS: LEASE LEFT")]
        for number, counts in enumerate(fleet.take_statuses()):
            gateway = fleet.world.gateways[number]
            rate = f"{sum(counts.values()) / span:.0f}"
            rows.append((f"gateway-{number}", fleet.options["gateways"][number], rate,
                         *(f"{counts[status] / span:.0f}" for status in (200, 401, 503)), workers(fleet.metrics(gateway))))
        return columns(rows)


def columns(rows):
    widths = [max(len(str(row[at])) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(str(word).ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]


def title(fleet):
    left = max(0, int(fleet.limit - fleet.seconds))
    return f"A fleet with TOPOLOGY={fleet.topology}, for {left // 60}:{left % 60:02} more. To end it: Ctrl-C, or make fleet-down. " \
        "To lose something: make fleet-kill NODE="


def servers(fleet):
    rows = [("NODE", "ROLE", "TERM", "STATE")]
    rows += [(name, *row) for name, node in fleet.nodes.items() if (row := state(fleet, name, node))]
    return columns(rows)


def state(fleet, name, node):
    """Role, term and state of a server or a sentinel; nothing for a gateway."""
    if name.startswith("gateway"):
        return None
    if name in fleet.back:
        return "-", "-", f"killed; back in {max(0, int(fleet.back[name] - time.monotonic()))} of {AWAY} s"
    if name.startswith("sentinel"):
        return "sentinel", *vote(fleet, node)
    told = node.replication()
    if not told:
        return "-", "-", "does not answer"
    term = told.get("master_replid", "")[:DIGITS]
    if told.get("role") != "master":
        return "replica", term, f"its link to the primary is {told.get('master_link_status')}"
    return "primary", term, f"{told.get('connected_slaves')} replicas{slots(fleet, node)}"


def slots(fleet, node):
    """The slots that a server of a cluster says it has."""
    if fleet.topology == SENTINEL:
        return ""
    ranges = [span for member in node.view() if "myself" in member.flags for span in member.ranges]
    words = ", ".join(f"{first}-{last}" for first, last in ranges[:3]) or "none"
    return f"; {'serves' if node.is_serving else 'does not serve'} slots {words}{', …' if len(ranges) > 3 else ''}"


def vote(fleet, sentinel):
    """The epoch of a sentinel's configuration, and whom it names."""
    report = sentinel.report()
    if not report:
        return "-", "does not answer"
    named = next((name for name, node in fleet.nodes.items()
                  if name.startswith("server") and str(node.listener.port) == report["port"]), "nobody")
    trouble = [flag for flag in report["flags"].split(",") if flag != "master"]
    return f"epoch {report['config-epoch']}", f"names {named}{' (' + ', '.join(trouble) + ')' if trouble else ''}"


def workers(metrics):
    """How much longer each worker trusts its cache, and the word of whoever attests the primary."""
    if metrics is None:
        return "does not answer"
    leases, attested = metrics.all("lease_seconds"), metrics.all("attestation_seconds")
    return ", ".join(f"{pid}: {lease:.2f} s" + (f" (attested {attested[pid,]:.2f} s)" if (pid,) in attested else "")
                     for (pid,), lease in sorted(leases.items()))


def changes(fleet):
    rows = [("CHANGE", "EXIT", "SECONDS", "IT SAYS")]
    for _, words, result in fleet.recent:
        rows.append((words, result.code, f"{result.ended - result.began:.2f}", said(result)))
    return columns(rows)


def said(result):
    lines = result.err.strip().splitlines()
    held = [line[line.index("Held by"):] for line in lines if "Held by" in line]
    return (held or lines or ["-"])[-1 if result.code == DONE else 0][:100]


def verdict(fleet):
    judge = fleet.judge
    total = sum(judge.answers.values())
    return [f"{total:,} requests and {sum(judge.changes.values()):,} commands so far. {DEAD_ACCEPTED}: {judge.figures[DEAD_ACCEPTED]}. "
            f"{VALID_REFUSED}: {judge.figures[VALID_REFUSED]}."]
