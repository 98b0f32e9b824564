"""Files of nginx-conf/, each run unchanged but for its paths and addresses; some have test files of their own."""

import json
from http.client import RemoteDisconnected

import grpc
import pytest

from harness.example_server import example
from harness.grpc_echo import EchoClient, EchoServer, metadata
from harness.http_client import bearer
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.streams import OpenRequest, StreamingUpstream


def revoke(gate, organization):
    gate.latchkey.must("revoke", organization, "--yes", as_=OWNER)


# optional.conf


def test_an_open_api_limits_anonymous_clients_by_address_and_organizations_by_name(sandboxes):
    with example(sandboxes, "optional.conf") as gate:
        key, other = gate.key("acme"), gate.key("umbrella")
        anonymous = [gate.request("/") for _ in range(30)]
        known = [gate.request("/", key=each) for each in [key, other] * 30]

        assert anonymous[0].body == "GET of= keys="
        assert {answer.status for answer in anonymous} == {200, 429}
        assert [answer.status for answer in known] == [200] * 60
        assert [answer.body for answer in known[:2]] == ["GET of=acme keys=", "GET of=umbrella keys="]


def test_an_open_api_refuses_a_wrong_key(sandboxes):
    with example(sandboxes, "optional.conf") as gate:
        gate.key("acme")
        assert gate.request("/", key="nonsense").status == 401
        assert gate.request("/", key=gate.forge().issued("acme")).status == 401


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


def test_a_dry_run_refuses_no_request_and_logs_those_that_would_be_refused(sandboxes):
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
            assert mine.read_through(b"data: ") and theirs.read_through(b"data: ")

            revoke(gate, "acme")

            mine.wait_until_closed()
            assert not mine.is_complete()
            assert theirs.read_next()
            assert gate.request("/events", [("Cookie", f"api_key={key}")]).status == 401


def test_the_cookie_with_the_key_is_not_passed_on(sandboxes):
    with example(sandboxes, "server-sent-events.conf") as gate:
        answer = gate.request("/events", [("Cookie", f"theme=dark; api_key={gate.key('acme')}")])

    assert answer.body == "GET of=acme keys="


# satisfy-any.conf

OFFICE, ELSEWHERE = [("X-Test-Address", "192.0.2.7")], [("X-Test-Address", "203.0.113.7")]


def test_from_the_office_no_key_is_needed_and_from_elsewhere_one_is(sandboxes):
    with example(sandboxes, "satisfy-any.conf") as gate:
        key = gate.key("acme")
        inside, outside = gate.request("/", OFFICE), gate.request("/", ELSEWHERE)

        assert (inside.status, inside.body) == (200, "GET of= keys=")
        assert gate.request("/", [("X-Test-Address", "2001:db8::7")]).status == 200
        assert outside.status == 401
        assert outside.header("WWW-Authenticate") == 'Bearer realm="api"'
        for place in (OFFICE, ELSEWHERE):
            assert gate.request("/", place, key=key).body == "GET of=acme keys="

        revoke(gate, "acme")

        assert gate.request("/", ELSEWHERE, key=key).status == 401
        assert gate.request("/", OFFICE, key=key).body == "GET of= keys="
        assert gate.request("/", [*OFFICE, ("X-Organization", "acme")]).body == "GET of= keys="


# auth-request.conf


def test_auth_request_admits_only_requests_with_a_key(sandboxes):
    with example(sandboxes, "auth-request.conf") as gate:
        key = gate.key("acme")
        refused = gate.request("/", [("X-Organization", "acme")])

        assert gate.request("/", key=key).body == "GET of=acme keys="
        assert gate.request("/", [("X-API-Key", key), ("X-Organization", "umbrella")]).body == "GET of=acme keys="
        assert (refused.status, refused.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')
        assert gate.request("/_latchkey", key=key).status == 404

        revoke(gate, "acme")

        assert gate.request("/", key=key).status == 401


def test_with_auth_request_only_an_outage_is_reported_as_one(sandboxes):
    with example(sandboxes, "auth-request.conf") as gate:
        key = gate.key("acme")
        broken = gate.request("/broken", key=key)
        gate.expect(NO_SOCKET)
        gate.redis.kill()

        wait_until(lambda: gate.status_of(key, "/") != 200, "the store is missed")
        answer = gate.request("/", key=key)

        assert (broken.status, broken.body) == (500, "broken")
        assert (answer.status, answer.header("Retry-After")) == (503, "1")
        assert answer.header("Cache-Control") == "no-store"
        assert json.loads(answer.body)["status"] == 503
        assert gate.request("/").status == 401


# virtual-servers.conf


@pytest.fixture
def servers(sandboxes):
    with example(sandboxes, "virtual-servers.conf") as gate:
        yield gate


def test_a_server_inherits_the_check_and_a_location_may_do_without_it(servers):
    key = servers.key("acme")

    assert servers.request("/", host="api.example.com").status == 401
    assert servers.request("/", key=key, host="api.example.com").body == "GET of=acme keys="
    assert servers.request("/health", host="api.example.com").body == "GET of= keys="


def test_a_server_may_have_a_realm_and_a_header_of_its_own(servers):
    key = servers.key("acme")
    refused = servers.request("/", key=key, host="partners.example.com")

    assert (refused.status, refused.header("WWW-Authenticate")) == (401, 'Bearer realm="partners"')
    assert servers.request("/", [("X-Partner-Key", key)], host="partners.example.com").body == "GET of=acme keys="
    assert servers.request("/", [("X-Partner-Key", key)], host="api.example.com").status == 401


def test_a_server_may_be_open_and_ask_for_a_key_in_one_part(servers):
    key = servers.key("acme")

    assert servers.request("/", host="www.example.com").body == "GET of= keys="
    assert servers.request("/reports/1", host="www.example.com").status == 401
    assert servers.request("/reports/1", key=key, host="www.example.com").body == "GET of=acme keys="


def test_a_request_for_an_unknown_server_is_not_answered(servers):
    with pytest.raises(RemoteDisconnected):
        servers.request("/", key=servers.key("acme"), host="other.example.com")
