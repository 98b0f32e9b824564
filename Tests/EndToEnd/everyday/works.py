"""The works with sentinels."""

import subprocess

from everyday.registry import SCALING, Works, restart, scale_gateways
from harness.disk import Disk

SECONDS_MAX = 120


WORKS = Works()


@WORKS.add("nothing at all")
def nothing(course):
    course.report_for(10)


@WORKS.add("all servers restarted: replicas, then a failover, then the old primary")
def rolling_restart(course):
    store = course.world.store
    for replica in store.replicas:
        restart(course, replica)
    old = store.order_failover()
    course.wait(lambda: store.successor(old))
    course.wait(store.is_whole)
    restart(course, old)


@WORKS.add("all servers restarted, the primary without a failover before")
def blunt_restart(course):
    store = course.world.store
    for server in [*store.replicas, store.primary]:
        restart(course, server)


@WORKS.add("a replica added, with `replica-priority 0` until it is linked")
def added_replica(course):
    store = course.world.store
    replica = store.add_replica(["replica-priority 0"])
    course.wait(store.is_whole)
    replica.ask("CONFIG", "SET", "replica-priority", "100")


@WORKS.add("a replica removed: stopped, then forgotten by one sentinel after another")
def removed_replica(course):
    store = course.world.store
    store.remove(store.replicas[0])


@WORKS.add("sentinels upgraded one by one")
def upgraded_sentinels(course):
    store = course.world.store
    for sentinel in store.sentinels:
        sentinel.stop()
        course.report_for(1)
        sentinel.start()
        course.wait(store.is_whole)


@WORKS.add("a backup by `redis-cli --rdb` from the primary")
def backup(course):
    store = course.world.store
    path = store.root / "backup.rdb"
    subprocess.run(
        ["redis-cli", "-s", str(store.primary.socket), *store.primary.credentials, "--rdb", str(path)],
        check=True, capture_output=True, timeout=SECONDS_MAX)
    path.unlink()
    course.report_for(2)


def fill_disk(course, server):
    """Runs a server's disk full, and makes room after a while."""
    folder = server.folder / "disk"
    folder.mkdir()
    disk = Disk(folder)
    before, server.program = server.program, disk.program
    restart(course, server)
    course.wait(lambda: course.world.store.is_whole())
    disk.be_full()
    course.report_for(10)
    disk.be_empty()
    if not server.is_running:
        server.program = before
        server.start()
    course.wait(course.world.store.is_whole)


@WORKS.add("a replica's disk full for 10 s")
def full_disk_of_a_replica(course):
    fill_disk(course, course.world.store.replicas[0])


@WORKS.add("the primary's disk full for 10 s")
def full_disk(course):
    store = course.world.store
    old = store.order_failover()
    course.wait(lambda: store.successor(old))
    course.wait(store.is_whole)
    fill_disk(course, store.primary)


WORKS.add(SCALING)(scale_gateways)
