"""The store's address, and the users with which the two programs log in."""

import pytest

from harness import acl
from harness.acl import protect, write_credentials
from harness.executable import CONFIGURATION, DONE, NOT_CONFIRMED, NOT_PERMITTED, STORE_UNREACHABLE
from harness.key_forge import locator, record_key, used_key
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.topology import one_redis

def lead_a_life(sandbox):
    """Does everything that needs a permission of the store."""
    sandbox.wait_for_members()
    replaced = sandbox.key()
    sandbox.warm(replaced)
    wait_until(lambda: sandbox.redis.cli("ZSCORE", used_key("acme"), locator("acme")), "the use is recorded")
    key = sandbox.key()
    assert sandbox.status_of(replaced) == 401
    wait_until(lambda: "refused once" in sandbox.latchkey.status("acme", as_=OWNER), "the refused use is counted")
    assert sandbox.latchkey.verify(key).code == DONE
    assert len(sandbox.latchkey.gateways()) == 1
    assert sandbox.revoke().err.count("\n") == 1
    assert sandbox.status_of(key) == 401


def no_errors(sandbox):
    """Whether Redis has refused nothing."""
    return "NOPERM" not in sandbox.redis.cli("INFO", "errorstats")


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_each_program_logs_in_with_its_own_user_and_password(sandboxes, tcp):
    sandbox = sandboxes(tls=None, start=False, workers=1, tcp=tcp)
    protect(sandbox)
    sandbox.nginx.start()

    lead_a_life(sandbox)

    assert no_errors(sandbox)
    users = {field.partition("=")[2] for line in sandbox.redis.clients() for field in line.split() if field.startswith("user=")}
    assert users == {"gateway"}


def test_passwords_are_in_no_log_and_no_message(sandboxes):
    sandbox = sandboxes(tls=None, start=False, workers=1)
    key = sandbox.key()
    protect(sandbox)
    write_credentials(sandbox, "gateway.auth", "gateway wrong-password-3\n")
    write_credentials(sandbox, "admin.auth", "admin wrong-password-4\n")
    sandbox.nginx.start()

    assert sandbox.status_of(key) == 503
    result = sandbox.latchkey.run("status", "acme", as_=OWNER)

    assert result.code in (STORE_UNREACHABLE, NOT_PERMITTED)
    assert "password" not in result.one_line().replace("username-password", "").replace("user or password", "")
    log = wait_until(lambda: sandbox.nginx.lines("[error]"), "the refusal is logged")
    assert not any(f"password-{number}" in line for number in (1, 2, 3, 4) for line in [*log, result.err])


def test_a_corrected_password_is_used_after_a_reload(sandboxes):
    sandbox = sandboxes(tls=None, start=False, workers=1)
    key = sandbox.key()
    protect(sandbox)
    write_credentials(sandbox, "gateway.auth", "gateway wrong-password-3\n")
    sandbox.nginx.start()
    assert sandbox.status_of(key) == 503

    write_credentials(sandbox, "gateway.auth", f"gateway {acl.PASSWORD['gateway']}\n")
    sandbox.nginx.reload()

    wait_until(lambda: sandbox.status_of(key) == 200, "Redis admits the gateway")


def test_a_gateway_without_permission_to_read_answers_503_and_logs_why(sandboxes):
    sandbox = sandboxes(tls=None, start=False, workers=1)
    protect(sandbox)
    key = sandbox.key()
    acl.give(sandbox, "gateway", acl.without("gateway", "+hmget"))
    sandbox.nginx.start()

    assert sandbox.status_of(key) == 503
    wait_until(lambda: any("NOPERM" in line for line in sandbox.nginx.lines("[error]")), "the reason is logged")


# What a gateway cannot do without a permission, and what it logs.
LACKS = {
    "+subscribe": "does not send invalidations",
    "+client|tracking": "does not send invalidations",
    "+client|id": "does not send invalidations",
    "+hset": "not in the membership list",
}


@pytest.mark.parametrize("right", LACKS)
def test_a_gateway_that_may_not_listen_or_join_reads_the_store_for_every_check(sandboxes, right):
    sandbox = sandboxes(tls=None, start=False, workers=1, settings="latchkey_timeout 10s;")
    protect(sandbox, acl.without("gateway", right))
    sandbox.nginx.start()
    key = sandbox.key()

    answers = [sandbox.request(key=key) for _ in range(10)]

    assert {(answer.status, answer.source) for answer in answers} == {(200, "store")}
    assert any("NOPERM" in line for line in sandbox.nginx.lines(LACKS[right]))
    sandbox.revoke()
    assert sandbox.request(key=key).result == "revoked"


