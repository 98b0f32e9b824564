"""nginx-conf/graphql.conf with a real GraphQL server behind it and gql, a client in wide use, before it."""

import json

import pytest

from harness.example_server import example
from harness.graphql_programs import GraphQLServer, Question, answer_to, install_packages
from harness.http_client import bearer
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET

QUERY = "{ organization keys }"
CALLER, TICKS = "subscription { organization }", "subscription { ticks }"


@pytest.fixture(scope="module", autouse=True)
def packages():
    install_packages()


@pytest.fixture
def gate(sandboxes):
    with example(sandboxes, "graphql.conf", upstream="graphql.sock") as server:
        with GraphQLServer(server.nginx.upstream):
            yield server


@pytest.fixture
def socket(gate):
    return gate.nginx.gate


def test_a_query_is_answered_to_the_organization_and_the_key_ends_at_the_gateway(gate, socket):
    key = gate.key("acme")

    assert answer_to("http", socket, QUERY, bearer(key)) == {"data": {"organization": "acme", "keys": ""}}
    assert answer_to("http", socket, QUERY, [("X-API-Key", key)]) == {"data": {"organization": "acme", "keys": ""}}


@pytest.mark.parametrize("headers, message", [
    ([], "An API key is required."), (bearer("nonsense"), "The API key is not valid."),
])
def test_a_refusal_is_an_error_of_graphql_to_the_client(socket, headers, message):
    (error,) = answer_to("http", socket, QUERY, headers)["errors"]

    assert error == {"message": message, "extensions": {"code": "UNAUTHENTICATED"}}


def test_an_outage_is_an_error_of_graphql_too_and_another_one(gate, socket):
    key = gate.key("acme")
    gate.expect(NO_SOCKET)
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key, "/graphql") == 503, "the store is missed")

    (error,) = answer_to("http", socket, QUERY, bearer(key))["errors"]

    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}


def test_a_subscription_continues_until_its_key_is_revoked(gate, socket):
    key, other = gate.key("acme"), gate.key("umbrella")
    assert answer_to("websocket", socket, CALLER, bearer(key)) == {"data": {"organization": "acme"}}
    with Question("websocket", socket, TICKS, bearer(key)) as mine, \
            Question("websocket", socket, TICKS, bearer(other)) as theirs:
        assert [mine.next_data()["ticks"] for _ in range(3)] == [0, 1, 2]
        assert theirs.next_data() == {"ticks": 0}

        gate.revoke("acme")

        assert "lost" in mine.last()
        assert [theirs.next_data()["ticks"] for _ in range(20)] == list(range(1, 21))


@pytest.mark.parametrize("headers, message", [
    ([], "An API key is required."), (bearer("nonsense"), "The API key is not valid."),
])
def test_the_handshake_of_a_subscription_is_refused_with_401(socket, headers, message):
    refused = answer_to("websocket", socket, TICKS, headers)

    assert refused["status"] == 401
    assert refused["challenge"].startswith('Bearer realm="api"')
    assert json.loads(refused["body"])["errors"][0]["message"] == message


def test_a_revoked_key_starts_no_new_subscription(gate, socket):
    key = gate.key("acme")
    gate.revoke("acme")

    assert answer_to("websocket", socket, TICKS, bearer(key))["status"] == 401
