"""Gateways that reach Redis with TLS."""

import os
import re
import subprocess
from collections import Counter
from contextlib import contextmanager
from functools import partial

import pytest

from harness.certificates import Authority, openssl
from harness.polling import wait_until
from harness.redis_server import free_port
from harness.sandbox import OWNER
from harness.store_tls import StoreTLS
from harness.topology import own_tls
from harness.wire_tap import WireTap
from harness.wrong_peers import OTHER_FAULTS, OTHER_ISSUER, REDIS_FAULTS, HandshakeServer, client_words, stalling

pytestmark = own_tls

# What nginx logs of a handshake that fails, and Latchkey of one that does not end.
FAILED = r"\[(crit|error)\] .* while (connecting|talking) to the store at 127\.0\.0\.1:\d+, name: \"127\.0\.0\.1\""

# Types of TLS records.
ALERT, APPLICATION_DATA = 21, 23

# Commands of a gateway's first turn.
GATEWAY_COMMANDS = ("client\\|id", "client\\|tracking", "hget", "hmget", "hset", "auth", "select", "subscribe")


@pytest.fixture
def gate(sandboxes):
    """A gateway that reaches Redis with TLS, by its address."""
    return sandboxes(workers=1, tls=StoreTLS)


# What works


def test_keys_are_checked_and_revoked_through_tls(gate):
    key = gate.key()
    gate.wait_for_members()
    gate.warm(key)

    gate.revoke()

    assert gate.status_of(key) == 401
    assert gate.redis.calls("hmget") > 0
    assert not gate.nginx.lines("[error]")


def test_a_name_in_place_of_the_address_is_sent_and_verified(sandboxes):
    tls = partial(StoreTLS, serve=lambda ca: ca.server(["DNS:redis.example"]), words=lambda ca: "name=redis.example")
    sandbox = sandboxes(workers=1, tls=tls, start=False)
    with WireTap(sandbox.redis.tls_port) as tap:
        sandbox.point_gateways_at(tap.port)
        sandbox.nginx.start()

        key = sandbox.key()
        wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")

        assert all(b"redis.example" in each.sent[:512] for each in tap.conversations)


def test_an_address_is_not_sent_as_a_name(gate):
    with WireTap(gate.redis.tls_port) as tap:
        gate.point_gateways_at(tap.port)
        gate.nginx.reload()

        key = gate.key()
        wait_until(lambda: gate.status_of(key) == 200 and tap.conversations, "the key is accepted")

        assert all(b"127.0.0.1" not in each.sent[:512] for each in tap.conversations)


@pytest.mark.parametrize("certified, accepted", [
    ("*.example.org", True), ("r*.example.org", False), ("*.redis.example.org", False), ("*.org", False),
])
def test_only_a_whole_label_of_a_name_may_be_a_wildcard(sandboxes, certified, accepted):
    tls = partial(StoreTLS, serve=lambda ca: ca.server([f"DNS:{certified}"]), words=lambda ca: "name=redis.example.org")
    sandbox = sandboxes(workers=1, tls=tls)
    sandbox.expect("certificate verify failed")

    if accepted:
        key = sandbox.key()
        wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")
    else:
        wait_until(lambda: sandbox.nginx.lines("hostname mismatch"), "the name is refused")
        assert sandbox.status_of(sandbox.key()) == 503


def test_a_gateway_presents_its_certificate_where_redis_requires_one(sandboxes):
    sandbox = sandboxes(workers=1, tls=partial(StoreTLS, words=client_words, options=("--tls-auth-clients", "yes")))

    key = sandbox.key()
    wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")


def test_an_intermediate_authority_is_accepted_by_its_root(sandboxes):
    def serve(root):
        return Authority(root.folder, "intermediate", issuer=root).server()

    sandbox = sandboxes(workers=1, tls=partial(StoreTLS, serve=serve))

    key = sandbox.key()
    wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")


