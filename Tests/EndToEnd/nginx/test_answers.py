"""The answer to a refused client, and the log lines for the operator."""

import json

import pytest

from harness.consistency import LEASED, STRICT, under_either_consistency
from harness.key_forge import locator
from harness.polling import wait_until
from harness.sandbox import SERVER, Sandbox

REALMS = SERVER + """
        location = /realm {
            latchkey on;
            latchkey_realm "partners of acme";
            proxy_pass http://unix:api.sock;
        }

        location = /own-header {
            latchkey on;
            latchkey_credential header X-Own;
            proxy_pass http://unix:api.sock;
        }
"""

OTHER_SCHEME = "An API key is required. The Authorization header lacks the Bearer scheme: send Authorization: Bearer KEY."


SOURCES = {LEASED: "cache", STRICT: "store"}


@pytest.fixture(scope="module", params=[LEASED, STRICT])
def gate(request):
    with Sandbox(server=REALMS, workers=1, consistency=request.param) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def source(gate):
    """The source that decides on a key that the worker has seen before."""
    return SOURCES[gate.consistency]


@pytest.fixture(scope="module")
def keys(gate):
    """A key for each result that a single key can have."""
    gate.add("late")
    expired = gate.latchkey.generate("late", "--expires-in", "1s", as_="alice")
    revoked = gate.key("acme")
    allowed = gate.key("acme")
    gate.warm(allowed)
    wait_until(lambda: gate.request(key=expired).result == "expired", "the key expires")
    forge = gate.forge()
    return {
        "allowed": allowed,
        "malformed": "nonsense",
        "forged": forge.forged("acme"),
        "revoked": revoked,
        "expired": expired,
    }


def problem(title, status, detail):
    return json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": detail}, separators=(",", ":")
    ) + "\n"


def described(answer):
    """The parts of an answer that could differ between two refusals."""
    changing = {"date", "x-result", "x-source", "connection"}
    return answer.status, [pair for pair in answer.headers if pair[0].lower() not in changing], answer.body


def test_a_request_without_a_key_is_challenged(gate):
    answer = gate.request()

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.header("Retry-After") is None
    assert answer.body == problem("Unauthorized", 401, "An API key is required.")


@pytest.mark.parametrize("value", ["{}", "Token {}", "ApiKey {}", "Basic bGs6bGs=", "Bearer={}", "{}, Bearer"])
def test_a_header_without_the_bearer_scheme_is_explained(gate, keys, value):
    answers = [
        gate.request(headers=[("Authorization", value.format(keys[result]))])
        for result in ("allowed", "malformed", "forged", "revoked", "expired")
    ]

    assert (answers[0].status, answers[0].result) == (401, "missing")
    assert answers[0].header("WWW-Authenticate") == 'Bearer realm="api"'
    assert answers[0].body == problem("Unauthorized", 401, OTHER_SCHEME)
    assert all(described(answer) == described(answers[0]) for answer in answers)


def test_without_bearer_as_a_source_its_header_is_no_fault(gate, keys):
    answer = gate.request("/own-header", [("Authorization", keys["allowed"])])

    assert answer.body == problem("Unauthorized", 401, "An API key is required.")


def test_an_ambiguous_request_is_a_bad_request(gate, keys):
    answer = gate.request(headers=[("X-API-Key", keys["allowed"])], key=keys["allowed"])

    assert answer.status == 400
    challenge = answer.header("WWW-Authenticate")
    assert challenge.startswith('Bearer realm="api"') and 'error="invalid_request"' in challenge
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.body == problem("Bad Request", 400, "More than one API key was sent.")


@pytest.mark.parametrize("result", ["malformed", "forged", "revoked", "expired"])
def test_an_invalid_key_is_refused_as_such(gate, keys, result):
    answer = gate.request(key=keys[result])

    assert answer.result == result
    assert answer.status == 401
    challenge = answer.header("WWW-Authenticate")
    assert challenge.startswith('Bearer realm="api"') and 'error="invalid_token"' in challenge
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.body == problem("Unauthorized", 401, "The API key is not valid.")


