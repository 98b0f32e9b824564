"""Workers under mixed traffic for long: their memory must stay as it is.

    soak.py [FILE]

SECONDS= tells how long. Fails where a worker grows in the second half, or is another one at the end. Draws FILE
(build/soak.svg): the memory of each worker, what was asked of them, and when the store was away.
"""

import itertools
import os
import random
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import drawing
import gateways
from harness.executable import DONE
from harness.http_client import bearer
from harness.load import steady_load
from harness.metrics import LOCATION, scrape
from harness.open_streams import MAP, SERVER, Streams
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER, Sandbox

SECONDS = int(os.environ.get("SECONDS") or 600)
PAUSE = 1

# More than workers keep, so that records are given up for others all the time.
ORGANIZATIONS = 60
SETTINGS = "latchkey_timeout 500ms;\nlatchkey_cache_size 40;\nlatchkey_outage_grace 2s;"

# Each line of these would be looked through for each key in the end.
QUIET = "access_log off; error_log error.log notice;"

# By so much a worker may seem to grow by chance: what 1,000 checks a second would leave behind at a byte each.
KILOBYTES_A_MINUTE_MAX = 60

# One after another, repeatedly; each lasts this many seconds, followed by as long a calm phase.
OUTAGE_SECONDS = 3
PEACE_SECONDS = 12

# Results that must have occurred, or the traffic was not as intended.
RESULTS = {"allowed", "missing", "ambiguous", "malformed", "forged", "revoked", "unavailable"}


class Traffic:
    """What clients, owners and the store do, each kind on threads of its own."""

    def __init__(self, gate, streams):
        self.gate = gate
        self.streams = streams
        self.ended = threading.Event()
        self.keys = [gate.key(f"org-{number}") for number in range(ORGANIZATIONS)]
        self.old_keys = list(self.keys)
        self.forged = [gate.forge().forged(f"org-{number}") for number in range(ORGANIZATIONS)]
        self.outages = []
        self.commands = Counter()
        self.start = time.monotonic()

    def now(self):
        return time.monotonic() - self.start

    # Clients

    def ask_over_one_connection(self):
        with self.gate.connect() as connection:
            for _ in range(200):
                connection.request("/api", self.credentials())
                self.breathe()

    def ask_over_new_connections(self):
        self.gate.request(random.choice(["/api", "/checked/x"]), self.credentials())
        self.breathe()

    def give_up(self):
        """Leaves at any moment of a request."""
        with self.gate.connect() as connection:
            connection.send(random.choice(["/api", "/checked/x"]), self.credentials())
            if random.random() < 0.5:
                time.sleep(random.random() / 1000)

    def keep_streams_open(self):
        """Opens some, which end with their keys, or by their clients; half of the keys are not replaced meanwhile."""
        with ExitStack() as stack:
            for kind in ("websocket", "events", "download", "silence"):
                key = random.choice(self.keys)
                stack.enter_context(self.streams.begin(kind, f"/stream/{kind}", bearer(key)))
            self.ended.wait(random.random() * 2)

    def credentials(self):
        key = random.choice(self.keys)
        return random.choice([
            bearer(key), bearer(key), bearer(key), [("X-API-Key", key)], [], bearer(random.choice(self.forged)),
            bearer(key[:-1]), [*bearer(key), ("X-API-Key", key)], bearer(random.choice(self.old_keys)),
        ])

    def breathe(self):
        self.ended.wait(0.002)

    # Owners

    def change_keys(self):
        for number in itertools.cycle(range(ORGANIZATIONS)):
            name = f"org-{number}"
            if number % 3 == 0:
                self.carry_out("revoke", name)
            result = self.carry_out("generate", name)
            if result.code == DONE:
                self.old_keys[number] = self.keys[number]
                self.keys[number] = self.gate.latchkey.remember(result.out.strip())
            if self.ended.wait(0.3):
                return

    def carry_out(self, command, organization):
        result = self.gate.latchkey.run(command, organization, "--yes", as_=OWNER)
        self.commands[command, result.code] += 1
        return result

    # The store

    def trouble_the_store(self):
        redis = self.gate.redis
        for leave, return_ in itertools.cycle([(redis.freeze, redis.thaw), (redis.stop, redis.start), (redis.kill, redis.start)]):
            if self.ended.wait(PEACE_SECONDS):
                return
            redis.end_connections()
            if self.ended.wait(1):
                return
            begin = self.now()
            leave()
            self.ended.wait(OUTAGE_SECONDS)
            if leave == redis.kill:
                redis.socket.unlink(missing_ok=True)
            return_()
            self.outages.append((begin, self.now()))


# The run


