"""clusters:// — all servers speak TLS, and nothing else."""

import pytest

from harness import secure_redis
from harness.certificates import Authority
from harness.cluster_store import STEADY, slot_of
from harness.executable import DONE, STORE_UNREACHABLE
from harness.failovers import Watch, killed
from harness.key_forge import record_key
from harness.polling import wait_until
from harness.slot_moves import move
from harness.store_tls import StoreTLS
from harness.wire_tap import WireTap


def tap(port, target):
    """Keeps a copy of all that reaches a server or its bus."""
    return WireTap(target, port)


def test_keys_and_changes_go_on_after_a_failover_with_tls(sandboxes):
    gate = sandboxes(workers=1, cluster={}, tls=StoreTLS)
    key, ended = gate.key(), gate.key("umbrella")
    gate.warm(key, ended)
    assert gate.revoke("umbrella").code == DONE

    with Watch(gate, key, ended) as watch:
        with killed(gate.redis.shard_of(record_key("acme"))):
            watch.wait_for([key])
        gate.redis.wait_until_whole()
        assert gate.revoke().code == DONE

    assert gate.status_of(ended) == gate.status_of(key) == 401
    assert watch.statuses(key) <= {200, 401, 503}
    assert 200 not in watch.statuses(ended, after=watch.of(key)[0].began)


@pytest.mark.parametrize("change", [
    lambda url, ca: (url.replace("clusters:", "cluster:"), []),
    lambda url, ca: (url, [f"ca={ca}"]),
], ids=["without-tls", "another-authority"])
def test_whoever_does_not_prove_or_trust_anything_is_not_served(sandboxes, tmp_path, change):
    gate = sandboxes(workers=1, cluster=STEADY, tls=StoreTLS)
    url, words = change(gate.redis.url, Authority(tmp_path).path)

    result = secure_redis.executable(gate, url, *words).run("org", "list", timeout=120)

    assert result.code == STORE_UNREACHABLE
    assert result.one_line()


def test_no_plaintext_of_a_command_is_on_the_wire(sandboxes):
    """Neither of both programs', nor of the servers' among themselves."""
    gate = sandboxes(workers=1, cluster={**STEADY, "proxied": tap}, tls=StoreTLS)
    key = gate.key()
    gate.warm(key)
    assert gate.revoke().code == DONE
    assert gate.status_of(key) == 401
    source = gate.redis.owner(record_key("acme"))
    move(gate.redis, slot_of(record_key("acme")), source, next(each for each in gate.redis.primaries if each is not source))
    gate.warm(gate.latchkey.generate("acme", as_="alice"))
    gate.nginx.stop()

    for server in gate.redis.servers:
        for each in (server.listener.proxy, server.bus.proxy):
            passed = each.bytes()
            assert len(passed) > 2000 and all(one.sent[:2] in (b"\x16\x03", b"") for one in each.conversations)
            for text in (b"tracking", b"latchkey", b"replconf", b"master", b"cluster", b"RCmb\0"):
                assert text not in passed.lower() if text.islower() else text not in passed, text


def test_a_gateway_that_trusts_another_authority_answers_503(sandboxes):
    gate = sandboxes(workers=1, cluster=STEADY, start=False, tls=lambda folder: StoreTLS(
        folder, trust=lambda folder: Authority(folder, "stranger").path))
    honest = secure_redis.executable(gate, gate.redis.url, f"ca={gate.tls.authority.path}")
    honest.must("org", "add", "acme", "--owner", "alice")
    key = honest.generate("acme", as_="alice")
    gate.expect("certificate verify failed")
    gate.nginx.start()

    assert gate.status_of(key) == 503
    wait_until(lambda: gate.nginx.lines("certificate"), "the log tells why")
