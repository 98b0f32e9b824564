"""The results of a run, as a table."""

from collections import Counter

from failovers.figures import MUST_BE_ZERO, answers, durations, reasons
from trials.figures import section

# What a gateway may need to follow a slot that has moved, in seconds.
RECOVERY = 2

TOO_LONG = f"stretches of 503 for more than {RECOVERY} s"


def counts_that_must_be_zero(run):
    counts = {what: run.judge.figures[what] for what in MUST_BE_ZERO}
    counts[TOO_LONG] = int(run.refused_seconds() > RECOVERY)
    return counts


def wrongs(run):
    """What must not be however slow the machine is."""
    return {what: run.judge.figures[what] for what in MUST_BE_ZERO if run.judge.figures[what]}


def faults(run):
    return [what for what, count in counts_that_must_be_zero(run).items() if count]


def table(run):
    judge = run.judge
    total = sum(judge.answers.values())
    lines = [f"{total:,} requests and {run.moved:,} slots moved in {run.seconds:.0f} s, SEED={run.seed}"]
    lines += section("answers", answers(judge))
    lines += section("changes, by exit code", Counter({f"{kind}: {code}": n for (kind, code), n in judge.changes.items()}))
    lines += section("changes that were not confirmed, by reason", reasons(run))
    lines += durations(run)
    lines += section("what was certain", {name: n for name, n in judge.figures.items() if name not in MUST_BE_ZERO})
    lines += [f"503: {len(run.refusals):,}; the longest stretch at one gateway: {run.refused_seconds():.1f} s"]
    lines += section("must be 0", counts_that_must_be_zero(run))
    return "\n".join(lines + judge.told)
