"""The answers to a gRPC client, seen by a client library and in the bytes of HTTP/2."""

import threading

import grpc
import pytest

from harness import curl
from harness.grpc_echo import METHOD, EchoClient, EchoServer, metadata
from harness.http2_client import Http2Connection
from harness.http_client import bearer
from harness.key_kinds import WRONG, headers_by_result
from harness.polling import wait_until
from harness.sandbox import OWNER, Sandbox

LOCATION = """
            latchkey on;
            grpc_set_header X-Organization $latchkey_organization;
            grpc_set_header Authorization "";
            grpc_set_header X-API-Key "";
            grpc_pass grpc://unix:echo.sock;
"""

SERVER = """
        location / {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }
    }

    server {
        listen unix:h2.sock http2;

        location / {""" + LOCATION + """
        }

        location /graphql.Service/ {
            latchkey_error_format graphql;""" + LOCATION + """
        }

        location /dry_run.Service/ {
            latchkey dry_run;
            rewrite ^/dry_run.Service/(.*)$ /echo.Echo/$1 break;
            grpc_pass grpc://unix:echo.sock;
        }

        location /page.Service/ {
            error_page 401 /page;""" + LOCATION + """
        }

        location = /page {
            latchkey off;
            return 200 'a page of ours\\n';
        }

        location /refused-page.Service/ {
            error_page 401 /refused-page;""" + LOCATION + """
        }

        location = /refused-page {""" + LOCATION + """
        }

        location /any.Service/ {
            satisfy any;
            deny all;""" + LOCATION + """
        }
"""

GRPC = ("Content-Type", "application/grpc")

DETAILS = {
    "missing": "An API key is required.",
    "ambiguous": "More than one API key was sent.",
} | {result: "The API key is not valid." for result in WRONG}


@pytest.fixture(scope="module")
def gate():
    with Sandbox(server=SERVER, workers=1) as sandbox, EchoServer(sandbox.nginx.folder / "echo.sock"):
        yield sandbox


@pytest.fixture(scope="module")
def sent(gate):
    return headers_by_result(gate, "/")


@pytest.fixture
def client(gate):
    with EchoClient(gate.nginx.folder / "h2.sock") as opened:
        yield opened


