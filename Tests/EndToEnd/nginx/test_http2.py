"""The check of HTTP/2 requests, gRPC's too.

Most of these checks have to wait for the store: hence strict consistency, unless a test says otherwise.
"""

import subprocess

import pytest

from harness.consistency import STRICT
from harness.http2_client import Http2Connection
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import HTTP2_SERVER, Sandbox

STREAMS = 50


@pytest.fixture(scope="module")
def gate():
    with Sandbox(server=HTTP2_SERVER, workers=1, settings="latchkey_timeout 2s;", consistency=STRICT) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key("acme")


@pytest.fixture
def connection(gate):
    with Http2Connection(gate.nginx.folder / "h2.sock") as opened:
        yield opened


def curl(gate, target, *headers):
    result = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--http2-prior-knowledge",
         "--unix-socket", gate.nginx.folder / "h2.sock", "--config", "-",
         "--write-out", "%{http_version} %{http_code}", f"http://gateway{target}"],
        input="\n".join(f'header = "{name}: {value}"' for name, value in headers),
        capture_output=True, text=True, timeout=60,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("target", ["/api", "/checked", "/grpc"])
def test_http_2_is_checked(gate, key, target):
    answer = curl(gate, target, *bearer(key))

    assert answer.startswith(f"{target} organization=acme ")
    assert answer.endswith("2 200")
    assert curl(gate, target).endswith("2 401")
    assert curl(gate, target, ("X-API-Key", "nonsense")).endswith("2 401")


def test_two_keys_are_ambiguous(gate, key):
    assert curl(gate, "/api", *bearer(key), ("X-API-Key", key)).endswith("2 400")


@pytest.mark.parametrize("target", ["/api", "/checked", "/grpc"])
def test_streams_of_one_connection_are_checked_each_by_its_own_key(gate, key, connection, target):
    other = gate.key("umbrella")
    replaced = gate.key("hooli")
    gate.key("hooli")

    streams = connection.open([(f"{target}/{number}", bearer(each))
                               for number, each in enumerate([key, other, replaced, "nonsense"] * 10)])

    answers = connection.answers(streams)
    assert [status for status, _ in answers] == [200, 200, 401, 401] * 10
    assert all("organization=acme " in body for _, body in answers[0::4])
    assert all("organization=umbrella " in body for _, body in answers[1::4])


def test_streams_of_one_connection_share_a_read(gate, key, connection):
    gate.status_of(key)
    before = gate.redis.calls("hmget")

    answers = connection.answers(connection.open([("/api", bearer(key))] * STREAMS))

    assert [status for status, _ in answers] == [200] * STREAMS
    assert gate.redis.calls("hmget") <= before + STREAMS / 2


def test_streams_of_one_connection_are_answered_from_the_cache(sandboxes):
    gate = sandboxes(server=HTTP2_SERVER, workers=1)
    key, other = gate.key("acme"), gate.key("umbrella")
    replaced = gate.key("hooli")
    gate.warm(key, other, gate.key("hooli"))
    before = gate.redis.calls("hmget")

    with Http2Connection(gate.nginx.folder / "h2.sock") as connection:
        keys = (key, other, replaced)
        requests = [(target, bearer(each)) for target in ("/api", "/checked", "/grpc") for each in keys]
        answers = connection.answers(connection.open(requests * 5))

    assert [status for status, _ in answers] == [200, 200, 401] * 15
    assert all("organization=acme " in body for _, body in answers[0::3])
    assert all("organization=umbrella " in body for _, body in answers[1::3])
    assert gate.redis.calls("hmget") == before


def test_streams_that_are_given_up_while_they_wait_do_no_harm(gate, key, connection):
    assert gate.status_of(key) == 200
    gate.redis.freeze()
    streams = connection.open([(target, bearer(key)) for target in ("/api", "/checked", "/grpc")] * 10)
    connection.give_up(streams[::2])
    gate.redis.thaw()

    assert [status for status, _ in connection.answers(streams[1::2])] == [200] * 15
    wait_until(lambda: gate.status_of(key) == 200, "the gateway still answers")


def test_a_connection_that_is_closed_while_its_streams_wait_does_no_harm(gate, key):
    assert gate.status_of(key) == 200
    gate.redis.freeze()
    for _ in range(5):
        with Http2Connection(gate.nginx.folder / "h2.sock") as connection:
            connection.open([(target, bearer(key)) for target in ("/api", "/checked")] * 10)
    gate.redis.thaw()

    wait_until(lambda: gate.status_of(key) == 200, "the gateway still answers")


def test_streams_that_wait_too_long_are_answered_each(gate, key, connection):
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    answers = connection.answers(connection.open([("/api", bearer(key))] * STREAMS))

    assert [status for status, _ in answers] == [503] * STREAMS
    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")
