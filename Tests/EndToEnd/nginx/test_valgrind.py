"""A worker under valgrind, through aborts, timeouts, lost connections, ended streams and reloads."""

import re
import time
from contextlib import ExitStack
from pathlib import Path

from harness import processes
from harness.artefacts import LIBRARY, MODULE, NGINX
from harness.consistency import LEASED, STRICT
from harness.fake_redis import INVALIDATION, RECORD_FIELDS, FakeRedis, array, bulk, message
from harness.http2_client import Http2Connection
from harness.http_client import bearer
from harness.load import at_once, steady_load
from harness.metrics import LOCATION, scrape
from harness.open_streams import KINDS, MAP, SERVER, Streams
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import HTTP2_SERVER, OWNER

VALGRIND = (
    "valgrind",
    "--log-file=valgrind.%p",
    "--num-callers=40",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
    f"--suppressions={Path(__file__).parent / 'valgrind.supp'}",
    NGINX,
)

SECONDS_OF_ABORTS = 10

CACHED = 20

LEASE_SETTINGS = f"""
latchkey_timeout 3s;
latchkey_lease 5s;
latchkey_outage_grace 5s;
latchkey_cache_size {CACHED};
"""

# valgrind's blocks of an error are separated by lines with nothing but the pid.
SEPARATOR = re.compile(r"^==\d+== *$", re.MULTILINE)
OURS = re.compile(rf"{LIBRARY.name}|{MODULE.name}|ngx_http_latchkey|latchkey_")
PROCESS = re.compile(r"^==\d+==", re.MULTILINE)
FRAME = re.compile(r"^==\d+==\s+(at|by) 0x", re.MULTILINE)




