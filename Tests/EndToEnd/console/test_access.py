"""Who may see a key and change it: the owner, through the proxy, from the page itself."""

import json
import re
import socket

import pytest

from harness import http_client
from harness.artefacts import CALLER
from harness.console_server import OWNER, SAME_ORIGIN, who
from harness.polling import wait_until

pytestmark = pytest.mark.xdist_group("console_access")

CHANGING = re.compile(r"\n(date|x-request-id):[^\n]*", re.IGNORECASE)


def raw(answer):
    """An answer without what differs from one to the next."""
    headers = "".join(f"\n{name.lower()}: {value}" for name, value in answer.headers)
    return answer.status, CHANGING.sub("", headers), answer.body


def commands(redis, ask):
    """How many commands the store carries out for a request; connecting takes as many each time."""
    count = lambda: redis.statistic("total_commands_processed")
    count()
    before = count()
    ask()
    return count() - before


def test_to_all_but_the_owner_there_is_nothing(stacks, sandboxes):
    """Not theirs, none, a removed one and no name at all: equal byte for byte, and in what the store does."""
    stack = stacks(sandboxes(start=False), front=False)  # gateways would send commands, too
    gate, console = stack.sandbox, stack.console
    gate.key("acme", owner=OWNER)
    stack.add("gone")
    gate.latchkey.must("org", "remove", "gone", "--yes", "--no-wait")
    names = {"acme": "bob", "none": OWNER, "gone": OWNER}
    for path in ("", "/generate", "/revoke"):
        nothing = raw(console.ask("/console/no/thing", who(OWNER)))
        answers = {name: raw(console.page(path, user, name)) for name, user in names.items()}
        answers["malformed"] = raw(console.page(path, OWNER, "a%20b"))
        assert all(answer == nothing for answer in answers.values()), answers
        assert len({commands(gate.redis, lambda: console.page(path, user, name)) for name, user in names.items()}) == 1
    for method, tag in (("GET", None), ("HEAD", None), ("POST", "*"), ("DELETE", "*")):
        answers = [raw(console.api(method, tag, user, name)) for name, user in names.items()]
        assert answers[0][0] == 404 and answers.count(answers[0]) == len(answers)
        counts = {commands(gate.redis, lambda: console.api(method, tag, user, name)) for name, user in names.items()}
        assert len(counts) == 1, (method, counts)


def test_refusals_are_in_the_owners_audit(served, organization):
    served.console.page(user="bob", organization=organization)
    served.console.post("revoke", "v1.x", user="bob", organization=organization)

    entries = json.loads(served.console.api(organization=organization, of="audit").body)

    assert [(entry["what"], entry["who"]) for entry in entries if entry["outcome"] == "refused"] == [
        ("status", "bob"), ("revoke", "bob")]


def test_the_audit_says_where_a_change_came_from(served, stacks, organization):
    """As the proxy says it, whatever the client says; and not at all if the operator wants none."""
    forged = [("X-Real-IP", "203.0.113.9"), ("Cookie", f"user={OWNER}"), *SAME_ORIGIN, ("If-Match", "*")]
    target = f"/console/api/v1/organizations/{organization}/key"
    assert served.front.ask(target, forged, method="DELETE").status == 200
    assert served.front.ask(target, [("Cookie", "user=bob")]).status == 404
    served.sandbox.latchkey.generate(organization, as_=OWNER)
    entries = json.loads(served.console.api(organization=organization, of="audit").body)
    assert {(entry["what"], entry["who"]): entry["from"] for entry in entries} == {
        ("register", CALLER): None, ("status", "bob"): "127.0.0.1", ("generate", OWNER): None}
    served.front.ask(target, [*forged, ("Content-Type", "application/json")], method="DELETE")
    table = served.sandbox.latchkey.must("audit", organization, as_=OWNER).splitlines()
    assert [line.split()[-2:] for line in (table[0], table[-1])] == [["done", "-"], ["done", "127.0.0.1"]]

    private = stacks(settings="latchkey_console_audit_address off;", front=False)
    private.add()
    private.console.page(user="bob", headers=[("X-Real-IP", "192.0.2.7")])
    assert [entry["from"] for entry in json.loads(private.console.api(of="audit").body)] == [None, None]


def test_a_product_learns_whether_to_show_the_tab(served, organization):
    assert served.console.api("HEAD", organization=organization).status == 200
    assert served.console.api("HEAD", user="bob", organization=organization).status == 404


@pytest.mark.parametrize("headers, status", [
    ([], 401), ([("X-Latchkey-User", "")], 401),
    ([("X-Latchkey-User", OWNER), ("X-Latchkey-User", "bob")], 400), ([("X-Latchkey-User", OWNER)] * 2, 400),
    ([("X-Latchkey-User", f"bob, {OWNER}")], 400), ([("X-Latchkey-User", f"{OWNER} bob")], 400),
    ([("X_Latchkey_User", OWNER)], 401), ([("X.Latchkey.User", OWNER)], 401), ([("X-Latchkey-User ", OWNER)], 400),
    ([("x-latchkey-user", OWNER)], 200),
], ids=["none", "empty", "two", "twice", "folded", "spaces", "underscores", "dots", "blank-before-colon", "lower-case"])
def test_one_header_says_who_asks(served, organization, headers, status):
    assert served.console.ask(f"/console/{organization}", headers).status == status


def test_what_a_client_says_about_itself_is_replaced(served, organization):
    for name in ("X-Latchkey-User", "X_Latchkey_User", "X.Latchkey.User", "x-latchkey-user"):
        for cookie, status in (("", 401), ("user=bob", 404)):
            answer = served.front.ask(f"/console/{organization}", [(name, OWNER), ("Cookie", cookie)])
            assert answer.status == status, (name, cookie)


