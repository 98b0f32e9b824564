"""The candidates in turn, again and again: A B C … A B C …, so that what disturbs the machine disturbs all."""

import sys
import time

from compare.load import LoadFailed
from compare.measuring import measure


def rounds(stack, cells, count, seconds, save):
    """Rows of measurements; `save` gets those so far after each cell of a round."""
    rows = []
    for number in range(count):
        for position, cell in enumerate(cells):
            for running in stack.running:
                row = once_more_if_it_fails(stack, running, cell, seconds, seed=1 + 100 * number + position)
                rows.append({**row, "round": number})
                tell(rows[-1])
            save(rows)
    return rows


def once_more_if_it_fails(stack, running, cell, seconds, seed):
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
