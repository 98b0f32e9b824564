"""A stand-in for Redis answers strangely: no worker ends, and no request is admitted.

A few of each kind come over a real socket; all of them are in Tests/GatewayTests/StrangeReplyTests.swift.
"""

import pytest

from harness.fake_redis import INVALIDATION, RECORD_FIELDS, FakeRedis, array, bulk, message
from harness.http_client import bearer
from harness.key_forge import locator, record_key
from harness.load import at_once
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import Sandbox
from harness.topology import one_redis

pytestmark = one_redis("the stand-in takes the place of one server")

HUGE = 1 << 40

# Replies to HMGET that Redis never sends.
REPLIES = {
    "garbage": b"\x00\xff\x80 garbage \r\n\r\n" * 50,
    "a million fields": array(*[b"$-1\r\n"] * 1_000_000),
    "an error with control characters": b"-ERR \x1b[31m\x00 [alert] forged line\r\n",
    "a huge bulk": b"$%d\r\n" % HUGE,
    "half a reply": b"*12\r\n$4\r\nac",
    "the end": None,
}


@pytest.fixture(scope="module")
def gate_and_key():
    with Sandbox(settings="latchkey_timeout 300ms;", workers=1, tls=None) as sandbox:
        key = sandbox.key("acme")
        sandbox.redis.stop()
        sandbox.redis.socket.unlink(missing_ok=True)
        sandbox.expect(NO_SOCKET)
        yield sandbox, key


def refused(gate, key):
    """Waits for the answer that results from the stand-in's replies."""
    for target in ("/api", "/checked"):
        answer = gate.request(target, key=key)
        assert answer.status in (401, 500, 503), answer.status
    return gate.request(key=key)


@pytest.mark.parametrize("name", REPLIES)
def test_a_strange_record_admits_no_request_and_ends_no_worker(gate_and_key, name):
    gate, key = gate_and_key
    worker = gate.nginx.worker()

    with FakeRedis(gate.redis.socket, lambda words: REPLIES[name]) as store:
        wait_until(lambda: gate.request(key=key) and store.count(b"HMGET"), "the gateway asks the stand-in")
        answer = refused(gate, key)

        assert (answer.status, answer.result) == (503, "unavailable")
        assert at_once(8, lambda: gate.status_of(key)) == [503] * 8
        assert gate.request("/open").status == 200
    assert gate.nginx.worker() == worker


@pytest.fixture
def gate_and_record(sandboxes):
    """A gateway without its store, a key, and an answer to HMGET with the key's record."""
    gate = sandboxes(tls=None, workers=1, settings="latchkey_timeout 10s;")
    gate.expect(NO_SOCKET)
    key = gate.key("acme")
    record = gate.redis.hash(record_key("acme"))
    gate.redis.stop()
    gate.redis.socket.unlink(missing_ok=True)

    def stored(words):
        values = [record.get(name.decode()) for name in words[2:]]
        return array(*[b"$-1\r\n" if value is None else bulk(value.encode()) for value in values])

    return gate, key, stored


def test_a_reply_that_comes_byte_by_byte_is_put_together(gate_and_record):
    gate, key, stored = gate_and_record

    with FakeRedis(gate.redis.socket, stored, byte_by_byte=True):
        wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the stand-in")
        assert at_once(8, lambda: gate.request(key=key).body) == ["/api organization=acme result=allowed\n"] * 8


# Invalidations


def right_pong(number):
    return array(bulk(b"pong"), bulk(number))


def test_a_stand_in_that_replies_correctly_is_trusted(gate_and_record):
    """Proves that the stand-ins below are distrusted only for their strange replies."""
    gate, key, stored = gate_and_record

    with FakeRedis(gate.redis.socket, stored, pong=right_pong):
        gate.warm(key)


STRANGE_PONGS = {
    "another number": lambda number: array(bulk(b"pong"), bulk(b"0" + number)),
    "loading": lambda number: b"-LOADING Redis is loading the dataset in memory\r\n",
    "two answers": lambda number: right_pong(number) * 2,
    "the end": lambda number: None,
}


@pytest.mark.parametrize("name", STRANGE_PONGS)
def test_a_malformed_heartbeat_reply_renews_no_lease(gate_and_record, name):
    gate, key, stored = gate_and_record
    worker = gate.nginx.worker()

    with FakeRedis(gate.redis.socket, stored, pong=STRANGE_PONGS[name]) as store:
        wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the stand-in")
        seen = store.count(b"SUBSCRIBE")
        wait_until(lambda: store.count(b"PING") > 12 or store.count(b"SUBSCRIBE") > seen, "heartbeats are answered")
        if name != "two answers":
            assert {gate.request(key=key).source for _ in range(50)} == {"store"}
    assert gate.nginx.worker() == worker