def resident_kilobytes(pid):
    """A worker's private memory; shared memory, files and the zone, is not its growth."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["RssAnon"].split()[0])


def record():
    """Samples (time, kilobytes by worker, metrics), outages, and what the traffic came to."""
    with (Sandbox(settings=SETTINGS, workers=2, http=MAP, server=QUIET + LOCATION + SERVER) as gate,
          ExitStack() as stack):
        gate.expect(NO_SOCKET, r"\[crit\] .* connect\(\) to unix:.*/redis\.sock failed")
        gate.wait_for_members()
        traffic = Traffic(gate, Streams(stack, gate))
        workers = sorted(gate.workers())
        threads = [threading.Thread(target=work) for work in (traffic.change_keys, traffic.trouble_the_store)]
        for thread in threads:
            thread.start()
        samples = []
        with ExitStack() as loads:
            for action in (traffic.ask_over_one_connection, traffic.ask_over_new_connections, traffic.give_up,
                           traffic.keep_streams_open):
                loads.enter_context(steady_load(action, clients=2))
            while traffic.now() < SECONDS:
                samples.append((traffic.now(), [resident_kilobytes(pid) for pid in workers], scrape(gate)))
                time.sleep(PAUSE)
            traffic.ended.set()
        for thread in threads:
            thread.join()
        assert sorted(gate.workers()) == workers, "a worker ended"
        wait_until(lambda: gate.status_of(traffic.keys[-1], "/api") in (200, 401), "the gateway answers")
        return samples, traffic


# What it shows


def growth(points):
    """Kilobytes a minute: the median slope between any two points (Theil and Sen), which a few outliers don't move."""
    return 60 * median((b - a) / (t - s) for (s, a), (t, b) in itertools.combinations(points, 2))


def second_half(samples, worker):
    return [(now, sizes[worker]) for now, sizes, _ in samples if now >= SECONDS / 2]


def judge(samples, traffic):
    last = samples[-1][2]
    checks = {result for (result, _), count in last.all("checks_total").items() if count}
    faults = [f"no check was {result}" for result in sorted(RESULTS - checks)]
    if not last.value("streams_ended_total"):
        faults.append("no stream ended with its key")
    for worker, size in enumerate(samples[-1][1]):
        slope = growth(second_half(samples, worker))
        print(f"worker {worker + 1}: {size} kB, growing by {slope:.1f} kB a minute in the second half")
        if slope > KILOBYTES_A_MINUTE_MAX:
            faults.append(f"worker {worker + 1} grows by more than {KILOBYTES_A_MINUTE_MAX} kB a minute")
    return faults


def rates(samples):
    """Checks a second, those that a record decided and the others."""
    curves = {"allowed": [], "refused": [], "unavailable": []}
    names = {"allowed": "allowed", "unavailable": "unavailable"}
    for (before, _, old), (after, _, new) in zip(samples[::5], samples[5::5]):
        sums = Counter()
        for labels, value in new.all("checks_total").items():
            sums[names.get(labels[0], "refused")] += value - old.all("checks_total").get(labels, 0)
        for name, curve in curves.items():
            curve.append((after, sums[name] / (after - before)))
    return curves


def ticks(most):
    """Values for a grid from nothing to the most."""
    step = next(base * 10**power for power in range(9) for base in (1, 2, 5) if base * 10**power * 5 >= most)
    return [step * number for number in range(6)]


def picture(samples, traffic):
    memory = {
        f"worker {number + 1}": [(now, sizes[number] / 1024) for now, sizes, _ in samples]
        for number in range(len(samples[0][1]))
    }
    checks = rates(samples)
    opened = {"open": [(now, metrics.value("streams_open")) for now, _, metrics in samples]}
    plots = [
        ("Memory of a worker, MB", memory, ticks(max(value for curve in memory.values() for _, value in curve)), float),
        ("Checks a second", checks, ticks(max(value for curve in checks.values() for _, value in curve)), float),
        ("Streams", opened, ticks(max(value for _, value in opened["open"]) or 1), float),
    ]
    outages = [(*span, "" if number else "shaded: Redis is away") for number, span in enumerate(traffic.outages)]
    return drawing.picture(plots, drawing.Axis(SECONDS, max(10, SECONDS // 10)), outages)


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else gateways.ROOT / "build/soak.svg"
    samples, traffic = record()
    path.write_text("\n".join(picture(samples, traffic)) + "\n")
    faults = judge(samples, traffic)
    total = sum(samples[-1][2].all("checks_total").values())
    print(f"{total:.0f} checks in {SECONDS} s, {len(traffic.outages)} outages, commands: {dict(traffic.commands)}; {path}")
    sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
