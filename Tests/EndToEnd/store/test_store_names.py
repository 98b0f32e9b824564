"""A store that is named, where nginx has a resolver of its own."""

import time

import pytest

from harness.dns_server import DNSServer
from harness.key_forge import locator, used_key
from harness.polling import wait_until
from harness.processes import ending, is_alive
from harness.sandbox import OWNER
from harness.store_tls import StoreTLS
from harness.threaded_server import Server
from harness.topology import own_tls
from harness.wire_tap import WireTap

SHORT_TIMEOUT = "latchkey_timeout 300ms;"

# A lookup that takes so many seconds leaves little of this timeout.
LONG_TIMEOUT, LONG_LOOKUP = "latchkey_timeout 3s;", 2

# A worker's connections.
LINKS = 2


@pytest.fixture
def names():
    with DNSServer(store="127.0.0.1") as server:
        yield server


@pytest.fixture
def gate(sandboxes, names):
    """A gateway to store.test, which only nginx' resolver knows."""
    sandbox = sandboxes(workers=1, tcp=True, start=False, tls=None, http=names.resolver)
    name_store(sandbox, sandbox.redis.port)
    return sandbox


def name_store(sandbox, port, timeout=SHORT_TIMEOUT, name="store.test"):
    settings = sandbox.folder / "gateway.conf"
    own = [line for line in sandbox.config.read_text().splitlines() if not line.startswith("latchkey_store ")]
    scheme, tls = ("rediss", sandbox.tls.directive) if sandbox.tls else ("redis", "")
    settings.write_text("\n".join([*own, f"latchkey_store {scheme}://{name}:{port};", tls, timeout, ""]))
    sandbox.nginx.configure(settings=settings)


def test_a_name_is_looked_up_by_nginx_resolver(gate, names):
    gate.nginx.start()

    key = gate.key()
    wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")

    assert set(names.questions) == {"store.test"}


def test_a_use_just_before_an_end_is_written_over_a_new_connection_to_a_known_address(gate, names):
    name_store(gate, gate.redis.port, LONG_TIMEOUT)
    gate.nginx.start()
    key = gate.key()
    wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")
    wait_until(names.is_forgotten, "a new connection would look the name up")
    gate.warm(key)
    before = time.time() * 1000
    assert gate.status_of(key) == 200

    with ending(gate.nginx.worker()) as worker:
        gate.redis.end_connections()

    wait_until(lambda: not is_alive(worker), "the worker ends")
    assert float(gate.redis.cli("ZSCORE", used_key("acme"), locator("acme"))) >= before - 1


def test_a_name_may_have_capital_letters(gate):
    key = gate.key()
    with WireTap(gate.redis.port) as tap:
        name_store(gate, tap.port, name="Store.Test")
        gate.nginx.start()
        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")
        made = len(tap.conversations)

        tap.cut()

        wait_until(lambda: len(tap.conversations) > made, "its name is looked up again")
        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")


def test_a_name_that_does_not_exist_yet_is_found_later(gate, names):
    del names.names["store"]
    key = gate.key()
    gate.nginx.start()
    assert gate.status_of(key) == 503
    (line, *_) = wait_until(lambda: gate.nginx.lines("could not be looked up"), "the log says why")
    assert "[error]" in line and f"the store store.test:{gate.redis.port} could not be looked up (3: Host not found)" in line
    wait_until(lambda: gate.nginx.lines("its name has no address"), "the gateway says it as well")

    names.names["store"] = "127.0.0.1"

    wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")


def test_connections_live_on_when_the_name_moves_or_is_gone(gate, names):
    key = gate.key()
    with WireTap(gate.redis.port) as tap:
        name_store(gate, tap.port)
        gate.nginx.start()
        gate.wait_for_members()
        gate.warm(key)
        made = len(tap.conversations)

        names.names["store"] = "127.0.0.9"
        gate.revoke()
        assert gate.status_of(key) == 401
        del names.names["store"]
        key = gate.latchkey.generate("acme", as_=OWNER)
        assert gate.status_of(key) == 200

        assert len(tap.conversations) == made


def test_a_new_connection_goes_to_the_new_address(gate, names):
    key = gate.key()
    names.names["store"] = "127.0.0.9"
    gate.nginx.start()
    assert gate.status_of(key) == 503
    assert wait_until(lambda: gate.nginx.lines("connect() to 127.0.0.9:"), "the old address is tried")

    names.names["store"] = "127.0.0.1"

    wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")


def test_a_lookup_that_came_too_late_once_spares_no_later_one(gate, names):
    key = gate.key()
    with WireTap(gate.redis.port) as tap:
        name_store(gate, tap.port)
        names.is_silent = True
        gate.nginx.start()
        wait_until(lambda: gate.nginx.lines("no answer in time to the lookup"), "the lookup takes too long")
        names.is_silent = False
        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")
        gate.wait_for_members()
        wait_until(names.is_forgotten, "nginx has forgotten the answer")
        made = len(tap.conversations)

        names.names["store"] = "127.0.0.9"
        tap.cut()

        wait_until(lambda: gate.nginx.lines("connect() to 127.0.0.9:"), "the new address is tried")
        assert len(tap.conversations) == made


@pytest.mark.parametrize("hiccup", ["unknown", "silent"])
def test_known_addresses_are_used_on_while_the_name_cannot_be_looked_up(gate, names, hiccup):
    key = gate.key()
    with WireTap(gate.redis.port) as tap:
        name_store(gate, tap.port)
        gate.nginx.start()
        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")
        asked = len(names.questions)
        if hiccup == "silent":
            names.is_silent = True
        else:
            del names.names["store"]

        def connected_again():
            """What nginx remembers of the name ends after a second."""
            tap.cut()
            return len(names.questions) > asked

        wait_until(connected_again, "the name was asked for")
        mark = "no answer in time to the lookup" if hiccup == "silent" else "could not be looked up"
        wait_until(lambda: tap.cut() or gate.nginx.lines(mark), "the log says why")

        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")


class Silent(Server):
    def serve(self, connection, stream):
        stream.read()


@own_tls
def test_no_address_and_no_handshake_is_blamed_for_a_lookup_that_took_most_of_the_time(sandboxes, names):
    names.names["store"] = ["127.0.0.1", "127.0.0.2"]
    names.delay = LONG_LOOKUP
    gate = sandboxes(workers=1, tls=StoreTLS, start=False, http=names.resolver)
    with Silent() as first, Silent("127.0.0.2", first.port) as second:
        name_store(gate, first.port, LONG_TIMEOUT)
        gate.nginx.start()

        wait_until(lambda: second.connections, "the next address is tried")

        assert len(first.connections) == 2 * LINKS
        line, *_ = gate.nginx.lines("in time") + gate.nginx.lines("TLS handshake timed out")
        assert "no answer in time to the lookup" in line


def test_a_worker_exits_while_a_lookup_is_under_way(gate, names):
    name_store(gate, gate.redis.port, "latchkey_timeout 30s;")
    names.is_silent = True
    gate.nginx.start()
    wait_until(lambda: names.questions, "the name was asked for")

    assert gate.nginx.stop()
    assert not gate.nginx.lines("no answer in time")


def test_a_name_is_resolved_at_the_start_without_a_resolver(gate):
    gate.expect(r"\[emerg\] .* host not found")
    gate.nginx.configure(http="")

    code, text = gate.nginx.test()

    assert code != 0 and "host not found" in text and "store.test" in text
