"""A store emptied or restored to an older state while workers live: for them, the versions seen since then count."""

import shutil

import pytest

from harness.consistency import under_either_consistency
from harness.key_forge import record_key
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.topology import versions_outlive_the_store

EARLIER = "is older than a version seen before"


@pytest.fixture
def gate(sandboxes, consistency):
    gate = sandboxes(workers=1, consistency=consistency)
    gate.expect(NO_SOCKET)
    return gate


def reload(gate):
    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends")
    gate.wait_for_members()


def replaced_often(gate, organization="acme"):
    """An organization's key after a few others, cached by the worker."""
    for _ in range(3):
        key = gate.key(organization)
        gate.warm(key)
    return key


@versions_outlive_the_store
@under_either_consistency
def test_an_organization_added_again_after_the_store_was_emptied_needs_a_reload(gate):
    old = replaced_often(gate)
    gate.redis.cli("FLUSHALL")
    wait_until(lambda: gate.request(key=old).result == "unavailable", "what is gone is not accepted")

    new, stranger = gate.key(), gate.key("umbrella")

    assert gate.status_of(stranger) == 200, "an organization that was never seen starts afresh without a reload"
    for _ in range(3):
        assert gate.request(key=new).result == "unavailable"
    wait_until(lambda: is_earlier(gate, new), "the older version is logged")

    reload(gate)

    assert gate.status_of(new) == 200
    assert gate.request(key=old).result == "revoked"


@versions_outlive_the_store
@under_either_consistency
def test_a_store_restored_from_a_backup_needs_a_reload_for_records_changed_since(gate):
    old, untouched = gate.key(), gate.key("umbrella")
    gate.warm(old, untouched)
    backup = backed_up(gate)
    new = gate.key()
    gate.warm(new)

    restore(gate, backup)
    wait_until(lambda: is_earlier(gate, new), "the old record is read")

    assert {gate.request(key=key).result for key in (old, new)} == {"unavailable"}
    assert gate.status_of(untouched) == 200, "a record that was not changed since is as it was"

    reload(gate)

    assert gate.request(key=new).result == "revoked", "the restored store never had this record"
    assert gate.status_of(old) == 200, "it is back, with all that the backup holds"


@versions_outlive_the_store
def test_keys_that_a_backup_restores_are_accepted_after_the_reload_unless_ended_once_more(gate):
    forgotten, ended = gate.key(), gate.key("umbrella")
    gate.warm(forgotten, ended)
    backup = backed_up(gate)
    gate.revoke()
    gate.revoke("umbrella")
    assert [gate.status_of(key) for key in (forgotten, ended)] == [401, 401]

    restore(gate, backup)
    for key in (ended, forgotten):
        wait_until(lambda: is_earlier(gate, key), "the old record is read")
    gate.revoke("umbrella")
    assert gate.status_of(ended) in (401, 503)
    assert gate.status_of(forgotten) == 503

    reload(gate)

    assert gate.status_of(ended) == 401
    assert gate.status_of(forgotten) == 200


def test_changes_beyond_the_seen_versions_need_no_reload(gate):
    replaced_often(gate)
    gate.redis.cli("DEL", record_key("acme"))
    key = gate.key()
    assert gate.request(key=key).result == "unavailable"

    for _ in range(4):
        key = gate.latchkey.generate("acme", as_=OWNER)

    assert gate.status_of(key) == 200


def is_earlier(gate, key):
    return gate.request(key=key).result == "unavailable" and gate.nginx.lines(EARLIER)


def backed_up(gate):
    gate.redis.rewrite()
    return shutil.copytree(gate.redis.folder / "appendonlydir", gate.folder / "backup")


def restore(gate, backup):
    gate.redis.stop()
    shutil.rmtree(gate.redis.folder / "appendonlydir")
    (gate.redis.folder / "dump.rdb").unlink(missing_ok=True)
    shutil.copytree(backup, gate.redis.folder / "appendonlydir")
    gate.redis.start()
    wait_until(lambda: any(" sub=0 " not in client for client in gate.redis.clients()), "the worker listens again")
