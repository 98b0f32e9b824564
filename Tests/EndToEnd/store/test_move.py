"""Another store takes the place of the first one while clients send requests: no key is lost, and none comes back."""

import re
from contextlib import ExitStack, contextmanager

import pytest

from harness import cluster_store, sentinel_store
from harness.cluster_store import ClusterStore
from harness.executable import DONE, NOT_PERMITTED, Latchkey
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import CLUSTER, OWNER, SENTINEL
from harness.sentinel_store import SentinelStore
from harness.topology import one_redis
from harness.traffic import kinds_of, traffic

KINDS = {SENTINEL: (SentinelStore, sentinel_store.STEADY), CLUSTER: (ClusterStore, cluster_store.STEADY)}


# No answer is late on a loaded machine.
PATIENT = "latchkey_timeout 10s;"


@contextmanager
def next_store(sandbox, kind):
    make, options = KINDS[kind]
    store = make(sandbox.folder / "next-redis", ["--save", ""], **options)
    try:
        yield store.start()
    finally:
        store.end()


def settings_for(sandbox, store):
    """The configuration of the next store; an executable that uses it."""
    path = sandbox.folder / "next.conf"
    path.write_text(re.sub("(?m)^(latchkey_store) .*;", rf"\1 {store.url};", sandbox.config.read_text()))
    return path, Latchkey(path)


def copy(sandbox, target):
    file = sandbox.folder / "records"
    file.write_text(sandbox.latchkey.must("export"))
    result = target.run("import", file)
    assert result.code == DONE, result.err
    file.unlink()


@one_redis("it begins with one Redis")
@pytest.mark.parametrize("kind", KINDS)
def test_a_store_is_replaced_under_traffic(sandboxes, kind):
    sandbox = sandboxes(tls=None, gateways=2, settings=PATIENT)
    kept, ended = sandbox.key("acme"), sandbox.key("beta")
    kinds = [*kinds_of(kept), ("/api", bearer(sandbox.key("gamma")), 200)]
    sandbox.revoke("beta")
    ended_kinds = [*kinds, ("/api", bearer(ended), 401)]

    with next_store(sandbox, kind) as store, ExitStack() as stack:
        going = [stack.enter_context(traffic(gateway.gate, ended_kinds)) for gateway in sandbox.gateways]
        path, target = settings_for(sandbox, store)
        copy(sandbox, target)
        late = sandbox.key("late")
        copy(sandbox, target)

        # Changes stop; what is copied now is all that there is.
        sandbox.redis.cli("ACL", "SETUSER", "default", "-multi")
        assert sandbox.latchkey.run("revoke", "acme", "--yes", as_=OWNER).code == NOT_PERMITTED
        copy(sandbox, target)
        former = sandbox.folder / "former.conf"
        former.write_text(sandbox.config.read_text())
        sandbox.config.write_text(path.read_text())
        sandbox.redis.cli("ACL", "SETUSER", "default", "+multi")
        old = sandbox.workers()
        for gateway in sandbox.gateways:
            gateway.reload()
        wait_until(lambda: not old & sandbox.workers(), "the old workers end")
        first, sandbox.redis = sandbox.redis, store
        try:
            sandbox.wait_for_members()
            assert Latchkey(former).run("gateways").out == ""

            assert sandbox.status_of(late) == 200
            assert re.search(r"^Last used: +(?! |Never)", sandbox.latchkey.run("status", "acme", as_=OWNER).out, re.MULTILINE)
            for traffic_of_one in going:
                traffic_of_one.ended.set()
            sandbox.revoke("acme")
            assert [sandbox.request(key=kept, at=gateway).status for gateway in sandbox.gateways] == [401, 401]
        finally:
            sandbox.redis = first

    for gateway, traffic_of_one in zip(sandbox.gateways, going):
        assert traffic_of_one.asked and not traffic_of_one.wrong
