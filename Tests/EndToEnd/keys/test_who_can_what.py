"""Each row of the tables in SECURITY.md and docs/ACCESS.md is true: what each party can and cannot do."""

import os
import pwd
import re
import shutil

import pytest

from harness import acl
from harness.artefacts import EXECUTABLE, ROOT
from harness.executable import BAD_DATA, DONE, NOT_PERMITTED, Latchkey
from harness.key_forge import KeyForge, audit_key, locator, record_key, secret_of, used_key
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.store_tls import StoreTLS
from harness.topology import behind_a_proxy
from harness.wire_tap import WireTap

# The pepper of an attacker who does not have the real one.
SELF_MADE_PEPPER = "5e" * 32

BETWEEN_WITH_TLS = "anyone between Redis and either program, with `rediss://`"

RECORD, USED, ACME = record_key("acme"), used_key("acme"), locator("acme")


def rows(path, heading):
    """The first cells of the table whose header begins with `heading`."""
    table = (ROOT / path).read_text().split(f"\n| {heading} |", 1)[1].split("\n\n")[0]
    return [row for row in re.findall(r"^\| (.+?) \|", table, re.MULTILINE) if row.strip("-| ")]


ROWS = rows("SECURITY.md", "who") + rows("docs/ACCESS.md", "an attacker has")


@pytest.fixture
def gate(sandboxes, request):
    tls = StoreTLS if getattr(request, "param", None) == BETWEEN_WITH_TLS else None
    sandbox = sandboxes(start=False, workers=1, tls=tls)
    acl.protect(sandbox)
    sandbox.nginx.start()
    return sandbox


class Intruder:
    """An attacker logged in to Redis as one of its users."""

    def __init__(self, gate, user):
        self.gate = gate
        self.login = ["--user", user, "--pass", acl.PASSWORD[user], "--no-auth-warning"]

    def does(self, *command):
        return self.gate.redis.run_as(self.login, *command).stdout.strip()

    def may(self, *command):
        return "NOPERM" not in self.does(*command)


def client_without_a_key(gate):
    revoked, expired = gate.key(), gate.key("umbrella", "--expires-in", "1s")
    gate.revoke()
    gate.warm(gate.key("initech"))
    wait_until(lambda: gate.request(key=expired).result == "expired", "the key expires")
    forged = [gate.forge().forged(name) for name in ("acme", "nobody")]
    reads = gate.redis.calls("hmget")
    answers = [gate.request(key=key) for key in forged]
    assert gate.redis.calls("hmget") == reads
    answers += [gate.request(key=key) for key in (revoked, expired)]
    shown = {(answer.status, answer.body, answer.header("WWW-Authenticate")) for answer in answers}
    assert len(shown) == 1 and shown.pop()[0] == 401


def reader_of_redis(gate):
    key = gate.key()
    fields = gate.redis.hash(RECORD)
    assert (fields["organization"], fields["owner"]) == ("acme", OWNER)
    gate.redis.cli("SAVE")
    assert not gate.files_with_secrets()
    # The stored verifier is no key, nor a part of one.
    assert fields["verifier"] not in key and gate.status_of(f"lk_{ACME}_{fields['verifier']}") == 401


def holder_of_the_gateways_password(gate):
    old = gate.key()
    new = gate.latchkey.generate("acme", as_=OWNER)
    gate.warm(new)
    intruder = Intruder(gate, "gateway")
    assert OWNER in intruder.does("HMGET", RECORD, "organization", "owner")
    assert intruder.does("ZADD", USED, "GT", "4000000000000", ACME) in ("0", "1")
    assert intruder.does("RPUSH", f"latchkey:ack:{{{ACME}}}:" + "0" * 32, "a" * 16) == "1"
    assert intruder.does("HDEL", MEMBERSHIP, "f" * 16) == "0"
    for command in (
        ["HSET", RECORD, "state", "none"], ["HDEL", RECORD, "verifier"], ["EXPIRE", RECORD, "0"], ["DEL", RECORD],
        ["EXPIRE", USED, "0"], ["EXPIRE", MEMBERSHIP, "0"], ["RPUSH", MEMBERSHIP, "x"],
        ["HSET", "latchkey:used:{Z}", "a", "b"], ["HSET", "latchkey:ack:x", "a", "b"], ["ZADD", MEMBERSHIP, "1", "a"],
        ["LRANGE", audit_key("acme"), "0", "-1"], ["FLUSHALL"], ["KEYS", "*"], ["SCAN", "0"], ["PUBLISH", "__redis__:invalidate", "x"],
        ["SUBSCRIBE", "other"], ["GET", "other"], ["SET", RECORD, "x"], ["CONFIG", "GET", "*"], ["ACL", "LIST"],
    ):
        assert not intruder.may(*command), command
    assert (gate.status_of(old), gate.status_of(new)) == (401, 200)


