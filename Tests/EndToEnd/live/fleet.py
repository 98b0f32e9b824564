"""The fleet: its parts, what happens to them, and what is shown of them."""

import time
from collections import Counter, deque

from failovers.course import Course
from failovers.world import SERVER
from harness import processes
from harness.http_client import request
from harness.metrics import LOCATION, Metrics
from harness.sandbox import SENTINEL
from trials.trial import ORGANIZATIONS

# Three gateways of two workers.
GATEWAYS = ("leased", "leased", "strict")

# Clients of each gateway, and for how many seconds at most each rests between two requests: about 500 requests a second in all.
CLIENTS, REST = 8, 0.1

# Seconds from one change to the next; until what was killed comes back; and from one table to the next.
CHANGE_EVERY = 1
AWAY = 15
SHOW_EVERY = 0.5

CHANGES_SHOWN = 5

# Milliseconds after which a server counts as lost.
STORES = {SENTINEL: {"down_after": 2000}, "cluster": {"node_timeout": 2000}}


class Fleet(Course):
    """It ends by itself after some seconds."""

    def __init__(self, topology, seconds):
        super().__init__(seed=time.time_ns(), topology=topology, gateways=GATEWAYS, proxied=False, server=SERVER + LOCATION,
                         load=dict(connections=0, slow=CLIENTS, pause=REST), **STORES[topology])
        self.topology = topology
        self.limit = seconds
        self.back = {}
        self.recent = deque(maxlen=CHANGES_SHOWN)
        self.statuses = [Counter() for _ in GATEWAYS]
        self.nodes = {}

    def run(self, screen):
        screen.say("The fleet starts: this takes a few seconds.")
        with self.traffic():
            self.world.sandbox.expect("")  # whatever the logs say
            self.nodes = self.name_nodes()
            with self.threads(self.works(), self.ended):
                while self.seconds < self.limit and not self.errors:
                    self.report_for(SHOW_EVERY)
                    self.bring_back()
                    screen.show(self)

    def stop(self):
        """Lets it end with the next table."""
        self.limit = 0

    def name_nodes(self):
        store = self.world.store
        nodes = {f"server-{each.number}": each for each in store.servers}
        nodes |= {f"sentinel-{each.number}": each for each in getattr(store, "sentinels", ())}
        return nodes | {f"gateway-{number}": each for number, each in enumerate(self.world.gateways)}

    # What happens

    def works(self):
        yield self.change_keys, self.chance("owner"), self.ended

    def change_keys(self, chance, ended):
        while not ended.wait(CHANGE_EVERY):
            organization = chance.choice(ORGANIZATIONS)
            kind, options = self.administrators.plan(chance)
            self.administrators.change(self.world.programs[0], organization, kind, options)
            word, result = self.administrators.results[-1]
            self.recent.append((time.monotonic(), f"{kind} {organization}", result))

    def kill(self, node):
        """Kills a server or a sentinel, which comes back later, or a worker of a gateway, which nginx replaces; says so."""
        each = self.nodes[node]
        if node.startswith("gateway"):
            pid = min(each.workers())
            processes.kill(pid)
            return f"The worker {pid} of {node} is killed; nginx starts another."
        if node not in self.back:
            each.process.kill()
            each.process.wait()
            self.back[node] = time.monotonic() + AWAY
        return f"{node} is killed; it comes back after {AWAY} s."

    def bring_back(self):
        for node, moment in list(self.back.items()):
            if moment <= time.monotonic():
                self.nodes[node].launch()
                del self.back[node]

    # What is seen

    def report(self):
        answers = super().report()
        for answer in answers:
            self.statuses[answer.gateway][answer.status] += 1
        return answers

    def take_statuses(self):
        """The answers of each gateway since the last time, by status."""
        taken, self.statuses = self.statuses, [Counter() for _ in GATEWAYS]
        return taken

    def metrics(self, gateway):
        """What a gateway tells of itself; `None` if it does not."""
        try:
            return Metrics(request(gateway.gate, "/metrics").body)
        except (OSError, AssertionError):
            return None
