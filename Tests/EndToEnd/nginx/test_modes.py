"""What a location does with a result: `latchkey on | off | optional | dry_run`, or what a variable says."""

import re
import time

import pytest

from harness.http_client import bearer
from harness.key_kinds import WRONG, headers_by_result
from harness.polling import wait_until
from harness.sandbox import OWNER, Sandbox
from harness.streams import OpenRequest, StreamingUpstream

HTTP = """
    map $request_method $preflight {
        OPTIONS off;
        default on;
    }

    map $uri $by_place {
        volatile;
        ~/public off;
        default on;
    }

    limit_req_zone $latchkey_organization zone=by_organization:1m rate=1r/m;
"""

SERVER = """
        location /api {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /optional {
            latchkey optional;
            proxy_pass http://unix:api.sock;
        }

        location /dry_run {
            latchkey dry_run;
            proxy_pass http://unix:api.sock;
        }

        location /off {
            latchkey off;
            proxy_pass http://unix:api.sock;
        }

        location /variable {
            latchkey $http_x_mode;
            proxy_pass http://unix:api.sock;
        }

        location /half {
            latchkey "dry${http_x_mode}";
            proxy_pass http://unix:api.sock;
        }

        location /preflight {
            latchkey $preflight;
            proxy_pass http://unix:api.sock;
        }

        location /set {
            set $mode on;
            if ($request_method = OPTIONS) {
                set $mode off;
            }
            latchkey $mode;
            proxy_pass http://unix:api.sock;

            location /set/inherits {
                set $mode optional;
                proxy_pass http://unix:api.sock;
            }

            location /set/open {
                latchkey off;
                proxy_pass http://unix:api.sock;
            }
        }

        location /places {
            latchkey $by_place;
            rewrite ^(/places)/public/moved(.*)$ $1/private$2 last;
            rewrite ^(/places)/private/moved(.*)$ $1/public$2 last;
            proxy_pass http://unix:api.sock;
        }

        location /again {
            latchkey $by_place;
            proxy_pass http://unix:elsewhere.sock;
        }

        location /from-on {
            latchkey on;
            try_files /none /variable;
        }

        location /limited {
            latchkey dry_run;
            limit_req zone=by_organization;
            limit_req_status 429;
            proxy_pass http://unix:api.sock;
        }

        location /any/optional {
            satisfy any;
            deny all;
            latchkey optional;
            proxy_pass http://unix:api.sock;
        }

        location /any/dry_run {
            satisfy any;
            deny all;
            latchkey dry_run;
            proxy_pass http://unix:api.sock;
        }

        location /any/from-here {
            satisfy any;
            allow unix:;
            deny all;
            latchkey optional;
            proxy_pass http://unix:api.sock;
        }

        location /page {
            latchkey optional;
            error_page 401 /login;
            proxy_pass http://unix:api.sock;
        }

        location = /login {
            return 200 'please log in\\n';
        }

        location = /verify/optional {
            latchkey optional;
            latchkey_verify;
        }

        location = /verify/dry_run {
            latchkey dry_run;
            latchkey_verify;
        }

        location = /verify/off {
            latchkey off;
            latchkey_verify;
        }

        location = /verify/variable {
            latchkey $http_x_mode;
            latchkey_verify;
        }

        location /asked {
            auth_request /verify/optional;
            auth_request_set $organization $latchkey_organization;
            proxy_set_header X-Organization $organization;
            proxy_pass http://unix:api.sock;
        }

        location /stream/optional/ {
            latchkey optional;
            proxy_buffering off;
            proxy_pass http://unix:stream.sock;
        }

        location /stream/dry_run/ {
            latchkey dry_run;
            proxy_buffering off;
            proxy_pass http://unix:stream.sock;
        }

        location /stream/variable/ {
            latchkey $arg_mode;
            proxy_buffering off;
            proxy_pass http://unix:stream.sock;
        }

        location /stream/asked/ {
            latchkey dry_run;
            auth_request /verify/none;
            proxy_buffering off;
            proxy_pass http://unix:stream.sock;
        }

        location = /verify/none {
            latchkey_verify;
        }

        location /stream/from-on/ {
            latchkey on;
            try_files /none /stream/dry_run/events;
        }
    }

    # Sends on what is public, and tells what is private.
    server {
        listen unix:elsewhere.sock;
        access_log off;

        location /again/public {
            add_header X-Accel-Redirect /again/private;
            return 204;
        }

        location / {
            return 200 'private\\n';
        }
"""


