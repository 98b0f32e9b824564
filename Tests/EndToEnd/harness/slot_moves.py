"""Slots that move from one shard of a cluster to another, as `redis-cli --cluster reshard` moves them."""

from harness.cluster_store import slot_of

# Keys that one MIGRATE takes along, and its milliseconds.
KEYS, MIGRATE_TIMEOUT = 100, 5000


class SlotMove:
    """One slot on its way from one server to another, step by step."""

    def __init__(self, store, slot, source, target):
        self.store = store
        self.slot = slot
        self.source = source
        self.target = target

    def begin(self):
        """Opens the slot on both sides: from now on the target takes new keys."""
        must(self.target, "CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.id)
        must(self.source, "CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.id)
        return self

    def move_keys(self, count=None):
        """Moves all keys, or some of them."""
        while keys := self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, min(KEYS, count or KEYS)):
            auth = ["AUTH2", *self.store.auth] if self.store.auth else []
            must(self.source, "MIGRATE", "127.0.0.1", self.target.listener.listening, "", 0, MIGRATE_TIMEOUT, *auth, "KEYS", *keys,
                 seconds=MIGRATE_TIMEOUT / 1000 + 30)
            if count is not None:
                return self
        return self

    def end(self):
        """Tells all primaries that the slot is the target's: it first, then the source, which would take it back otherwise."""
        others = [each for each in self.store.primaries if each not in (self.target, self.source)]
        for server in (self.target, self.source, *others):
            must(server, "CLUSTER", "SETSLOT", self.slot, "NODE", self.target.id)

    def run(self):
        self.begin().move_keys().end()

    def break_off(self):
        """Leaves the slot where it is, as `redis-cli --cluster fix` does if no key has moved."""
        for server in (self.source, self.target):
            must(server, "CLUSTER", "SETSLOT", self.slot, "STABLE")


def move(store, slot, source, target):
    """Moves a slot with all that is in it."""
    SlotMove(store, slot, source, target).run()


def move_of(store, key):
    """The move of a key's slot to another server, which has not begun."""
    slot = slot_of(key)
    source = store.owner_of_slot(slot)
    target = next(each for each in store.primaries if each is not source)
    return SlotMove(store, slot, source, target)


def must(server, *words, seconds=30):
    reply = server.ask(*words, seconds=seconds)
    assert reply in ("OK", "NOKEY"), f"{words[:3]}: {reply}"
