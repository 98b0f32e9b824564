"""The results of a run, as a table."""

from collections import Counter

from trials.judge import FAULTS

WORDS = {0: "none (the connection ended, or the client left)"}


def table(trial):
    judge = trial.judge
    total = sum(judge.answers.values())
    names = [gateway.name for gateway in trial.world.gateways]
    lines = [f"{total:,} requests in {trial.seconds:.0f} s, SEED={trial.seed}"]
    lines += section("answers", by(judge.answers, lambda gateway, status, result, source: answer_name(status, result)))
    lines += section("decided by", by(judge.answers, lambda gateway, status, result, source: source or "-"))
    lines += section("seconds with a 503, by gateway", {
        name: len(judge.seconds.get(number, ())) for number, name in enumerate(names)})
    lines += section("changes, by exit code", Counter({f"{kind}: {code}": n for (kind, code), n in judge.changes.items()}))
    lines += section("faults that happened", trial.happened)
    lines += section("what was certain", {name: n for name, n in judge.figures.items() if name not in FAULTS})
    lines += section("must be 0", {what: judge.figures[what] for what in FAULTS})
    return "\n".join(lines + judge.told)


def answer_name(status, result):
    return " ".join(filter(None, [str(WORDS.get(status, status)), result]))


def by(counts, name):
    sums = Counter()
    for what, count in counts.items():
        sums[name(*what)] += count
    return sums


def section(title, counts):
    width = max(map(len, counts), default=0)
    return [f"{title}:"] + [f"  {name:{width}} {count:>12,}" for name, count in sorted(counts.items())]
