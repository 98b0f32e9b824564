"""Where a key may stand in a request, and everything that is no key."""

import pytest

from harness.http_client import bearer
from harness.key_forge import locator, with_checksum
from harness.sandbox import Sandbox

SERVER = """
        location /api {
            latchkey on;
            proxy_pass http://unix:api.sock;
        }

        location = /query {
            latchkey on;
            latchkey_credential query api_key;
            proxy_pass http://unix:api.sock;
        }

        location = /cookie {
            latchkey on;
            latchkey_credential cookie session_key;
            proxy_pass http://unix:api.sock;
        }

        location = /own-header {
            latchkey on;
            latchkey_credential header X-Own;
            proxy_pass http://unix:api.sock;
        }

        location = /everywhere {
            latchkey on;
            latchkey_credential bearer header X-API-Key query api_key cookie session_key;
            proxy_pass http://unix:api.sock;
        }
"""


@pytest.fixture(scope="module")
def gate():
    with Sandbox(server=SERVER, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key("acme")


@pytest.fixture(scope="module")
def replaced(gate):
    old = gate.key("umbrella")
    gate.key("umbrella")
    return old


def outcome(gate, headers=(), target="/api", **options):
    answer = gate.request(target, headers, **options)
    return answer.status, answer.result


ALLOWED = (200, "allowed")
MISSING = (401, "missing")
AMBIGUOUS = (400, "ambiguous")
MALFORMED = (401, "malformed")


# No key at all, or something else

BAD_KEYS = {
    "a word": lambda key: "nonsense",
    "the prefix alone": lambda key: "lk_",
    "one character short": lambda key: key[:-1],
    "one character long": lambda key: key + "0",
    "half of it": lambda key: key[:32],
    "twice in one": lambda key: key + key,
    "two with a comma": lambda key: f"{key},{key}",
    "two with a space": lambda key: f"{key} {key}",
    "64 KiB": lambda key: "k" * 65536,
    "64 KiB that begin with a key": lambda key: key.ljust(65536, "0"),
    "not ASCII": lambda key: key[:20].encode() + "ü".encode() + key[22:].encode(),
    "bytes that are no UTF-8": lambda key: key[:20].encode() + b"\xff\xfe" + key[22:].encode(),
    "a control character": lambda key: key[:20] + "\x01" + key[21:],
    "a tab in it": lambda key: key[:20] + "\t" + key[21:],
    "a wrong checksum": lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
    "letters of the other case": lambda key: key.swapcase(),
    "a prefix of the other case": lambda key: with_checksum("LK" + key[2:-6]),
    "another prefix": lambda key: with_checksum("xk" + key[2:-6]),
    "an environment's prefix": lambda key: with_checksum("lk_live" + key[2:-6]),
    "another separator": lambda key: with_checksum(key[:2] + "-" + key[3:-6]),
    "quoted": lambda key: f'"{key}"',
    "percent-encoded": lambda key: key.replace("_", "%5F"),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_what_is_no_key_is_malformed(gate, key, name):
    text = BAD_KEYS[name](key)

    assert outcome(gate, [("X-API-Key", text)]) == MALFORMED
    authorization = b"Bearer " + (text if isinstance(text, bytes) else text.encode())
    assert outcome(gate, [("Authorization", authorization)]) == MALFORMED


def test_a_key_that_was_never_issued_is_forged(gate, key):
    assert outcome(gate, bearer(gate.forge().forged("acme"))) == (401, "forged")


def test_a_key_under_another_pepper_is_forged(gate, key):
    forge = gate.forge()
    forge.pepper = bytes(32)

    assert outcome(gate, bearer(forge.issued("acme"))) == (401, "forged")


def test_a_wrong_tag_is_forged(gate, key):
    tag = key[-14:-6].swapcase() if key[-14:-6].swapcase() != key[-14:-6] else "0" * 8

    assert outcome(gate, bearer(with_checksum(key[:-14] + tag))) == (401, "forged")


def test_a_key_moved_to_another_organization_is_forged(gate, key):
    moved = with_checksum(f"lk_{locator('umbrella')}_" + key[18:-6])

    assert outcome(gate, bearer(moved)) == (401, "forged")


def test_a_replaced_key_is_revoked(gate, replaced):
    assert outcome(gate, bearer(replaced)) == (401, "revoked")


def test_a_key_of_an_organization_without_record_is_unavailable(gate):
    assert outcome(gate, bearer(gate.forge().issued("nobody"))) == (503, "unavailable")


def test_without_a_credential_it_is_missing(gate):
    assert outcome(gate) == MISSING


def test_another_scheme_is_no_credential(gate, key):
    assert outcome(gate, [("Authorization", "Basic bGs6bGs=")]) == MISSING
    assert outcome(gate, [("Authorization", key)]) == MISSING


def test_a_tab_before_a_value_is_whitespace_wherever_a_key_is_looked_for(gate, key):
    authorization, header = ("Authorization", f"\tBearer {key}"), ("X-API-Key", f"\t{key}")

    assert outcome(gate, [authorization]) == ALLOWED
    assert outcome(gate, [header]) == ALLOWED
    assert outcome(gate, [authorization, header]) == AMBIGUOUS
    assert outcome(gate, [("Cookie", f"\tsession_key={key}")], "/everywhere") == ALLOWED
    assert outcome(gate, [("Cookie", f"a=b;\tsession_key={key}"), header], "/everywhere") == AMBIGUOUS


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "bearer    "])
def test_bearer_with_nothing_behind_it_is_malformed(gate, value):
    assert outcome(gate, [("Authorization", value)]) == MALFORMED