@pytest.fixture(scope="module")
def gate():
    with Sandbox(http=HTTP, server=SERVER, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def sent(gate):
    return headers_by_result(gate)


def told(target, organization="", result=""):
    """The API's answer to a request that reached it."""
    return f"{target} organization={organization} result={result}\n"


def mode(name):
    return [("X-Mode", name)]


# optional


def test_optional_admits_a_request_without_a_key_and_without_an_organization(gate):
    answer = gate.request("/optional")

    assert (answer.status, answer.body) == (200, told("/optional", "", "missing"))
    assert answer.header("WWW-Authenticate") is None
    assert answer.header("Cache-Control") is None


def test_optional_names_the_organization_of_a_valid_key(gate, sent):
    assert gate.request("/optional", sent["allowed"]).body == told("/optional", "acme", "allowed")


@pytest.mark.parametrize("result", [*WRONG, "ambiguous"])
def test_optional_refuses_a_wrong_key_as_on_does(gate, sent, result):
    optional, strict = gate.request("/optional", sent[result]), gate.request("/api", sent[result])

    assert optional.result == result
    assert optional.status == strict.status != 200
    assert optional.header("WWW-Authenticate") == strict.header("WWW-Authenticate")
    assert optional.body == strict.body


def test_optional_does_not_take_a_key_that_cannot_be_checked_for_none(sandboxes):
    gate = sandboxes(http=HTTP, server=SERVER, workers=1)
    key = gate.key()
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key) == 503, "the gateway notices that the store is gone")

    answer = gate.request("/optional", key=key)

    assert (answer.status, answer.result) == (503, "unavailable")
    assert gate.request("/optional").status == 200


def test_a_page_of_ones_own_takes_the_place_of_an_optional_refusal(gate, sent):
    refused = gate.request("/page", sent["revoked"])

    assert (refused.status, refused.body) == (401, "please log in\n")
    assert gate.request("/page").status == 200


# dry_run


@pytest.mark.parametrize("result", ["allowed", "missing", "ambiguous", *WRONG])
def test_a_dry_run_reports_and_refuses_nothing(gate, sent, result):
    answer = gate.request("/dry_run", sent[result])

    assert (answer.status, answer.body) == (
        200, told("/dry_run", "acme" if result == "allowed" else "", result)
    )
    assert answer.header("WWW-Authenticate") is None
    assert answer.header("Cache-Control") is None


def test_a_dry_run_admits_requests_when_the_store_does_not_answer_in_time(sandboxes):
    gate = sandboxes(http=HTTP, server=SERVER, workers=1, settings="latchkey_timeout 300ms;")
    key = gate.key()
    gate.redis.freeze()

    answer = gate.request("/dry_run", key=key)

    assert (answer.status, answer.body) == (200, told("/dry_run", "", "unavailable"))
    gate.redis.thaw()


def test_a_dry_run_admits_requests_when_no_key_can_be_checked(sandboxes):
    gate = sandboxes(http=HTTP, server=SERVER, workers=1)
    key = gate.key()
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key) == 503, "the gateway notices that the store is gone")

    assert gate.request("/dry_run", key=key).body == told("/dry_run", "", "unavailable")


def test_a_limit_by_organization_counts_in_a_dry_run(gate, sent):
    assert [gate.request("/limited", sent["allowed"]).status for _ in range(2)] == [200, 429]
    assert [gate.request("/limited", sent["revoked"]).status for _ in range(3)] == [200] * 3


# satisfy


def test_a_request_without_a_key_does_not_pass_satisfy_any(gate, sent):
    assert gate.request("/any/optional").status == 403
    assert gate.request("/any/optional", sent["allowed"]).body == told("/any/optional", "acme", "allowed")
    assert gate.request("/any/optional", sent["revoked"]).status == 401
    assert gate.request("/any/from-here").body == told("/any/from-here", "", "missing")
    assert gate.request("/any/from-here", sent["revoked"]).body == told("/any/from-here", "", "revoked")


