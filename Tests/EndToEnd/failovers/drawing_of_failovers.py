"""Draws what happens in the seconds after a fault, all failovers of a kind on top of each other."""

import drawing

from failovers.course import STEPS
from failovers.run import KINDS

SECONDS = 12


def picture(run):
    """A plot for each kind, in percent: refused requests, and failovers in which no other primary is named yet."""
    plots = []
    for kind, name in KINDS.items():
        some = [each for each in run.failovers if each.kind == kind and each.named]
        if some:
            plots.append((f"{name}: percent, over {len(some)} failovers", curves(run, some), [0, 25, 50, 75, 100], float))
    return drawing.picture(plots, drawing.Axis(SECONDS, 1))


def curves(run, failovers):
    refused, unnamed = [], []
    for step in range(SECONDS * STEPS):
        now = step / STEPS
        asked = answered = 0
        for each in failovers:
            if each.began + now < each.until:
                counts = run.spans.get(int((each.began + now) * STEPS), (0, 0))
                asked, answered = asked + counts[0], answered + counts[1]
        refused.append((now, 100 * answered / asked if asked else None))
        unnamed.append((now, 100 * sum(each.named - each.began > now for each in failovers) / len(failovers)))
    return {"no primary named": unnamed, "503": refused}