def test_a_worker_that_exits_hands_over_what_the_store_still_has_to_receive(gate):
    key = gate.key()
    gate.wait_for_members()
    assert gate.status_of(key) == 200

    gate.nginx.stop()

    assert gate.members() == []
    assert not re.search("Last used: +Never", gate.latchkey.status("acme", as_=OWNER))


# What passes


def test_no_plaintext_of_a_command_is_on_the_wire(gate):
    gate.redis.cli("ACL", "SETUSER", "gateway", "on", ">pass-of-the-gateway", "~*", "&*", "+@all")
    (gate.folder / "gateway.auth").write_text("gateway pass-of-the-gateway\n")
    (gate.folder / "gateway.auth").chmod(0o600)
    gate.add_settings(f"latchkey_store_auth gateway={gate.folder}/gateway.auth;")
    key = gate.key()
    with WireTap(gate.redis.tls_port) as tap:
        gate.point_gateways_at(tap.port)
        gate.nginx.reload()
        gate.wait_for_members()
        wait_until(lambda: tap.conversations and gate.status_of(key) == 200, "the key is accepted")
        gate.revoke()
        assert gate.status_of(key) == 401

        passed = tap.bytes()

    assert len(passed) > 2000 and all(each.sent[:2] == b"\x16\x03" for each in tap.conversations)
    for text in (b"PING", b"AUTH", b"pass-of-the-gateway", b"CLIENT", b"TRACKING", b"latchkey", b"HMGET", b"acme"):
        assert text not in passed


def test_a_connection_after_the_first_resumes_its_session(gate):
    with WireTap(gate.redis.tls_port) as tap:
        gate.point_gateways_at(tap.port)
        gate.nginx.reload()
        key = gate.key()
        wait_until(lambda: tap.conversations and gate.status_of(key) == 200, "the key is accepted")
        first = wait_until(lambda: whole(tap, 2), "both links have made their handshake")

        tap.cut()
        resumed = wait_until(lambda: whole(tap, 4), "both links are connected again")[2:]

        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")
        full = min(each.first_answer for each in first)
        assert all(each.first_answer < full / 2 for each in resumed), "no certificate is sent again"


def whole(tap, count):
    """The conversations, once there are so many with a finished handshake."""
    finished = [each for each in tap.conversations if each.first_answer]
    return finished if len(finished) >= count else []


def test_what_redis_sends_with_the_end_of_the_handshake_is_read(gate):
    """With TLS 1.3 the tickets come in one piece with the first answers, if the wire is slow."""
    key = gate.key()
    for _ in range(5):
        gate.redis.end_connections()
        wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")


@contextmanager
def asking_server(certificate):
    """A server with TLS 1.2 that asks for another handshake when it is told to; its port, and how to tell it."""
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_2", "-cert", certificate.path, "-key", certificate.key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield port, lambda: os.write(server.stdin.fileno(), b"r\n")
        finally:
            server.kill()


def records_after_handshake(tap):
    """The types of the TLS records that the first connection has sent since its first command."""
    stream = tap.conversations[0].sent if tap.conversations else b""
    types, place = [], 0
    while place < len(stream):
        types.append(stream[place])
        place += 5 + int.from_bytes(stream[place + 3 : place + 5])
    return types[types.index(APPLICATION_DATA) :] if APPLICATION_DATA in types else []


def test_another_handshake_is_refused_to_a_server_with_tls_1_2(sandboxes):
    sandbox = sandboxes(workers=1, tls=StoreTLS, start=False, settings="latchkey_timeout 30s;")
    sandbox.expect(r"SSL_read\(\) failed")
    with asking_server(sandbox.tls.certificate) as (port, ask), WireTap(port) as tap:
        sandbox.point_gateways_at(tap.port)
        sandbox.nginx.start()
        wait_until(lambda: records_after_handshake(tap), "the first handshake is over")

        ask()

        later = wait_until(lambda: set(records_after_handshake(tap)) - {APPLICATION_DATA}, "the gateway answers")
        assert later == {ALERT}