SIGNAL = b"latchkey:record:{%s}:%s" % (locator("acme").encode(), b"0123456789abcdef" * 2)

STRANGE_INVALIDATIONS = {
    "garbage": b"\x16\x03\x01 garbage\r\n",
    "the end": None,
    "all keys": message(INVALIDATION, b"*-1\r\n"),
    "many keys": message(INVALIDATION, array(*[bulk(b"latchkey:record:{%014d}" % n) for n in range(100_000)])),
    "half a message": b"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:inv",
    "a thousand signals": message(INVALIDATION, array(bulk(SIGNAL))) * 1000,
}


@pytest.mark.parametrize("name", STRANGE_INVALIDATIONS)
def test_strange_invalidations_end_no_worker_and_fail_no_request(gate_and_record, name):
    gate, key, stored = gate_and_record
    worker = gate.nginx.worker()

    with FakeRedis(gate.redis.socket, stored, pong=right_pong, invalidations=STRANGE_INVALIDATIONS[name]) as store:
        wait_until(lambda: gate.status_of(key) == 200 and store.count(b"SUBSCRIBE") >= 1, "the gateway listens")
        assert {gate.status_of(key) for _ in range(50)} == {200}
        replaced = gate.forge().issued("acme")
        assert {gate.request(key=replaced).result for _ in range(10)} == {"revoked"}
    assert gate.nginx.worker() == worker


STRANGE_PINGS = {
    "garbage": b"\x16\x03\x01 garbage\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "the end": None,
}


@pytest.mark.parametrize("name", STRANGE_PINGS)
def test_a_server_that_is_no_redis_is_not_trusted(gate_and_key, name):
    gate, key = gate_and_key
    worker = gate.nginx.worker()

    with FakeRedis(gate.redis.socket, lambda words: None, ping=STRANGE_PINGS[name]) as store:
        wait_until(lambda: gate.request(key=key) and store.connections, "the gateway connects")
        assert gate.status_of(key) == 503
        assert gate.request("/open").status == 200
    assert gate.nginx.worker() == worker


def test_a_server_that_speaks_first_is_not_trusted(gate_and_key):
    gate, key = gate_and_key

    with FakeRedis(gate.redis.socket, lambda words: array(), greeting=b"220 mail ready\r\n") as store:
        wait_until(lambda: gate.request(key=key) and store.connections, "the gateway connects")
        assert gate.status_of(key) == 503


def test_unrequested_replies_end_the_connection(gate_and_key):
    gate, key = gate_and_key
    absent = array(*[b"$-1\r\n"] * RECORD_FIELDS)

    with FakeRedis(gate.redis.socket, lambda words: absent * 3) as store:
        wait_until(lambda: gate.request(key=key) and store.count(b"HMGET"), "the gateway asks the stand-in")
        before = len(store.connections)
        wait_until(lambda: gate.request(key=key) and len(store.connections) > before, "a new connection is made")


def test_the_key_of_a_record_reported_as_absent_is_unavailable(gate_and_key):
    gate, key = gate_and_key
    absent = array(*[b"$-1\r\n"] * RECORD_FIELDS)

    with FakeRedis(gate.redis.socket, lambda words: absent) as store:
        wait_until(lambda: gate.request(key=key) and store.count(b"HMGET"), "the gateway asks the stand-in")
        assert gate.request(key=key).result == "unavailable"


def test_no_line_of_the_log_is_written_by_the_store(gate_and_key):
    gate, key = gate_and_key
    reply = REPLIES["an error with control characters"]

    with FakeRedis(gate.redis.socket, lambda words: reply) as store:
        wait_until(lambda: gate.request(key=key) and store.count(b"HMGET"), "the gateway asks the stand-in")

    log = gate.nginx.error_log()
    assert "\x1b" not in log and "\x00" not in log


def test_many_clients_against_garbage_end_no_worker(gate_and_key):
    gate, key = gate_and_key
    worker = gate.nginx.worker()

    with FakeRedis(gate.redis.socket, lambda words: REPLIES["garbage"]):
        outcomes = at_once(16, lambda: [gate.request(key=key).status for _ in range(20)])
    assert {status for each in outcomes for status in each} == {503}
    assert gate.nginx.worker() == worker
    with gate.connect() as connection:
        assert connection.request("/api", bearer("nonsense")).status == 401
