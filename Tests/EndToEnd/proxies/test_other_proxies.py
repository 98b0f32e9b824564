"""nginx-conf/other-proxies/: Caddy and HAProxy ask nginx about each request, and follow its answer."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import http_client, processes
from harness.example_server import example
from harness.http_client import bearer
from harness.other_proxies import Caddy, HAProxy
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.spellings import SPELLINGS
from harness.streams import StreamingUpstream, WebSocket

VERIFY = "other-proxies/verify.conf"
PROXIES = (Caddy, HAProxy)

# verify.conf with a log of how many requests each check's connection has carried.
LOGGED_CONNECTIONS = ("access_log off;", "access_log access.log carried;")
COUNTED_REQUESTS = "    log_format carried $connection_requests;\n    server {"


@pytest.fixture
def gate(sandboxes):
    with example(sandboxes, VERIFY) as server:
        yield server


@pytest.fixture
def api(gate):
    """An API that remembers who reached it."""
    with StreamingUpstream(gate.folder / "watched.sock") as upstream:
        yield upstream


@pytest.fixture(params=PROXIES)
def proxy(request, gate):
    """A proxy before the API that answers with what it received about the caller."""
    with request.param(gate.folder / "proxy", gate.nginx, gate.nginx.upstream) as running:
        yield running


@pytest.fixture(params=PROXIES)
def watched(request, gate, api):
    """A proxy before the API that remembers who reached it."""
    with request.param(gate.folder / "proxy", gate.nginx, api.path) as running:
        yield running


def test_a_key_is_accepted_and_the_api_receives_the_organization_and_no_key(gate, proxy):
    key = gate.key("acme")

    assert proxy.request(key=key).body == "GET of=acme keys="
    assert proxy.request(headers=[("X-API-Key", key)]).body == "GET of=acme keys="
    answer = proxy.request("/a/b?page=2", key=key, method="POST", body=b"x" * 300_000)
    assert (answer.body, answer.header("X-Seen-Target")) == ("POST of=acme keys=", "/a/b?page=2")


def test_no_client_sets_its_organization_in_any_spelling(gate, watched, api):
    key = gate.key("acme")
    for name in SPELLINGS:
        forged = [(name, "umbrella"), (name, "umbrella")]

        assert watched.request(headers=forged, key=key).status == 200
        assert {header: value for header, value in api.headers.items() if "organization" in header} == {
            "x-organization": "acme"
        }
        assert watched.request(headers=forged).status == 401


def test_no_client_sets_its_organization_in_two_headers_either(gate, proxy):
    forged = [("X-Organization", "umbrella"), ("X-Organization", "umbrella")]

    assert proxy.request(headers=forged, key=gate.key("acme")).body == "GET of=acme keys="


@pytest.mark.parametrize("name", ["X-Organization", "x-organization", "keep-alive, X-Organization"])
def test_no_client_removes_its_organization(gate, watched, api, name):
    """Headers that `Connection` names are for the next hop alone: a proxy would not hand them on."""
    answer = watched.request(headers=[("Connection", name)], key=gate.key("acme"))

    assert answer.status == 200
    assert api.headers["x-organization"] == "acme"


@pytest.mark.parametrize("proxy_kind", PROXIES)
def test_a_key_may_stand_in_the_query_or_in_a_cookie(sandboxes, proxy_kind):
    places = ("latchkey_verify;", "latchkey_verify; latchkey_credential bearer query api_key cookie api_key;")
    with example(sandboxes, VERIFY, changes=[places]) as gate, \
            proxy_kind(gate.folder / "proxy", gate.nginx, gate.nginx.upstream) as proxy:
        key = gate.key("acme")
        cookie = [("Cookie", f"theme=dark; api_key={key}")]

        assert proxy.request(f"/x?page=%3F2&api_key={key}&size=3").status == 200
        assert proxy.request("/", cookie).body.startswith("GET of=acme ")
        assert proxy.request("/?page=2").status == 401
        assert proxy.request("/", [("Cookie", "theme=dark")]).status == 401
        assert proxy.request(f"/?api_key={key}", cookie).status == 400


@pytest.mark.parametrize("proxy_kind", PROXIES)
def test_limits_by_organization_are_nginxs(sandboxes, proxy_kind):
    zone = "limit_req_zone $latchkey_organization zone=organizations:1m rate=1r/m;"
    changes = [("    server {", f"    {zone}\n    server {{"),
               ("latchkey_verify;", "latchkey_verify; limit_req zone=organizations; limit_req_status 429;")]
    with example(sandboxes, VERIFY, changes=changes) as gate, \
            proxy_kind(gate.folder / "proxy", gate.nginx, gate.nginx.upstream) as proxy:
        key, other = gate.key("acme"), gate.key("umbrella")

        assert [proxy.request(key=each).status for each in (key, key, other)] == [200, 429, 200]


def test_concurrent_requests_keep_their_own_organizations(gate, proxy):
    keys = {name: gate.key(name) for name in ("acme", "umbrella", "initech", "globex")}
    wanted = [*keys, None] * 40
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda name: proxy.request(key=keys.get(name)), wanted))

    for name, answer in zip(wanted, answers):
        if name:
            assert (answer.status, answer.body) == (200, f"GET of={name} keys=")
        else:
            assert answer.status == 401


def test_a_websocket_needs_a_key_in_its_handshake(gate, watched, api):
    with WebSocket(watched.gate, "/socket") as refused:
        assert refused.status == 401
    assert api.requests == []
    with WebSocket(watched.gate, "/socket", bearer(gate.key("acme"))) as socket:
        assert socket.echoes("hello")
        assert api.headers["x-organization"] == "acme" and "authorization" not in api.headers


def test_a_refusal_reaches_the_client_as_it_is(gate, watched, api):
    key = gate.key("acme")
    refused = watched.request()
    invalid = [watched.request(key=bad) for bad in ("nonsense", gate.forge().forged("acme"), gate.forge().issued("acme"))]
    two = [("Authorization", f"Bearer {key}"), ("X-API-Key", key)]
    twice = [("X-API-Key", key), ("X-API-Key", key)]

    assert (refused.status, refused.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')
    assert refused.header("Content-Type") == "application/problem+json"
    assert refused.header("Cache-Control") == "no-store"
    assert '"status":401' in refused.body
    for answer in invalid:
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.header("WWW-Authenticate")
    assert [watched.request(headers=headers).status for headers in (two, twice)] == [400, 400]
    assert api.requests == []


def test_a_revoked_key_is_refused_by_the_next_request(gate, proxy):
    for _ in range(5):
        key = gate.key("acme") if not gate.latchkey.keys else gate.latchkey.generate("acme", as_="alice")
        assert proxy.request(key=key).status == 200
        gate.revoke("acme")
        assert proxy.request(key=key).status == 401


def test_an_outage_of_the_store_is_503_and_never_401(gate, watched, api):
    key = gate.key("acme")
    assert watched.request(key=key).status == 200
    gate.expect(NO_SOCKET)
    gate.redis.kill()

    statuses = []
    wait_until(lambda: statuses.append(watched.request(key=key).status) or statuses[-1] != 200, "the store is missed")
    statuses += [watched.request(key=key).status for _ in range(5)]
    answer = watched.request(key=key)

    assert set(statuses) <= {200, 503}
    assert (answer.status, answer.header("Retry-After")) == (503, "1")


def test_no_request_is_admitted_while_nginx_does_not_run(gate, watched, api):
    key = gate.key("acme")
    gate.nginx.stop()

    assert watched.request(key=key).status == watched.NOT_RUNNING
    assert api.requests == []


def test_no_request_is_admitted_while_nginx_does_not_answer(gate, watched, api):
    key = gate.key("acme")
    worker = gate.nginx.worker()
    processes.freeze(worker)

    assert watched.request(key=key).status == watched.LATE
    assert api.requests == []

    processes.thaw(worker)
    assert watched.request(key=key).status == 200


@pytest.mark.parametrize("proxy_kind", PROXIES)
def test_a_yes_without_an_organization_admits_no_request(sandboxes, proxy_kind):
    """As `latchkey optional` gives it, or a server that is not this nginx."""
    unnamed = ("add_header X-Organization $latchkey_organization;  # only with 204", "")
    with example(sandboxes, VERIFY, changes=[unnamed]) as gate, StreamingUpstream(gate.folder / "watched.sock") as api, \
            proxy_kind(gate.folder / "proxy", gate.nginx, api.path) as proxy:
        key = gate.key("acme")
        assert proxy.request(key=key).status == 503
        assert proxy.request(headers=[("X-Organization", "umbrella")], key=key).status == 503
        assert api.requests == []


def test_each_of_caddys_checks_has_a_connection_of_its_own(sandboxes):
    """Caddy could keep a connection to the API for one to nginx, and take the API's answer for a yes."""
    with example(sandboxes, VERIFY, changes=[LOGGED_CONNECTIONS, ("    server {", COUNTED_REQUESTS)]) as gate, \
            Caddy(gate.folder / "proxy", gate.nginx, gate.nginx.upstream) as proxy:
        key = gate.key("acme")
        assert [proxy.request(key=key).status for _ in range(5)] == [200] * 5
        wait_until(lambda: gate.nginx.access_log().count("\n") == 5, "the checks are logged")
        assert set(gate.nginx.access_log().split()) == {"1"}


