"""What users of nginx do with a check: other access rules, limits, pages, redirects and inheritance."""

import socket

import pytest

from harness import http_client
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import Sandbox

HTTP = """
    limit_req_zone $latchkey_organization zone=by_organization:1m rate=1r/m;
"""

SERVER = """
        location = /any-from-here {
            satisfy any;
            allow unix:;
            deny all;
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /any-from-nowhere {
            satisfy any;
            deny all;
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /all-from-nowhere {
            deny all;
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /page {
            latchkey on;
            error_page 401 /login;
            error_page 400 = @bad_request;
            proxy_pass http://unix:api.sock;
        }

        location = /login {
            default_type text/plain;
            return 200 'please log in\\n';
        }

        location @bad_request {
            return 418 'one key is enough\\n';
        }

        location = /protected-page {
            latchkey on;
            error_page 401 /protected-login;
            proxy_pass http://unix:api.sock;
        }

        location = /protected-login {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /limited {
            latchkey on;
            limit_req zone=by_organization;
            limit_req_status 429;
            proxy_pass http://unix:api.sock;
        }

        location /files/ {
            latchkey on;
            root {root};
            try_files $uri $uri/ /fallback;
        }

        location = /fallback {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /index/ {
            latchkey on;
            root {root};
        }

        location /rewritten {
            latchkey on;
            rewrite ^/rewritten(.*)$ /inner$1 last;
        }

        location /inner {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /accelerated {
            latchkey on;
            proxy_pass http://unix:accelerated.sock;
        }

        location = /inside {
            internal;
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /named {
            latchkey on;
            error_page 418 = @named;
            try_files /none @named;
        }

        location @named {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /family {
            latchkey on;
            latchkey_realm family;

            location /family/child {
                proxy_pass http://unix:api.sock;
            }

            location /family/free {
                latchkey off;
                proxy_pass http://unix:api.sock;
            }

            location /family/query {
                latchkey_credential query key;
                proxy_pass http://unix:api.sock;
            }

            proxy_pass http://unix:api.sock;
        }

        location = /mirrored {
            latchkey on;
            mirror /copy;
            proxy_pass http://unix:api.sock;
        }

        location = /copy {
            internal;
            proxy_set_header X-Organization $latchkey_organization;
            proxy_pass http://unix:mirror.sock:/seen;
        }

        location = /sliced {
            latchkey on;
            addition_types *;
            add_after_body /open;
            proxy_pass http://unix:api.sock;
        }

        location = /open {
            return 200 'open\\n';
        }

        location = /buffered {
            latchkey on;
            proxy_request_buffering off;
            proxy_pass http://unix:api.sock;
        }
    }

    server {
        listen unix:mirror.sock;
        access_log mirror.log seen;
        location / {
            return 204;
        }
    }

    server {
        listen unix:accelerated.sock;
        access_log off;
        location / {
            add_header X-Accel-Redirect /inside;
            return 204;
        }
    }

    # Protects all but what says otherwise.
    server {
        listen unix:strict.sock;
        latchkey on;

        location = /free {
            latchkey off;
            proxy_pass http://unix:api.sock;
        }

        location / {
            proxy_pass http://unix:api.sock;
        }
"""

