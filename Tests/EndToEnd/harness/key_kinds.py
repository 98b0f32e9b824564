"""Requests for every result that a check can have."""

from harness.http_client import bearer
from harness.polling import wait_until

WRONG = ("malformed", "forged", "revoked", "expired")


def headers_by_result(gate, target="/api"):
    """The headers that a client sends, for each result but `unavailable`; `target` shows when a key has expired."""
    gate.add("late")
    expired = gate.latchkey.generate("late", "--expires-in", "1s", as_="alice")
    revoked = gate.key("acme")
    allowed = gate.key("acme")
    wait_until(lambda: gate.request(target, key=expired).result == "expired", "the key expires")
    return {
        "allowed": bearer(allowed),
        "missing": [],
        "ambiguous": [*bearer(allowed), ("X-API-Key", allowed)],
        "malformed": bearer("nonsense"),
        "forged": bearer(gate.forge().forged("acme")),
        "revoked": bearer(revoked),
        "expired": bearer(expired),
    }
