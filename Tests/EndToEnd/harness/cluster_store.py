"""A store of several shards: primaries that share the slots, each with its replicas.

It looks like a RedisServer: commands with a key reach the server that has it, all others reach every server that they concern, and
what ends, stops or starts "the store" does so to all its servers. What happens to single servers has names of its own.
"""

import binascii
import re

from harness.cluster_server import SLOTS, ClusterServer
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.several_servers import FAILOVER_SECONDS, SeveralServers, Succession

# Milliseconds after which the servers agree on a fault, longer than a loaded machine keeps a process waiting.
NODE_TIMEOUT = 2000

# Options of a store whose primaries stay, whatever a loaded machine does, unless one is lost for good.
STEADY = {"node_timeout": 30_000}

# Until all servers know each other again, in seconds.
RECOVERY_SECONDS = 120

# Commands whose first argument is a key; questions about all servers; and what replicas carry out, too.
KEYED = set(
    "DEL UNLINK PEXPIRE EXPIREAT EXISTS TTL PTTL TYPE GET SET SETRANGE STRLEN EXPIRE COPY RENAME HGET HGETALL HKEYS HSET HDEL HLEN HEXISTS HMGET HINCRBY LRANGE LINDEX "
    "LLEN RPUSH XADD XLEN XRANGE ZADD ZSCORE ZCARD ZCOUNT ZRANGE ZREM DUMP OBJECT".split())
QUESTIONS = {"INFO", "KEYS"}
FOR_ALL = {"ACL", "CONFIG", "CLIENT", "SAVE", "BGSAVE", "BGREWRITEAOF", "DEBUG"}


def slot_of(key):
    """The slot of a key: of what stands in its first braces, if anything does."""
    found = re.search(r"\{([^}]+)\}", key) if "{" in key else None
    tag = found[1] if found and key.index("{") == found.start() else key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS


