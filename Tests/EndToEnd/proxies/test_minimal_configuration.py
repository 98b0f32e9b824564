"""nginx-conf/minimal.conf, run unchanged but for its paths and addresses."""

from harness.example_server import example
from harness.http_client import bearer


def test_it_admits_only_requests_with_a_key_and_passes_no_key_on(sandboxes):
    with example(sandboxes, "minimal.conf") as gate:
        key = gate.key("acme")

        for headers in (bearer(key), [("X-API-Key", key)]):
            response = gate.request("/", headers)
            assert (response.status, response.body) == (200, "GET of=acme keys=")
        assert gate.request("/").status == 401
        assert gate.request("/", [("X-Organization", "acme")]).status == 401
