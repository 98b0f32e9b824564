"""Which servers are named as the primaries, by the clock of the tests."""

import threading
import time

from harness.cluster_server import Member
from harness.redis_link import RedisLink
from harness.sentinel_servers import NAME

PAUSE = 0.02

# A round of questions that takes longer shows that the machine had no time for anybody.
STALL = 0.4


class Naming:
    """Asks all who name primaries, all the time, and notes when they name others: the ports, or `None` while they do not agree."""

    def __init__(self, store, pause=PAUSE):
        self.store = store
        self.pause = pause
        self.lost = ()  # servers that nobody has to ask
        self.ended = threading.Event()
        self.links = {}
        self.changes = []
        self.stalls = []
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        for link in self.links.values():
            link.close()

    def run(self):
        before = time.monotonic()
        while not self.ended.wait(self.pause):
            named = self.named()
            if not self.changes or self.changes[-1][1] != named:
                self.changes.append((time.monotonic(), named))
            now = time.monotonic()
            if now - before > STALL:
                self.stalls.append((before, now))
            before = now

    def ask(self, process, *commands):
        """The replies of a sentinel or a server; `None` if it does not answer."""
        try:
            if process not in self.links:
                self.links[process] = RedisLink(process.socket, 1, process.login)
            return [self.links[process].ask(*words) for words in commands]
        except OSError:
            self.links.pop(process, None)
            return None

    def named_other_than(self, server, since):
        """When another server was first named in this one's place; `None` if none was."""
        return next((moment for moment, named in list(self.changes)
                     if moment > since and named and server.listener.port not in named), None)

    def changed_to_others(self):
        """When others were named than before, in order."""
        names, moments = None, []
        for moment, named in self.changes:
            if named and names and named != names:
                moments.append(moment)
            names = named or names
        return moments


class NamingBySentinels(Naming):
    """A majority of the sentinels names the primary."""

    def named(self):
        replies = [self.ask(each, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]) for each in self.store.sentinels]
        ports = [int(reply[0][1]) for reply in replies if reply and isinstance(reply[0], list)]
        return next(((port,) for port in ports if ports.count(port) >= self.store.majority), None)


class NamingByServers(Naming):
    """All servers that answer and serve name the same primaries."""

    def named(self):
        maps = {self.primaries(server) for server in self.store.servers if server not in self.lost and server.is_running}
        maps.discard(None)
        return maps.pop() if len(maps) == 1 else None

    def primaries(self, server):
        """The ports of the primaries with slots, as a server sees them; `None` if it does not answer, or does not serve."""
        replies = self.ask(server, ["CLUSTER", "INFO"], ["CLUSTER", "NODES"])
        if not replies or not isinstance(replies[0], str) or "cluster_state:ok" not in replies[0]:
            return None
        members = [Member(line) for line in replies[1].splitlines()]
        return tuple(sorted(member.port for member in members if member.ranges))
