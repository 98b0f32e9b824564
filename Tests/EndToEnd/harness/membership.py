"""The membership list in the store."""

import re

MEMBERSHIP = "latchkey:{gateways}"

# The names of those of its fields that are members.
MEMBER_ID = re.compile("[0-9a-f]{16}")

# A hand-over that holds however long workers trust their caches.
ENDLESS = "1000000000000000:0"


def hand_over(store):
    """Notes that the list of a new store lacks nobody, as a first change does once it has waited."""
    generation = "0123456789abcdef"
    names = [f"term:{term}:{generation}" for term in store.terms()]
    store.cli("HSET", MEMBERSHIP, "generation", generation, "checksum", 0, *[word for name in names for word in (name, ENDLESS)])
