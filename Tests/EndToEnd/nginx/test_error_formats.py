"""The words of a refusal: `latchkey_error_format problem | graphql | plain`."""

import json
import re

import pytest

from harness import curl
from harness.http_client import bearer
from harness.key_kinds import WRONG, headers_by_result
from harness.polling import wait_until
from harness.sandbox import Sandbox

LOCATIONS = """
        location /problem {
            latchkey on;
            latchkey_error_format problem;
            proxy_pass http://unix:api.sock;
        }

        location /graphql {
            latchkey on;
            latchkey_error_format graphql;
            proxy_pass http://unix:api.sock;

            location /graphql/plain {
                latchkey_error_format plain;
                proxy_pass http://unix:api.sock;
            }

            location /graphql/inherited {
                proxy_pass http://unix:api.sock;
            }
        }

        location /plain {
            latchkey on;
            latchkey_error_format plain;
            proxy_pass http://unix:api.sock;
        }

        location /api {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location /page/graphql {
            latchkey on;
            latchkey_error_format graphql;
            error_page 400 401 503 /page.txt;
            proxy_pass http://unix:api.sock;
        }

        location /page/plain {
            latchkey on;
            latchkey_error_format plain;
            error_page 400 401 503 /page.txt;
            proxy_pass http://unix:api.sock;
        }

        location = /page.txt {
            return 200 'a page of ours\\n';
        }

        location = /verify {
            latchkey_verify;
            latchkey_error_format graphql;
        }
"""

SERVER = LOCATIONS + """
    }

    server {
        listen unix:h2.sock http2;
""" + LOCATIONS

GRAPHQL_RESPONSE = "application/graphql-response+json"

FORMATS = ["problem", "graphql", "plain"]
REFUSED = ["missing", "ambiguous", *WRONG]

DETAILS = {
    "missing": "An API key is required.",
    "another scheme": "An API key is required. The Authorization header lacks the Bearer scheme: "
                      "send Authorization: Bearer KEY.",
    "ambiguous": "More than one API key was sent.",
    "unavailable": "API keys cannot be checked at the moment.",
} | {result: "The API key is not valid." for result in WRONG}

CODES = {401: "UNAUTHENTICATED", 400: "BAD_REQUEST", 503: "SERVICE_UNAVAILABLE"}

TYPES = {"problem": "application/problem+json", "graphql": "application/json", "plain": "text/plain"}


