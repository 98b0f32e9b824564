"""What both programs may do at sentinels, and the executable at servers with replicas: all that they need, and nothing else."""

import json

import pytest

from harness import acl
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.sentinel_store import STEADY

ADMIN, SENTINEL = "admin", "sentinel"

# The only permission at a sentinel that the executable does not need.
GATEWAYS_QUESTION = "+sentinel|get-master-addr-by-name"


@pytest.fixture
def guarded(sandboxes):
    sandbox = sandboxes(start=False, settings="latchkey_lease 100ms;", sentinel=STEADY)
    files = {}
    for name, program in (("admin", ADMIN), ("gateway", "gateway"), ("sentinel", SENTINEL)):
        files[name] = acl.write_credentials(sandbox, f"{name}.auth", f"{acl.user(program)} {acl.PASSWORD[program]}\n")
    for server in sandbox.redis.servers:
        allow(server, "gateway", acl.rules("gateway"))
        allow(server, ADMIN, acl.rules(ADMIN, topology=SENTINEL))
    for sentinel in sandbox.redis.sentinels:
        allow(sentinel, SENTINEL, acl.rules(SENTINEL, topology=SENTINEL))
    sandbox.add_settings("latchkey_store_auth " + " ".join(f"{name}={path}" for name, path in files.items()) + ";")
    return sandbox


def allow(server, program, words):
    """Creates a program's user at a server or a sentinel with exactly these permissions."""
    reply = server.ask("ACL", "SETUSER", acl.user(program), "reset", "on", f">{acl.PASSWORD[program]}", "resetchannels", *words)
    assert reply == "OK", reply


def allow_everywhere(sandbox, program, words):
    places = sandbox.redis.sentinels if program == SENTINEL else sandbox.redis.servers
    for place in places:
        allow(place, program, words)


def refusals(sandbox):
    """How often servers and sentinels have refused a command for lack of permission."""
    places = [*sandbox.redis.servers, *sandbox.redis.sentinels]
    return sum("errorstat_NOPERM" in place.ask("INFO", "errorstats") for place in places)


def findings(sandbox):
    report = json.loads(sandbox.latchkey.run("doctor", "--json").out)
    return {finding["check"]: finding["text"] for finding in report["findings"] if finding["level"] == "fault"}


def test_the_documented_permissions_are_enough(guarded):
    guarded.key()
    assert "Held by 3 servers" in guarded.latchkey.run("revoke", "acme", "--yes", as_=OWNER).err
    assert refusals(guarded) == 0

    found = findings(guarded)
    assert not [check for check in found if check.startswith(("rights.", "sentinels.", "store."))], found


def test_without_the_permission_to_wait_no_change_is_confirmed(guarded):
    allow_everywhere(guarded, ADMIN, acl.without(ADMIN, "+wait", topology=SENTINEL))

    guarded.add()
    result = guarded.latchkey.run("generate", "acme", "--yes", as_=OWNER)

    assert result.code == NOT_CONFIRMED
    assert "it is uncertain how many servers hold the change" in result.err
    assert "NOPERM" in result.err
    assert "WAIT" in findings(guarded)["rights.admin"]


def test_the_executable_needs_each_of_its_permissions_at_a_sentinel(guarded):
    guarded.key()
    for right, others in acl.rights(SENTINEL, topology=SENTINEL):
        if right == GATEWAYS_QUESTION:
            continue
        allow_everywhere(guarded, SENTINEL, others)
        found = findings(guarded)
        assert [check for check in found if check.startswith("sentinels.")], f"{right} is not needed"
    allow_everywhere(guarded, SENTINEL, acl.rules(SENTINEL, topology=SENTINEL))
    assert guarded.latchkey.run("status", "acme", as_=OWNER).code == DONE


def test_a_gateway_that_may_not_ask_sentinels_for_the_primary_answers_503_and_logs_why(guarded):
    key = guarded.key()
    guarded.nginx.start()
    wait_until(lambda: guarded.status_of(key) == 200, "the key is accepted")
    assert not guarded.nginx.lines("NOPERM")

    allow_everywhere(guarded, SENTINEL, acl.without(SENTINEL, GATEWAYS_QUESTION, topology=SENTINEL))
    wait_until(lambda: guarded.status_of(key) == 503, "no sentinel names the primary")
    wait_until(lambda: guarded.nginx.lines("names no primary: refused: NOPERM"), "the log has the sentinel's reason")
    wait_until(lambda: guarded.nginx.lines("decides nothing: fewer than 2 of 3 sentinels"), "the log has the consequence")
    assert guarded.latchkey.run("status", "acme", as_=OWNER).code == DONE

    allow_everywhere(guarded, SENTINEL, acl.rules(SENTINEL, topology=SENTINEL))
    wait_until(lambda: guarded.status_of(key) == 200, "the sentinels name the primary again")


def test_sentinels_that_refuse_are_said_to_at_once(guarded):
    guarded.key()
    allow_everywhere(guarded, SENTINEL, acl.without(SENTINEL, "+sentinel|master", topology=SENTINEL))
    result = guarded.latchkey.run("status", "acme", as_=OWNER, timeout=20)
    assert (result.code, "NOPERM" in result.err) == (STORE_UNREACHABLE, True)

    guarded.folder.joinpath("sentinel.auth").write_text(f"{acl.user(SENTINEL)} wrong-password\n")
    result = guarded.latchkey.run("status", "acme", as_=OWNER, timeout=20)
    assert (result.code, "WRONGPASS" in result.err) == (STORE_UNREACHABLE, True)
    assert "wrong-password" not in result.err


def test_what_a_sentinel_allows_beyond_that_is_noted(guarded):
    report = guarded.latchkey.run("doctor", "--json").out
    assert "sentinels.excess" not in report

    allow_everywhere(guarded, SENTINEL, ["+@all", "&*"])
    assert "order failovers" in guarded.latchkey.run("doctor", "--json").out
