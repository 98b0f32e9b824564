"""Simulates a relay on each host between its workers and one Redis. Latchkey has none: this says what one would change.

    /usr/bin/python3 Benchmarks/relay.py              # the check against measured figures, a change, the idle load; 20 seconds
    WAY=TLS SEED=7 MEMBERS=2000 /usr/bin/python3 Benchmarks/relay.py

Redis is one queue, served in the order of arrival with the times that Benchmarks/sizes.py measures. Messages take the network's
delay and up to as much again. A relay holds the two links of its host and is its only member: it tells its workers news in order,
acknowledges a signal once all of them have, and answers a worker's questions by ones of its own that it sent afterwards. It may
hold questions back, to ask once for many. Exits with 1 where the direct variant's processor time over a unix socket is more than
`TOLERANCE` from what docs/PERFORMANCE.md has; of these figures only that with one member is also put in (`CHANGE`).
"""

import heapq
import os
import random
import statistics

SEED = int(os.environ.get("SEED", 1))
MEMBERS = int(os.environ.get("MEMBERS", 20_000))
PER_HOST = int(os.environ.get("PER_HOST", 16))
ROUNDS = 5

# Milliseconds of Redis' processor: a change without members, and an entry that is read with the list; then by the workers' way to
# Redis a message out, an acknowledgement in, a question of a heartbeat.
CHANGE, ENTRY = 0.7, 0.0005
COSTS = {"UNIX": (0.0021, 0.0106, 0.0072), "TCP": (0.0071, 0.0145, 0.0128), "TLS": (0.0135, 0.0261, 0.0214)}
WAY = os.environ.get("WAY", "TCP")
NETWORK = float(os.environ.get("NETWORK", 0.25))  # one way
WORKER = float(os.environ.get("WORKER", 0.05))  # a turn of a worker's event loop
RELAY = float(os.environ.get("RELAY", 0.02))  # the relay's own time for each message
LOCAL = 0.02  # one way on the host
HOLDS = [0, 50]

# The processor time of a change by the number of members: docs/PERFORMANCE.md, "A change by the number of members".
MEASURED = {1: 0.7, 101: 2.1, 1001: 12.6, 2001: 27.4}
TOLERANCE = 0.25

IDLE_SECONDS = 2


class World:
    """Events in the order of their time."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.now = 0.0
        self.events = []
        self.count = 0

    def at(self, moment, run, *arguments):
        self.count += 1
        heapq.heappush(self.events, (moment, self.count, run, arguments))

    def after(self, delay, run, *arguments):
        self.at(self.now + delay, run, *arguments)

    def sent(self, run, *arguments):
        """A message over the network."""
        self.after(NETWORK * (1 + self.chance.random()), run, *arguments)

    def run(self, until=float("inf")):
        while self.events and self.events[0][0] <= until:
            self.now, _, run, arguments = heapq.heappop(self.events)
            run(*arguments)


class Server:
    """A process with one thread, which serves what arrives in order."""

    def __init__(self, world):
        self.world = world
        self.free_at = 0.0
        self.busy = 0.0
        self.served = 0

    def serve(self, cost, then=lambda: None, *arguments):
        self.free_at = max(self.free_at, self.world.now) + cost
        self.busy += cost
        self.served += 1
        self.world.at(self.free_at, then, *arguments)


class Change:
    """One change, until Redis has taken the last acknowledgement; `sizes` are the workers behind each member."""

    def __init__(self, seed, sizes, relayed, way=WAY):
        self.world = World(seed)
        self.redis = Server(self.world)
        self.sizes, self.relayed = sizes, relayed
        self.out, self.acknowledgement, _ = COSTS[way]
        self.done_at = 0.0
        self.redis.serve(CHANGE + ENTRY * len(sizes), self.tell)
        self.world.run()

    def tell(self):
        for size in self.sizes:
            self.redis.serve(self.out, self.world.sent, self.forward if self.relayed else self.react, size)

    def react(self, _):
        self.world.after(WORKER, self.world.sent, self.acknowledged)

    def forward(self, size):
        """A relay tells its workers, and waits for all of them."""
        relay = Server(self.world)
        left = size

        def taken():
            nonlocal left
            left -= 1
            if left == 0:
                self.world.sent(self.acknowledged)

        def answer():
            self.world.after(LOCAL + WORKER + LOCAL, relay.serve, RELAY, taken)

        for _ in range(size):
            relay.serve(RELAY, answer)

    def acknowledged(self):
        self.redis.serve(self.acknowledgement, self.finish)

    def finish(self):
        self.done_at = self.world.now


class Idle:
    """Heartbeats for some seconds: each worker asks two questions, at a moment of its own."""

    def __init__(self, seed, sizes, lease, hold=None):
        self.world = World(seed)
        self.redis = Server(self.world)
        self.interval = 1000 * min(lease / 4, 1)
        self.hold = hold
        self.collecting = set()
        for host, size in enumerate(sizes):
            for _ in range(size):
                self.world.at(self.world.chance.random() * self.interval, self.beat, host)
        self.end = 1000 * IDLE_SECONDS
        self.world.run(self.end)
        self.load = self.redis.busy / self.end
        self.rate = self.redis.served / IDLE_SECONDS

    def beat(self, host):
        self.world.after(self.interval, self.beat, host)
        if self.hold is None:
            self.ask(host)
        elif host not in self.collecting:
            self.collecting.add(host)
            self.world.after(self.hold, self.ask, host)

    def ask(self, host):
        self.collecting.discard(host)
        for _ in range(2):
            self.world.sent(self.redis.serve, COSTS[WAY][2])


def hosts(members, size):
    return [min(size, members - first) for first in range(0, members, size)]


def check():
    """Whether the direct variant's processor time is that which was measured."""
    print("processor time of a change, direct, over a unix socket:\n members  simulated  measured")
    fits = True
    for members, measured in MEASURED.items():
        simulated = Change(SEED, hosts(members, 1), False, "UNIX").redis.busy
        is_near = abs(simulated - measured) <= TOLERANCE * measured
        fits = fits and is_near
        print(f"{members:>8,} {simulated:>7.1f} ms {measured:>6.1f} ms{'' if is_near else '  too far'}")
    return fits


def main():
    print(f"seed {SEED}, {MEMBERS:,} workers, {PER_HOST} on a host, {WAY}, network {NETWORK} ms, relay {RELAY} ms a message\n")
    fits = check()
    print(f"\na change, median of {ROUNDS}:\n {'':<8} last acknowledgement  Redis' processor  messages out  connections")
    for name, size in (("direct", 1), ("relay", PER_HOST)):
        sizes = hosts(MEMBERS, size)
        changes = [Change(SEED + number, sizes, size > 1) for number in range(ROUNDS)]
        print(f" {name:<8} {statistics.median(each.done_at for each in changes):>17.1f} ms {changes[0].redis.busy:>13.1f} ms"
              f" {len(sizes):>13,} {2 * len(sizes):>12,}")
    print(f"\nidle, {IDLE_SECONDS} s, questions a second and the processor time that they need, in cores:")
    for lease in (1, 5):
        for name, size, hold in (("direct", 1, None), *((f"relay, {hold} ms held", PER_HOST, hold) for hold in HOLDS)):
            idle = Idle(SEED, hosts(MEMBERS, size), lease, hold)
            print(f" lease {lease} s, {name:<20} {idle.rate:>10,.0f} {idle.load:>8.2f}", flush=True)
    return fits


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