def test_an_empty_header_is_malformed(gate):
    assert outcome(gate, [("X-API-Key", "")]) == MALFORMED


# Good keys


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_bearer_may_be_written_in_any_case(gate, key, scheme):
    assert outcome(gate, [("Authorization", f"{scheme} {key}")]) == ALLOWED


@pytest.mark.parametrize("form", ["Bearer  {}", "Bearer      {}", "  Bearer {}", "Bearer {}   "])
def test_extra_spaces_do_no_harm(gate, key, form):
    assert outcome(gate, [("Authorization", form.format(key))]) == ALLOWED


@pytest.mark.parametrize("name", ["X-API-Key", "x-api-key", "X-Api-KEY"])
def test_the_header_may_be_written_in_any_case(gate, key, name):
    assert outcome(gate, [(name, key)]) == ALLOWED


def test_a_key_beside_another_scheme_is_found(gate, key):
    assert outcome(gate, [("Authorization", "Basic bGs6bGs="), ("X-API-Key", key)]) == ALLOWED


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_every_method_is_checked(gate, key, method):
    assert outcome(gate, method=method) == MISSING
    assert outcome(gate, bearer(key), method=method) == ALLOWED


def test_head_is_checked_and_has_no_body(gate, key):
    refused, allowed = gate.request(method="HEAD"), gate.request(method="HEAD", key=key)

    assert (refused.status, refused.body) == (401, "")
    assert (allowed.status, allowed.body) == (200, "")
    assert refused.header("WWW-Authenticate") == 'Bearer realm="api"'


def test_http_1_0_is_checked(gate, key):
    assert outcome(gate, version="1.0") == MISSING
    assert outcome(gate, bearer(key), version="1.0") == ALLOWED


def test_a_body_reaches_the_api_behind_the_check(gate, key):
    assert outcome(gate, bearer(key), method="POST", body=b"x" * 300_000) == ALLOWED
    assert outcome(gate, method="POST", body=b"x" * 300_000) == MISSING


def test_a_connection_is_used_again_after_a_refusal(gate, key):
    with gate.connect() as connection:
        statuses = [connection.request("/api", headers).status for headers in ((), bearer(key), (), bearer(key))]

    assert statuses == [401, 200, 401, 200]


def test_every_request_of_a_connection_is_checked_by_its_own_key(gate, key, replaced):
    with gate.connect() as connection:
        results = [connection.request("/api", bearer(each)).result for each in (key, replaced, key)]

    assert results == ["allowed", "revoked", "allowed"]


def test_pipelined_requests_are_checked_one_by_one(gate, key):
    with gate.connect() as connection:
        answers = connection.pipeline([("/api", bearer(key)), ("/api", ()), ("/api", bearer(key))])

    assert [answer.status for answer in answers] == [200, 401, 200]


# Two keys


def test_two_places_are_ambiguous_even_with_the_same_key(gate, key):
    assert outcome(gate, [*bearer(key), ("X-API-Key", key)]) == AMBIGUOUS