def test_all_invalid_keys_get_the_same_answer(gate, keys):
    answers = [described(gate.request(key=keys[result])) for result in ("malformed", "forged", "revoked", "expired")]

    assert all(answer == answers[0] for answer in answers)


def test_an_allowed_answer_carries_nothing_of_a_refusal(gate, keys):
    answer = gate.request(key=keys["allowed"])

    assert answer.header("WWW-Authenticate") is None
    assert answer.header("Cache-Control") is None


def test_the_realm_can_be_named(gate):
    assert gate.request("/realm").header("WWW-Authenticate") == 'Bearer realm="partners of acme"'


@under_either_consistency
def test_an_unreachable_store_is_not_blamed_on_the_key(sandboxes, consistency):
    gate = sandboxes(workers=1, consistency=consistency)
    key = gate.key()
    gate.redis.kill()

    answer = wait_until(lambda: not_allowed(gate.request(key=key)), "the store is missed")

    assert (answer.status, answer.result) == (503, "unavailable")
    assert answer.header("WWW-Authenticate") is None
    assert int(answer.header("Retry-After")) > 0
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.body == problem("Service Unavailable", 503, "API keys cannot be checked at the moment.")


def not_allowed(answer):
    return answer if answer.status != 200 else None


@under_either_consistency
def test_without_the_store_no_key_is_taken_for_a_wrong_one(sandboxes, consistency):
    gate = sandboxes(workers=1, consistency=consistency)
    key = gate.key()
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key) == 503, "the store is missed")

    assert gate.request(key=gate.forge().issued("nobody")).result == "unavailable"
    assert gate.request(key=gate.forge().forged("acme")).result == "forged"
    assert gate.request(key="nonsense").result == "malformed"
    assert gate.request().result == "missing"


# Variables


def access_line(gate, uri, **request):
    """What the access log says of one request, of whose URI there is no other."""
    gate.request(uri, **request)
    return wait_until(
        lambda: [line for line in gate.nginx.access_log().splitlines() if f" {uri} " in line], "the log has a line"
    )[0]


def test_the_log_names_the_organization(gate, keys, source):
    line = access_line(gate, "/api/log/allowed", key=keys["allowed"])

    locator_ = locator("acme")
    assert line == f"GET /api/log/allowed 200 result=allowed organization=acme locator={locator_} source={source}"


@pytest.mark.parametrize("result, organization", [("revoked", "acme"), ("expired", "late")])
def test_the_log_names_the_organization_of_an_earlier_key(gate, keys, source, result, organization):
    line = access_line(gate, f"/api/log/{result}", key=keys[result])

    assert line == (
        f"GET /api/log/{result} 401 result={result} organization=- locator={locator(organization)} source={source}"
    )


@pytest.mark.parametrize("result", ["malformed", "forged"])
def test_the_log_names_no_organization_for_a_key_that_was_never_issued(gate, keys, result):
    line = access_line(gate, f"/api/log/{result}", key=keys[result])

    assert line == f"GET /api/log/{result} 401 result={result} organization=- locator=- source=-"


def test_the_log_shows_requests_without_a_key(gate, keys):
    assert "result=missing organization=- locator=- source=-" in access_line(gate, "/api/log/missing")

    headers = [("X-API-Key", keys["allowed"])]
    line = access_line(gate, "/api/log/ambiguous", headers=headers, key=keys["allowed"])
    assert "result=ambiguous organization=- locator=- source=-" in line


def test_without_a_check_the_variables_are_empty(gate, keys):
    assert gate.request("/open", key=keys["allowed"]).result is None


def test_a_client_cannot_set_its_organization_for_the_api(gate, keys):
    forged = [("X-Organization", "umbrella"), ("X-Result", "allowed")]

    assert gate.request(headers=forged, key=keys["allowed"]).body == "/api organization=acme result=allowed\n"