@pytest.fixture(scope="module")
def gate():
    with Sandbox(server=SERVER, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def sent(gate):
    return headers_by_result(gate)


@pytest.fixture(scope="module")
def outage():
    """A gateway without a store, and a key that was good before."""
    with Sandbox(server=SERVER, workers=1) as sandbox:
        key = sandbox.key()
        sandbox.redis.kill()
        wait_until(lambda: sandbox.status_of(key) == 503, "the store is missed")
        yield sandbox, bearer(key)


def graphql(result, status):
    return {"errors": [{"message": DETAILS[result], "extensions": {"code": CODES[status]}}]}


def asserts_words(answer, form, result):
    """Asserts that a refusal is in a format, with the expected content."""
    assert answer.header("Content-Type") == TYPES[form]
    assert answer.header("Cache-Control") == "no-store"
    if form == "plain":
        assert answer.body == DETAILS[result] + "\n"
    elif form == "graphql":
        assert json.loads(answer.body) == graphql(result, answer.status)
    else:
        body = json.loads(answer.body)
        assert (body["status"], body["detail"]) == (answer.status, DETAILS[result])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("result", REFUSED)
def test_a_refusal_is_in_the_configured_format(gate, sent, form, result):
    answer, by_default = gate.request(f"/{form}", sent[result]), gate.request("/api", sent[result])

    asserts_words(answer, form, result)
    assert answer.result == result
    assert answer.status == by_default.status == (400 if result == "ambiguous" else 401)
    assert answer.header("WWW-Authenticate") == by_default.header("WWW-Authenticate") is not None
    assert answer.header("Retry-After") is None


@pytest.mark.parametrize("form", FORMATS)
def test_an_outage_is_reported_in_the_configured_format(outage, form):
    gate, headers = outage

    answer = gate.request(f"/{form}", headers)

    asserts_words(answer, form, "unavailable")
    assert answer.status == 503
    assert int(answer.header("Retry-After")) > 0
    assert answer.header("WWW-Authenticate") is None


@pytest.mark.parametrize("form", FORMATS)
def test_a_missing_scheme_is_reported_in_the_configured_format(gate, form):
    asserts_words(gate.request(f"/{form}", [("Authorization", "nonsense")]), form, "another scheme")


def test_a_problem_is_the_default(gate):
    asserts_words(gate.request("/api"), "problem", "missing")


def test_a_location_inherits_the_format_or_names_its_own(gate):
    asserts_words(gate.request("/graphql/inherited"), "graphql", "missing")
    asserts_words(gate.request("/graphql/plain"), "plain", "missing")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("result", ["missing", "revoked"])
def test_head_gets_the_same_headers_and_no_body(gate, sent, form, result):
    # The first request has the record cached, so that both answers name the same source.
    _, got, head = (gate.request(f"/{form}", sent[result], method=method) for method in ("GET", "GET", "HEAD"))

    assert (head.status, head.body) == (got.status, "")
    assert without_date(head) == without_date(got)
    assert int(head.header("Content-Length")) == len(got.body)


def without_date(answer):
    return [pair for pair in answer.headers if pair[0].lower() != "date"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_body_that_was_sent_is_read_and_the_connection_goes_on(gate, sent, form):
    with gate.connect() as connection:
        refused = connection.request(f"/{form}", method="POST", body=b"x" * 100_000)
        allowed = connection.request(f"/{form}", sent["allowed"], method="POST", body=b"{}")

    assert (refused.status, allowed.status) == (401, 200)


@pytest.mark.parametrize("form", FORMATS)
def test_http_2_gets_the_same_words(gate, sent, form):
    answer = curl.http2(gate.nginx.folder / "h2.sock", f"/{form}", sent["revoked"])

    asserts_words(answer, form, "revoked")
    assert answer.status == 401


@pytest.mark.parametrize("form", ["graphql", "plain"])
def test_a_page_of_ones_own_takes_the_place_of_every_format(gate, outage, sent, form):
    store_is_gone, headers = outage

    answers = [gate.request(f"/page/{form}", sent["missing"]), gate.request(f"/page/{form}", sent["ambiguous"]),
               store_is_gone.request(f"/page/{form}", headers)]

    assert [answer.status for answer in answers] == [401, 400, 503]
    assert all(answer.body == "a page of ours\n" for answer in answers)
    assert all(answer.header("Cache-Control") == "no-store" for answer in answers)
    assert answers[0].header("WWW-Authenticate") == 'Bearer realm="api"'


def test_a_verify_location_answers_in_its_format(gate, sent):
    asserts_words(gate.request("/verify"), "graphql", "missing")
    assert gate.request("/verify", sent["allowed"]).status == 204


# GraphQL over HTTP: which type the client understands


@pytest.mark.parametrize("accept", [
    GRAPHQL_RESPONSE,
    f"{GRAPHQL_RESPONSE}, application/json",
    f"application/json;q=0.9,{GRAPHQL_RESPONSE}",
    f"{GRAPHQL_RESPONSE};charset=utf-8, application/json;charset=utf-8",
    f"application/json , \t{GRAPHQL_RESPONSE} ; q=0.5",
    "Application/GraphQL-Response+JSON",
    f"{GRAPHQL_RESPONSE};q=0.001",
    f",,{GRAPHQL_RESPONSE},",
])
def test_a_client_that_names_the_type_of_graphql_gets_it(gate, accept):
    answer = gate.request("/graphql", [("Accept", accept)])

    assert answer.header("Content-Type") == GRAPHQL_RESPONSE
    assert (answer.status, json.loads(answer.body)) == (401, graphql("missing", 401))


@pytest.mark.parametrize("accept", [
    "",
    "*/*",
    "application/*",
    "application/json",
    "application/graphql+json",
    f"{GRAPHQL_RESPONSE}s",
    f"x{GRAPHQL_RESPONSE}",
    f"application/json;x={GRAPHQL_RESPONSE}",
    f"{GRAPHQL_RESPONSE};q=0, application/json",
    f"{GRAPHQL_RESPONSE} ; Q=0.000",
    ",",
    ";",
    GRAPHQL_RESPONSE[:-1],
])
def test_other_clients_get_json(gate, accept):
    answer = gate.request("/graphql", [("Accept", accept)])

    assert answer.header("Content-Type") == "application/json"


def test_the_type_may_be_named_in_any_accept_header(gate):
    headers = [("X-First", "1"), ("Accept", "application/json"), ("accept", GRAPHQL_RESPONSE)]

    assert gate.request("/graphql", headers).header("Content-Type") == GRAPHQL_RESPONSE


def test_accept_changes_nothing_in_other_formats(gate):
    for form in ("problem", "plain"):
        answer = gate.request(f"/{form}", [("Accept", GRAPHQL_RESPONSE)])

        assert answer.header("Content-Type") == TYPES[form]


@pytest.mark.parametrize("directives", [
    "latchkey_error_format;",
    "latchkey_error_format html;",
    "latchkey_error_format problem plain;",
    "latchkey_error_format plain; latchkey_error_format plain;",
])
def test_a_wrong_format_is_refused_with_file_and_line(sandboxes, directives):
    gate = sandboxes(start=False)
    gate.nginx.configure(server=f"        location / {{ latchkey on; {directives} }}\n")

    code, output = gate.nginx.test()

    (fault,) = [line for line in output.splitlines() if "[emerg]" in line]
    assert code != 0
    assert re.search(r'latchkey_error_format".*nginx\.conf:\d+$|"html" in .*nginx\.conf:\d+$', fault)
    gate.expect(re.escape(fault.partition("[emerg]")[2]))
