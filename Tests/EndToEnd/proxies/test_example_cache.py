"""nginx-conf/cache.conf: a cache that keeps organizations apart."""

from harness.example_server import example


def test_each_organization_gets_its_own_answers_from_the_cache_and_a_revoked_key_none(sandboxes):
    cached = ("location / {\n", "location / {\n add_header X-Cache $upstream_cache_status;\n")
    with example(sandboxes, "cache.conf", changes=[cached]) as gate:
        keys = {name: gate.key(name) for name in ("acme", "umbrella")}
        for state in ("MISS", "HIT"):
            for name, key in keys.items():
                answer = gate.request("/page?size=3", key=key)
                assert (answer.body, answer.header("X-Cache")) == (f"GET of={name} keys=", state)

        gate.revoke("acme")
        assert gate.request("/page?size=3", key=keys["acme"]).status == 401
        assert gate.request("/page?size=3").status == 401
