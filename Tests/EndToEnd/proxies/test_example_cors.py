"""nginx-conf/preflight.conf: what the script of a page of another origin may send and see, in a browser."""

import pytest

from harness.browser import Blocked, Page
from harness.example_server import example
from harness.http_client import bearer
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET

ORIGIN = "https://app.example.com"


@pytest.fixture
def gate(sandboxes):
    with example(sandboxes, "preflight.conf") as server:
        yield server


@pytest.fixture
def page(gate):
    return Page(ORIGIN, gate.nginx.gate)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_script_asks_with_a_key(gate, page, method):
    key = gate.key("acme")
    for headers in (bearer(key), [("X-API-Key", key)]):
        answer = page.fetch("/", [*headers, ("Content-Type", "application/json")], method=method)
        assert (answer.status, answer.body) == (200, f"{method} of=acme keys=")


def test_a_script_can_read_why_it_is_refused(page):
    missing, invalid = page.fetch("/"), page.fetch("/", bearer("nonsense"))

    assert (missing.status, missing.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')
    assert invalid.status == 401
    assert 'error="invalid_token"' in invalid.header("WWW-Authenticate")
    assert "not valid" in invalid.body


def test_a_script_can_tell_an_outage_from_a_refusal(gate, page):
    key = gate.key("acme")
    gate.expect(NO_SOCKET)
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key, "/") == 503, "the store is missed")

    answer = page.fetch("/", bearer(key))

    assert (answer.status, answer.header("Retry-After")) == (503, "1")


def test_pages_of_other_origins_learn_nothing(gate):
    key = gate.key("acme")
    for origin in ("https://evil.example.com", "https://app.example.com.evil.example", "null"):
        stranger = Page(origin, gate.nginx.gate)
        with pytest.raises(Blocked):
            stranger.fetch("/", bearer(key))
        with pytest.raises(Blocked):
            stranger.fetch("/")


def test_a_header_or_a_method_that_was_not_allowed_is_blocked(gate, page):
    with pytest.raises(Blocked, match="x-other"):
        page.fetch("/", [("X-Other", "1")])
    with pytest.raises(Blocked, match="PURGE"):
        page.fetch("/", bearer(gate.key("acme")), method="PURGE")


def test_a_preflight_never_reaches_the_api_and_other_questions_need_a_key(gate, page):
    origin = ("Origin", ORIGIN)
    preflight = gate.request("/", [origin, ("Access-Control-Request-Method", "POST")], method="OPTIONS")
    key = gate.key("acme")

    assert (preflight.status, preflight.body) == (204, "")
    assert gate.request("/", [origin], method="OPTIONS").status == 401
    assert gate.request("/", [origin], key=key, method="OPTIONS").body == "OPTIONS of=acme keys="
    assert gate.request("/", [origin, ("Access-Control-Request-Method", "POST")], method="POST").status == 401


def test_an_answer_varies_with_the_origin_and_tells_of_methods_in_a_preflight_only(gate):
    for origin in ([], [("Origin", ORIGIN)]):
        answer = gate.request("/", origin)
        assert "Origin" in answer.all("Vary")
        assert answer.header("Access-Control-Allow-Methods") is None
