"""What a Redis needs for many organizations and many workers: memory, and processor time for questions, changes and connections.

    /usr/bin/python3 Benchmarks/sizes.py                     # all parts, about four minutes
    /usr/bin/python3 Benchmarks/sizes.py memory questions    # some of them: memory, connections, questions, changes, idle, maps

Links of workers are connections of this process, with the commands that a worker sends. Redis is measured with one command at a
time, and with many that wait for it: it is stopped while they are sent. Its processor time is the median of some rounds, and the
cheapest of them: other programs on the machine add to it. `idle` counts what a real worker asks. `maps` compares a real worker without
requests by how its cluster's slots are divided.
"""

import os
import re
import socket
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from gateways import gateway
from memory import resident_bytes
from harness import cluster_store, sentinel_store
from harness.cluster_server import SLOTS
from harness.key_forge import KeyForge, audit_key, locator, record_key, used_key
from harness.listed_members import PIECE, SIGNAL, acknowledgement, command, connect, list_members, member_id
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.redis_server import RedisServer
from harness.sandbox import Sandbox
from harness.store_tls import StoreTLS

ORGANIZATIONS = 20_000
WORKERS = 250
ROUNDS = 50
SETTLING_SECONDS = 12
IDLE_SECONDS = 10
ASKING = 10  # workers that ask the sentinels
FULL = 1000  # entries of an audit
MAPS = 10  # of one round
REFUSALS = "refused", "refused_at"

BARRIER = "0123456789abcdef" * 2


# The ways from a worker to Redis.
UNIX, TCP, TLS = "unix socket", "TCP", "TLS"


@contextmanager
def server(way=UNIX):
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder) / "redis", tcp=way != UNIX, tls=StoreTLS(Path(folder) / "tls") if way == TLS else None)
        try:
            yield redis.start()
        finally:
            redis.end()


def used_memory(redis):
    wait_until(lambda: not redis.statistic("aof_buffer_length"), "the append-only file is written")
    return redis.statistic("used_memory")


class Processor:
    """Measures what Redis' processor spends, in rounds."""

    def __init__(self, redis):
        self.control = link(redis)

    def microseconds(self):
        seconds = re.findall(rb"used_cpu_(?:user|sys):([\d.]+)", ask(self.control, ["INFO", "cpu"]))
        return 1e6 * sum(map(float, seconds))

    def measure(self, what, count, rounds, run):
        """Prints what it spends on each of the `count` of one round."""
        spent = []
        for number in range(rounds):
            before = self.microseconds()
            run(number)
            spent.append((self.microseconds() - before) / count)
        print(f"  {what:<58} {statistics.median(spent):>8.1f} µs, cheapest {min(spent):.1f}", flush=True)


# Memory


def samples():
    """What the executable writes: two audit entries, and records with and without a previous key, in bytes."""
    with Sandbox(gateways=0) as box:
        box.key("org-0000000")
        entries = box.redis.cli("LRANGE", audit_key("org-0000000"), 0, -1).splitlines()
        sizes = [int(box.redis.cli("MEMORY", "USAGE", record_key("org-0000000")))]
        box.latchkey.generate("org-0000000", "--yes", "--grace", "1h", as_="alice")
        return entries, [*sizes, int(box.redis.cli("MEMORY", "USAGE", record_key("org-0000000")))]


