"""make trials: for SECONDS=, with SEED= if one is to be repeated. Prints the figures; fails where one must be 0 and is not."""

import os
import random
import sys

from trials.figures import table
from trials.trial import Trial


def main():
    seed = os.environ.get("SEED") or random.SystemRandom().randrange(2**32)
    seconds = int(os.environ.get("SECONDS") or 600)
    print(f"SEED={seed}: {seconds} s", flush=True)
    told = print if os.environ.get("STORY") else lambda line: None
    trial = Trial(int(seed), told=told)
    try:
        trial.run(seconds)
    finally:
        print(table(trial))
    return 1 if trial.judge.faults else 0


if __name__ == "__main__":
    sys.exit(main())