def writer_to_redis(gate, intruder=None):
    intruder = intruder or Intruder(gate, "admin")
    old = gate.key()
    earlier = gate.redis.hash(RECORD)
    key = gate.latchkey.generate("acme", as_=OWNER)
    current = gate.redis.hash(RECORD)
    own = KeyForge(SELF_MADE_PEPPER).issued("acme")
    gate.warm(gate.key("umbrella"))
    for field, value in (("verifier", gate.forge().verifier(own)), ("expires_at", "4000000000000"), ("owner", "mallory"),
                         ("organization", "umbrella")):
        intruder.does("HSET", RECORD, field, value)
        wait_until(lambda: gate.request(key=key).result == "unavailable", f"another {field} is noticed")
        assert gate.status_of(own) == 401
        assert gate.latchkey.run("status", "acme", as_="mallory").code in (BAD_DATA, NOT_PERMITTED)
        intruder.does("HDEL", RECORD, "expires_at")
        put_back(gate, intruder, current)
        wait_until(lambda: gate.status_of(key) == 200, "the record is as it was")
    intruder.does("HSET", RECORD, "state", "none")
    wait_until(lambda: gate.status_of(key) == 401, "the key is taken away")
    put_back(gate, intruder, earlier)
    # This gateway has seen a later version; one that has just started has not.
    assert gate.request(key=old).result == "unavailable"
    gate.nginx.reload()
    wait_until(lambda: gate.status_of(old) == 200, "a whole earlier record is accepted")


def put_back(gate, intruder, fields):
    names = [name for name in gate.redis.hash(RECORD) if name not in fields]
    if names:
        intruder.does("HDEL", RECORD, *names)
    intruder.does("HSET", RECORD, *(word for pair in fields.items() for word in pair))


def holder_of_the_executables_password(gate):
    intruder = Intruder(gate, "admin")
    writer_to_redis(gate, intruder)
    intruder.does("RPUSH", audit_key("acme"), "at=1 what=revoke who=nobody-ever via=nobody-ever")
    assert "nobody-ever" in gate.latchkey.run("audit", "acme", as_=OWNER).out


def is_refused(gate, **who):
    for command in ("status", "generate", "revoke"):
        result = gate.latchkey.run(command, "acme", *(["--yes"] if command != "status" else []), **who)
        assert result.code == NOT_PERMITTED, result


def another_member(gate):
    key = gate.key()
    is_refused(gate, as_="mallory")
    assert gate.status_of(key) == 200
    assert "mallory" in gate.latchkey.run("audit", "acme", as_=OWNER).out


def between_with_tls(gate):
    key = gate.key()
    gate.expect("SSL", "store at 127.0.0.1")
    with WireTap(gate.redis.tls_port) as tap:
        gate.point_gateways_at(tap.port)
        gate.nginx.reload()
        gate.wait_for_members()
        wait_until(lambda: tap.conversations and gate.status_of(key) == 200, "the key is accepted")
        for text in (acl.PASSWORD["gateway"], "AUTH", RECORD, "acme"):
            assert text.encode() not in tap.bytes()
    wait_until(lambda: gate.status_of(key) == 503, "a connection that was cut ends all trust")


def root(gate):
    gate.key()
    is_refused(gate)
    new = gate.latchkey.generate("acme", as_=OWNER)
    audit = gate.latchkey.run("audit", "acme", as_=OWNER).out
    assert f"generate\t{OWNER}\troot" in audit and "root\troot\trefused" in audit
    assert secret_of(new) not in gate.redis.cli("HGETALL", RECORD)


