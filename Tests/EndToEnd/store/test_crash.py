"""Which confirmed revocations a crash of Redis undoes, in each way in which it may write to its disk.

    CRASHES=20 /usr/bin/python3 -m pytest --capture=no --quiet Tests/EndToEnd/store/test_crash.py

prints how many of twenty.
"""

import os

import pytest

from harness.disk import Disk
from harness.executable import DONE
from harness.polling import wait_until
from harness.topology import one_redis

pytestmark = one_redis("how one server writes to its disk")

CRASHES = int(os.environ.get("CRASHES", 2))


def write_slowly(redis, disk):
    """A flush is under way, and does not end."""
    disk.be_busy()
    redis.cli("SET", "other", "x")
    wait_until(lambda: redis.statistic("aof_pending_bio_fsync"), "Redis flushes")


def rewrite_slowly(redis, disk):
    """The append-only file is being rewritten."""
    redis.cli("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)
    redis.cli("BGREWRITEAOF")
    wait_until(lambda: redis.statistic("aof_rewrite_in_progress"), "Redis rewrites its file")


def save(redis, disk):
    redis.cli("SAVE")


# The settings, what happens before the revocation, and whether it is undone: if Redis is killed, and if the power fails.
SETTINGS = {
    "appendfsync always": ({}, None, (False, False)),
    "appendfsync always, during a rewrite": ({}, rewrite_slowly, (False, False)),
    "appendfsync always, during a rewrite with no-appendfsync-on-rewrite yes": (
        {"no-appendfsync-on-rewrite": "yes"}, rewrite_slowly, (False, True),
    ),
    "appendfsync everysec, while the disk is slow": ({"appendfsync": "everysec"}, write_slowly, (True, True)),
    "appendfsync no": ({"appendfsync": "no"}, None, (False, True)),
    "snapshots only": ({"appendonly": "no"}, save, (True, True)),
}


@pytest.mark.parametrize("power_fails", [False, True], ids=["killed", "power"])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_crash_undoes_what_the_documents_say(sandboxes, tmp_path, name, power_fails):
    settings, prepare, undone = SETTINGS[name]
    disk = Disk(tmp_path)
    options = ["--appendonly", settings.get("appendonly", "yes"), "--appendfsync", "always"]
    sandbox = sandboxes(gateways=0, redis_program=disk.program, redis_options=options)

    count = 0
    for _ in range(CRASHES):
        key = sandbox.key()
        for setting in settings.items():
            sandbox.redis.cli("CONFIG", "SET", *setting)
        if prepare:
            prepare(sandbox.redis, disk)
        sandbox.revoke()
        sandbox.redis.crash()
        disk.be_fast()
        if power_fails:
            disk.lose_power(sandbox.redis)
        sandbox.redis.start()
        count += sandbox.latchkey.verify(key).code == DONE

    print(f"\n{name}, {'power failed' if power_fails else 'Redis killed'}: {count} of {CRASHES} confirmed revocations undone")
    assert count == (CRASHES if undone[power_fails] else 0)