def abort_requests(gate, key, seconds):
    """Clients that leave at any moment of their request."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for target in ("/api", "/checked"):
            with gate.connect() as connection:
                connection.send(target, bearer(key))


def give_up_streams(gate, key):
    """Streams of HTTP/2 that are given up while they wait, then the connection with the others."""
    for _ in range(3):
        with Http2Connection(gate.nginx.folder / "h2.sock") as connection:
            streams = connection.open([(target, bearer(key)) for target in ("/api", "/checked", "/grpc")] * 10)
            connection.give_up(streams[::2])


def run_through_strict(gate):
    key = gate.key()
    wait_until(lambda: gate.status_of(key) == 200, "the worker answers", seconds=60)

    # Good, bad and no keys.
    for headers in ((), bearer("nonsense"), bearer(gate.forge().forged("acme")), [*bearer(key), ("X-API-Key", key)]):
        for target in ("/api", "/checked", "/check"):
            assert gate.request(target, headers).status >= 400
    assert at_once(20, lambda: gate.status_of(key)) == [200] * 20
    assert scrape(gate).value("checks_total", result="ambiguous", source="none") == 2

    # Aborts, while the store answers and while it does not.
    abort_requests(gate, key, SECONDS_OF_ABORTS / 2)
    give_up_streams(gate, key)
    gate.redis.freeze()
    abort_requests(gate, key, SECONDS_OF_ABORTS / 2)
    give_up_streams(gate, key)

    # Timeouts.
    assert set(at_once(20, lambda: gate.status_of(key))) == {503}
    assert set(at_once(20, lambda: gate.status_of(key, "/checked"))) == {500}
    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")

    # Lost connections.
    for _ in range(10):
        gate.redis.end_connections()
        at_once(5, lambda: gate.status_of(key))

    # Reloads.
    with steady_load(lambda: gate.request("/checked", key=key).status, clients=4) as load:
        for _ in range(5):
            old = gate.nginx.reload()
            assert scrape(gate).value("checks_total", result="ambiguous", source="none") == 2
            wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends", seconds=60)
    assert set(load.outcomes) == {200}

    # A reload while checks wait.
    gate.redis.freeze()
    with gate.connect() as connection:
        connection.send("/api", bearer(key))
        wait_until(connection.is_taken, "nginx has taken the request")
        gate.nginx.reload()
        assert connection.receive().status == 503
    gate.redis.thaw()

    # Something else in the place of the store.
    gate.expect(NO_SOCKET)
    gate.redis.stop()
    gate.redis.socket.unlink(missing_ok=True)
    for reply in (b"garbage\r\n", array(bulk(b"x")), b"*1\r\n" * 1000, b"$99999999999\r\n", None):
        with FakeRedis(gate.redis.socket, lambda words: reply) as store:
            wait_until(lambda: gate.status_of(key) == 503 and store.count(b"HMGET"), "the gateway asks the stand-in")
            assert set(at_once(10, lambda: gate.status_of(key))) == {503}


def run_through_leased(gate, streams):
    key, other = gate.key(), gate.key("umbrella")
    wait_until(lambda: gate.status_of(key) == 200, "the worker answers", seconds=60)
    gate.warm(key, other)

    # From the cache, with clients that leave.
    replaced = gate.key("hooli")
    gate.warm(gate.key("hooli"))
    assert at_once(20, lambda: gate.status_of(replaced)) == [401] * 20
    abort_requests(gate, key, SECONDS_OF_ABORTS / 2)

    # A cache that has to give up records.
    for each in gate.keys_of(f"organization-{number}" for number in range(3 * CACHED)).values():
        assert gate.status_of(each) == 200

    # Streams that clients end, and streams that end with their key.
    for command in ("revoke", "generate", "revoke"):
        for kind in KINDS:
            streams.open(kind, key).connection.close()
        opened = [streams.open(kind, key, place) for kind in KINDS for place in ("stream", "checked")]
        alone, goes_on = streams.open("websocket", key, place="alone"), streams.open("websocket", other)
        http2 = streams.connect_http2()
        numbers = http2.open([("/stream/events", bearer(each)) for each in (key, other) * 3])
        assert http2.wait_for_answers(numbers) == [200] * 6
        gate.latchkey.must(command, "acme", "--yes", as_=OWNER)
        for request in opened:
            request.wait_until_closed()
        http2.wait_for_resets(numbers[::2])
        assert alone.echoes("alone") and goes_on.echoes("going on")
        key = gate.key()
    expiring = gate.key("acme", "--expires-in", "3s")
    streams.open("websocket", expiring).wait_until_closed()
    key = gate.key()

    # Lost connections, of both kinds.
    with steady_load(lambda: gate.status_of(key), clients=2):
        for _ in range(10):
            for kind in ("pubsub", "normal"):
                gate.redis.cli("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
                at_once(5, lambda: gate.status_of(other))
    gate.warm(key)

    # Invalidations of all records, and messages that are none.
    for command in (["-n", "5", "FLUSHDB"], ["PUBLISH", INVALIDATION.decode(), "x"]):
        gate.redis.cli(*command)
        gate.warm(key)
    goes_on = streams.open("websocket", key)
    gate.redis.cli("FLUSHALL")
    goes_on.wait_until_closed()
    assert gate.status_of(key) == 503, "a record that is missing is no revocation"
    gate.wait_for_members()
    key = gate.key("initech")
    gate.warm(key)

    # An outage: from the cache, in the grace, after it.
    gate.redis.freeze()
    wait_until(lambda: gate.request(key=key).source == "grace", "the lease is over", seconds=60)
    abort_requests(gate, key, SECONDS_OF_ABORTS / 2)
    wait_until(lambda: gate.status_of(key) == 503, "the grace is over", seconds=60)
    gate.redis.thaw()
    gate.warm(key)

    # Reloads, with streams in the workers of before.
    for command in ("revoke", "generate"):
        request = streams.open("websocket", key)
        old = gate.nginx.reload()
        gate.latchkey.must(command, "initech", "--yes", as_=OWNER)
        request.wait_until_closed()
        wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends", seconds=60)
        key = gate.key("initech")

    # Something else in the place of the store, which sends strange invalidations.
    gate.expect(NO_SOCKET)
    gate.redis.stop()
    gate.redis.socket.unlink(missing_ok=True)
    absent = array(*[b"$-1\r\n"] * RECORD_FIELDS)
    for invalidations in (b"garbage\r\n", b"*-1\r\n", message(INVALIDATION, array(b":1\r\n")), message(INVALIDATION, array()),
                          message(INVALIDATION, array(bulk(b"0" * 32))) * 50, None):
        with FakeRedis(gate.redis.socket, lambda words: absent, pong=lambda number: array(bulk(b"pong"), bulk(number)),
                       invalidations=invalidations) as store:
            wait_until(lambda: gate.status_of(key) and store.count(b"SUBSCRIBE"), "the gateway listens", 60)
            at_once(5, lambda: gate.status_of(key))


def errors_of_ours(folder):
    """The blocks of valgrind's logs that are errors with the project's code in their stack."""
    logs = list(folder.glob("valgrind.*"))
    assert len(logs) > 2, "each worker has a log"
    blocks = [block for log in logs for block in SEPARATOR.split(log.read_text(errors="replace"))]
    ours = [block for block in blocks if FRAME.search(block) and OURS.search(block)]
    return {PROCESS.sub("", block) for block in ours}  # an error of all workers is reported once


def test_a_worker_under_valgrind_has_no_error_under_strict_consistency(sandboxes):
    gate = sandboxes(settings="latchkey_timeout 3s;", workers=1, server=LOCATION + HTTP2_SERVER, program=VALGRIND,
                     consistency=STRICT)
    run_through_strict(gate)
    assert_clean(gate)


def test_a_worker_under_valgrind_has_no_error_under_a_lease(sandboxes):
    gate = sandboxes(settings=LEASE_SETTINGS, workers=1, http=MAP, server=SERVER, program=VALGRIND, consistency=LEASED)
    with ExitStack() as stack:
        run_through_leased(gate, Streams(stack, gate))
    assert_clean(gate)


def assert_clean(gate):
    pid = gate.nginx.process.pid

    assert gate.nginx.stop()

    assert not processes.is_alive(pid)
    errors = errors_of_ours(gate.nginx.folder)
    assert not errors, "\n".join(errors)
