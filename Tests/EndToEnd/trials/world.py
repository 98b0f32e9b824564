"""What the trials are made of: gateways that differ, each behind a network of its own, and a Redis with the documented users."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import acl, processes
from harness.executable import Latchkey
from harness.key_forge import KeyForge
from harness.nginx_server import NginxServer
from harness.sandbox import Sandbox
from harness.store_proxy import StoreProxy
from harness.streams import StreamingUpstream

# Each has two workers.
GATEWAYS = {
    "leased": "latchkey_lease 1s;\nlatchkey_outage_grace 0s;\nlatchkey_consistency leased;",
    "bridged": "latchkey_lease 300ms;\nlatchkey_outage_grace 5s;\nlatchkey_consistency leased;",
    "strict": "latchkey_lease 1s;\nlatchkey_outage_grace 1s;\nlatchkey_consistency strict;",
}

# The executable's own word counts for gateways that listen and are not in the list.
SETTINGS = "latchkey_lease 1s;\nlatchkey_outage_grace 5s;\nlatchkey_timeout 500ms;"
LONGEST_LEASE, LONGEST_TRUST = 1, 6

# A crash keeps Redis away for this long at most.
RESTART_SECONDS_MAX = 6

# What a crash may take with `everysec`: the last second, or two where the disk is slow.
EVERYSEC_LOSES = 2

# The time after a fault in which a worker reconnects, and ends the requests that must end.
SETTLING = 4

SERVER = """
        access_log off;
        error_log error.log notice;

        location /api {{
            latchkey on;
            proxy_pass http://unix:api.sock;
        }}

        location /stream/ {{
            latchkey on;
            proxy_buffering off;
            proxy_pass http://unix:{upstream};
        }}
"""

class Troubles:
    """The times of faults of a part of the world, by CLOCK_MONOTONIC."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = 0
        self.last_end = float("-inf")

    @contextmanager
    def __call__(self):
        with self.lock:
            self.count += 1
        try:
            yield
        finally:
            with self.lock:
                self.count -= 1
                self.last_end = time.monotonic()

    def calm_since(self):
        return float("inf") if self.count else self.last_end


class Gateway:
    def __init__(self, number, name, nginx, proxy, store):
        self.number = number
        self.name = name
        self.nginx = nginx
        self.proxy = proxy
        self.store = store
        self.troubled = Troubles()

    def some_workers(self, chance, count):
        """A few of the live workers, or all."""
        workers = sorted(processes.children(self.nginx.process.pid))
        return workers if count is None else chance.sample(workers, min(count, len(workers)))

    def must_end_stream(self, judge, key, now):
        """Whether a key has been ended, and nothing was wrong here, for long enough."""
        calm = max(self.troubled.calm_since(), self.store.troubled.calm_since())
        return calm < now - SETTLING and judge.has_been_ended(key, now - SETTLING, now)


class Store:
    def __init__(self, redis, judge):
        self.name = "redis"
        self.redis = redis
        self.judge = judge
        self.troubled = Troubles()
        self.options = list(redis.options)
        self.sync = "everysec"  # which is Redis' default

    def start(self, sync):
        self.sync = sync
        self.redis.options = [*self.options, "--appendfsync", sync]
        self.redis.start()

    def stop(self):
        self.redis.stop()

    def end_connections(self, kind):
        self.redis.cli("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    def permit(self, program, right):
        """Grants or revokes a permission, which takes effect for new connections."""
        with self.troubled():
            self.redis.cli("ACL", "SETUSER", acl.user(program), right)
            self.end_connections("normal")
            self.end_connections("pubsub")

    def crash(self):
        self.redis.crash()
        if self.sync == "everysec":
            now = time.monotonic()
            self.judge.may_be_lost(now - EVERYSEC_LOSES, now, now + RESTART_SECONDS_MAX + LONGEST_TRUST)


class World:
    def __init__(self, stack, judge, gateways):
        self.judge = judge
        self.stack = stack
        users = Path(stack.enter_context(TemporaryDirectory())) / "users.acl"
        acl.write_users(users)
        self.sandbox = stack.enter_context(Sandbox(
            start=False, gateways=0, settings=SETTINGS, redis_options=["--aclfile", str(users)], redis_login=acl.OPERATOR))
        acl.authenticate(self.sandbox)
        self.sandbox.expect(r"exited on signal 9", r"connect\(\) to unix:.* failed")
        self.folder = self.sandbox.folder
        self.store = Store(self.sandbox.redis, judge)
        self.upstream = stack.enter_context(StreamingUpstream(self.folder / "stream.sock"))
        self.gateways = [self.add_gateway(*each) for each in enumerate(gateways.items())]
        self.proxy = self.add_proxy("administrators")
        self.programs = [self.sandbox.latchkey, Latchkey(self.settings("administrators", self.proxy, ""))]

    def add_proxy(self, name):
        proxy = StoreProxy(self.folder / f"{name}.sock", self.store.redis).start()
        self.stack.callback(proxy.stop)
        return proxy

    def add_gateway(self, number, named):
        name, settings = named
        proxy = self.add_proxy(name)
        nginx = NginxServer(self.folder / name, self.settings(name, proxy, settings),
                            SERVER.format(upstream=self.upstream.path))
        self.sandbox.gateways.append(nginx)
        nginx.start()
        return Gateway(number, name, nginx, proxy, self.store)

    def settings(self, name, proxy, settings):
        """The configuration file, with other directives in place of its own, and another way to the store."""
        own = {line.split()[0]: line for line in self.sandbox.config.read_text().splitlines() if line.startswith("latchkey_")}
        own |= {line.split()[0]: line for line in settings.splitlines()}
        own["latchkey_store"] = f"latchkey_store {proxy.url};"
        path = self.folder / f"{name}.conf"
        path.write_text("\n".join(own.values()) + "\n")
        return path

    def forged_keys(self, organizations):
        forge = KeyForge(self.sandbox.pepper_file.read_text().split()[0])
        return [forge.forged(name) for name in organizations]