LOG_FORMAT = "    log_format seen 'mirror of $http_x_organization';\n"


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    (root / "files").mkdir()
    (root / "files/page").write_text("a page\n")
    (root / "index").mkdir()
    (root / "index/index.html").write_text("an index\n")
    server = SERVER.replace("{root}", str(root))
    with Sandbox(http=HTTP + LOG_FORMAT, server=server, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key("acme")


# satisfy


def test_satisfy_any_admits_a_request_from_an_allowed_address(gate, key):
    answer = gate.request("/any-from-here")

    assert answer.status == 200
    assert answer.body == "/any-from-here organization= result=missing\n"
    assert answer.header("WWW-Authenticate") is None
    assert answer.header("Cache-Control") is None


def test_satisfy_any_admits_a_request_with_a_key(gate, key):
    assert gate.request("/any-from-nowhere", key=key).body == "/any-from-nowhere organization=acme result=allowed\n"


def test_satisfy_any_refuses_a_request_with_neither(gate, key):
    answer = gate.request("/any-from-nowhere")

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert gate.status_of("nonsense", "/any-from-nowhere") == 401


def test_a_wrong_key_from_an_allowed_address_names_no_organization(gate, key):
    revoked = gate.key("umbrella")
    gate.key("umbrella")

    assert gate.request("/any-from-here", key=revoked).body == "/any-from-here organization= result=revoked\n"


def test_satisfy_all_requires_both(gate, key):
    assert gate.status_of(key, "/all-from-nowhere") == 403


# error_page


def test_a_page_of_ones_own_takes_the_place_of_the_answer(gate, key):
    answer = gate.request("/page")

    assert answer.status == 401
    assert answer.body == "please log in\n"
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert gate.status_of(key, "/page") == 200


def test_a_named_page_may_change_the_status(gate, key):
    answer = gate.request("/page", [("X-API-Key", key)], key=key)

    assert (answer.status, answer.body) == (418, "one key is enough\n")


def test_a_page_that_is_protected_itself_ends_in_one_refusal(gate, key):
    answer = gate.request("/protected-page")

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'


# limits


def test_a_limit_counts_each_organization_for_itself(gate, key):
    other = gate.key("hooli")

    assert gate.status_of(key, "/limited") == 200
    assert gate.status_of(key, "/limited") == 429
    assert gate.status_of(other, "/limited") == 200
    assert gate.status_of(other, "/limited") == 429


def test_a_limit_by_organization_does_not_count_requests_without_one(gate):
    assert [gate.request("/limited").status for _ in range(5)] == [401] * 5


# redirects inside nginx


@pytest.mark.parametrize(
    "target, body",
    [
        ("/files/page", "a page\n"),
        ("/files/none", "/fallback organization=acme result=allowed\n"),
        ("/index/", "an index\n"),
        ("/rewritten/x", "/inner/x organization=acme result=allowed\n"),
        ("/accelerated", "/inside organization=acme result=allowed\n"),
        ("/named", "/named organization=acme result=allowed\n"),
    ],
)
def test_a_redirect_inside_keeps_the_check(gate, key, target, body):
    refused, allowed = gate.request(target), gate.request(target, key=key)

    assert refused.status == 401
    assert refused.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert (allowed.status, allowed.body, allowed.result) == (200, body, "allowed")


# inheritance


def test_a_location_inherits_the_check(gate, key):
    for target in ("/family", "/family/child"):
        assert gate.request(target).header("WWW-Authenticate") == 'Bearer realm="family"'
        assert gate.status_of(key, target) == 200


def test_a_location_may_switch_the_check_off(gate, key):
    answer = gate.request("/family/free", key=key)

    assert (answer.status, answer.result) == (200, None)
    assert gate.status_of("nonsense", "/family/free") == 200


def test_a_location_may_name_other_places_for_the_key(gate, key):
    assert gate.request("/family/query", key=key).status == 401
    assert gate.request(f"/family/query?key={key}").status == 200


def test_a_server_may_be_protected_as_a_whole(gate, key):
    path = gate.nginx.folder / "strict.sock"

    assert http_client.request(path, "/").status == 401
    assert http_client.request(path, "/anything", bearer(key)).status == 200
    assert http_client.request(path, "/free").status == 200


# subrequests


def test_a_subrequest_has_the_organization_of_the_main_request(gate, key):
    assert gate.status_of(key, "/mirrored") == 200
    log = gate.nginx.folder / "mirror.log"

    wait_until(lambda: "mirror of acme\n" in log.read_text(), "the copy arrives")


def test_a_refused_request_is_not_mirrored(gate):
    log = gate.nginx.folder / "mirror.log"
    before = log.read_text()

    assert gate.request("/mirrored").status == 401

    assert log.read_text() == before


def test_a_page_is_put_together_from_subrequests(gate, key):
    assert gate.request("/sliced", key=key).body == "/sliced organization=acme result=allowed\nopen\n"


def test_a_body_that_is_not_buffered_reaches_the_api(gate, key):
    assert gate.request("/buffered", key=key, method="POST", body=b"x" * 200_000).status == 200
    assert gate.request("/buffered", method="POST", body=b"x" * 200_000).status == 401


def test_a_client_that_asks_before_it_sends_is_answered(gate, key):
    expecting = [("Expect", "100-continue"), ("Content-Length", "5")]
    with gate.connect() as connection:
        connection.send("/buffered", [*bearer(key), *expecting], method="POST")
        go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.socket.recv(len(go_on), socket.MSG_WAITALL) == go_on
        connection.socket.sendall(b"hello")
        assert connection.receive("POST").status == 200

    with gate.connect() as connection:
        connection.send("/buffered", expecting, method="POST")
        assert connection.receive("POST").status == 401
