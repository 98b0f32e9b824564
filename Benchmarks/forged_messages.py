"""What a worker does while somebody with access to Redis sends it messages that mean nothing.

    make bench-forged     # 100,000 cached records, 20,000 messages a second; 3 minutes

Each kind of message is measured in turn with none, and beside writes to keys that no worker tracks: those cost Redis
and the machine as much, and the worker nothing. On a machine with few cores requests lose more by what Redis and the sender
take than by what the worker does. So the share of a core that messages cost the worker is printed, too: what its requests
took beyond those of none, and what it takes without any request. A worker with a core of its own loses that share of its requests.
"""

import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gateways import SERVER
from harness.key_forge import base62
from harness.redis_server import free_port
from harness.sandbox import Sandbox
from memory import use

RECORDS = int(os.environ.get("RECORDS", 100_000))
RATE = int(os.environ.get("RATE", 20_000))
SECONDS = int(os.environ.get("SECONDS", 4))
ROUNDS = int(os.environ.get("ROUNDS", 5))
CONNECTIONS = 16

TICK = 0.01
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# Sends keys in an order that no cache of the processor knows.
SCRIPT = """
local keys = {}
for line in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = "GET /checked HTTP/1.1\\r\\nHost: a\\r\\nX-API-Key: " .. line .. "\\r\\n\\r\\n" end
request = function() return keys[math.random(#keys)] end
done = function(summary, latency)
    local e = summary.errors
    io.write(string.format("FOUND %d %d %d\\n", summary.requests, summary.duration, e.status + e.read + e.write + e.timeout + e.connect))
end
"""


# What is sent.  Each returns one command, or commands that make one message, in the protocol of Redis.


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def locator(chance):
    return base62(chance.getrandbits(83), 14).encode()


def publication(chance):
    return command(b"PUBLISH", b"__redis__:invalidate", b"x")


def record(chance):
    key = b"latchkey:record:{%s}" % locator(chance)
    return command(b"SET", key, b"", b"PX", b"1")


def change_signal(chance):
    key = b"latchkey:record:{%s}:%032x" % (locator(chance), chance.getrandbits(128))
    return command(b"MULTI") + command(b"SET", key, b"") + command(b"DEL", key) + command(b"EXEC")


def untracked(chance):
    return command(b"SET", b"other:{%s}" % locator(chance), b"", b"PX", b"1")


def any_kind(chance):
    return chance.choice([publication, record, change_signal])(chance)


KINDS = {
    "none": None,
    "writes to other keys": untracked,
    "PUBLISH": publication,
    "SET of records that do not exist": record,
    "signals": change_signal,
    "the last three in turn": any_kind,
}


class Sender:
    """Sends messages of a kind from another process, for as long as the block lasts."""

    def __init__(self, redis, kind):
        self.redis = redis
        self.kind = kind
        self.process = None

    def __enter__(self):
        if KINDS[self.kind]:
            self.process = subprocess.Popen(
                [sys.executable, __file__, self.kind, self.redis.socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, env={**os.environ, "RATE": str(RATE)},
            )
            assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self.sent = 0
        if self.process:
            self.sent = int(self.process.communicate("\n", timeout=30)[0])


def send(kind, path):
    """The sender's process: a few messages every hundredth of a second, prepared beforehand; prints how many a second."""
    import select
    import socket

    chance = random.Random(1)
    pieces = [b"".join(KINDS[kind](chance) for _ in range(int(RATE * TICK))) for _ in range(200)]
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    link.sendall(command(b"CLIENT", b"REPLY", b"OFF"))
    print("ready", flush=True)
    began, count = time.monotonic(), 0
    while not select.select([sys.stdin], [], [], max(0, began + count * TICK - time.monotonic()))[0]:
        link.sendall(pieces[count % len(pieces)])
        count += 1
    print(round(count * int(RATE * TICK) / (time.monotonic() - began)))


# What is measured


def worker_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def measure(gate, port, keys, kind):
    """Requests a second, the worker's processor time for each in microseconds, and how many messages a second came."""
    worker = gate.nginx.worker()
    with Sender(gate.redis, kind) as sender:
        before = worker_seconds(worker)
        said = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", gate.folder / "keys.lua", f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, timeout=SECONDS + 20, env={**os.environ, "KEYS": str(keys)}, stdin=subprocess.DEVNULL,
        ).stdout
        spent = worker_seconds(worker) - before
    requests, microseconds, errors = map(int, said.partition("FOUND ")[2].split()[:3])
    assert errors == 0, f"{errors} requests were refused or lost"
    return requests / microseconds * 1e6, 1e6 * spent / requests, sender.sent


def share(gate, kind):
    """The part of a core that a worker spends on messages while nobody asks it anything."""
    worker = gate.nginx.worker()
    with Sender(gate.redis, kind):
        before = worker_seconds(worker)
        time.sleep(SECONDS)
        return (worker_seconds(worker) - before) / SECONDS


def main():
    port = free_port()
    server = f"        listen 127.0.0.1:{port};\n" + SERVER
    with Sandbox(settings="latchkey_timeout 30s;", workers=1, server=server) as gate:
        keys = list(gate.keys_of(f"org-{number:06}" for number in range(RECORDS)).values())
        use(gate, keys)
        file = gate.folder.parent / f"{gate.folder.name}-keys"  # outside of the sandbox, which may hold no key
        try:
            file.write_text("\n".join(keys) + "\n")
            file.chmod(0o600)
            (gate.folder / "keys.lua").write_text(SCRIPT)
            found = {kind: [] for kind in KINDS}
            for _ in range(ROUNDS):
                for kind in KINDS:
                    found[kind].append((*measure(gate, port, file, kind), share(gate, kind)))
        finally:
            file.unlink()
    report(found)


def report(found):
    print(f"{RECORDS:,} cached records; medians of {ROUNDS} rounds of {SECONDS} seconds; alone: without requests:")
    print(f"{'messages':<34} {'a second':>9} {'requests/s':>11} {'of none':>8} {'worker, µs/request':>19} {'of a core':>10} {'alone':>6}")
    base, least, idle = (statistics.median(each) for index, each in enumerate(zip(*found["none"])) if index != 2)
    for kind, figures in found.items():
        rate, cost, sent, alone = (statistics.median(each) for each in zip(*figures))
        share = rate * (cost - least) / 1e6
        print(f"{kind:<34} {sent:>9,.0f} {rate:>11,.0f} {rate / base:>8.0%} {cost:>19.2f} {share:>10.1%} {alone - idle:>6.1%}")


if __name__ == "__main__":
    send(*sys.argv[1:]) if sys.argv[1:] else main()
