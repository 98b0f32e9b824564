"""What the error log says of connections to the store: every reason, and no more than a line a second."""

from collections import Counter

import pytest

from harness.dns_server import DNSServer
from harness.polling import wait_until
from harness.redis_server import free_port
from harness.topology import one_redis
from harness.wire_tap import WireTap
from harness.wrong_peers import HandshakeServer, closing

pytestmark = one_redis("these tests make stores of their own")

# A worker looks for a cluster on three connections, and tries all servers in turn on each.
SEEDS = 4


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1, tcp=True, tls=None, start=False)


def name_store(gate, store):
    """The gateway reaches this store; the executable reaches the real one."""
    settings = gate.folder / "gateway.conf"
    own = [line for line in gate.config.read_text().splitlines() if not line.startswith("latchkey_store ")]
    settings.write_text("\n".join([*own, f"latchkey_store {store};", ""]))
    gate.nginx.configure(settings=settings)


def test_lookups_that_fail_at_once_have_one_line_a_second(gate):
    with DNSServer(store="127.0.0.1") as names, WireTap(gate.redis.port) as tap:
        gate.nginx.configure(http=names.resolver)
        name_store(gate, f"redis://store.test:{tap.port}")
        gate.nginx.start()
        gate.wait_for_members()
        wait_until(names.is_forgotten, "nginx has forgotten the answer")
        del names.names["store"]
        made = len(tap.conversations)

        tap.cut()

        wait_until(lambda: len(tap.conversations) >= made + 2, "both links are connected again")
        lines = gate.nginx.lines("could not be looked up")
        assert max(Counter(line.split(" [")[0] for line in lines).values()) == 1


def test_each_server_that_is_tried_in_place_of_another_has_its_line(gate):
    seeds = [f"127.0.0.1:{free_port()}" for _ in range(SEEDS)]
    name_store(gate, f"cluster://{','.join(seeds)}")

    gate.nginx.start()

    for seed in seeds:
        wait_until(lambda: gate.nginx.lines(f"connect() to {seed} failed"), "the log says why")


def test_a_sentinel_that_ends_a_connection_without_an_error_may_have_one_later(gate):
    with HandshakeServer(closing) as sentinel:
        name_store(gate, f"sentinel://127.0.0.1:{sentinel.port}/main")
        gate.nginx.start()
        wait_until(lambda: sentinel.received, "the gateway has asked")
        wait_until(lambda: gate.nginx.lines("names no primary"), "the connection was lost")

    # A connection that it had not accepted is reset.
    wait_until(lambda: gate.nginx.lines(" failed (111: ") or gate.nginx.lines(" failed (104: "), "the log says why")
