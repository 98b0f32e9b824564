"""Which server the sentinels name as the primary, by the clock of the tests."""

import threading
import time

from harness.redis_link import RedisLink
from harness.sentinel_servers import NAME

PAUSE = 0.02

# A round of questions that takes longer shows that the machine had no time for anybody.
STALL = 0.4


class Naming:
    """Asks all sentinels all the time, and notes when a majority of them names another server."""

    def __init__(self, store):
        self.store = store
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
        while not self.ended.wait(PAUSE):
            ports = [self.ask(sentinel) for sentinel in self.store.sentinels]
            named = next((port for port in ports if port and ports.count(port) >= self.store.majority), None)
            if not self.changes or self.changes[-1][1] != named:
                self.changes.append((time.monotonic(), named))
            now = time.monotonic()
            if now - before > STALL:
                self.stalls.append((before, now))
            before = now

    def ask(self, sentinel):
        try:
            if sentinel not in self.links:
                self.links[sentinel] = RedisLink(sentinel.socket, 1, sentinel.login)
            return int(self.links[sentinel].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])
        except (OSError, TypeError):
            self.links.pop(sentinel, None)
            return None

    def named_other_than(self, server, since):
        """When a majority first named another server than this one; `None` if it has not."""
        return next((moment for moment, port in list(self.changes) if moment > since and port not in (None, server.listener.port)), None)
