"""Files of nginx-conf/ that treat organizations differently: tiers, networks, routes."""

import json

import pytest

from harness.example_server import example
from harness.http_client import bearer

# tiers.conf


def in_one_piece(gate, times, key):
    """Statuses of requests that come faster than any limit."""
    with gate.connect() as connection:
        return [answer.status for answer in connection.pipeline([("/", bearer(key))] * times)]


def test_each_tier_has_its_own_limit_and_each_organization_counts_for_itself(sandboxes):
    with example(sandboxes, "tiers.conf") as gate:
        gold, silver, bronze, other = (gate.key(name) for name in ("acme", "umbrella", "initech", "hooli"))

        least = in_one_piece(gate, 100, bronze)
        assert least[:20] == [200] * 20 and 429 in least
        assert in_one_piece(gate, 20, other) == [200] * 20
        middle = in_one_piece(gate, 900, silver)
        assert middle[:200] == [200] * 200 and 429 in middle
        assert in_one_piece(gate, 900, gold) == [200] * 900


def test_a_request_without_a_key_is_refused_and_counted_for_no_tier(sandboxes):
    with example(sandboxes, "tiers.conf") as gate:
        assert in_one_piece(gate, 60, "nonsense") == [401] * 60


# addresses.conf

OFFICE, FACTORY = [("X-Test-Address", "192.0.2.7")], [("X-Test-Address", "198.51.100.7")]
OFFICE_6, ELSEWHERE = [("X-Test-Address", "2001:db8:1::7")], [("X-Test-Address", "203.0.113.7")]


@pytest.fixture
def networks(sandboxes):
    with example(sandboxes, "addresses.conf") as gate:
        yield gate


def test_a_key_is_valid_only_from_the_networks_of_its_organization(networks):
    allowed = {"acme": (OFFICE, OFFICE_6, FACTORY), "umbrella": (FACTORY,), "initech": (OFFICE, OFFICE_6, FACTORY, ELSEWHERE)}
    for organization, places in allowed.items():
        key = networks.key(organization)
        for place in (OFFICE, OFFICE_6, FACTORY, ELSEWHERE):
            answer = networks.request("/", place, key=key)
            if place in places:
                assert (answer.status, answer.body) == (200, f"GET of={organization} keys=")
            else:
                assert (answer.status, json.loads(answer.body)["status"]) == (403, 403)
                assert answer.header("Cache-Control") == "no-store"
                assert answer.header("Content-Type") == "application/problem+json"


def test_names_that_differ_in_capitals_have_different_lists(networks):
    key = networks.key("Umbrella")
    assert networks.request("/", ELSEWHERE, key=key).body == "GET of=Umbrella keys="


def test_without_a_valid_key_the_network_does_not_matter(networks):
    revoked = networks.key("acme")
    networks.revoke("acme")
    for place in (OFFICE, ELSEWHERE):
        assert networks.request("/", place).status == 401
        assert networks.request("/", [*place, ("X-Organization", "initech")], key=revoked).status == 401


# routes.conf


@pytest.fixture
def routes(sandboxes):
    with example(sandboxes, "routes.conf") as gate:
        yield gate


@pytest.mark.parametrize("organization, allowed, refused", [
    ("acme", ["/", "/reports/2026", "/anything", "/status"], []),
    ("umbrella", ["/reports/2026", "/status"], ["/", "/reports", "/other", "/reports/../other", "//status/", "/status/x"]),
    ("initech", ["/reports/2026?page=2", "/status"], ["/", "/other?/reports/", "/%6fther"]),
    ("hooli", ["/status"], ["/", "/reports/2026"]),
    ("acm", ["/status"], ["/"]),
    ("Acme", ["/status"], ["/"]),
])
def test_an_organization_may_use_the_routes_that_a_line_names(routes, organization, allowed, refused):
    key = routes.key(organization)

    assert {routes.request(target, key=key).body for target in allowed} == {f"GET of={organization} keys="}
    for target in refused:
        answer = routes.request(target, key=key)
        assert (answer.status, json.loads(answer.body)["title"]) == (403, "Forbidden"), target


def test_a_line_may_name_methods(routes):
    reader, writer = routes.key("initech"), routes.key("umbrella")

    assert routes.request("/reports/2026", method="POST", key=reader).status == 403
    assert routes.request("/reports/2026", method="POST", key=writer).body == "POST of=umbrella keys="


def test_a_refused_key_gets_401_on_every_route(routes):
    revoked = routes.key("acme")
    routes.revoke("acme")
    for target in ("/", "/status", "/reports/2026"):
        assert routes.request(target, key=revoked).status == 401
        assert routes.request(target).status == 401