# What fails: each ends in 503, without a command, and the log says why


# What gateways trust instead of the authority of Redis.
DISTRUST = {
    "wrong authority": (dict(trust=lambda folder: Authority(folder, "other").path), OTHER_ISSUER),
    "wrong authority of the system": (dict(trust=lambda folder: None), OTHER_ISSUER),
}

REDIS = {**DISTRUST, **REDIS_FAULTS}


def check_fault(sandbox, reason):
    """Checks get 503 and the log says why: at most one line a second and worker."""
    sandbox.expect("SSL_do_handshake\\(\\) failed", "SSL_read\\(\\) failed", "SSL_write\\(\\) failed")
    key = sandbox.key()

    assert sandbox.status_of(key) == 503
    (line, *_) = wait_until(lambda: [each for each in sandbox.nginx.lines(" to the store at ") if re.search(reason, each)], "the log says why")

    assert re.search(FAILED.replace(r"\"127\.0\.0\.1\"", ""), line)
    wait_until(lambda: len(reasons(sandbox)) > 1, "the next second has a line as well")
    assert sandbox.status_of(key) == 503
    assert max(Counter(each.split(" [")[0] for each in reasons(sandbox)).values()) == 1
    assert sandbox.nginx.lines("latchkey: the store at 127.0.0.1:")


def reasons(sandbox):
    return sandbox.nginx.lines(" to the store at 127.0.0.1:")


@pytest.mark.parametrize("fault", REDIS)
def test_redis_with_a_fault_gets_no_command_and_the_log_says_why(sandboxes, fault):
    options, reason = REDIS[fault]
    sandbox = sandboxes(workers=1, tls=partial(StoreTLS, **options))

    check_fault(sandbox, reason)

    assert not any(sandbox.redis.calls(command) for command in GATEWAY_COMMANDS if command not in ("hmget", "hget", "hset"))


@pytest.mark.parametrize("fault", OTHER_FAULTS)
def test_a_server_that_breaks_the_handshake_gets_no_command_and_the_log_says_why(sandboxes, fault):
    behaviour, reason = OTHER_FAULTS[fault]
    sandbox = sandboxes(workers=1, tls=StoreTLS, start=False)
    with HandshakeServer(behaviour) as server:
        sandbox.point_gateways_at(server.port)
        sandbox.nginx.start()

        check_fault(sandbox, reason)

        assert server.received[:2] == b"\x16\x03" and b"PING" not in server.received


def test_a_worker_that_exits_during_a_handshake_does_not_log_that_it_timed_out(sandboxes):
    sandbox = sandboxes(workers=1, tls=StoreTLS, start=False)
    sandbox.add_settings("latchkey_timeout 30s;")
    with HandshakeServer(stalling) as server:
        sandbox.point_gateways_at(server.port)
        sandbox.nginx.start()
        wait_until(lambda: server.received, "the handshake has begun")

        assert sandbox.nginx.stop()

    assert not sandbox.nginx.lines("timed out")
    assert not sandbox.nginx.lines("[error]")


def test_a_port_of_redis_without_tls_gets_no_command_and_the_log_says_why(sandboxes):
    sandbox = sandboxes(workers=1, tcp=True, tls=StoreTLS, start=False)
    sandbox.point_gateways_at(sandbox.redis.port)
    sandbox.nginx.start()

    check_fault(sandbox, "is this a port with TLS|wrong version number|packet length")


def test_a_gateway_without_tls_at_a_port_with_tls_gets_503(sandboxes):
    sandbox = sandboxes(workers=1, tls=StoreTLS, start=False)
    settings = sandbox.folder / "gateway.conf"
    settings.write_text(re.sub("latchkey_store_tls.*", "", settings.read_text().replace("rediss://", "redis://")))
    sandbox.nginx.start()

    assert sandbox.status_of(sandbox.key()) == 503