class ClusterStore(SeveralServers):
    """`shards` is the number of primaries, each with `replicas` of its own.

    options   more options of the servers, as of redis-server
    login     the user and password of the tests' own commands
    tls       a StoreTLS: all of them speak TLS, and nothing else
    proxied   everything that reaches a server or its bus passes through its proxies
    auth      the user and password with which replicas log in to primaries
    settings  lines of all servers' files
    parts     the number of ranges that the slots are divided into: each shard has one, unless it is said
    """

    def __init__(self, folder, options=(), login=(), program=("redis-server",), tls=None, shards=3, replicas=1, proxied=False,
                 node_timeout=NODE_TIMEOUT, auth=(), settings=(), parts=None):
        folder.mkdir()
        self.root = folder
        self.tls = tls
        self.auth = auth
        self.all_options = list(options)
        self.replica_count = replicas
        self.are_sentinels_guarded = False
        self.servers = [ClusterServer(folder, number, self.all_options, login, program, tls, proxied)
                        for number in range(shards * (1 + replicas))]
        self.shard_count = shards
        self.parts = parts or shards
        self.shards = [Shard(self, number, self.servers[number::shards]) for number in range(shards)]
        access = [f"masteruser {auth[0]}", f"masterauth {auth[1]}"] if auth else []
        members = [line for shard in self.shards for line in shard.members()]
        for server in self.servers:
            server.join(node_timeout, [*access, *settings])
            server.know(members)

    # As a RedisServer

    @property
    def url(self):
        places = ",".join(shard.servers[0].place for shard in self.shards)
        return f"cluster{'s' if self.tls else ''}://{places}"

    def __getattr__(self, name):
        """Whatever else a RedisServer has is that of the server with the membership list: `folder`, `process`, `socket`, …"""
        if name.startswith("_") or name in ("servers", "shards"):
            raise AttributeError(name)
        return getattr(self.owner("latchkey:{gateways}"), name)

    def launch(self):
        """Starts what does not run, and does not wait."""
        for each in self.servers:
            if not each.is_running:
                each.launch()
        return self

    def start(self):
        """Starts what does not run, and waits until all is linked."""
        self.launch()
        for each in self.servers:
            wait_until(each.answers, "all servers answer", RECOVERY_SECONDS)
        return self.wait_until_whole()

    crash = SeveralServers.kill

    def end_connections(self):
        return sum(each.end_connections() for each in self.primaries)

    def terms(self):
        """Each primary's as the membership list names it."""
        holder = self.owner(MEMBERSHIP)
        (home,) = holder.terms()
        return [home] + [f"{term}@{home}" for each in self.primaries if each is not holder for term in each.terms()]

    def clients(self):
        """The connections to all primaries, except for those of replicas."""
        return [line for each in self.primaries for line in each.clients() if " flags=S " not in line]

    def calls(self, command):
        return sum(each.calls(command) for each in self.primaries)

    def statistic(self, name):
        return sum(each.statistic(name) for each in self.primaries)

    def log(self):
        return "\n".join(each.log() for each in self.servers)

    def end(self):
        """Ends whatever runs, and the proxies."""
        for each in self.servers:
            each.end()

    # Commands

    def places_for(self, command):
        """The servers that a command concerns."""
        name = str(command[0]).upper()
        if name in KEYED or name == "EVAL":
            return [self.owner(str(command[1 if name in KEYED else 3]))]
        return self.servers if name in FOR_ALL else self.primaries

    def run(self, *command):
        return [each.run(*command) for each in self.places_for(command)][0]

    def run_as(self, login, *command):
        return [each.run_as(login, *command) for each in self.places_for(command)][0]

    def cli(self, *command):
        """What redis-cli prints: of a question about all servers the answers one after the other, of other commands the first."""
        texts = [each.cli(*command) for each in self.places_for(command)]
        return "\n".join(filter(None, texts)) if str(command[0]).upper() in QUESTIONS else texts[0]

    def hash(self, key):
        return self.owner(key).hash(key)

    def feed(self, commands):
        """Runs any number of commands with a key at once."""
        shares = {}
        for words in commands:
            shares.setdefault(self.owner(str(words[1])), []).append(words)
        for server, share in shares.items():
            server.feed(share)

    # Who is what

    def shard_of(self, key):
        """The shard that has a key."""
        server = self.owner(key)
        return next(shard for shard in self.shards if server in shard.servers)

    def owner(self, key):
        """The server that has a key."""
        return self.owner_of_slot(slot_of(key))

    def owner_of_slot(self, slot):
        """The server that has a slot, as the first one that serves sees it."""
        for viewer in self.servers:
            for first, last, port in viewer.slot_map() if viewer.is_running and viewer.is_serving else []:
                if first <= slot <= last:
                    return self.at_port(port)
        return self.shards[slot * len(self.shards) // SLOTS].servers[0]

    def at_port(self, port):
        return next(each for each in self.servers if each.listener.port == port)

    @property
    def primaries(self):
        return [shard.primary for shard in self.shards]

    def listeners(self):
        return {each: [each.listener, each.bus] for each in self.servers}

    def wait_until_whole(self, seconds=RECOVERY_SECONDS):
        """Waits until all running servers see each other and serve."""
        wait_until(self.is_whole, "the cluster is whole", seconds, pause=0.1)
        return self

    def is_whole(self):
        running = [each for each in self.servers if each.is_running]
        ports = {each.listener.port for each in running}
        maps = set()
        for server in running:
            view = server.view()
            if not server.is_serving or not all(member.is_well for member in view if member.port in ports):
                return False
            maps.add(frozenset(server.slot_map()))
        return len(maps) == 1 and all(shard.is_whole() for shard in self.shards)


class Shard(Succession):
    """One share of the slots, with the servers that hold it; the first of them was its primary at the beginning."""

    def __init__(self, store, number, servers):
        self.store = store
        self.number = number
        self.servers = servers
        self.primary_before = servers[0]

    def members(self):
        """The lines of its servers in the files of all."""
        first, *replicas = self.servers
        parts = self.store.parts
        ranges = [range(part * SLOTS // parts, (part + 1) * SLOTS // parts) for part in range(self.number, parts, self.store.shard_count)]
        return [first.member(self.number + 1, ranges=ranges), *(each.member(self.number + 1, primary=first) for each in replicas)]

    def named(self):
        """Its primary, as all primaries of other shards see it that answer; `None` if they disagree, or do not serve."""
        ids = {server.id: server for server in self.servers}
        names = set()
        for shard in self.store.shards:
            if shard is self:
                continue
            views = [server.view() for server in shard.servers if server.is_running and server.is_serving]
            for view in views:
                names |= {member.id for member in view if member.id in ids and member.ranges and member.is_well}
        return ids[names.pop()] if len(names) == 1 else None

    def is_whole(self):
        return self.are_replicas_linked()

    # Faults, as of a SentinelStore

    def wait_until_whole(self):
        self.store.wait_until_whole()
        return self

    def order_failover(self):
        """Orders a replica to become the primary; returns the server that was it."""
        old = self.primary
        replica = next(each for each in self.replicas if each.is_running)
        wait_until(lambda: replica.ask("CLUSTER", "FAILOVER") == "OK", "the replica takes the order", FAILOVER_SECONDS)
        return old

    def cut_off(self, server, company=()):
        self.store.cut_off(server, company)

    def reconnect(self):
        self.store.reconnect()
