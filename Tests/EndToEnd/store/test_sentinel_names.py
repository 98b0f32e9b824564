"""Sentinels that are named, and of which one has no address: a majority of the others suffices."""

import json

import pytest

from harness.dns_server import DNSServer
from harness.executable import DONE
from harness.polling import wait_until
from harness.sentinel_servers import NAME
from harness.sentinel_store import STEADY

NOBODY = "sentinel.invalid:26379"


def configured(sandbox, *places):
    """Both programs know these sentinels."""
    sandbox.add_settings(f"latchkey_store sentinel{'s' if sandbox.tls else ''}://{','.join(places)}/{NAME};")
    return sandbox


def places(sandbox, count):
    return [sentinel.listener.address for sentinel in sandbox.redis.sentinels[:count]]


@pytest.fixture
def gate(sandboxes):
    """Two sentinels that answer, and a name without an address."""
    sandbox = sandboxes(workers=1, start=False, sentinel=STEADY)
    return configured(sandbox, *places(sandbox, 2), NOBODY)


def test_nginx_starts_with_a_warning_and_keys_are_checked_and_revoked(gate):
    code, text = gate.nginx.test()
    assert code == 0
    assert '[warn] ' in text and f'host not found in the store "{NOBODY}": it is left out until nginx reloads' in text

    gate.nginx.start()
    key = gate.key()
    gate.warm(key)
    assert gate.revoke().code == DONE

    assert gate.status_of(key) == 401
    (line,) = wait_until(lambda: gate.nginx.lines(f"the sentinel at {NOBODY} names no primary"), "the log says so, once")
    assert "its name has no address" in line


def test_it_is_missed_once_another_one_is_gone(gate):
    gate.nginx.start()
    key = gate.key()
    gate.warm(key)

    gate.redis.sentinels[0].kill()

    wait_until(lambda: gate.status_of(key) == 503, "no majority is left")
    gate.redis.sentinels[0].start()
    wait_until(lambda: gate.status_of(key) == 200, "there is one again")


def test_a_reload_finds_the_name_again(gate):
    gate.nginx.start()
    key = gate.key()
    configured(gate, *places(gate, 3))

    gate.nginx.reload()

    gate.redis.sentinels[0].kill()
    gate.warm(key)
    gate.redis.sentinels[0].start()


def test_the_doctor_tells_it(gate):
    report = json.loads(gate.latchkey.run("doctor", "--json").out)
    faults = [finding for finding in report["findings"] if finding["check"] == "sentinels.reachable"]

    (fault,) = faults
    assert fault["level"] == "fault" and fault["text"].startswith(f"{NOBODY}: ")
    assert "Name or service not known" in fault["text"] and "reload nginx" in fault["remedy"]


def test_names_without_an_address_that_leave_no_majority_are_refused(gate):
    gate.expect(r"\[emerg\]")
    configured(gate, *places(gate, 1), NOBODY, "other.invalid")

    code, text = gate.nginx.test()

    assert code != 0 and 'host not found in the store "other.invalid' in text


def test_with_nginx_resolver_a_name_is_found_once_it_exists(sandboxes):
    with DNSServer() as names:
        gate = sandboxes(workers=1, start=False, sentinel=STEADY, tls=None, http=names.resolver)
        port = gate.redis.sentinels[2].listener.port
        configured(gate, *places(gate, 2), f"third.test:{port}")
        gate.nginx.start()
        key = gate.key()
        gate.warm(key)
        wait_until(lambda: gate.nginx.lines(f"the sentinel third.test:{port} could not be looked up"), "the log says so")

        names.names["third"] = "127.0.0.1"

        wait_until(lambda: gate.nginx.lines(f"the sentinel at third.test:{port} names a primary"), "it is found", 60)
        assert gate.status_of(key) == 200
