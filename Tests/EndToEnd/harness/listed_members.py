"""Members that no nginx belongs to: written into the list, and with connections that acknowledge, if they are wanted."""

import hashlib
import random
import re
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

from harness.membership import MEMBERSHIP
from harness.sentinel_servers import NAME

# Of members that never answer, and of those that do.
SHORT_LEASE, LONG_LEASE = 1000, 5000

PIECE = 1 << 16

SIGNAL = re.compile(rb"latchkey:record:(\{\w{14}\}):(\??[0-9a-f]{32})\r\n")


def member_id(number):
    return f"{number:016x}"


def list_members(redis, count, lease=SHORT_LEASE, seed=1):
    """Adds members to the list, each as its worker would."""
    chance = random.Random(seed)
    tokens = [chance.randrange(1 << 36, 1 << 40) for _ in range(count)]
    more = witnesses(redis)
    redis.feed([
        *(["HSET", MEMBERSHIP, member_id(number), entry(number, token, lease) + more] for number, token in enumerate(tokens)),
        ["HINCRBY", MEMBERSHIP, "checksum", str(sum(tokens))],
        ["HSETNX", MEMBERSHIP, "generation", f"{chance.getrandbits(64):016x}"],
    ])


def entry(number, token, lease):
    return (f"host=host-{number % 100} pid={number + 1} version=1.0.0 tracking=on "
            f"lease={lease} grace=0 token={token:010x}")


def witnesses(redis):
    """The word for the sentinels that a worker asks; empty if it asks none."""
    sentinels = sorted(each.listener.address for each in getattr(redis, "sentinels", ()))
    return f" witnesses={hashlib.sha256(' '.join([NAME, *sentinels]).encode()).hexdigest()[:16]}" if sentinels else ""


class Crowd:
    """As many listed members, each with an invalidation link and a data link; they acknowledge all signals."""

    def __init__(self, redis, count):
        list_members(redis, count, LONG_LEASE)
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).parents[1] / "harness/listed_members.py", redis.socket, str(count)],
            stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()


# The process


def connect(path):
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    return link


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def invalidation_link(path):
    link = connect(path)
    link.sendall(command(b"CLIENT", b"ID"))
    own_id = link.recv(PIECE)[1:-2]
    link.sendall(command(b"CLIENT", b"TRACKING", b"ON", b"REDIRECT", own_id, b"BCAST", b"PREFIX", b"latchkey:record:"))
    assert link.recv(PIECE) == b"+OK\r\n"
    link.sendall(command(b"SUBSCRIBE", b"__redis__:invalidate"))
    assert link.recv(PIECE).startswith(b"*3\r\n")
    return link


def acknowledgement(locator, number, member):
    key = b"latchkey:ack:%s:%s" % (locator, number)
    return command(b"RPUSH", key, member) + command(b"EXPIRE", key, b"60")


def acknowledge_all(path, count):
    poll = select.epoll()
    by_descriptor = {}
    for number in range(count):
        link, data = invalidation_link(path), connect(path)
        by_descriptor[link.fileno()] = link, data, member_id(number).encode()
        by_descriptor[data.fileno()] = data, None, None
        for each in (link, data):
            poll.register(each.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for descriptor, _ in poll.poll():
            source, data, member = by_descriptor[descriptor]
            received = source.recv(PIECE)
            if data and (found := SIGNAL.findall(received)):
                data.sendall(b"".join(acknowledgement(*each, member) for each in found))


if __name__ == "__main__":
    acknowledge_all(sys.argv[1], int(sys.argv[2]))
