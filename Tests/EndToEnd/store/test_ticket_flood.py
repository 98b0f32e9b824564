"""A server that is trusted, and sends session tickets without end: neither workers nor commands are kept busy by it."""

import pytest

from harness import secure_redis
from harness.executable import STORE_UNREACHABLE
from harness.polling import wait_until
from harness.store_tls import StoreTLS
from harness.ticket_flood import TicketFlood
from harness.topology import own_tls

pytestmark = own_tls


@pytest.fixture
def sandbox(sandboxes):
    made = sandboxes(workers=1, tls=StoreTLS, start=False)
    made.expect(r"while (connecting|talking) to the store")
    return made


def test_a_worker_leaves_a_server_that_only_sends_tickets(sandbox):
    with TicketFlood(sandbox.tls.certificate, sandbox.folder) as flood:
        sandbox.point_gateways_at(flood.port)
        sandbox.nginx.start()

        wait_until(lambda: flood.begun, "the worker shakes hands")
        wait_until(lambda: flood.ended, "the worker ends the connection")

        assert sandbox.request("/open").status == 200
    assert not sandbox.nginx.lines("decryption failed"), "what was sent were no tickets"


def test_a_command_leaves_a_server_that_only_sends_tickets(sandbox):
    with TicketFlood(sandbox.tls.certificate, sandbox.folder) as flood:
        latchkey = secure_redis.executable(sandbox, f"rediss://127.0.0.1:{flood.port}", f"ca={sandbox.tls.authority.path}")

        result = latchkey.run("gateways", timeout=60)

        assert flood.begun
        assert result.code == STORE_UNREACHABLE
