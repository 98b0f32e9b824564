"""The results of a run, as a table."""

from failovers.figures import course, headline, wrong_answers
from trials.figures import section

# What a gateway may need to follow a slot that has moved, in seconds.
RECOVERY = 2

TOO_LONG = f"stretches of 503 for more than {RECOVERY} s"


def counts_that_must_be_zero(run):
    return {**wrong_answers(run), TOO_LONG: int(run.refused_seconds() > RECOVERY)}


def table(run):
    lines = [headline(run, f"{run.moved:,} slots moved")]
    lines += course(run)
    lines += [f"503: {len(run.refusals):,}; the longest stretch at one gateway: {run.refused_seconds():.1f} s"]
    lines += section("must be 0", counts_that_must_be_zero(run))
    return "\n".join(lines + run.judge.told)
