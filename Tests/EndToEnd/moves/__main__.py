"""make moves: N= slots, with SEED= if a run is to be repeated. Prints the figures.

Fails where an ended key was accepted, or a valid one was refused, or a gateway refused keys for longer than it may.
"""

import os
import random
import sys

from failovers.figures import nonzero
from moves.figures import counts_that_must_be_zero, table
from moves.run import Moves


def main():
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("N") or 1000)
    print(f"SEED={seed}: {count} slots", flush=True)
    run = Moves(seed, told=lambda line: print(line, flush=True))
    try:
        run.run(count)
    finally:
        print(table(run))
    return 1 if nonzero(counts_that_must_be_zero(run)) else 0


if __name__ == "__main__":
    sys.exit(main())