def test_a_gateway_that_may_not_acknowledge_is_waited_out_and_logs_it(sandboxes):
    sandbox = sandboxes(tls=None, start=False, workers=1)
    protect(sandbox, acl.without("gateway", "+rpush"))
    sandbox.nginx.start()
    key = sandbox.key()
    sandbox.warm(key)

    assert "did not acknowledge" in sandbox.revoke().err

    assert sandbox.request(key=key).result == "revoked"
    assert sandbox.nginx.lines("a change could not be acknowledged: NOPERM")


@pytest.mark.parametrize("right", ["-publish", "-blpop", "-hgetall", "&none"])
def test_an_executable_that_may_not_ask_the_gateways_never_claims_too_much(sandboxes, right):
    sandbox = sandboxes(tls=None, start=False, workers=1)
    rules = [rule for rule in acl.rules("admin") if right != "&none" or not rule.startswith("&")]
    protect(sandbox, admin=["resetchannels", *rules, *([] if right == "&none" else [right])])
    sandbox.nginx.start()
    sandbox.wait_for_members()
    sandbox.add("acme")
    key = sandbox.latchkey.remember(sandbox.latchkey.run("generate", "acme", "--yes", as_=OWNER).out.strip())
    sandbox.warm(key)

    result = sandbox.latchkey.run("revoke", "acme", "--yes", as_=OWNER)

    assert result.code in (DONE, NOT_CONFIRMED)
    if result.code == DONE:
        assert sandbox.request(key=key).result == "revoked"
    else:
        assert "NOPERM" in result.err
        wait_until(lambda: sandbox.request(key=key).result == "revoked", "the gateway receives the invalidation")


WRONG_FILES = {
    "nothing": "",
    "one word": "gateway\n",
    "three words": "gateway pass word\n",
    "two lines": "gateway password\nother password\n",
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_without_user_and_password_is_refused(sandboxes, name):
    sandbox = sandboxes(tls=None, start=False)
    sandbox.expect("latchkey_store_auth")
    file = write_credentials(sandbox, "wrong.auth", WRONG_FILES[name])
    sandbox.add_settings(f"latchkey_store_auth gateway={file} admin={file};")

    code, output = sandbox.nginx.test()
    result = sandbox.latchkey.run("status", "acme", as_=OWNER)

    assert code != 0 and "latchkey_store_auth" in output
    assert result.code == CONFIGURATION
    assert result.one_line()


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_password_that_others_may_read_is_refused(sandboxes, mode):
    sandbox = sandboxes(tls=None, start=False)
    sandbox.expect("chmod")
    file = write_credentials(sandbox, "open.auth", "gateway password\n", mode)
    sandbox.add_settings(f"latchkey_store_auth gateway={file} admin={file};")

    code, output = sandbox.nginx.test()

    assert code != 0 and str(file) in output
    assert sandbox.latchkey.run("status", "acme", as_=OWNER).code == CONFIGURATION


# Addresses


@one_redis("with sentinels there is database 0 alone")
def test_a_database_is_selected(sandboxes):
    sandbox = sandboxes(tls=None, tcp=True, start=False, workers=1)
    sandbox.add_settings(f"latchkey_store {sandbox.redis.url}/7;")
    sandbox.nginx.start()

    key = sandbox.key()

    assert sandbox.status_of(key) == 200
    assert sandbox.redis.cli("EXISTS", record_key("acme")) == "0"
    assert sandbox.redis.cli("-n", "7", "EXISTS", record_key("acme")) == "1"


def test_a_missing_database_is_reported(sandboxes):
    sandbox = sandboxes(tls=None, tcp=True, start=False, workers=1)
    sandbox.add_settings(f"latchkey_store {sandbox.redis.url}/99;")
    sandbox.nginx.start()

    assert sandbox.request(key=sandbox.forge().issued("acme")).status == 503
    result = sandbox.latchkey.run("status", "acme", as_=OWNER)
    assert result.code == STORE_UNREACHABLE
    assert "DB index" in result.one_line()


def test_of_the_addresses_of_a_host_name_the_one_that_answers_is_used(sandboxes):
    """localhost may be ::1 first, where this Redis does not listen."""
    sandbox = sandboxes(tls=None, tcp=True, start=False, workers=1)
    sandbox.add_settings(f"latchkey_store redis://localhost:{sandbox.redis.port};")
    sandbox.nginx.start()

    key = sandbox.key()

    wait_until(lambda: sandbox.status_of(key) == 200, "the right address is found")


@one_redis("most of the sentinels need an address, and no server does")
def test_an_unknown_host_name_is_refused_by_nginx(sandboxes):
    sandbox = sandboxes(tls=None, start=False)
    sandbox.expect("store.invalid")
    sandbox.add_settings("latchkey_store redis://store.invalid;")

    code, output = sandbox.nginx.test()

    assert code != 0
    assert "store.invalid" in output
    assert sandbox.latchkey.run("status", "acme", as_=OWNER).code == STORE_UNREACHABLE
