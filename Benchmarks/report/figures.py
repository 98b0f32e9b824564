"""Figures of a run: medians with their spread, ratios of pairs, and what the noise of the machine decides."""

import statistics
from dataclasses import dataclass

# The first is what all are compared with; the other is the same once more.
REFERENCE = "00-nothing"
CONTROL = "90-nothing-again"

# A measurement is disturbed where others used more of the machine's processors than this.
FOREIGN_CORES_MAX = 0.25
UNDISTURBED_MIN = 3

# wrk with this much of a core was the limit, and not what it asked.
GENERATOR_CORES_MAX = 0.95


@dataclass(frozen=True)
class Spread:
    median: float
    least: float
    most: float

    @staticmethod
    def of(values):
        return Spread(statistics.median(values), min(values), max(values))

    def overlaps(self, other):
        return self.least <= other.most and other.least <= self.most


@dataclass(frozen=True)
class Line:
    """A candidate in a cell."""

    candidate: str
    per_second: Spread
    ratio: Spread  # to no check, measured beside it
    cpu_us: Spread  # all that takes part but the API
    cpu_added_us: Spread
    cpu_parts_us: dict
    p50_us: float
    p99_us: float
    redis_commands: float
    rounds: int
    is_disturbed: bool
    ratio_is_noise: bool  # not distinguishable from no check
    cpu_is_noise: bool
    generator_is_limit: bool
    is_as_expected: bool


def own_cpu(row):
    return sum(us for part, us in row["cpu_us"].items() if part != "api")


def lines(load, cell):
    """A line for each candidate that was measured in a cell, where no check was, too."""
    rows = [row for row in load["rows"] if row["cell"] == cell and row["beside"]]
    names = list(dict.fromkeys(row["candidate"] for row in rows))
    noise = Noise.of(rows) if CONTROL in names else None
    return [line(rows, name, noise) for name in names]


@dataclass(frozen=True)
class Noise:
    """How far no check is from itself."""

    ratio: Spread
    cpu_added_us: Spread

    @staticmethod
    def of(rows):
        return Noise(ratios_of(rows, CONTROL), cpu_added(rows, CONTROL))


def chosen(rows, name):
    """A candidate's undisturbed rows, or all of them where too few are."""
    own = [row for row in rows if row["candidate"] == name]
    calm = [row for row in own if row["foreign_cores"] <= FOREIGN_CORES_MAX]
    return (calm, False) if len(calm) >= min(UNDISTURBED_MIN, len(own)) else (own, True)


def ratios_of(rows, name):
    own, _ = chosen(rows, name)
    return Spread.of([row["per_second"] / row["beside"]["per_second"] for row in own])


def cpu_added(rows, name):
    own, _ = chosen(rows, name)
    return Spread.of([own_cpu(row) - own_cpu(row["beside"]) for row in own])


def line(rows, name, noise):
    own, is_disturbed = chosen(rows, name)
    ratio, added = ratios_of(rows, name), cpu_added(rows, name)
    is_compared = name != REFERENCE

    def median(value):
        known = [value(row) for row in own if value(row) is not None]
        return statistics.median(known) if known else None

    return Line(
        candidate=name,
        per_second=Spread.of([row["per_second"] for row in own]),
        ratio=ratio,
        cpu_us=Spread.of([own_cpu(row) for row in own]),
        cpu_added_us=added,
        cpu_parts_us={part: median(lambda row: row["cpu_us"][part]) for part in own[0]["cpu_us"]},
        p50_us=median(lambda row: row["p50_us"]),
        p99_us=median(lambda row: row["p99_us"]),
        redis_commands=median(lambda row: row["redis_commands"]),
        rounds=len(own),
        is_disturbed=is_disturbed,
        ratio_is_noise=is_compared and (ratio.most >= 1 or noise is not None and ratio.overlaps(noise.ratio)),
        cpu_is_noise=is_compared and (added.least <= 0 or noise is not None and added.overlaps(noise.cpu_added_us)),
        generator_is_limit=median(lambda row: row["generator_cores"]) > GENERATOR_CORES_MAX,
        is_as_expected=all(row["as_expected"] for row in own),
    )