def fault_of(call):
    """The error that a call ends with."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value


def raw(gate, target, headers):
    return curl.http2(gate.nginx.folder / "h2.sock", target, headers)


# By a client library


def test_calls_with_a_key_reach_the_service_and_the_key_ends_there(client, sent):
    allowed = metadata(sent["allowed"])

    assert client.say(allowed) == "of=acme keys="
    assert client.repeat(allowed) == ["hello of=acme keys="] * 3
    assert client.count([b"x"] * 20, allowed) == "20 of=acme keys="
    assert list(client.echo([b"a", b"b"], allowed)) == [b"a", b"b"]


@pytest.mark.parametrize("result", ["missing", "ambiguous", *WRONG])
def test_a_refused_call_is_unauthenticated(client, sent, result):
    fault = fault_of(lambda: client.say(metadata(sent[result])))

    assert (fault.code(), fault.details()) == (grpc.StatusCode.UNAUTHENTICATED, DETAILS[result])
    assert dict(fault.trailing_metadata())["www-authenticate"].startswith('Bearer realm="api"')


def test_all_wrong_keys_get_the_same_answer(client, sent):
    faults = [fault_of(lambda: client.say(metadata(sent[result]))) for result in WRONG]

    told = [[pair for pair in fault.trailing_metadata() if not pair[0].startswith("x-")] for fault in faults]
    assert told == [told[0]] * len(WRONG)


def test_a_refusal_of_a_stream_of_requests_does_not_wait_for_its_end(client, sent):
    ended = threading.Event()

    def requests():
        yield b"first"
        ended.wait(60)

    fault = fault_of(lambda: list(client.echo(requests(), metadata(sent["revoked"]))))

    assert fault.code() == grpc.StatusCode.UNAUTHENTICATED
    assert not ended.is_set()
    ended.set()


def test_a_refusal_of_a_large_message_reaches_the_client(client, sent):
    fault = fault_of(lambda: client.say(metadata(sent["revoked"]), b"x" * 3_000_000))

    assert (fault.code(), fault.details()) == (grpc.StatusCode.UNAUTHENTICATED, DETAILS["revoked"])


def test_refusals_of_streams_of_messages_reach_the_client(client, sent):
    fault = fault_of(lambda: client.count([b"x" * 50_000] * 40, metadata(sent["forged"])))
    assert fault.code() == grpc.StatusCode.UNAUTHENTICATED
    fault = fault_of(lambda: client.repeat(metadata(sent["missing"])))
    assert fault.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_connection_stays_open_after_a_refusal(client, sent):
    for _ in range(20):
        assert fault_of(lambda: client.say(metadata(sent["revoked"]))).code() == grpc.StatusCode.UNAUTHENTICATED
        assert client.say(metadata(sent["allowed"])) == "of=acme keys="


def test_calls_are_unavailable_while_the_store_is(sandboxes):
    gate = sandboxes(server=SERVER, workers=1)
    key = gate.key()
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key) == 503, "the store is missed")

    with EchoClient(gate.nginx.folder / "h2.sock") as client:
        fault = fault_of(lambda: client.say(metadata(bearer(key))))

    assert (fault.code(), fault.details()) == (
        grpc.StatusCode.UNAVAILABLE, "API keys cannot be checked at the moment."
    )
    assert "www-authenticate" not in dict(fault.trailing_metadata())


def test_a_call_that_is_open_ends_when_its_key_is_revoked(gate, client):
    key = gate.key("umbrella")
    ended = threading.Event()

    def requests():
        yield b"first"
        ended.wait(60)

    call = client.echo(requests(), metadata(bearer(key)))
    assert next(call) == b"first"

    gate.latchkey.must("revoke", "umbrella", "--yes", as_=OWNER)

    fault_of(lambda: next(call))
    assert not ended.is_set()
    ended.set()


def test_a_dry_run_refuses_no_call(client, sent):
    for result in ("missing", "ambiguous", *WRONG):
        call = client.channel.unary_unary("/dry_run.Service/Say")
        assert call(b"", metadata=metadata(sent[result]), timeout=60).startswith(b"of=")


# In bytes


def test_the_answer_is_one_block_of_headers_that_ends_the_stream(gate, sent):
    with Http2Connection(gate.nginx.folder / "h2.sock") as connection:
        streams = connection.open([(f"{METHOD}/Say", [GRPC, *sent[result]]) for result in ("missing", "revoked")])

        assert connection.answers(streams) == [(200, "")] * 2
        assert connection.bodies == {}


def test_the_answer_carries_the_status_and_what_http_would_have_said(gate, sent):
    answer = raw(gate, f"{METHOD}/Say", [GRPC, *sent["revoked"]])

    assert (answer.status, answer.body) == (200, "")
    assert answer.header("Content-Type") == "application/grpc"
    assert answer.header("grpc-status") == "16"
    assert answer.header("grpc-message") == "The API key is not valid."
    assert 'error="invalid_token"' in answer.header("WWW-Authenticate")
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Length") is None
    assert answer.result == "revoked"


@pytest.mark.parametrize("content_type", [
    "application/grpc", "application/grpc+proto", "application/grpc+json", "Application/GRPC", "application/grpc;v=1",
])
@pytest.mark.parametrize("target", [f"{METHOD}/Say", "/graphql.Service/Say", "/any.Service/Say",
                                    "/refused-page.Service/Say"])
def test_every_content_type_of_grpc_counts_in_every_location(gate, target, content_type):
    answer = raw(gate, target, [("Content-Type", content_type)])

    assert (answer.status, answer.header("grpc-status"), answer.body) == (200, "16", "")
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'


@pytest.mark.parametrize("content_type", [
    "application/grpc-web", "application/grpc-web+proto", "application/grpcs", "application/gRP", "text/plain", "",
])
def test_other_content_types_get_the_status_of_http(gate, content_type):
    answer = raw(gate, f"{METHOD}/Say", [("Content-Type", content_type)])

    assert (answer.status, answer.header("grpc-status")) == (401, None)
    assert answer.header("Content-Type") == "application/problem+json"


def test_http_1_gets_the_status_of_http(gate, sent):
    answer = gate.request("/", [GRPC])

    assert (answer.status, answer.header("grpc-status")) == (401, None)


def test_a_page_of_ones_own_takes_the_place_of_the_answer(gate):
    answer = raw(gate, "/page.Service/Say", [GRPC])

    assert (answer.status, answer.body, answer.header("grpc-status")) == (401, "a page of ours\n", None)
