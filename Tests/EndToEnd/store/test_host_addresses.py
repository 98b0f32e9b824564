"""A store whose name has several addresses, the first of which does not answer, or answers nothing useful."""

import socket
import subprocess
from contextlib import ExitStack, contextmanager

import pytest

from harness.artefacts import NGINX
from harness.executable import clean_environment
from harness.fake_redis import PONG, read_command
from harness.libraries import compiled
from harness.polling import wait_until
from harness.redis_server import free_port
from harness.sandbox import OWNER
from harness.secure_redis import executable
from harness.threaded_server import Server

TWO_ADDRESSES = """
#include <netdb.h>
#include <arpa/inet.h>
#include <netinet/in.h>

static struct sockaddr_in addresses[2];
static struct addrinfo list[2];

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **result) {
    in_addr_t hosts[2] = { HOSTS };
    int ports[2] = { PORTS };
    if (hints->ai_flags & AI_NUMERICHOST) return EAI_NONAME;
    for (int i = 0; i < 2; i++) {
        addresses[i].sin_family = AF_INET;
        addresses[i].sin_port = htons(ports[i]);
        addresses[i].sin_addr.s_addr = hosts[i];
        list[i].ai_family = AF_INET;
        list[i].ai_socktype = SOCK_STREAM;
        list[i].ai_addr = (struct sockaddr *) &addresses[i];
        list[i].ai_addrlen = sizeof(addresses[i]);
        list[i].ai_next = i ? 0 : &list[1];
    }
    *result = list;
    return 0;
}

void freeaddrinfo(struct addrinfo *first) {}
"""


@contextmanager
def silent_port(host="127.0.0.1", port=None):
    """A port whose system drops what asks for a connection, as firewalls do: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port or free_port()))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def two_addresses(folder, *addresses):
    """A library that gives these two addresses to every name."""
    hosts = ",".join(f'inet_addr("{host}")' for host, _ in addresses)
    ports = ",".join(str(port) for _, port in addresses)
    return compiled(folder / "addresses.so", TWO_ADDRESSES, f"-DHOSTS={hosts}", f"-DPORTS={ports}")


def test_a_silent_address_leaves_time_for_the_next_one(sandboxes, tmp_path):
    sandbox = sandboxes(gateways=0, tcp=True, tls=None)
    sandbox.add()
    latchkey = executable(sandbox, "redis://store.test")
    with silent_port() as silent:
        library = two_addresses(tmp_path, ("127.0.0.1", silent), ("127.0.0.1", sandbox.redis.port))
        environment = {**clean_environment(), "LD_PRELOAD": str(library)}

        result = subprocess.run(latchkey.command("org", "list"), env=environment, capture_output=True, text=True, timeout=60)

    assert (result.returncode, result.stdout) == (0, f"acme\t{OWNER}\n"), result.stderr


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1, tcp=True, tls=None, start=False)


def lead_elsewhere_first(sandbox, folder):
    """From now on the store has a name whose first address is 127.0.0.2."""
    port = sandbox.redis.port
    # nginx takes the port from the configuration.
    library = two_addresses(folder, ("127.0.0.2", port), ("127.0.0.1", port))
    sandbox.add_settings(f"latchkey_store redis://store.test:{port};")
    sandbox.nginx.program = ("env", f"LD_PRELOAD={library}", NGINX)


def test_a_gateway_leaves_a_silent_address_for_the_next_one(gate, tmp_path):
    key = gate.key()
    lead_elsewhere_first(gate, tmp_path)
    with silent_port("127.0.0.2", gate.redis.port):
        gate.nginx.start()

        wait_until(lambda: gate.status_of(key) == 200, "the next address is used", 10)


def loads_for_ever(connection, stream):
    while read_command(stream):
        connection.sendall(b"-LOADING Redis is loading the dataset in memory\r\n")


def ends_connections(connection, stream):
    read_command(stream)
    connection.sendall(PONG)


def hangs(connection, stream):
    ends_connections(connection, stream)
    while read_command(stream):
        pass


@pytest.mark.parametrize("behaviour", [loads_for_ever, ends_connections, hangs])
def test_a_gateway_leaves_an_address_that_answers_nothing_useful(gate, tmp_path, behaviour):
    key = gate.key()
    lead_elsewhere_first(gate, tmp_path)
    with Server("127.0.0.2", gate.redis.port) as server:
        server.serve = behaviour
        gate.nginx.start()

        wait_until(lambda: gate.status_of(key) == 200, "the next address is used")

        assert server.connections
