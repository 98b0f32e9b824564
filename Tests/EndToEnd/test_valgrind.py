"""A worker under valgrind, through aborts, timeouts, lost connections and reloads."""

import re
import time
from pathlib import Path

import pytest

from harness import processes
from harness.artefacts import LIBRARY, MODULE, NGINX
from harness.fake_redis import FakeRedis, array, bulk
from harness.http2_client import Http2Connection
from harness.http_client import bearer
from harness.load import at_once, steady_load
from harness.metrics import LOCATION, scrape
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import HTTP2_SERVER

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

# valgrind's blocks of an error are separated by lines with nothing but the pid.
SEPARATOR = re.compile(r"^==\d+== *$", re.MULTILINE)
OURS = re.compile(rf"{LIBRARY.name}|{MODULE.name}|ngx_http_latchkey|latchkey_")
PROCESS = re.compile(r"^==\d+==", re.MULTILINE)
FRAME = re.compile(r"^==\d+==\s+(at|by) 0x", re.MULTILINE)


@pytest.fixture
def gate(sandboxes):
    return sandboxes(settings="latchkey_timeout 3s;", workers=1, server=LOCATION + HTTP2_SERVER, program=VALGRIND)


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


def run_through(gate):
    key = gate.key()
    wait_until(lambda: gate.status_of(key) == 200, "the worker answers", seconds=60)

    # Good, bad and no keys.
    for headers in ((), bearer("nonsense"), bearer(gate.forge().made_up("acme")), [*bearer(key), ("X-API-Key", key)]):
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


def errors_of_ours(folder):
    """The blocks of valgrind's logs that are errors with the project's code in their stack."""
    logs = list(folder.glob("valgrind.*"))
    assert len(logs) > 5, "each worker has a log"
    blocks = [block for log in logs for block in SEPARATOR.split(log.read_text(errors="replace"))]
    ours = [block for block in blocks if FRAME.search(block) and OURS.search(block)]
    return {PROCESS.sub("", block) for block in ours}  # what all workers do is told once


def test_a_worker_under_valgrind_has_no_error(gate):
    run_through(gate)
    pid = gate.nginx.process.pid

    assert gate.nginx.stop()

    assert not processes.is_alive(pid)
    errors = errors_of_ours(gate.nginx.folder)
    assert not errors, "\n".join(errors)
