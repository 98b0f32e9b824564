"""make everyday: does each piece of work under traffic and changes of keys, and prints a table.  T= chooses by name, TOPOLOGY= the store.

Fails where an ended key was accepted, or a valid one was refused, or too little was seen to tell.
"""

import os
import sys

from everyday import cluster_works, works
from everyday.course import Everyday
from failovers.figures import UNSEEN, unseen
from harness.sandbox import CLUSTER, SENTINEL

WORKS = {SENTINEL: works.WORKS, CLUSTER: cluster_works.WORKS}


def main():
    wanted = os.environ.get("T", "")
    faults = {}
    print("| work | seconds | 503 | 75 |")
    print("|---|---|---|---|", flush=True)
    topology = os.environ.get("TOPOLOGY") or SENTINEL
    for work in WORKS[topology]:
        if wanted in work.name:
            course = Everyday(work, topology)
            course.run()
            print(course.row(), flush=True)
            faults |= course.judge.faults
            if unseen(course.judge):
                faults[f"{work.name}: {UNSEEN}"] = unseen(course.judge)
    if faults:
        print(faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
