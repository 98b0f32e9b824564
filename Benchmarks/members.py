"""What a change costs by the number of members: each has an invalidation link and acknowledges.

    /usr/bin/python3 Benchmarks/members.py             # 1 to 2,000 members that acknowledge, 20,000 that do not

The members are connections of one process in Python, which shares the machine: the time of a change is an upper bound.
"""

import statistics
import time

from gateways import gateway
from harness.executable import DONE
from harness.listed_members import SHORT_LEASE, Crowd, list_members
from harness.sandbox import OWNER

SIZES = [0, 10, 100, 500, 1000, 2000]
CHANGES = 20
SILENT = 20_000

SETTINGS = f"latchkey_lease {SHORT_LEASE}ms;"


def processor_seconds(redis):
    lines = dict(line.partition(":")[::2] for line in redis.cli("INFO", "cpu").splitlines())
    return float(lines["used_cpu_user"]) + float(lines["used_cpu_sys"])


def timed(gate, *arguments):
    """A command's result, its time and what the server's processor spent on it, in milliseconds."""
    before = processor_seconds(gate.redis)
    began = time.monotonic()
    result = gate.latchkey.run(*arguments, as_=OWNER if arguments[0] == "revoke" else None, timeout=120)
    spent = time.monotonic() - began
    assert result.code == DONE, result.err
    return result, 1000 * spent, 1000 * (processor_seconds(gate.redis) - before)


def measure_acknowledging(size):
    with gateway(SETTINGS) as gate:
        gate.wait_for_members()
        names = [f"org-{number}" for number in range(CHANGES + 1)]
        gate.keys_of(names)
        with Crowd(gate.redis, size):
            timed(gate, "revoke", names[0], "--yes")  # after this one, the list is known to be whole
            figures = [timed(gate, "revoke", name, "--yes") for name in names[1:]]
    waited_out = sum("did not acknowledge" in result.err for result, _, _ in figures)
    times, costs = ([figure[at] for figure in figures] for at in (1, 2))
    print(f"{size + 1:>8,} {statistics.median(times):>11.1f} {max(times):>9.1f} {statistics.median(costs):>11.1f}"
          f" {waited_out:>10}", flush=True)


def measure_silent():
    with gateway(SETTINGS) as gate:
        gate.wait_for_members()
        gate.keys_of(["first", "second", "third"])
        timed(gate, "revoke", "first", "--yes")
        list_members(gate.redis, SILENT)
        for what in ("gateways --json", "revoke second --yes", "revoke third --yes", "gateways --json"):
            result, spent, cost = timed(gate, *what.split())
            print(f"  {what:<20} {spent:>9.1f} ms, server {cost:>8.1f} ms, {len(result.out) + len(result.err):>9,} bytes printed",
                  flush=True)


def main():
    print(f"{CHANGES} changes for each number of members, in milliseconds:")
    print(f"{'members':>8} {'median time':>11} {'longest':>9} {'server CPU':>11} {'waited out':>10}")
    for size in SIZES:
        measure_acknowledging(size)
    print(f"\n{SILENT:,} members that never acknowledge (lease {SHORT_LEASE} ms), one command after another:")
    measure_silent()


if __name__ == "__main__":
    main()
