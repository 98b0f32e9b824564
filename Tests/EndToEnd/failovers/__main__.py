"""make failovers: N= of them, with TOPOLOGY=sentinel|cluster, with SEED= if a run is to be repeated, of the kinds with T= in their name. Prints the figures, and draws FILE= (build/failovers.svg).

Fails where an ended key was accepted, a valid one was refused, or a gateway refused keys for longer than it may.
"""

import os
import random
import sys
from pathlib import Path

from failovers.drawing_of_failovers import picture
from failovers.figures import counts_that_must_be_zero, nonzero, table
from failovers.run import KINDS, Run
from harness.artefacts import ROOT
from harness.sandbox import SENTINEL


def main():
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get("N") or 50)
    path = Path(os.environ.get("FILE") or ROOT / "build/failovers.svg")
    topology = os.environ.get("TOPOLOGY") or SENTINEL
    print(f"SEED={seed} TOPOLOGY={topology}: {count} failovers", flush=True)
    run = Run(seed, topology, told=lambda line: print(line, flush=True))
    try:
        run.run(count, [kind for kind in KINDS if os.environ.get("T", "") in kind])
    finally:
        print(table(run))
        path.write_text("\n".join(picture(run)) + "\n")
        print(path)
    return 1 if nonzero(counts_that_must_be_zero(run)) else 0


if __name__ == "__main__":
    sys.exit(main())
