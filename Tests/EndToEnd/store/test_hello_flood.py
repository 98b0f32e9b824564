"""A server that proves nothing and never ends its handshake: it sends HelloRequest without end."""

import struct
import time

import pytest

from harness import secure_redis
from harness.executable import STORE_UNREACHABLE
from harness.polling import SLACK, wait_until
from harness.store_tls import StoreTLS
from harness.topology import own_tls
from harness.wrong_peers import HandshakeServer

pytestmark = own_tls

# A client ignores HelloRequest during a handshake (RFC 5246, 7.4.1.1). It is 4 zeros: as often as it fits into a record.
HELLO_REQUESTS = bytes(16_384)
RECORDS = 64 * (b"\x16\x03\x03" + struct.pack("!H", len(HELLO_REQUESTS)) + HELLO_REQUESTS)


class HelloFlood(HandshakeServer):
    """begun: how many connections are or were flooded."""

    def __init__(self):
        self.begun = 0
        super().__init__(self.flood)

    def flood(self, connection):
        self.begun += 1
        while True:
            connection.sendall(RECORDS)


@pytest.fixture
def sandbox(sandboxes):
    made = sandboxes(workers=1, tls=StoreTLS, start=False)
    made.expect(r"while connecting to the store")
    return made


def test_a_worker_leaves_a_server_that_floods_the_handshake(sandbox):
    with HelloFlood() as flood:
        sandbox.point_gateways_at(flood.port)
        sandbox.nginx.start()
        wait_until(lambda: flood.begun, "the flood begins")

        for _ in range(20):
            begun = time.monotonic()
            assert sandbox.request("/open").status == 200
            assert time.monotonic() - begun < SLACK

        wait_until(lambda: flood.begun > 4, "the links are given up, and opened again")


def test_a_command_leaves_a_server_that_floods_the_handshake(sandbox):
    with HelloFlood() as flood:
        latchkey = secure_redis.executable(sandbox, f"rediss://127.0.0.1:{flood.port}", f"ca={sandbox.tls.authority.path}")

        result = latchkey.run("gateways", timeout=60)

        assert flood.begun
        assert result.code == STORE_UNREACHABLE
