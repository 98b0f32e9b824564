"""The candidates in turn, again and again, each beside no check: what disturbs the machine disturbs all, and both of a pair."""

import math
import sys
import time
from functools import partial

from compare.load import LoadFailed
from compare.measuring import measure


# A shared machine gets faster and slower within minutes: "no check" is measured again after this long.
REFERENCE_SECONDS = 4


class Reference:
    """No check, as it was measured shortly before a candidate."""

    def __init__(self, stack, measure_it):
        self.running = next((each for each in stack.running if each.candidate.is_reference), None)
        self.measure_it = measure_it
        self.row = None
        self.measured_at = -math.inf

    def refresh(self):
        if self.running and time.monotonic() - self.measured_at > REFERENCE_SECONDS:
            self.row = self.measure_it(self.running)
            self.measured_at = time.monotonic()

    def figures(self):
        """What a row is compared with; nothing where no check is not among the candidates."""
        return self.row and {name: self.row[name] for name in ("per_second", "cpu_us")}


def rounds(stack, cells, count, seconds, save):
    """Rows of measurements; `save` gets those so far after each cell of a round."""
    rows = []
    for number in range(count):
        for position, cell in enumerate(cells):
            measure_it = partial(once_more_if_it_fails, stack, cell, seconds, 1 + 100 * number + position)
            reference = Reference(stack, measure_it)
            for running in stack.running:
                reference.refresh()
                row = reference.row if running is reference.running else measure_it(running)
                rows.append({**row, "round": number, "beside": reference.figures()})
                tell(rows[-1])
            save(rows)
    return rows


def once_more_if_it_fails(stack, cell, seconds, seed, running):
    try:
        return measure(stack, running, cell, seconds, seed)
    except LoadFailed as failure:
        print(f"{running.candidate.name}: {failure}; once more", file=sys.stderr)
        return measure(stack, running, cell, seconds, seed)


def tell(row):
    cpu = " ".join(f"{name} {us:.1f}" for name, us in row["cpu_us"].items())
    print(
        f"{time.strftime('%H:%M:%S')} round {row['round']} {row['cell']:18} {row['candidate']:32}"
        f" {row['per_second']:9,.0f}/s  CPU µs: {cpu}  foreign {row['foreign_cores']:.2f}"
        + ("" if row["as_expected"] else "  NOT AS EXPECTED"),
        file=sys.stderr, flush=True,
    )
