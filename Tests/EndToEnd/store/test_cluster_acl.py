"""What the executable may do at the servers of a cluster: all that it needs, and nothing else."""

import json

import pytest

from harness import acl
from harness.cluster_store import STEADY
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.sandbox import CLUSTER, OWNER

ADMIN = "admin"


@pytest.fixture
def guarded(sandboxes):
    sandbox = sandboxes(start=False, settings="latchkey_lease 100ms;", cluster=STEADY)
    files = {}
    for program in acl.PROGRAMS:
        words = f"{acl.user(program)} {acl.PASSWORD[program]}\n"
        files[program] = acl.write_credentials(sandbox, f"{program}.auth", words)
        allow(sandbox, program, rules(program))
    sandbox.add_settings("latchkey_store_auth " + " ".join(f"{name}={path}" for name, path in files.items()) + ";")
    return sandbox


def rules(program):
    return acl.rules(program, CLUSTER)


def allow(sandbox, program, words):
    """Creates a program's user at all servers with exactly these permissions."""
    for server in sandbox.redis.servers:
        reply = server.ask("ACL", "SETUSER", acl.user(program), "reset", "on", f">{acl.PASSWORD[program]}", "resetchannels", *words)
        assert reply == "OK", reply


def refusals(sandbox):
    return sum("errorstat_NOPERM" in server.ask("INFO", "errorstats") for server in sandbox.redis.servers)


def findings(sandbox):
    report = json.loads(sandbox.latchkey.run("doctor", "--json").out)
    return {finding["check"]: finding["text"] for finding in report["findings"] if finding["level"] == "fault"}


def test_the_documented_permissions_are_enough(guarded):
    guarded.key()
    assert "Held by 2 servers" in guarded.latchkey.run("revoke", "acme", "--yes", as_=OWNER).err
    assert guarded.latchkey.run("export").code == DONE
    assert refusals(guarded) == 0

    found = findings(guarded)
    assert not [check for check in found if check.startswith(("rights.", "cluster.", "store."))], found


def test_without_the_permission_to_wait_no_change_is_confirmed(guarded):
    allow(guarded, ADMIN, [right for right in rules(ADMIN) if right != "+wait"])

    guarded.add()
    result = guarded.latchkey.run("generate", "acme", "--yes", as_=OWNER)

    assert result.code == NOT_CONFIRMED
    assert "it is uncertain how many servers hold the change" in result.err
    assert "WAIT" in findings(guarded)["rights.admin"]


def test_the_permissions_for_the_map_and_for_moves_are_needed(guarded):
    guarded.key()
    allow(guarded, ADMIN, [right for right in rules(ADMIN) if right != "+cluster|nodes"])
    result = guarded.latchkey.run("status", "acme", as_=OWNER, timeout=20)
    assert (result.code, "NOPERM" in result.err) == (STORE_UNREACHABLE, True)

    allow(guarded, ADMIN, [right for right in rules(ADMIN) if right != "+asking"])
    assert "ASKING" in findings(guarded)["rights.admin"]


def test_what_a_user_may_do_beyond_that_is_noted(guarded):
    assert "change the cluster" not in guarded.latchkey.run("doctor", "--json").out

    allow(guarded, ADMIN, ["+@all", "~*"])
    assert "change the cluster" in guarded.latchkey.run("doctor", "--json").out
