"""What a command has confirmed survives a restart of Redis, in every set-up that the documents describe."""

import pytest

from harness import acl
from harness.executable import DONE
from harness.sandbox import OWNER

PERSISTENCE = {
    "preamble": [],
    "no preamble": ["--aof-use-rdb-preamble", "no"],
    "snapshot": ["--appendonly", "no", "--save", "3600 1"],
}

# A crash keeps what has been synchronized with the disk: all, with these.
RESTARTS = [
    *(("stop", persistence, ()) for persistence in PERSISTENCE),
    *(("kill", persistence, ("--appendfsync", "always")) for persistence in ("preamble", "no preamble")),
]


@pytest.fixture
def protected(sandboxes, tmp_path):
    """Makes a store whose users come from an ACL file, with what the documents say of the default user or other words."""
    def make(options=(), default=None, tcp=False):
        users = tmp_path / "users.acl"
        acl.write_users(users, default)
        sandbox = sandboxes(gateways=0, tcp=tcp, redis_options=["--aclfile", str(users), *options], redis_login=acl.OPERATOR)
        acl.authenticate(sandbox)
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


def state(sandbox):
    """All that the store says of organizations, and of what was done."""
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

    getattr(sandbox.redis, how)()
    sandbox.redis.start()

    assert state(sandbox) == before


@pytest.mark.parametrize("default", ["off", "off +@all", "on nopass ~* &* +@all -hset", "off ~* +@read"])
def test_a_default_user_without_rights_is_found_before_it_loses_anything(protected, default):
    sandbox = protected(default=f"user default {default}")

    report = sandbox.latchkey.run("doctor")

    assert report.code != DONE
    assert "store.restart" in report.out
    assert "it loads its append-only file as the default user" in report.out


def test_the_repair_in_the_documents_keeps_what_is_there(protected):
    sandbox = protected(default="user default off")
    change(sandbox)
    sandbox.redis.rewrite()
    before = state(sandbox)
    sandbox.redis.cli("ACL", "SETUSER", *acl.default_line().split()[1:])
    sandbox.redis.cli("ACL", "SAVE")
    assert "FAULT  store.restart" not in sandbox.latchkey.run("doctor").out

    sandbox.redis.stop()
    sandbox.redis.start()

    assert state(sandbox) == before
