"""sentinels:// — servers and sentinels speak TLS, and nothing else."""

import pytest

from harness import secure_redis
from harness.certificates import Authority
from harness.executable import DONE, STORE_UNREACHABLE
from harness.failovers import Watch, killed
from harness.polling import wait_until
from harness.promises import check_refused
from harness.sentinel_store import STEADY
from harness.store_tls import StoreTLS
from harness.wire_tap import WireTap


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1, sentinel={}, tls=StoreTLS)


def test_keys_and_changes_go_on_after_a_failover_with_tls(gate):
    key, ended = gate.key(), gate.key("umbrella")
    gate.warm(key, ended)
    assert gate.revoke("umbrella").code == DONE

    with Watch(gate, key, ended) as watch:
        with killed(gate.redis):
            watch.wait_for([key])
        gate.redis.wait_until_whole()
        assert gate.revoke().code == DONE

    assert gate.status_of(ended) == gate.status_of(key) == 401
    assert watch.statuses(key) <= {200, 401, 503}
    check_refused(watch.statuses(ended, after=watch.of(key)[0].began))


def test_without_tls_neither_sentinels_nor_servers_answer(gate):
    plain = secure_redis.executable(gate, gate.redis.url.replace("sentinels:", "sentinel:"))

    result = plain.run("org", "list")

    assert result.code == STORE_UNREACHABLE
    assert "sentinel" in result.one_line()


def test_a_stranger_s_certificate_is_refused(gate, tmp_path):
    stranger = Authority(tmp_path)
    distrustful = secure_redis.executable(gate, gate.redis.url, f"ca={stranger.path}")

    result = distrustful.run("org", "list")

    assert result.code == STORE_UNREACHABLE
    assert "certificate" in result.one_line()


def test_a_gateway_that_trusts_another_authority_answers_503(sandboxes):
    gate = sandboxes(workers=1, sentinel=STEADY, tls=lambda folder: StoreTLS(
        folder, trust=lambda folder: Authority(folder, "stranger").path), start=False)
    honest = secure_redis.executable(gate, gate.redis.url, f"ca={gate.tls.authority.path}")
    honest.must("org", "add", "acme", "--owner", "alice")
    key = honest.generate("acme", as_="alice")
    gate.expect("certificate verify failed")
    gate.nginx.start()

    assert gate.status_of(key) == 503
    wait_until(lambda: gate.nginx.lines("certificate"), "the log tells why")


def tap(port, target):
    """Keeps a copy of all that reaches a server or a sentinel."""
    return WireTap(target, port)


def test_no_plaintext_of_a_command_to_servers_and_sentinels_is_on_the_wire(sandboxes):
    """Neither of both programs', nor of the servers' and sentinels' among themselves."""
    gate = sandboxes(workers=1, sentinel={"proxied": tap, **STEADY}, tls=StoreTLS)
    key = gate.key()
    gate.warm(key)
    assert gate.revoke().code == DONE
    assert gate.status_of(key) == 401
    gate.redis.fail_over()
    gate.redis.wait_until_whole()
    gate.warm(gate.latchkey.generate("acme", as_="alice"))

    taps = [each.listener.proxy for each in [*gate.redis.servers, *gate.redis.sentinels]]
    gate.nginx.stop()

    for each in taps:
        passed = each.bytes()
        assert len(passed) > 2000 and all(one.sent[:2] in (b"\x16\x03", b"") for one in each.conversations)
        for text in (b"sentinel", b"get-master-addr", b"tracking", b"latchkey", b"replconf", b"master"):
            assert text not in passed.lower(), text
