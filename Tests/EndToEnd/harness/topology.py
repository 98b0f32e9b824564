"""What differs with the topology of the store: texts, and tests that make sense with one Redis alone."""

import re

import pytest

from harness.sandbox import CLUSTER, SENTINEL, TOPOLOGY

# The kinds of store in which another server may become the primary.
FAILOVER = [SENTINEL, CLUSTER]

# How many servers hold a record, where there are several.
COPIES = {SENTINEL: 3, CLUSTER: 2}.get(TOPOLOGY)

# The primaries that each worker is connected to.
PRIMARIES = 3 if TOPOLOGY == CLUSTER else 1

# A worker's connections to them: one for its commands, and one for invalidations.
LINKS = 2 * PRIMARIES

# What a change tells of the servers that hold it, where there are several; nothing else may stand in its place.
HELD_BY = rf"Held by {COPIES} servers(, on disk)?\." if COPIES else ""
HELD = re.compile(rf"{HELD_BY}\n" if HELD_BY else "")

# What a revocation says that has waited out no worker, with the time.
REVOKED = re.compile(
    r"Revoked\. No gateway accepts the key as of (\d\d:\d\d:\d\d\.\d\d\d) UTC\." + (f" {HELD_BY}" if HELD_BY else "") + r"\n")

# The beginning of what both programs say when all servers are gone.
AWAY = "the sentinels do not agree on the primary" if TOPOLOGY == SENTINEL else "the store at"

# What the executable says where no server listens.
NO_SERVER = {SENTINEL: AWAY, CLUSTER: "Connection refused"}.get(TOPOLOGY, "No such file or directory")

# What the executable says of a server that it was led to, and that is a replica.
NO_PRIMARY = "does not report itself as the primary" if TOPOLOGY == SENTINEL else "READONLY"


def says(err, text):
    """Whether a command that made a change has said a text, how many servers hold the change, and nothing else."""
    return err.startswith(text) and bool(HELD.fullmatch(err.removeprefix(text)))


def one_redis(reason):
    """Marks a test that is left out where the store has several servers; the reason is shown."""
    return pytest.mark.one_redis(reason)


def no_cluster(reason):
    """Marks a test that is left out where the store is a cluster; the reason is shown."""
    return pytest.mark.no_cluster(reason)


ONE_DATABASE = "a cluster has one database"

# A failover may undo a change that nobody confirmed; so with sentinels a version counts for one invalidation link.
versions_outlive_the_store = one_redis("with sentinels, versions that a worker has seen count for one invalidation link")

# With sentinels there are tests of TLS by themselves.
own_tls = one_redis("how one server speaks TLS")

# The proxy that these tests use stands between the gateways and one server.
behind_a_proxy = one_redis("a proxy that looks into what passes stands in front of one server")