@pytest.mark.parametrize("script", [
    'core.register_action("latchkey", { "http-req" }, function() error("broken") end, 0)',
    'core.register_action("latchkey", { "http-req" }, function() end, 0)',
])
def test_a_failing_script_in_haproxy_admits_no_request(gate, api, script):
    haproxy = HAProxy(gate.folder / "proxy", gate.nginx, api.path)
    haproxy.script.write_text(script)
    with haproxy:
        assert haproxy.request(key=gate.key("acme")).status == 503
    assert api.requests == []


# What nginx answers to proxies that are not run here.


@pytest.mark.parametrize("target, yes", [("/verify", 204), ("/envoy/v1/items?page=2", 200)])
def test_a_proxy_receives_yes_with_the_organization_and_no_without_one(gate, target, yes):
    key = gate.key("acme")
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        allowed = ask(gate, target, bearer(key), method)
        refused = ask(gate, target, [("X-Organization", "acme")], method)
        assert (allowed.status, allowed.header("X-Organization"), allowed.body) == (yes, "acme", "")
        assert (refused.status, refused.header("X-Organization")) == (401, None)
        assert refused.header("WWW-Authenticate") == 'Bearer realm="api"'

    gate.expect(NO_SOCKET)
    gate.redis.kill()
    wait_until(lambda: ask(gate, target, bearer(key)).status == 503, "the store is missed")


def ask(gate, target, headers, method="GET"):
    return http_client.request(gate.nginx.port, target, headers, method=method)
