"""nginx-conf/access-log.conf, query-and-cookie.conf and traces.conf: the log lines, and the removal of keys before the API."""

import json

import pytest

from harness import key_forge
from harness.example_server import example
from harness.http_client import bearer
from harness.key_forge import secret_of
from harness.polling import wait_until

QUERY = "query-and-cookie.conf"


def lines_of(gate, name, count):
    """The lines of an access log, once there are as many as are expected."""
    log = gate.nginx.folder / name
    wait_until(lambda: log.read_text().count("\n") == count, f"the log has {count} lines")
    return log.read_text().splitlines()


# access-log.conf


def test_the_log_shows_organization_and_result_and_never_a_key(sandboxes):
    with example(sandboxes, "access-log.conf") as gate:
        revoked = gate.key("acme")
        key = gate.key("acme")
        page = ("Referer", f"http://gateway/page?api_key={key}")
        requests = [
            ("/header?page=2", bearer(key)),
            ("/x-api-key", [("X-API-Key", key)]),
            (f"/query?page=2&api_key={key}", []),
            ("/cookie", [("Cookie", f"theme=dark; api_key={key}")]),
            ("/referrer", [*bearer(key), page]),
            (f"/other-place?key={key}", []),
            (f"/revoked?api_key={revoked}", []),
            (f"/two?api_key={key}", bearer(key)),
            ("/nonsense?api_key=nonsense", []),
        ]
        statuses = [gate.request(target, headers).status for target, headers in requests]
        lines = lines_of(gate, "organizations.log", len(requests))

    known = f"locator={key_forge.locator('acme')}"
    expected = [
        *((200, "acme", "allowed", known) for _ in range(5)),
        (401, "-", "missing", "locator=-"), (401, "-", "revoked", known),
        (400, "-", "ambiguous", "locator=-"), (401, "-", "malformed", "locator=-"),
    ]
    for line, (target, _), status, told in zip(lines, requests, statuses, expected):
        assert status == told[0]
        path = target.partition("?")[0]
        assert f" {told[1]} [" in line
        assert f'"GET {path} HTTP/1.1" {status} ' in line
        assert f"key={told[2]} {told[3]}" in line
        assert not any(secret_of(each) in line for each in (key, revoked))


# query-and-cookie.conf


@pytest.fixture(scope="module")
def shapes():
    """Queries and cookies around a key, and what remains of them."""
    return {
        "/x?api_key={key}": "/x",
        "/x?api_key={key}&page=2": "/x?page=2",
        "/x?page=2&api_key={key}": "/x?page=2",
        "/x?page=2&api_key={key}&size=3": "/x?page=2&size=3",
        "/x%20y/%2e?q=a%26b&api_key={key}": "/x%20y/%2e?q=a%26b",
        "/x?my_api_key=1&api_key={key}&api_key_id=2": "/x?my_api_key=1&api_key_id=2",
        "/x?page=2": None,
    }


COOKIES = {
    "api_key={key}": "",
    "api_key={key}; theme=dark": "theme=dark",
    "theme=dark; api_key={key}": "theme=dark",
    "theme=dark; api_key={key}; size=3": "theme=dark; size=3",
    "theme=dark;api_key={key};size=3": "theme=dark;size=3",
    "my_api_key=1; api_key={key}; api_key_id=2": "my_api_key=1; api_key_id=2",
}


def test_the_api_gets_the_query_without_the_key(sandboxes, shapes):
    with example(sandboxes, QUERY) as gate:
        key = gate.key("acme")
        for target, left in shapes.items():
            answer = gate.request(target.format(key=key))
            if left is None:
                assert answer.status == 401
            else:
                assert (answer.body, answer.header("X-Seen-Target")) == ("GET of=acme keys=", left)

        answer = gate.request("/x?page=2", bearer(key))
        assert (answer.body, answer.header("X-Seen-Target")) == ("GET of=acme keys=", "/x?page=2")
        lines = lines_of(gate, "access.log", len(shapes) + 1)

    assert not any(secret_of(key) in line or "?" in line for line in lines)


def test_the_api_gets_the_cookies_without_the_key(sandboxes):
    with example(sandboxes, QUERY) as gate:
        key = gate.key("acme")
        for cookie, left in COOKIES.items():
            answer = gate.request("/", [("Cookie", cookie.format(key=key))])
            assert (answer.status, answer.body) == (200, f"GET of=acme keys={left}")

        split = [("Cookie", "theme=dark"), ("Cookie", f"api_key={key}")]
        assert gate.request("/", split).body == "GET of=acme keys=theme=dark"
        assert gate.request("/", [("Cookie", "theme=dark"), *bearer(key)]).body == "GET of=acme keys=theme=dark"


def test_two_keys_are_refused_wherever_they_stand(sandboxes):
    with example(sandboxes, QUERY) as gate:
        key = gate.key("acme")
        cookie = [("Cookie", f"api_key={key}")]

        assert gate.request(f"/?api_key={key}&api_key={key}").status == 400
        assert gate.request(f"/?api_key={key}", cookie).status == 400
        assert gate.request("/", [*cookie, *bearer(key)]).status == 400


def test_an_address_with_a_key_is_sent_in_no_referer(sandboxes):
    with example(sandboxes, QUERY) as gate:
        key = gate.key("acme")
        answer = gate.request("/", [*bearer(key), ("Referer", f"http://gateway/?api_key={key}")])
        refused = gate.request("/")

    assert answer.status == 200 and answer.header("X-Seen-Referer") is None
    for each in (answer, refused):
        assert each.header("Referrer-Policy") == "no-referrer"


# traces.conf

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("parent, trace, span", [
    (f"00-{TRACE}-{SPAN}-01", TRACE, SPAN), ("nonsense", "", ""), (f"00-{TRACE}-01", "", ""), (None, "", ""),
    (f'00-{TRACE}","latchkey.organization":"umbrella-{SPAN}-01', "", ""),
])
def test_each_request_is_a_line_of_json_with_its_trace_and_its_organization(sandboxes, parent, trace, span):
    with example(sandboxes, "traces.conf") as gate:
        key = gate.key("acme")
        headers = [("traceparent", parent)] if parent else []
        assert gate.request(f"/page?key={key}", [*bearer(key), *headers]).body == "GET of=acme keys="
        assert gate.request("/page", headers).status == 401
        allowed, refused = lines_of(gate, "traces.json", 2)

    told = json.loads(allowed)
    assert (told["trace_id"], told["parent_span_id"]) == (trace, span)
    assert (told["latchkey.organization"], told["latchkey.result"], told["url.path"]) == ("acme", "allowed", "/page")
    assert told["latchkey.locator"] == key_forge.locator("acme") and told["latchkey.source"] == "store"
    assert secret_of(key) not in allowed
    told = json.loads(refused)
    assert (told["http.response.status_code"], told["latchkey.organization"], told["latchkey.result"]) == (401, "", "missing")