def test_a_dry_run_does_not_pass_satisfy_any(gate, sent):
    assert gate.request("/any/dry_run", sent["allowed"]).status == 403
    assert gate.request("/any/dry_run").status == 403


# A variable


@pytest.mark.parametrize("name", ["on", "off", "optional", "dry_run"])
@pytest.mark.parametrize("result", ["allowed", "missing", "ambiguous", "forged", "revoked"])
def test_a_variables_value_acts_like_the_literal_mode(gate, sent, name, result):
    by_variable = gate.request("/variable", [*sent[result], *mode(name)])
    by_word = gate.request("/api" if name == "on" else f"/{name}", sent[result])

    assert by_variable.status == by_word.status
    assert by_variable.result == by_word.result
    assert by_variable.header("WWW-Authenticate") == by_word.header("WWW-Authenticate")
    if by_word.status == 200:
        assert by_variable.body.partition(" ")[2] == by_word.body.partition(" ")[2]


@pytest.mark.parametrize("name", ["", "OFF", "none", "of", "offf", "variable", "0"])
def test_a_variable_with_an_unknown_value_requires_a_key(gate, sent, name):
    assert gate.request("/variable", mode(name)).status == 401
    assert gate.request("/variable", [*mode(name), *sent["allowed"]]).status == 200
    assert gate.nginx.lines(' [error] ')


def test_an_unknown_value_is_logged_at_most_once_a_second_and_never_shown(gate):
    before, started = len(gate.nginx.lines("http_x_mode")), time.monotonic()

    for _ in range(200):
        gate.request("/variable?key=in-the-line", mode("in-the-value"))

    lines = gate.nginx.lines("http_x_mode")
    assert "[error]" in lines[-1] and '"$http_x_mode"' in lines[-1] and '"/variable"' in lines[-1]
    assert len(lines) - before <= time.monotonic() - started + 2
    assert not gate.nginx.lines("in-the")


def test_a_value_may_be_composed_of_variables(gate, sent):
    assert gate.request("/half", mode("_run")).body == told("/half", "", "missing")
    assert gate.request("/half").status == 401


def test_a_preflight_needs_no_key_where_its_method_says_so(gate, sent):
    preflight = gate.request("/preflight", method="OPTIONS")

    assert (preflight.status, preflight.result) == (200, None)
    assert gate.request("/preflight", sent["revoked"], method="OPTIONS").status == 200
    assert gate.request("/preflight").status == 401
    assert gate.request("/preflight", sent["allowed"]).body == told("/preflight", "acme", "allowed")


def test_a_variable_may_be_set_before_it_is_asked(gate):
    assert gate.request("/set").status == 401
    assert gate.request("/set", method="OPTIONS").status == 200


def test_a_location_inherits_the_variable_and_may_do_without_it(gate, sent):
    assert gate.request("/set/inherits").result == "missing"
    assert gate.request("/set/inherits", sent["revoked"]).status == 401
    assert gate.request("/set/open", sent["revoked"]).result is None


def test_the_variable_is_asked_again_where_a_redirect_leads(gate, sent):
    assert gate.request("/places/public/x").status == 200
    assert gate.request("/places/private/x").status == 401
    assert gate.request("/places/public/moved/x").status == 401
    assert gate.request("/places/private/moved/x").status == 200


def test_the_variable_is_asked_again_where_a_redirect_leads_back_to_its_location(gate, sent):
    assert gate.request("/again/public").status == 401
    assert gate.request("/again/public", sent["allowed"]).body == "private\n"


def test_a_variable_cannot_take_back_what_another_location_has_refused(gate, sent):
    assert gate.request("/from-on", mode("off")).status == 401
    assert gate.request("/from-on", [*sent["allowed"], *mode("off")]).status == 200


def test_a_variable_alone_enables_the_check(sandboxes):
    gate = sandboxes(http=HTTP, server="""
        location /preflight {
            latchkey $preflight;
            proxy_pass http://unix:api.sock;
        }
    """, workers=1)

    assert gate.request("/preflight").status == 401
    assert gate.request("/preflight", key=gate.key()).status == 200
    assert gate.request("/preflight", method="OPTIONS").status == 200


