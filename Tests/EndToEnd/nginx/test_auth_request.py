"""The check of a subrequest: `auth_request` to a location with `latchkey_verify`."""

import pytest

from harness.consistency import under_either_consistency
from harness.polling import wait_until
from harness.sandbox import OWNER, SERVER, Sandbox

DIRECT = SERVER + """
        location = /direct {
            latchkey_verify;
        }

        location = /conditional {
            latchkey_verify;
            if ($request_uri) { set $is_true 1; }
        }

        location = /limited {
            latchkey_verify;
            limit_except DELETE { allow all; }
        }

        location = /asks/conditional { auth_request /conditional; proxy_pass http://unix:api.sock; }
        location = /asks/limited { auth_request /limited; proxy_pass http://unix:api.sock; }

        location /uploads {
            client_max_body_size 1m;
            auth_request /small;
            proxy_pass http://unix:api.sock;
        }

        location = /small {
            client_max_body_size 1k;
            latchkey_verify;
            if ($arg_x) {
                set $y 1;
            }
        }

        location = /paged {
            latchkey_verify;
            error_page 400 401 503 =200 /open;
        }

        location = /delayed {
            latchkey_verify;
            auth_delay 1ms;
            error_page 401 = @open;
        }

        location = /worded {
            latchkey_verify;
            error_page 401 /open;
        }

        location @open {
            return 200 'open';
        }

        location /tagged {
            auth_request /check;
            auth_request_set $result $latchkey_result;
            add_header X-Result $result always;
            proxy_pass http://unix:api.sock;
        }
"""


@pytest.fixture(scope="module")
def gate():
    with Sandbox(server=DIRECT, workers=1) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def key(gate):
    return gate.key("acme")


def test_a_key_admits_the_main_request_and_names_its_organization(gate, key):
    answer = gate.request("/checked/page", key=key)

    assert answer.status == 200
    assert answer.body.startswith("/checked/page organization=acme ")


def test_without_a_key_the_challenge_reaches_the_client(gate):
    answer = gate.request("/checked")

    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api"'


@pytest.mark.parametrize("bad", ["nonsense", "forged", "revoked"])
def test_a_bad_key_is_refused(gate, key, bad):
    forge = gate.forge()
    keys = {"forged": forge.forged("acme"), "revoked": forge.issued("acme")}

    answer = gate.request("/checked", key=keys.get(bad, bad))

    assert answer.status == 401
    assert 'error="invalid_token"' in answer.header("WWW-Authenticate")


def test_two_keys_are_refused(gate, key):
    answer = gate.request("/checked", [("X-API-Key", key)], key=key)

    assert answer.status == 401
    assert 'error="invalid_request"' in answer.header("WWW-Authenticate")


def test_the_result_can_be_taken_over(gate, key):
    assert gate.request("/tagged", key=key).result == "allowed"
    assert gate.request("/tagged").result == "missing"


def test_a_revoked_key_is_refused_at_once(gate):
    key = gate.key("umbrella")
    assert gate.status_of(key, "/checked") == 200

    gate.latchkey.must("revoke", "umbrella", "--yes", as_=OWNER)

    assert gate.status_of(key, "/checked") == 401


def test_a_body_that_is_sent_along_is_not_lost(gate, key):
    assert gate.request("/checked", key=key, method="POST", body=b"x" * 300_000).status == 200
    assert gate.request("/checked", method="POST", body=b"x" * 300_000).status == 401


@pytest.mark.parametrize("target", ["/uploads", "/uploads?x=1"])
def test_the_body_that_a_location_takes_is_not_too_large_for_its_check(gate, key, target):
    body = b"x" * 300_000

    assert gate.request(target, key=key, method="POST", body=body).status == 200
    assert gate.request(target, method="POST", body=body).status == 401
    assert gate.request("/small", key=key, method="POST", body=body).status == 204
    assert gate.request("/small", method="POST", body=body).status == 401
    assert gate.request(target, key=key, method="POST", body=b"x" * 1_100_000).status == 413


def test_a_connection_stays_open_after_checks(gate, key):
    with gate.connect() as connection:
        headers = [("Authorization", f"Bearer {key}")]
        statuses = [connection.request("/checked", each).status for each in (headers, (), headers)]

    assert statuses == [200, 401, 200]


def test_another_proxy_may_ask_the_location_directly(gate, key):
    allowed, refused = gate.request("/direct", key=key), gate.request("/direct")

    assert (allowed.status, allowed.body) == (204, "")
    assert refused.status == 401
    assert refused.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert refused.header("Cache-Control") == "no-store"


@pytest.mark.parametrize("location", ["conditional", "limited"])
def test_a_block_of_its_location_is_a_check_as_well(gate, key, location):
    assert [gate.request(f"/{location}", key=each).status for each in (key, "nonsense", None)] == [204, 401, 401]
    assert [gate.request(f"/asks/{location}", key=each).status for each in (key, None)] == [200, 401]


@pytest.mark.parametrize("target", ["/paged", "/delayed"])
def test_no_page_turns_a_refusal_that_another_proxy_asks_for_into_a_success(gate, key, target):
    refused = gate.request(target)

    assert refused.status == 401
    assert refused.header("WWW-Authenticate") == 'Bearer realm="api"'
    assert gate.request(target, key=key).status == 204


def test_a_page_may_word_a_refusal_that_another_proxy_asks_for(gate):
    refused = gate.request("/worded")

    assert (refused.status, refused.body) == (401, "open\n")


def test_an_internal_location_cannot_be_asked_from_outside(gate, key):
    assert gate.request("/check", key=key).status == 404


@under_either_consistency
def test_without_the_store_the_answer_is_never_a_401(sandboxes, consistency):
    gate = sandboxes(workers=1, server=DIRECT, consistency=consistency)
    key = gate.key()
    gate.redis.kill()

    wait_until(lambda: gate.status_of(key, "/checked") >= 500, "the store is missed")

    # What auth_request answers for a failed subrequest, and what a direct request receives.
    assert gate.status_of(key, "/checked") == 500
    assert gate.status_of(key, "/direct") == 503