def measure_memory():
    print(f"Memory of Redis, {ORGANIZATIONS:,} of each:")
    entries, (written, replaced) = samples()
    forge = KeyForge("5" * 64)
    names = [f"org-{number:07}" for number in range(ORGANIZATIONS)]
    records = [["HSET", record_key(name), *sum(forge.record(name, "k" * 64).items(), ())] for name in names]
    now = str(time.time_ns() // 1_000_000)
    steps = {
        "a record with a key": (records, 1),
        f"an audit with its first {len(entries)} entries": ([["RPUSH", audit_key(name), *entries] for name in names], 1),
        f"each further entry, up to {FULL:,}":
            ([["RPUSH", audit_key(name), *entries[-1:] * (FULL - len(entries))] for name in names[:100]],
             (FULL - len(entries)) * 100 / ORGANIZATIONS),
        "a last use": ([["ZADD", used_key(name), now, locator(name)] for name in names], 1),
        "a count of refused uses, with their time":
            ([["ZADD", used_key(name).replace("used", kind), now, locator(name)] for name in names for kind in REFUSALS],
             1),
    }
    with server() as redis:
        before = used_memory(redis)
        for what, (commands, share) in steps.items():
            redis.feed(commands)
            print(f"  {what:<66} {(used_memory(redis) - before) / ORGANIZATIONS / share:>8.0f} bytes", flush=True)
            before = used_memory(redis)
        list_members(redis, ORGANIZATIONS)
        print(f"  {'a member of the list':<66} {(used_memory(redis) - before) / ORGANIZATIONS:>8.0f} bytes")
        forged = int(redis.cli("MEMORY", "USAGE", record_key(names[0])))
        print(f"  MEMORY USAGE of a record: {forged} as fed, {written} as latchkey writes it, {replaced} with a previous key")


# Links


class Worker:
    """A data link and an invalidation link."""

    def __init__(self, redis, number, context):
        self.member = member_id(number)
        self.data = link(redis, context)
        self.invalidations = link(redis, context)
        self.shake_hands()

    def shake_hands(self):
        """What a worker asks before it can decide, with its entry in the list."""
        ask(self.data, ["PING"])
        ask(self.invalidations, ["PING"])
        own = ask(self.invalidations, ["CLIENT", "ID"])[1:-2].decode()
        ask(self.invalidations, ["CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", "PREFIX", "latchkey:record:"])
        ask(self.invalidations, ["SUBSCRIBE", "__redis__:invalidate"])
        ask(self.data, ["INFO", "server"])
        self.ask_heartbeat(1)
        self.take_answers()
        ask(self.data, ["HGET", MEMBERSHIP, "generation"])
        ask(self.data, ["INFO", "replication"])

    def ask_heartbeat(self, number):
        self.data.sendall(words(["HGET", MEMBERSHIP, self.member]))
        self.invalidations.sendall(words(["PING", number]))

    def take_answers(self):
        for each in (self.data, self.invalidations):
            assert each.recv(PIECE)

    def close(self):
        self.data.close()
        self.invalidations.close()


def words(texts):
    return command(*(str(text).encode() for text in texts))


def ask(connection, texts):
    connection.sendall(words(texts))
    answer = connection.recv(PIECE)
    assert answer and not answer.startswith(b"-"), answer
    return answer


def link(redis, context=None):
    if not redis.port:
        return connect(str(redis.socket))
    connection = socket.create_connection(("127.0.0.1", redis.tls_port if context else redis.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(connection, server_hostname="127.0.0.1") if context else connection


def connected(redis, count):
    context = ssl.create_default_context(cafile=redis.tls.ca) if redis.tls else None
    return [Worker(redis, number, context) for number in range(count)]


def close(made):
    for worker in made:
        worker.close()


@contextmanager
def workers(redis):
    list_members(redis, WORKERS)
    made = connected(redis, WORKERS)
    try:
        yield made
    finally:
        close(made)


@contextmanager
def waiting(redis, waits):
    """What is sent within waits for Redis, where `waits` says so."""
    if waits:
        redis.freeze()
    yield
    if waits:
        redis.thaw()


def beat(redis, made, number, waits=False):
    """A heartbeat of all workers."""
    with waiting(redis, waits):
        for worker in made:
            worker.ask_heartbeat(number)
    for worker in made:
        worker.take_answers()


def measure_connections():
    for way in (UNIX, TCP, TLS):
        with server(way) as redis:
            print(f"Connections, {way}:")
            list_members(redis, WORKERS)
            Processor(redis).measure("both links of a worker, up to its first heartbeat", WORKERS // 10, 10,
                                     lambda number: close(connected(redis, WORKERS // 10)))
            used, resident = used_memory(redis), resident_bytes(redis.process.pid)
            made = connected(redis, WORKERS)
            for number in range(SETTLING_SECONDS):
                beat(redis, made, number + 2)
                time.sleep(1)
            links = 2 * WORKERS
            print(f"  memory of a link, a heartbeat a second: {(used_memory(redis) - used) / links:,.0f} bytes by Redis' count,"
                  f" {(resident_bytes(redis.process.pid) - resident) / links:,.0f} bytes resident", flush=True)
            close(made)


# Processor time


def measure_questions():
    for way in (UNIX, TCP, TLS):
        with server(way) as redis, workers(redis) as made:
            print(f"A question of a heartbeat, HGET or PING, {way}:")
            processor = Processor(redis)
            for what, waits in (("one at a time", False), (f"with {2 * WORKERS} waiting", True)):
                processor.measure(what, 2 * WORKERS, ROUNDS, lambda number: beat(redis, made, number + 2, waits))


def change(control, made):
    """A change of a record with its barrier, until every worker has been told."""
    barrier = f"{record_key('acme')}:{BARRIER}"
    texts = [["MULTI"], ["HINCRBY", record_key("acme"), "version", 1], ["SET", barrier, ""], ["DEL", barrier], ["EXEC"]]
    control.sendall(b"".join(map(words, texts)))
    for worker in made:
        received = b""
        while not SIGNAL.search(received):
            received += worker.invalidations.recv(PIECE)
    return len(received)


def acknowledge(redis, made):
    signal = locator("acme").join("{}").encode(), BARRIER.encode()
    with waiting(redis, True):
        for worker in made:
            worker.data.sendall(acknowledgement(*signal, worker.member.encode()))
    for worker in made:
        received = b""
        while received.count(b"\r\n") < 2:
            received += worker.data.recv(PIECE)


def measure_changes():
    for way in (UNIX, TCP, TLS):
        with server(way) as redis, workers(redis) as made, link(redis) as control:
            print(f"A change, for each of {WORKERS} members, {way}:")
            processor = Processor(redis)
            processor.measure("the message out", WORKERS, ROUNDS, lambda _: change(control, made))
            processor.measure("the acknowledgement in, all waiting", WORKERS, ROUNDS, lambda _: acknowledge(redis, made))
            print(f"  the message has {change(control, made)} bytes")
    with server() as redis:
        list_members(redis, ORGANIZATIONS)
        Processor(redis).measure(f"its entry read with the list, of {ORGANIZATIONS:,}", ORGANIZATIONS, ROUNDS // 2,
                                 lambda _: redis.hash(MEMBERSHIP))


# What a real worker asks


def asked(servers, *names):
    """How often the servers were asked each of these, together."""
    return [sum(each.calls(re.escape(name)) for each in servers) for name in names]


def rates(servers, *names):
    """How often a second one of the servers is asked each of these."""
    before = asked(servers, *names)
    time.sleep(IDLE_SECONDS)
    return [(after - first) / IDLE_SECONDS / len(servers) for first, after in zip(before, asked(servers, *names))]


def sentinels_rate(sentinels):
    """How many commands a second one of the sentinels executes, those of other sentinels included: it has no `INFO commandstats`."""
    def executed():
        return sum(int(re.search(r"total_commands_processed:(\d+)", each.ask("INFO", "stats"))[1]) for each in sentinels)

    before = executed()
    time.sleep(IDLE_SECONDS)
    return (executed() - before) / IDLE_SECONDS / len(sentinels)


def measure_idle():
    stores = {
        "one Redis": {}, "Sentinel, the primary": {"sentinel": sentinel_store.STEADY},
        "Cluster, each of three primaries": {"cluster": cluster_store.STEADY},
    }
    for what, options in stores.items():
        for lease in (1, 5):
            with gateway(f"latchkey_lease {lease}s;", **options) as gate:
                gate.wait_for_members()
                time.sleep(1)
                servers = gate.redis.primaries if options else [gate.redis]
                figures = rates(servers, "hget", "ping", "cluster|slots")
                texts = [f"{figure:.1f} {name}" for figure, name in zip(figures, ("HGET", "PING", "CLUSTER SLOTS")) if figure]
                print(f"  {what}, lease {lease} s: {', '.join(texts)} a second", flush=True)
    for lease in (1, 5):
        with Sandbox(settings=f"latchkey_lease {lease}s;", workers=ASKING, start=False, sentinel=sentinel_store.STEADY) as gate:
            without = sentinels_rate(gate.redis.sentinels)
            gate.nginx.start()
            gate.wait_for_members()
            time.sleep(1)
            each = (sentinels_rate(gate.redis.sentinels) - without) / ASKING
            print(f"  Sentinel, each sentinel, lease {lease} s: {each:.1f} a second from each of {ASKING} workers", flush=True)


# The map of a cluster


def read_maps(connection, count):
    connection.sendall(words(["CLUSTER", "SLOTS"]) * count + words(["PING"]))
    length = 0
    while not (piece := connection.recv(PIECE)).endswith(b"+PONG\r\n"):
        length += len(piece)
    return (length + len(piece) - 7) // count


def processor_milliseconds(pid):
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return 1000 * (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure_maps():
    for parts in (3, 300, SLOTS):
        with gateway(cluster={**cluster_store.STEADY, "parts": parts}) as gate:
            gate.wait_for_members()
            print(f"A map of {parts:,} ranges:")
            with link(gate.redis.primaries[0]) as connection:
                Processor(gate.redis.primaries[0]).measure("CLUSTER SLOTS", MAPS, ROUNDS // 5, lambda _: read_maps(connection, MAPS))
                print(f"  the reply has {read_maps(connection, 1):,} bytes")
            worker = gate.nginx.worker()
            before = processor_milliseconds(worker)
            time.sleep(IDLE_SECONDS)
            spent = (processor_milliseconds(worker) - before) / IDLE_SECONDS
            print(f"  a worker without requests spends {spent:.1f} ms a second", flush=True)


PARTS = {"memory": measure_memory, "connections": measure_connections, "questions": measure_questions, "changes": measure_changes,
         "idle": measure_idle, "maps": measure_maps}


def main():
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
