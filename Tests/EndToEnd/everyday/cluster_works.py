"""The works with a cluster."""

from everyday.registry import SCALING, Works, restart, scale_gateways
from harness.cluster_store import slot_of
from harness.key_forge import record_key
from harness.membership import MEMBERSHIP
from harness.slot_moves import SlotMove, move
from trials.trial import ORGANIZATIONS

# Slots of a rebalance, and seconds for which something stays as it should not.
SLOTS_MOVED = 500
WRONG_FOR = 10

WORKS = Works()


@WORKS.add("nothing at all")
def nothing(course):
    course.report_for(10)


@WORKS.add("all servers restarted: replicas, then a failover of each shard, then the old primaries")
def rolling_restart(course):
    store = course.world.store
    for shard in store.shards:
        for replica in shard.replicas:
            restart(course, replica)
        old = shard.order_failover()
        course.wait(lambda: shard.successor(old))
        course.wait(store.is_whole)
        restart(course, old)


@WORKS.add("all servers restarted, the primaries without a failover before")
def blunt_restart(course):
    store = course.world.store
    for shard in store.shards:
        for server in [*shard.replicas, shard.primary]:
            restart(course, server)


@WORKS.add(f"a rebalance: {SLOTS_MOVED} slots to another shard, those of some records and of the membership list among them")
def rebalance(course):
    store = course.world.store
    used = [slot_of(key) for key in (MEMBERSHIP, *map(record_key, ORGANIZATIONS))]
    source = store.owner(MEMBERSHIP)
    target = next(each for each in store.primaries if each is not source)
    own = [slot for slot in used if store.owner_of_slot(slot) is source]
    others = [slot for first, last, port in source.slot_map() if port == source.listener.port for slot in range(first, last + 1)]
    for number, slot in enumerate(dict.fromkeys([*own, *others][:SLOTS_MOVED])):
        move(store, slot, source, target)
        if number % 10 == 0:
            course.report()
    course.wait(store.is_whole)


@WORKS.add(f"a rebalance that broke off for {WRONG_FOR} s, in the slot of a record, and was repaired")
def broken_rebalance(course):
    store = course.world.store
    slot = slot_of(record_key(ORGANIZATIONS[0]))
    source = store.owner_of_slot(slot)
    target = next(each for each in store.primaries if each is not source)
    step = SlotMove(store, slot, source, target).begin().move_keys(count=1)
    course.report_for(WRONG_FOR)
    step.move_keys().end()
    course.wait(store.is_whole)


@WORKS.add(f"a shard without a replica for {WRONG_FOR} s")
def shard_without_a_replica(course):
    store = course.world.store
    (replica,) = store.shards[0].replicas
    replica.stop()
    course.report_for(WRONG_FOR)
    replica.start()
    course.wait(store.is_whole)


@WORKS.add(f"a shard without a replica loses its primary for {WRONG_FOR} s")
def lost_shard(course):
    store = course.world.store
    primary = store.shards[0].primary
    (replica,) = store.shards[0].replicas
    replica.stop()
    primary.process.kill()
    primary.process.wait()
    course.report_for(WRONG_FOR)
    primary.start()
    replica.start()
    course.wait(store.is_whole)


WORKS.add(SCALING)(scale_gateways)