def test_a_good_key_beside_a_bad_one_is_ambiguous(gate, key):
    assert outcome(gate, [*bearer(key), ("X-API-Key", "nonsense")]) == AMBIGUOUS
    assert outcome(gate, [*bearer("nonsense"), ("X-API-Key", key)]) == AMBIGUOUS
    assert outcome(gate, [*bearer(key), ("X-API-Key", "")]) == AMBIGUOUS


def test_a_header_twice_is_ambiguous(gate, key):
    assert outcome(gate, [("X-API-Key", key), ("X-API-Key", key)]) == AMBIGUOUS
    assert outcome(gate, [("X-API-Key", key), ("x-api-key", "")]) == AMBIGUOUS


def test_authorization_twice_is_a_bad_request(gate):
    # nginx up to 1.22 refuses this itself, and writes both lines to its log at level info.
    assert gate.request(headers=[*bearer("one"), *bearer("other")]).status == 400


# Other places


def test_a_key_may_stand_in_the_query(gate, key):
    assert outcome(gate, target=f"/query?api_key={key}") == ALLOWED
    assert outcome(gate, target=f"/query?a=b&api_key={key}&c=d") == ALLOWED
    assert outcome(gate, target="/query?api_key=") == MALFORMED
    assert outcome(gate, target="/query?api_key=nonsense") == MALFORMED
    assert outcome(gate, target=f"/query?xapi_key={key}") == MISSING
    assert outcome(gate, target="/query") == MISSING


def test_a_key_twice_in_the_query_is_ambiguous(gate, key):
    assert outcome(gate, target=f"/query?api_key={key}&api_key={key}") == AMBIGUOUS
    assert outcome(gate, target=f"/query?api_key={key}&api_key=") == AMBIGUOUS


def test_a_key_may_stand_in_a_cookie(gate, key):
    assert outcome(gate, [("Cookie", f"session_key={key}")], "/cookie") == ALLOWED
    assert outcome(gate, [("Cookie", f"a=b; session_key={key}; c=d")], "/cookie") == ALLOWED
    assert outcome(gate, [("Cookie", "session_key=")], "/cookie") == MALFORMED
    assert outcome(gate, [("Cookie", f"xsession_key={key}")], "/cookie") == MISSING
    assert outcome(gate, target="/cookie") == MISSING


def test_a_key_twice_in_cookies_is_ambiguous(gate, key):
    twice = f"session_key={key}; session_key={key}"

    assert outcome(gate, [("Cookie", twice)], "/cookie") == AMBIGUOUS
    assert outcome(gate, [("Cookie", f"session_key={key}")] * 2, "/cookie") == AMBIGUOUS


def test_a_header_of_ones_own_takes_the_place_of_the_usual_ones(gate, key):
    assert outcome(gate, [("X-Own", key)], "/own-header") == ALLOWED
    assert outcome(gate, [("X-API-Key", key)], "/own-header") == MISSING
    assert outcome(gate, bearer(key), "/own-header") == MISSING


PLACES = {
    "bearer": lambda key: (bearer(key), ""),
    "header": lambda key: ([("X-API-Key", key)], ""),
    "query": lambda key: ([], f"?api_key={key}"),
    "cookie": lambda key: ([("Cookie", f"session_key={key}")], ""),
}


@pytest.mark.parametrize("first", PLACES)
@pytest.mark.parametrize("second", PLACES)
def test_of_many_places_only_one_may_hold_a_key(gate, key, first, second):
    headers, query = PLACES[first](key)
    if first == second:
        assert outcome(gate, headers, f"/everywhere{query}") == ALLOWED
        return
    more, more_query = PLACES[second](key)

    assert outcome(gate, headers + more, f"/everywhere{query or more_query}") == AMBIGUOUS


# The limits of nginx itself


def test_a_header_above_the_limits_of_nginx_is_refused_by_nginx(gate, key):
    assert gate.request(headers=[("X-API-Key", "k" * 300_000)]).status == 400


def test_a_byte_0_in_a_header_is_refused_by_nginx(gate, key):
    assert gate.request(headers=[("X-API-Key", key[:20].encode() + b"\0" + key[21:].encode())]).status == 400
