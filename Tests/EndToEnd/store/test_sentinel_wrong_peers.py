"""sentinels:// — a sentinel, or a server that sentinels name, that does not prove who it is: no command, 503, and a line that says why."""

import re
import time
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from harness import secure_redis
from harness.certificates import LOOPBACK
from harness.executable import DONE, STORE_UNREACHABLE
from harness.fake_sentinel import FakeSentinel
from harness.polling import wait_until
from harness.sentinel_servers import NAME
from harness.store_tls import StoreTLS
from harness.wrong_peers import OTHER_FAULTS, REDIS_FAULTS, HandshakeServer

PLAIN = "a port of Redis without TLS"

# What the executable says of each.
WORDS = {
    "another authority's certificate": "no trusted authority has issued its certificate",
    "wrong name": "its certificate is not for other.example",
    "wrong address": "its certificate is not for 127.0.0.1",
    "an address as a name": "its certificate is not for 127.0.0.1",
    "expired": "its certificate has expired",
    "not yet valid": "its certificate is not valid yet",
    "self-signed": "no trusted authority has issued its certificate",
    "wrong purpose": "its certificate is not for servers",
    "no certificate of the client": "it requires a client certificate",
    "another authority's client": "it refuses the client certificate",
    "an old TLS": "it offers neither TLS 1.2 nor TLS 1.3",
    "half a handshake": "it did not complete the TLS handshake in time",
    "a reset": "it ended the connection during the TLS handshake: Connection reset by peer",
    "a close": "it ended the connection during the TLS handshake",
    "no TLS": "it does not speak TLS",
    PLAIN: "without TLS",
}

# What nginx logs of each.
REASONS = {fault: reason for fault, (_, reason) in {**REDIS_FAULTS, **OTHER_FAULTS}.items()}
REASONS[PLAIN] = "(is this a port with TLS|wrong version number|packet length)"

SENTINEL, SERVER = "sentinel", "store"


@contextmanager
def wrong_peer(sandbox, fault):
    """A server with a fault; its port."""
    if fault in OTHER_FAULTS:
        with HandshakeServer(OTHER_FAULTS[fault][0]) as server:
            yield server.port
            assert b"PING" not in server.received and b"SENTINEL" not in server.received
    else:
        yield sandbox.redis.port if fault == PLAIN else sandbox.redis.tls_port


@contextmanager
def trusted_sentinel(sandbox, port):
    """A sentinel that proves who it is, whatever is wrong with the server that it names; its port."""
    certificate = sandbox.tls.authority.server([*LOOPBACK, "DNS:other.example"], "sentinel")
    with FakeSentinel(certificate, port) as sentinel:
        yield sentinel.port


def prepare(stack, sandboxes, fault, role, **options):
    """A sandbox in which a sentinel, or the server that one names, has a fault; its executable, and the address at fault."""
    tls = partial(StoreTLS, **(REDIS_FAULTS[fault][0] if fault in REDIS_FAULTS else {}))
    sandbox = sandboxes(tcp=True, start=False, tls=tls, **options)
    port = wrong = stack.enter_context(wrong_peer(sandbox, fault))
    if role == SERVER:
        port = stack.enter_context(trusted_sentinel(sandbox, wrong))
    words = [f"ca={sandbox.tls.ca}", *sandbox.tls.words.split()]
    return sandbox, secure_redis.executable(sandbox, f"sentinels://127.0.0.1:{port}/{NAME}", *words), f"127.0.0.1:{wrong}"


@pytest.mark.parametrize("role", [SENTINEL, SERVER])
@pytest.mark.parametrize("fault", REASONS)
def test_a_gateway_answers_503_and_the_log_says_why(sandboxes, fault, role):
    with ExitStack() as stack:
        sandbox, executable, address = prepare(stack, sandboxes, fault, role, workers=1)
        sandbox.expect("SSL_do_handshake\\(\\) failed", "SSL_read\\(\\) failed", "SSL_write\\(\\) failed")
        key = sandbox.key()
        sandbox.nginx.configure(settings=executable.config)
        sandbox.nginx.start()

        assert sandbox.status_of(key) == 503

        def lines():
            found = sandbox.nginx.lines(f" to the {role} at {address}, name: ")
            return [line for line in found if re.search(REASONS[fault], line)]

        (line, *_) = wait_until(lines, "the log says why")
        assert re.search(r"\[(crit|error)\]", line)
        wait_until(lambda: sandbox.nginx.lines(f"latchkey: the {role} at {address}"), "so does the gateway")
        assert sandbox.redis.calls("sentinel") == sandbox.redis.calls("client\\|tracking") == 0
        assert sandbox.status_of(key) == 503


def test_a_sentinel_that_never_ends_its_handshake_is_logged_once(sandboxes):
    with ExitStack() as stack:
        sandbox, executable, address = prepare(stack, sandboxes, "half a handshake", SENTINEL, workers=1)
        sandbox.nginx.configure(settings=executable.config)
        sandbox.nginx.start()

        wait_until(lambda: sandbox.nginx.lines("TLS handshake timed out"), "the log says why")
        time.sleep(4)

        assert len(sandbox.nginx.lines("TLS handshake timed out")) == 1


@pytest.mark.parametrize("role", [SENTINEL, SERVER])
def test_the_executable_ends_with_69_and_says_why(sandboxes, role):
    """All at the same time, since each goes on for half a minute."""
    with ExitStack() as stack:
        prepared = {fault: prepare(stack, sandboxes, fault, role, gateways=0) for fault in WORDS}
        running = {fault: executable.start("org", "list") for fault, (_, executable, _) in prepared.items()}
        results = {fault: command.finish(120) for fault, command in running.items()}

    for fault, result in results.items():
        line = result.one_line()
        address = prepared[fault][2]
        assert result.code == STORE_UNREACHABLE, fault
        assert re.search(WORDS[fault], line), (fault, line)
        assert address in line, (fault, line)
        assert ("the sentinels do not agree" in line) == (role == SENTINEL), (fault, line)


def test_a_sentinel_and_a_server_that_prove_who_they_are_are_used(sandboxes):
    """The same arrangement without a fault."""
    sandbox = sandboxes(tcp=True, start=False, tls=StoreTLS, workers=1)
    with trusted_sentinel(sandbox, sandbox.redis.tls_port) as port:
        executable = secure_redis.executable(sandbox, f"sentinels://127.0.0.1:{port}/{NAME}", f"ca={sandbox.tls.ca}")
        key = sandbox.key()
        sandbox.nginx.configure(settings=executable.config)
        sandbox.nginx.start()
        wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")

        assert executable.run("revoke", "acme", "--yes", as_="alice").code == DONE
        assert sandbox.status_of(key) == 401
        sandbox.nginx.stop()