# Other sites


ATTEMPTS = {
    "a form": [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.test")],
    "a form in a frame without an origin": [("Sec-Fetch-Site", "cross-site"), ("Origin", "null")],
    "a sibling": [("Sec-Fetch-Site", "same-site"), ("Origin", "http://other.127.0.0.1")],
    "a link that was typed": [("Sec-Fetch-Site", "none")],
    "an old browser": [("Origin", "https://evil.test")],
    "an old browser without an origin": [("Origin", "null")],
    "no word": [],
    "only a referrer": [("Referer", "http://127.0.0.1/console/acme")],
    "another port": [("Origin", "http://127.0.0.1:1")],
    "another scheme": [("Origin", "https://127.0.0.1")],
    "twice": [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-origin")],
    "two origins": [("Origin", "http://127.0.0.1"), ("Origin", "https://evil.test")],
}


@pytest.mark.parametrize("headers", ATTEMPTS.values(), ids=ATTEMPTS)
def test_another_site_changes_nothing(served, organization, headers):
    key = served.sandbox.key(organization, owner=OWNER)
    version = served.console.version(organization=organization)

    for change in ("generate", "revoke"):
        assert served.console.post(change, version, organization=organization, headers=headers).status == 403
    for method in ("POST", "DELETE"):
        assert served.console.api(method, "*", organization=organization, headers=headers).status == 403

    entries = json.loads(served.console.api(organization=organization, of="audit").body)
    assert [entry["what"] for entry in entries] == ["register", "generate"]
    assert served.sandbox.status_of(key) == 200


def test_a_change_with_another_type_is_refused(served, organization):
    body = [("Content-Type", "text/plain"), *SAME_ORIGIN]
    answer = served.console.page("/revoke", organization=organization, headers=body, method="POST", body=b"version=x")
    assert answer.status == 415


def test_no_answer_allows_other_sites_anything(served, organization):
    for answer in (
        served.console.page(organization=organization, headers=[("Origin", "https://evil.test")]),
        served.console.ask(f"/console/{organization}", [*who(OWNER), ("Origin", "https://evil.test")], method="OPTIONS"),
    ):
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]
        assert not answer.all("Set-Cookie")
    page = served.console.page(organization=organization)
    assert "frame-ancestors 'none'" in page.header("Content-Security-Policy")
    assert (page.header("X-Frame-Options"), page.header("Cache-Control")) == ("DENY", "no-store")


# Requests that are no requests


@pytest.mark.parametrize("request_bytes", [
    b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /console/acme HTTP/9.9\r\n\r\n",
    b"GET /console/acme HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
    b"GET /console/acme HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: 1\r\n" % number for number in range(200)) + b"\r\n",
    b"POST /console/acme/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /console/acme/revoke HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
], ids=["bytes", "no-path", "version", "long-header", "many-headers", "negative-length", "two-lengths"])
def test_nonsense_is_refused_and_ends_nothing(served, request_bytes):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(served.console.socket))
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        answer = client.recv(65536)
    assert not answer or re.match(rb"HTTP/1.1 4\d\d", answer), answer[:100]
    assert served.console.ask("/healthz").status == 204


def test_a_body_that_is_too_long_is_refused(served, organization):
    answer = served.console.post("generate", "v1.x", organization=organization, more="&x=" + "a" * 5000)
    assert answer.status == 413


# Who is behind the proxy


BASIC = """
            auth_basic "Latchkey";
            auth_basic_user_file {folder}/users;
            proxy_set_header X-Latchkey-User $remote_user;
            proxy_set_header Authorization "";
"""


def test_passwords_of_nginx_name_the_user(stacks, sandboxes):
    sandbox = sandboxes(workers=1)
    (sandbox.folder / "users").write_text(f"{OWNER}:{{PLAIN}}secret\nbob:{{PLAIN}}secret\n")
    stack = stacks(sandbox, location=BASIC.format(folder=sandbox.folder))
    stack.add()
    basic = {"alice": "YWxpY2VAZXhhbXBsZS5jb206c2VjcmV0", "bob": "Ym9iOnNlY3JldA==", "wrong": "Ym9iOndyb25n"}
    ask = lambda name: stack.front.ask("/console/acme", [("Authorization", f"Basic {basic[name]}")])

    assert (ask("alice").status, ask("bob").status, ask("wrong").status) == (200, 404, 401)
    assert stack.front.ask("/console/acme", who(OWNER)).status == 401


def test_the_log_names_who_asked_and_no_more_of_an_address_than_its_route(served, organization):
    served.console.page(organization=organization, headers=[("X-Secret", "not-for-logs")])
    served.console.ask("/console/not-for-logs/x/y?not-for-logs", who(OWNER))
    line = wait_until(lambda: [each for each in served.console.log_lines() if each.get("organization") == organization],
                      "the request is logged")[0]

    assert (line["method"], line["route"], line["status"], line["principal"]) == ("GET", "/{organization}", 200, OWNER)
    assert "not-for-logs" not in served.console.log()


def test_metrics_count_routes_and_changes(served, organization):
    served.console.remember(served.console.api("POST", "*", organization=organization).body)
    text = served.console.ask("/metrics").body

    assert 'latchkey_console_changes_total{what="generate",outcome="confirmed"}' in text
    assert 'latchkey_console_requests_total{route="/api/v1/organizations/{organization}/key",status="201"}' in text
    assert served.front.ask("/metrics").body.startswith("<!doctype html>"), "they are on the socket only"
    assert http_client.request(served.console.socket, "/readyz", []).status == 204
