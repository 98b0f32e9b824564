"""The files of nginx-conf/, each run as it stands but for where things are; for minimal.conf see its own tests."""

import json

import grpc
import pytest

from harness.example_server import example
from harness.grpc_echo import EchoClient, EchoServer, metadata
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.streams import OpenRequest, StreamingUpstream, WebSocket

PAGE = "https://app.example.com"


def revoke(gate, organization):
    gate.latchkey.must("revoke", organization, "--yes", as_=OWNER)


# preflight.conf


def test_preflights_pass_without_a_key_and_nothing_else_does(sandboxes):
    with example(sandboxes, "preflight.conf") as gate:
        key = gate.key("acme")
        origin = ("Origin", PAGE)
        preflight = gate.request("/", [origin, ("Access-Control-Request-Method", "POST")], method="OPTIONS")
        refused, allowed = gate.request("/", [origin]), gate.request("/", [origin], key=key)

    assert (preflight.status, preflight.body) == (200, "OPTIONS of= keys=")
    assert refused.status == 401
    assert (allowed.status, allowed.body) == (200, "GET of=acme keys=")
    for answer in (preflight, refused, allowed):
        assert answer.header("Access-Control-Allow-Origin") == PAGE
        assert answer.header("Vary") == "Origin"


def test_pages_of_other_origins_are_told_nothing(sandboxes):
    with example(sandboxes, "preflight.conf") as gate:
        answer = gate.request("/", [("Origin", "https://evil.example.com")], method="OPTIONS")

    assert answer.header("Access-Control-Allow-Origin") is None


# optional.conf


def test_an_api_for_everybody_limits_nobody_by_address_and_organizations_by_name(sandboxes):
    with example(sandboxes, "optional.conf") as gate:
        key, other = gate.key("acme"), gate.key("umbrella")
        anonymous = [gate.request("/") for _ in range(30)]
        known = [gate.request("/", key=each) for each in [key, other] * 30]

        assert anonymous[0].body == "GET of= keys="
        assert {answer.status for answer in anonymous} == {200, 429}
        assert [answer.status for answer in known] == [200] * 60
        assert [answer.body for answer in known[:2]] == ["GET of=acme keys=", "GET of=umbrella keys="]


def test_an_api_for_everybody_refuses_a_wrong_key(sandboxes):
    with example(sandboxes, "optional.conf") as gate:
        assert gate.request("/", key="nonsense").status == 401
        assert gate.request("/", key=gate.forge().issued("nobody")).status == 401


# graphql.conf


@pytest.fixture
def graphql(sandboxes):
    with example(sandboxes, "graphql.conf", upstream="stream.sock") as gate:
        with StreamingUpstream(gate.nginx.upstream):
            yield gate


def test_a_query_needs_a_key_and_is_refused_in_words_of_graphql(graphql):
    query = {"method": "POST", "body": '{"query":"{ viewer { organization } }"}'}
    allowed = graphql.request("/graphql", key=graphql.key("acme"), **query)
    refused = graphql.request("/graphql", **query)

    assert (allowed.status, allowed.body) == (200, "ok\n")
    assert refused.status == 401
    assert refused.header("Content-Type") == "application/json"
    assert json.loads(refused.body)["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


def test_a_subscription_lives_as_long_as_its_key(graphql):
    key, other = graphql.key("acme"), graphql.key("umbrella")
    with WebSocket(graphql.nginx.gate, "/graphql", bearer(key)) as mine, \
            WebSocket(graphql.nginx.gate, "/graphql", bearer(other)) as theirs:
        assert mine.echoes("subscribe") and theirs.echoes("subscribe")

        revoke(graphql, "acme")

        mine.wait_until_closed()
        assert theirs.echoes("still here")


def test_a_handshake_without_a_key_is_refused_in_words_of_graphql(graphql):
    with WebSocket(graphql.nginx.gate, "/graphql") as socket:
        assert socket.status == 401
        assert socket.header("Content-Type") == "application/json"


# grpc.conf


def test_calls_need_a_key_and_it_ends_at_the_gateway(sandboxes):
    with example(sandboxes, "grpc.conf", upstream="echo.sock") as gate:
        key = gate.key("acme")
        with EchoServer(gate.nginx.upstream), EchoClient(gate.nginx.gate) as client:
            assert client.say(metadata(bearer(key))) == "of=acme keys="
            assert client.say([("x-api-key", key)]) == "of=acme keys="
            assert client.repeat(metadata(bearer(key))) == ["hello of=acme keys="] * 3
            for wrong in ([], metadata(bearer("nonsense"))):
                with pytest.raises(grpc.RpcError) as raised:
                    client.say(wrong)
                assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED


# dry-run.conf


def test_a_dry_run_refuses_nobody_and_the_log_tells_who_would_be(sandboxes):
    with example(sandboxes, "dry-run.conf") as gate:
        key = gate.key("acme")
        requests = {"allowed": bearer(key), "missing": [], "malformed": bearer("nonsense")}
        answers = [gate.request(f"/{result}", headers).status for result, headers in requests.items()]
        log = gate.nginx.folder / "keys.log"
        wait_until(lambda: log.read_text().count("\n") == 3, "the log has three lines")
        lines = log.read_text().splitlines()

    assert answers == [200, 200, 200]
    for line, (result, organization) in zip(lines, [("allowed", "acme"), ("missing", "-"), ("malformed", "-")]):
        assert f'"GET /{result} HTTP/1.1" 200 key={result} organization={organization}' in line


# server-sent-events.conf


def test_events_flow_until_the_key_is_revoked(sandboxes):
    with example(sandboxes, "server-sent-events.conf", upstream="stream.sock") as gate:
        key, other = gate.key("acme"), gate.key("umbrella")
        with StreamingUpstream(gate.nginx.upstream), \
                OpenRequest(gate.nginx.gate, "/events", [("Cookie", f"theme=dark; api_key={key}")]) as mine, \
                OpenRequest(gate.nginx.gate, "/events", bearer(other)) as theirs:
            assert mine.header("Content-Type") == "text/event-stream"
            assert b"data: " in mine.read_next() and b"data: " in theirs.read_next()

            revoke(gate, "acme")

            mine.wait_until_closed()
            assert not mine.is_complete()
            assert theirs.read_next()
            assert gate.request("/events", [("Cookie", f"api_key={key}")]).status == 401


def test_the_cookie_with_the_key_does_not_go_on(sandboxes):
    with example(sandboxes, "server-sent-events.conf") as gate:
        answer = gate.request("/events", [("Cookie", f"theme=dark; api_key={gate.key('acme')}")])

    assert answer.body == "GET of=acme keys="