def delegate(gate):
    gate.key()
    gate.add_settings("latchkey_delegates nobody;")
    program = readable_by_nobody(gate)
    new = program.generate("acme", as_=OWNER, account="nobody")
    gate.latchkey.remember(new)
    assert gate.status_of(new) == 200
    assert f"generate\t{OWNER}\tnobody" in gate.latchkey.run("audit", "acme", as_=OWNER).out
    for words in (
        ["org", "add", "new", "--owner", OWNER], ["org", "list"], ["org", "transfer", "acme", "--owner", "mallory"],
        ["org", "remove", "acme", "--yes"], ["export"], ["gateways", "--forget", "f" * 16, "--yes"],
    ):
        as_ = OWNER if words[0] == "org" else None  # the others know no --as
        result = program.run(*words, as_=as_, account="nobody")
        assert result.code == NOT_PERMITTED, result
    refusals = {program.run("status", name, as_="mallory", account="nobody").err.replace(name, "") for name in ("acme", "none")}
    assert len(refusals) == 1
    assert program.run("revoke", "acme", "--yes", as_=OWNER, account="nobody").code == DONE


def readable_by_nobody(gate):
    """The executable, and the right to use pepper and store, for the account nobody."""
    for path in (gate.pepper_file, gate.folder / "admin.auth"):
        os.chown(path, -1, pwd.getpwnam("nobody").pw_gid)
        path.chmod(0o640)
    return Latchkey(gate.config, shutil.copy(EXECUTABLE, gate.folder / "latchkey"))


def account_that_may_read_the_pepper(gate):
    gate.key()
    program = readable_by_nobody(gate)
    for options in ({}, {"as_": OWNER}):
        assert program.run("generate", "acme", "--yes", account="nobody", **options).code == NOT_PERMITTED
    holder_of_everything(gate)


def holder_of_the_pepper(gate):
    forge = gate.forge()
    assert forge.tag(gate.key()[: -8 - 6]) == gate.latchkey.keys[-1][-14:-6]
    assert "NOPERM" in gate.redis.run("HMGET", RECORD, "owner").stdout
    assert "NOPERM" in gate.redis.run("WATCH", RECORD).stdout


def holder_of_everything(gate):
    gate.key()
    own = gate.forge().issued("acme")
    fields = gate.forge().record("acme", own, owner="mallory")
    put_back(gate, Intruder(gate, "admin"), fields)
    gate.forged_keys.append(own)
    wait_until(lambda: gate.status_of(own) == 200, "a key of their own is accepted")
    assert gate.latchkey.run("status", "acme", as_="mallory").code == DONE


SHOWN = {
    "a client without a key": client_without_a_key,
    "anyone who can read Redis, its files or its traffic": reader_of_redis,
    BETWEEN_WITH_TLS: between_with_tls,
    "anyone with the gateways' Redis password": holder_of_the_gateways_password,
    "anyone who can write to Redis": writer_to_redis,
    "another member of an organization": another_member,
    "root, and the accounts in `latchkey_operators`": root,
    "the accounts in `latchkey_delegates`": delegate,
    "an account that can read the pepper, for example through its group": account_that_may_read_the_pepper,
    "anyone with the pepper **and** write access to Redis": holder_of_everything,
    "the gateways' password": holder_of_the_gateways_password,
    "the executable's password, without the pepper": holder_of_the_executables_password,
    "the pepper, without Redis": holder_of_the_pepper,
    "the pepper and the executable's password": holder_of_everything,
}


def parameters(row):
    return pytest.param(row, row, id=row, marks=behind_a_proxy if row == BETWEEN_WITH_TLS else ())


@pytest.mark.parametrize(("gate", "row"), map(parameters, ROWS), indirect=["gate"])
def test_a_row_of_the_documents_is_true(gate, row):
    gate.expect("was altered", "does not belong", "is older than a version", "NOPERM")

    SHOWN[row](gate)


def test_all_that_is_tested_stands_in_the_documents():
    assert set(SHOWN) == set(ROWS)
