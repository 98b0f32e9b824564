"""The two programs' permissions in Redis: all that they need, and nothing else."""

from contextlib import contextmanager, nullcontext

import pytest

from harness import acl
from harness.executable import DONE
from harness.key_forge import locator, record_key, used_key
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.slot_moves import move_of


@pytest.fixture
def protected(sandboxes):
    sandbox = sandboxes(start=False, workers=1, settings="latchkey_lease 100ms;")
    acl.protect(sandbox)
    sandbox.nginx.start()
    return sandbox


def administer(sandbox):
    """Everything for which the executable needs a permission, except the doctor's checks."""
    run = sandbox.latchkey.run
    run("org", "add", "acme", "--owner", OWNER)
    for _ in range(2):
        key = run("generate", "acme", "--yes", as_=OWNER).out.strip()
        if key:
            sandbox.latchkey.remember(key)
    run("status", "acme", as_=OWNER)
    run("status", "acme", as_="mallory")
    run("audit", "acme", as_=OWNER)
    run("gateways")
    run("org", "list")
    run("org", "remove", "acme", "--yes")


def with_new_workers(sandbox):
    """Replaces the workers, and returns a new key."""
    sandbox.nginx.reload()
    return sandbox.latchkey.remember(sandbox.latchkey.run("generate", "acme", "--yes", as_=OWNER).out.strip())


def test_the_documented_permissions_are_enough(protected):
    key = protected.key()
    protected.wait_for_members()
    protected.warm(key)
    wait_until(lambda: protected.redis.cli("ZSCORE", used_key("acme"), locator("acme")), "the use is recorded")
    administer(protected)
    wait_until(lambda: protected.status_of(key) == 401, "the key is refused")

    assert acl.refusals(protected) == 0
    assert protected.latchkey.run("doctor").code == DONE


def test_the_executable_needs_each_of_its_permissions(protected):
    for right, others in acl.rights("admin"):
        acl.give(protected, "admin", others)
        before = acl.refusals(protected)
        administer(protected)
        refused = acl.refusals(protected) - before
        # Some permissions are needed only by the doctor.
        assert refused or "FAULT" in protected.latchkey.run("doctor").out, f"{right} is not needed"


def test_a_gateway_needs_each_of_its_permissions(protected):
    protected.expect("NOPERM")
    revoked = protected.key()
    protected.key()
    for right, others in acl.rights("gateway"):
        acl.give(protected, "gateway", others)
        before = acl.refusals(protected)
        keys = [with_new_workers(protected), revoked]
        with record_on_its_way(protected) if right == "+asking" else nullcontext():
            wait_until(
                lambda: [protected.status_of(key) for key in keys] and acl.refusals(protected) > before,
                f"{right} is missed",
            )


@contextmanager
def record_on_its_way(sandbox):
    """The record has moved to another server of the cluster, and its slot has not."""
    move = move_of(sandbox.redis, record_key("acme")).begin().move_keys()
    yield
    move.end()


def test_a_gateways_permissions_do_not_suffice_to_change_a_record(protected):
    protected.key()
    user = ["--user", "gateway", "--pass", acl.PASSWORD["gateway"], "--no-auth-warning"]
    for command in (["HSET", f"latchkey:record:{{{locator('acme')}}}", "state", "none"], ["DEL", MEMBERSHIP],
                    ["FLUSHALL"], ["KEYS", "*"], ["SCAN", "0"], ["LRANGE", f"latchkey:audit:{{{locator('acme')}}}", "0", "-1"]):
        assert "NOPERM" in protected.redis.run(*user, *command).stdout
