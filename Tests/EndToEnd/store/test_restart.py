"""A confirmed change survives a restart of Redis, in every set-up that the documents describe."""

import json

import pytest

from harness import acl
from harness.executable import DONE
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.stepping_store import BEHIND, SteppingStore
from harness.topology import one_redis

PERSISTENCE = {
    "preamble": [],
    "no preamble": ["--aof-use-rdb-preamble", "no"],
    "snapshot": ["--appendonly", "no", "--save", "3600 1"],
}

# A crash loses only data that is not yet on disk: with these options, none.
RESTARTS = [
    *(("stop", persistence, ()) for persistence in PERSISTENCE),
    *(("kill", persistence, ("--appendfsync", "always")) for persistence in ("preamble", "no preamble")),
]

# What a primary may lose is tested in test_sentinel_restart.py.
pytestmark = one_redis("restarts of one server with different files")


@pytest.fixture
def protected(sandboxes, tmp_path):
    """Makes a store with an ACL file: the default user as documented, or with other rules."""
    def make(options=(), default=None, tcp=False, name="users"):
        users = tmp_path / f"{name}.acl"
        acl.write_users(users, default)
        sandbox = sandboxes(gateways=0, tcp=tcp, redis_options=["--aclfile", str(users), *options], redis_login=acl.OPERATOR)
        acl.authenticate(sandbox)
        sandbox.users = users
        return sandbox
    return make


def change(sandbox):
    """Makes changes of every kind, with the append-only file rewritten in between."""
    for name in ("acme", "umbrella", "initech", "hooli"):
        sandbox.key(name)
    sandbox.redis.rewrite()
    sandbox.latchkey.generate("acme", as_=OWNER)
    sandbox.revoke("umbrella")
    sandbox.latchkey.must("org", "transfer", "initech", "--owner", "bob")
    sandbox.latchkey.must("org", "remove", "hooli", "--yes")
    sandbox.key("globex")
    sandbox.latchkey.run("status", "acme", as_="mallory")


def change_again(sandbox):
    sandbox.latchkey.generate("acme", as_=OWNER)
    sandbox.key("umbrella")


def turn_on(sandbox):
    """Turns on the append-only file of a running Redis."""
    sandbox.redis.cli("CONFIG", "SET", "appendonly", "yes")
    sandbox.redis.wait_for_rewrite()


def state(sandbox):
    """All records of organizations, and the audit."""
    run = sandbox.latchkey.run
    audits = [run("audit", name, as_=owner).out for name, owner in
              (("acme", OWNER), ("umbrella", OWNER), ("initech", "bob"), ("globex", OWNER))]
    records = sorted(line for line in sandbox.latchkey.must("export").splitlines() if line.startswith("organization="))
    return [records, run("audit", "hooli").out, *audits]


@pytest.mark.parametrize("how, persistence, options", RESTARTS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_what_was_confirmed_survives_a_restart(protected, how, persistence, options, tcp):
    sandbox = protected([*PERSISTENCE[persistence], *options], tcp=tcp)
    change(sandbox)
    before = state(sandbox)

    restart(sandbox.redis, how)

    assert state(sandbox) == before


@pytest.mark.parametrize("default", ["off", "off +@all", "on nopass ~* &* +@all -hset", "off ~* +@read"])
def test_a_default_user_without_rights_is_found_before_it_loses_anything(protected, default):
    sandbox = protected(default=f"user default {default}")

    report = sandbox.latchkey.run("doctor")

    assert report.code != DONE
    assert "store.restart" in report.out
    assert "Redis loads its append-only file as the default user" in report.out


def restart(redis, how="stop"):
    getattr(redis, how)()
    redis.start()


def test_a_list_has_all_organizations_although_redis_is_restarted_meanwhile(sandboxes):
    """Each process of Redis iterates over its keys in another order."""
    names = [f"org-{number}" for number in range(5000)]
    sandbox = sandboxes(gateways=0)
    sandbox.latchkey.must("org", "add", "--from", "-", stdin="".join(f"{name} {OWNER}\n" for name in names))
    store = SteppingStore(sandbox.folder / "steps.sock", sandbox.redis)
    sandbox.add_settings(f"latchkey_store {store.url};")
    restarts = []

    def restart_once(_process, number, place):
        # While the records of a page are read.
        if number == 500 and place == BEHIND and not restarts:
            restarts.append(number)
            restart(sandbox.redis)

    store.at_step = restart_once
    listed = sandbox.latchkey.must("org", "list", "--json")
    store.stop()

    assert restarts
    assert {each["organization"] for each in json.loads(listed)} == set(names)


def test_the_repair_in_the_documents_keeps_what_is_there(protected):
    sandbox = protected(default="user default off")
    change(sandbox)
    sandbox.redis.rewrite()
    before = state(sandbox)
    acl.write_users(sandbox.users)
    sandbox.redis.cli("ACL", "LOAD")
    assert "FAULT  store.restart" not in sandbox.latchkey.run("doctor").out

    restart(sandbox.redis)

    assert state(sandbox) == before


def test_a_store_that_may_not_be_repaired_starts_from_a_snapshot(protected):
    sandbox = protected(["--save", "3600 1"], default="user default off")
    change(sandbox)
    restart(sandbox.redis)
    change_again(sandbox)
    before = state(sandbox)
    acl.write_users(sandbox.users)

    sandbox.redis.stop()
    (sandbox.redis.folder / "appendonlydir").rename(sandbox.redis.folder / "aside")
    with_file, sandbox.redis.options = sandbox.redis.options, [*sandbox.redis.options, "--appendonly", "no"]
    sandbox.redis.start()
    turn_on(sandbox)
    sandbox.redis.options = with_file
    restart(sandbox.redis)

    assert state(sandbox) == before


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_append_only_file_is_turned_on_as_the_doctor_says(protected, how):
    sandbox = protected(["--appendonly", "no", "--appendfsync", "always", "--save", "3600 1"])
    change(sandbox)
    before = state(sandbox)
    assert "CONFIG SET appendonly yes, and only then the same in redis.conf" in sandbox.latchkey.run("doctor").out
    turn_on(sandbox)
    sandbox.redis.options = [*sandbox.redis.options, "--appendonly", "yes"]

    restart(sandbox.redis, how)

    assert state(sandbox) == before


def test_a_replica_with_the_documented_users_loses_nothing_in_a_restart(protected):
    primary = protected(tcp=True)
    replica = protected(["--appendfsync", "always", "--masterauth", acl.PASSWORD["default"]], tcp=True, name="replica")
    replica.redis.cli("REPLICAOF", "127.0.0.1", primary.redis.port)
    wait_until(lambda: "master_link_status:up" in replica.redis.cli("INFO", "replication"), "the replica is up to date")
    replica.redis.wait_for_rewrite()
    change(primary)
    before = state(primary)
    assert primary.redis.cli("WAIT", "1", "10000") == "1"

    restart(replica.redis, "kill")

    replica.pepper_file.write_bytes(primary.pepper_file.read_bytes())
    assert state(replica) == before


def test_the_doctor_says_what_it_cannot_check_about_restarts(protected):
    sandbox = protected(["--rename-command", "ACL", ""])

    assert "note   store.restart" in sandbox.latchkey.run("doctor").out


def test_what_a_crash_can_undo_is_said_where_the_documented_user_cannot_see_it(protected):
    report = protected().latchkey.run("doctor").out

    assert "note   store.fsync" in report and "everysec" in report