def test_a_gateway_recovers_once_the_certificate_of_redis_is_right(sandboxes):
    sandbox = sandboxes(workers=1, tls=partial(StoreTLS, serve=lambda ca: ca.server(begin=-9, end=-1)))
    sandbox.expect("certificate verify failed")
    key = sandbox.key()
    wait_until(lambda: sandbox.nginx.lines("certificate has expired"), "the certificate is refused")

    valid = sandbox.tls.authority.server(name="renewed")
    sandbox.redis.cli("CONFIG", "SET", "tls-cert-file", valid.path, "tls-key-file", valid.key)

    wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")


# What nginx -t refuses


def refused(gate, words):
    """What nginx -t says of these words."""
    gate.expect(r"\[emerg\]")
    settings = gate.folder / "gateway.conf"
    settings.write_text(re.sub("(?m)^latchkey_store_tls .*$", f"latchkey_store_tls {words};", settings.read_text()))
    code, text = gate.nginx.test()
    assert code != 0 and re.search(rf"\[emerg\] .* in {re.escape(str(settings))}:\d+", text), text
    return text


@pytest.mark.parametrize("words", ["ca={folder}/none.pem", "ca={folder}", "ca={folder}/empty.pem", "ca={key}"])
def test_a_file_without_authorities_is_refused_by_name(gate, words):
    (gate.folder / "empty.pem").touch()
    words = words.format(folder=gate.folder, key=gate.tls.certificate.key)

    text = refused(gate, words)

    assert f'cannot load trusted certificates "{words.removeprefix("ca=")}"' in text
    assert "the store cannot be reached with TLS" in text


def test_missing_and_mismatched_files_of_the_client_are_refused_by_name(gate):
    client, other = gate.tls.authority.client("one"), gate.tls.authority.client("other")
    none = gate.folder / "none.pem"

    assert f'"{none}"' in refused(gate, f"certificate={none} key={client.key}")
    assert str(none) in refused(gate, f"certificate={client.path} key={none}")
    assert "mismatch" in refused(gate, f"certificate={client.path} key={other.key}")
    client.path.chmod(0o600)
    assert f'"{client.path}"' in refused(gate, f"certificate={client.path} key={client.path}")


def test_a_key_that_everybody_may_read_is_refused(gate):
    client = gate.tls.authority.client()
    client.key.chmod(0o644)

    assert f"latchkey_store_tls names {client.key}, which is accessible to every account" in \
        refused(gate, f"certificate={client.path} key={client.key}")


def test_an_encrypted_key_is_refused_without_a_question(gate):
    client = gate.tls.authority.client()
    locked = gate.folder / "locked.key"
    openssl("pkey", "-in", client.key, "-aes256", "-passout", "pass:secret-of-the-key", "-out", locked)
    locked.chmod(0o600)

    text = refused(gate, f"certificate={client.path} key={locked}")

    assert f'"{locked}"' in text and "secret-of-the-key" not in text


def test_words_that_no_one_knows_are_refused(gate):
    assert '"latchkey_store_tls" accepts ca=FILE' in refused(gate, "verify=off")


def test_tls_settings_without_tls_are_refused(gate):
    gate.expect(r"\[emerg\]")
    settings = gate.folder / "gateway.conf"
    settings.write_text(settings.read_text().replace("rediss://", "redis://"))

    code, text = gate.nginx.test()

    assert code != 0 and '"latchkey_store_tls" requires a latchkey_store with TLS' in text


def test_the_key_is_read_by_the_master_alone(sandboxes):
    """A key that only root may read serves workers of another account."""
    sandbox = sandboxes(workers=1, user="www-data www-data", tls=partial(
        StoreTLS, words=client_words, options=("--tls-auth-clients", "yes")))

    assert all(path.stat().st_mode & 0o077 == 0 for path in sandbox.folder.rglob("client.key"))
    key = sandbox.key()
    wait_until(lambda: sandbox.status_of(key) == 200, "the key is accepted")


