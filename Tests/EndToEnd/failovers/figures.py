"""The results of a run, as a table."""

from collections import Counter
from statistics import median

from failovers.run import KINDS, RECOVERY
from harness.executable import DONE, NOT_CONFIRMED
from trials.figures import section
from trials.judge import DEAD_ACCEPTED, ENDED, FORGED_ACCEPTED, VALID, VALID_REFUSED

MUST_BE_ZERO = (DEAD_ACCEPTED, VALID_REFUSED, FORGED_ACCEPTED)

TOO_LONG = f"failovers with 503 for more than {RECOVERY} s beyond the naming"
STRAY = "503 without a failover"

# A run that saw little shows little.
UNSEEN = "kinds of requests and changes of which there were none"
EXCUSED_MOST = 0.2
EXCUSED = f"more than {EXCUSED_MOST:.0%} of the time excused"

# A few words of each reason for exit 75.
REASONS = {
    "are needed": "too few servers hold it",
    "which server is the primary": "no majority names the primary",
    "did not acknowledge": "workers did not acknowledge",
    "missing in the membership list": "the membership list may lack workers",
    "no longer has the change": "the change is undone",
    "read back": "not read back",
}


def wrong_answers(run):
    """What must not be however slow the machine is."""
    return {**{what: run.judge.figures[what] for what in MUST_BE_ZERO}, UNSEEN: unseen(run.judge)}


def unseen(judge):
    """Of how much nothing was seen that would have shown a fault: keys in both states, and changes that were confirmed."""
    seen = [judge.figures[f"requests with keys that are {state}"] for state in (VALID, ENDED)]
    seen += [judge.changes[kind, DONE] for kind in ("generate", "revoke")]
    return seen.count(0)


def counts_that_must_be_zero(run):
    too_long = sum(run.excess(each) > RECOVERY for each in run.failovers)
    excused = int(run.excused_seconds > EXCUSED_MOST * run.seconds)
    return {**wrong_answers(run), TOO_LONG: too_long, STRAY: run.stray_refusals, EXCUSED: excused}


def nonzero(counts):
    return [what for what, count in counts.items() if count]


def table(run):
    lines = [headline(run, f"{len(run.failovers)} failovers")]
    lines += by_kind(run)
    lines += course(run)
    lines += section("not ordered by anybody", {
        "times when the machine stood still": len(run.stalls), "503 near those and near other changes of the primary":
        sum(run.is_excused(moment) for moment, _ in run.refusals)})
    lines += section("must be 0", counts_that_must_be_zero(run))
    stories = [run.story(each) for each in run.failovers if run.excess(each) > RECOVERY]
    return "\n".join(lines + run.judge.told + stories)


def headline(run, what):
    total = sum(run.judge.answers.values())
    return f"{total:,} requests and {what} in {run.seconds:.0f} s, SEED={run.seed}"


def course(run):
    """Answers and changes."""
    judge = run.judge
    return [
        *section("answers", answers(judge)),
        *section("changes, by exit code", Counter({f"{kind}: {code}": n for (kind, code), n in judge.changes.items()})),
        *section("changes that were not confirmed, by reason", reasons(run)),
        *durations(run),
        *section("what was certain", {name: n for name, n in judge.figures.items() if name not in MUST_BE_ZERO}),
    ]


def answers(judge):
    sums = Counter()
    for (_, status, result, _), count in judge.answers.items():
        sums[f"{status or 'none'} {result}".strip()] += count
    return sums


def by_kind(run):
    """Seconds, median and maximum."""
    lines = [f"{'in seconds, median and maximum':34} {'primary named':>16} {'time with 503':>16} {'beyond the naming':>18}"]
    for kind, name in KINDS.items():
        some = [each for each in run.failovers if each.kind == kind and each.named]
        if not some:
            continue
        columns = [
            spread([each.named - each.began for each in some]), spread([run.refused_seconds(each) for each in some]),
            spread([run.excess(each) for each in some])]
        lines.append(f"  {f'{name} ({len(some)})':32} {columns[0]:>16} {columns[1]:>16} {columns[2]:>18}")
    return lines


def spread(values):
    return f"{median(values):.2f} {max(values):.2f}"


def reasons(run):
    sums = Counter()
    for _, result in run.administrators.results:
        if result.code == NOT_CONFIRMED:
            found = next((name for words, name in REASONS.items() if words in result.err), result.err.strip()[:100])
            sums[found] += 1
    return sums


def durations(run):
    """How long the commands took that ended well."""
    lines = ["seconds of a command that ended with 0, median and maximum:"]
    kinds = {kind for kind, result in run.administrators.results if kind != "org"}
    for kind in sorted(kinds):
        spans = [result.ended - result.began for name, result in run.administrators.results if name == kind and result.code == DONE]
        if spans:
            lines.append(f"  {f'{kind} ({len(spans)})':32} {spread(spans):>16}")
    return lines