def test_a_server_may_be_protected_by_a_variable_as_a_whole(sandboxes):
    gate = sandboxes(http=HTTP, server="""
        latchkey $by_place;
        location / {
            proxy_pass http://unix:api.sock;
        }
        location /open {
            latchkey off;
            proxy_pass http://unix:api.sock;
        }
    """, workers=1)

    assert [gate.request(target).status for target in ("/", "/public", "/open")] == [401, 200, 200]


# latchkey_verify


def test_a_verify_location_may_be_optional(gate, sent):
    assert gate.request("/verify/optional").status == 204
    assert gate.request("/verify/optional", sent["allowed"]).status == 204
    assert gate.request("/verify/optional", sent["ambiguous"]).status == 400
    assert gate.request("/verify/optional", sent["revoked"]).status == 401


def test_an_optional_check_does_not_pass_auth_request_without_a_key(gate, sent):
    assert gate.request("/asked").body.startswith("/asked organization= ")
    assert gate.request("/asked", sent["allowed"]).body.startswith("/asked organization=acme ")
    assert gate.request("/asked", sent["revoked"]).status == 401


@pytest.mark.parametrize("result", ["allowed", "missing", "ambiguous", *WRONG])
def test_a_verify_location_in_a_dry_run_refuses_nothing(gate, sent, result):
    answer = gate.request("/verify/dry_run", sent[result])

    assert (answer.status, answer.result) == (204, result)


def test_a_verify_location_checks_even_where_the_mode_is_off(gate, sent):
    assert gate.request("/verify/off").status == 401
    assert gate.request("/verify/off", sent["allowed"]).status == 204


def test_a_verify_location_follows_a_variable(gate, sent):
    answers = [gate.request("/verify/variable", mode(name)).status for name in ("on", "optional", "dry_run", "off", "")]

    assert answers == [401, 204, 204, 204, 401]


# Streams


@pytest.fixture
def upstream(gate):
    with StreamingUpstream(gate.nginx.folder / "stream.sock") as server:
        yield server


@pytest.mark.parametrize("target", ["optional/events", "variable/events?mode=on", "variable/events?mode=optional",
                                    "asked/events"])
def test_a_revoked_key_ends_the_requests_that_it_admitted(gate, upstream, target):
    key = gate.key("umbrella")
    with OpenRequest(gate.nginx.gate, f"/stream/{target}", bearer(key)) as request:
        assert request.read_next()

        gate.latchkey.must("revoke", "umbrella", "--yes", as_=OWNER)

        request.wait_until_closed()
        assert not request.is_complete()


@pytest.mark.parametrize("target", ["dry_run/events", "variable/events?mode=dry_run", "variable/events?mode=off",
                                    "from-on/events"])
def test_a_revoked_key_ends_no_request_that_needs_no_key(gate, upstream, target):
    key = gate.key("umbrella")
    with OpenRequest(gate.nginx.gate, f"/stream/{target}", bearer(key)) as request:
        assert request.read_next()

        gate.latchkey.must("revoke", "umbrella", "--yes", as_=OWNER)
        wait_until(lambda: gate.request("/api", key=key).result == "revoked", "the worker has read the record")

        for _ in range(5):
            assert request.read_next()


# What is refused


@pytest.mark.parametrize("directives", [
    "latchkey perhaps;",
    "latchkey '';",
    "latchkey ON;",
    "latchkey dry-run;",
    "latchkey on optional;",
    "latchkey optional; latchkey dry_run;",
    "latchkey $preflight; latchkey off;",
    "if ($preflight) { latchkey on; }",
])
def test_a_wrong_mode_is_refused_with_file_and_line(sandboxes, directives):
    gate = sandboxes(start=False, http=HTTP)
    gate.nginx.configure(server=f"        location / {{ {directives} }}\n")

    code, output = gate.nginx.test()

    (fault,) = [line for line in output.splitlines() if "[emerg]" in line]
    assert code != 0 and "latchkey" in fault + directives
    assert re.search(r"nginx\.conf:\d+$", fault)
    gate.expect(re.escape(fault.partition("[emerg]")[2]))


def test_an_unknown_variable_is_refused(sandboxes):
    gate = sandboxes(start=False)
    gate.nginx.configure(server="        location / { latchkey $nobodys_mode; }\n")
    gate.expect("nobodys_mode")

    code, output = gate.nginx.test()

    assert code != 0 and '"nobodys_mode"' in output
