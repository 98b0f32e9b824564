"""A store with failover: a primary, its replicas, and the sentinels that decide between them.

It looks like a RedisServer: commands reach whatever server is the primary, and what ends, stops or starts "the store" does so
to all its servers, while the sentinels stay. What happens to single servers has names of its own.
"""

import hashlib

from harness.polling import wait_until
from harness.sentinel_servers import NAME, Sentinel, WatchedServer
from harness.several_servers import FAILOVER_SECONDS, SeveralServers, Succession

# All sentinels agree on a fault after this many milliseconds, longer than a loaded machine keeps a process waiting; a failover that
# does not come about is tried again.
DOWN_AFTER = 1500
FAILOVER_TIMEOUT = 3000

# Options of a store whose primary stays, whatever a loaded machine does, unless it is lost for good.
STEADY = {"down_after": 30_000}

# A deposed primary that comes back is told so within about ten seconds.
RECOVERY_SECONDS = 120


class SentinelStore(SeveralServers, Succession):
    """`replicas` and `sentinels` are numbers of processes.

    options   more options of the servers, as of redis-server
    login     the user and password of the tests' own commands
    tls       a StoreTLS: all of them speak TLS, and nothing else
    proxied   everything that reaches a server or a sentinel passes through its proxy
    auth      the user and password with which replicas and sentinels log in to servers
    guards    the sentinels' own users: lines of their configuration, and the login of the tests
    is_hurried  the sentinels look at servers and at each other more often than they usually do
    """

    def __init__(self, folder, options=(), login=(), program=("redis-server",), tls=None, replicas=2, sentinels=3,
                 proxied=False, down_after=DOWN_AFTER, failover_timeout=FAILOVER_TIMEOUT, auth=(), guards=((), ()),
                 is_hurried=True):
        folder.mkdir()
        self.root = folder
        self.tls = tls
        self.program = program
        self.login = login
        self.proxied = proxied
        self.auth = auth
        self.are_sentinels_guarded = bool(guards[0])
        self.down_after = down_after
        self.all_options = list(options)
        self.servers = []
        self.next_number = 0
        self.sentinels = [Sentinel(folder, number, program, tls, proxied, is_hurried) for number in range(sentinels)]
        for sentinel in self.sentinels:
            sentinel.login = guards[1]
        first = self.new_server(None)
        for _ in range(replicas):
            self.new_server(first)
        self.primary_before = first
        for sentinel in self.sentinels:
            others = [each for each in self.sentinels if each is not sentinel]
            sentinel.configure(first, self.servers[1:], others, self.majority, down_after, failover_timeout,
                               [*self.sentinel_lines(), *guards[0]])

    def sentinel_lines(self):
        if not self.auth:
            return []
        user, password = self.auth
        return [f"sentinel auth-user {NAME} {user}", f"sentinel auth-pass {NAME} {password}"]

    def new_server(self, primary, more=()):
        server = WatchedServer(self.root, self.next_number, self.all_options, self.login, self.program, self.tls, self.proxied)
        self.next_number += 1
        auth = [f"masteruser {self.auth[0]}", f"masterauth {self.auth[1]}"] if self.auth else []
        server.join(primary, [*auth, *more])
        self.servers.append(server)
        return server

    @property
    def majority(self):
        return len(self.sentinels) // 2 + 1

    # As a RedisServer

    @property
    def url(self):
        places = ",".join(each.listener.address for each in self.sentinels)
        return f"sentinel{'s' if self.tls else ''}://{places}/{NAME}"

    def __getattr__(self, name):
        """Whatever else a RedisServer has is the primary's: `cli`, `hash`, `calls`, `folder`, `process`, …"""
        if name.startswith("_") or name in ("servers", "sentinels", "primary_before"):
            raise AttributeError(name)
        return getattr(self.primary, name)

    def start(self):
        """Starts what does not run, and waits until all is linked."""
        for each in [*self.servers, *self.sentinels]:
            if not each.is_running:
                each.launch()
        for each in [*self.servers, *self.sentinels]:
            wait_until(each.answers, "all servers answer", RECOVERY_SECONDS)
        for sentinel in self.sentinels:
            sentinel.make_haste()
        self.wait_until_whole()
        return self

    def terms(self):
        epoch = self.sentinels[0].report()["config-epoch"]
        text = " ".join([NAME, *sorted(each.listener.address for each in self.sentinels)])
        witnesses = hashlib.sha256(text.encode()).hexdigest()[:16]
        return [f"{term}.{epoch}.{witnesses}" for term in self.primary.terms()]

    def clients(self):
        """The primary's connections, except for those of replicas and sentinels."""
        ours = self.primary.clients()
        return [line for line in ours if " name=sentinel-" not in line and " flags=S " not in line]

    def log(self):
        return "\n".join(each.log() for each in [*self.servers, *self.sentinels])

    def end(self):
        """Ends whatever runs, and the proxies."""
        for each in [*self.servers, *self.sentinels]:
            each.end()

    # Who is what

    @property
    def primaries(self):
        return [self.primary]

    def listeners(self):
        return {each: [each.listener] for each in [*self.servers, *self.sentinels]}

    @property
    def shards(self):
        """The parts of the store that fail over by themselves: there is one."""
        return [self]

    def shard_of(self, key):
        """The part that has a key."""
        return self

    def named(self):
        """The server that a majority of the configured sentinels names; `None` if there is none."""
        ports = [sentinel.named_port() for sentinel in self.sentinels if sentinel.is_running]
        return next((each for each in self.servers if ports.count(each.listener.port) >= self.majority), None)

    def wait_until_whole(self, seconds=RECOVERY_SECONDS):
        """Waits until all running servers and sentinels are linked as they should be."""
        wait_until(self.is_whole, "servers and sentinels are linked", seconds, pause=0.1)
        return self

    def is_whole(self):
        if not self.are_replicas_linked():
            return False
        primary = self.primary_before
        replicas = [each for each in self.servers if each is not primary and each.is_running]
        return all(self.is_informed(each, primary, replicas) for each in self.sentinels if each.is_running)

    def is_informed(self, sentinel, primary, replicas):
        """Whether a sentinel sees the primary, all replicas and all other sentinels, and nothing wrong with them."""
        report = sentinel.report()
        seen = {int(each["port"]) for each in sentinel.reports_of("replicas")
                if each["flags"] == "slave" and each["master-link-status"] == "ok"}
        # Valkey keeps the mark of a sentinel that once took the primary for lost.
        others = [each for each in sentinel.reports_of("sentinels") if set(each["flags"].split(",")) <= {"sentinel", "master_down"}]
        running = sum(each.is_running for each in self.sentinels)
        return (
            report.get("port") == str(primary.listener.port) and report["flags"] == "master"
            and seen >= {each.listener.port for each in replicas} and len(others) == running - 1
        )

    # Faults

    def order_failover(self):
        """Orders a sentinel to make another server the primary; returns the server that was it."""
        old = self.primary
        sentinel = next(each for each in self.sentinels if each.is_running)
        wait_until(lambda: sentinel.ask("SENTINEL", "FAILOVER", NAME) == "OK", "the sentinel takes the order", FAILOVER_SECONDS)
        return old

    # Servers come and go

    def add_replica(self, more=()):
        """Starts another replica."""
        server = self.new_server(self.primary, more)
        return server.start()

    def remove(self, server):
        """Ends a replica for good, and makes the sentinels forget it."""
        server.stop()
        server.end()
        self.servers.remove(server)
        self.forget_lost()

    def forget_lost(self):
        """As the documents of Redis say: one sentinel after another forgets what it cannot see, and finds the rest again."""
        for sentinel in self.sentinels:
            sentinel.ask("SENTINEL", "RESET", NAME)
            self.wait_until_whole()
