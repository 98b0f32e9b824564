"""Reloads, upgrades of the configuration and graceful ends lose no request and no connection."""

import signal

from harness import processes
from harness.consistency import STRICT, under_either_consistency
from harness.load import steady_load
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.topology import LINKS

RELOADS = 50


@under_either_consistency
def test_reloads_under_load_fail_no_request_and_leak_no_connection(sandboxes, consistency):
    gate = sandboxes(settings="latchkey_timeout 10s;", workers=2, consistency=consistency)
    key = gate.key()
    seen = gate.nginx.workers()

    with steady_load(lambda: [gate.status_of(key), gate.status_of(key, "/checked"), gate.request().status]) as load:
        for _ in range(RELOADS):
            seen |= gate.nginx.reload()
        seen |= gate.nginx.workers()
        count = len(load.outcomes)
        wait_until(lambda: len(load.outcomes) > count + 20, "requests are still answered")

    assert [outcome for outcome in load.outcomes if outcome != [200, 200, 401]] == []
    wait_until(lambda: len(gate.nginx.workers()) == 2, "the old workers end")
    assert len(seen) == 2 * (RELOADS + 1), "each reload has made two new workers"
    assert gate.status_of(key) == 200
    wait_until(lambda: len(gate.redis.clients()) <= 2 * LINKS, "the old workers' connections are gone")
    gate.wait_for_members()


def test_a_changed_configuration_is_in_force_after_a_reload(sandbox):
    key = sandbox.key()
    assert sandbox.status_of(key) == 200

    sandbox.add_settings("latchkey_prefix other;")
    old = sandbox.nginx.reload()
    wait_until(lambda: not old & sandbox.nginx.workers(), "the old workers end")

    assert sandbox.request(key=key).result == "malformed"
    assert sandbox.status_of(sandbox.key()) == 200


def test_a_reload_with_a_wrong_configuration_leaves_all_as_it_was(sandbox):
    key = sandbox.key()
    workers = sandbox.nginx.workers()
    sandbox.expect("latchkey_timeout")

    sandbox.add_settings("latchkey_timeout soon;")
    sandbox.nginx.process.send_signal(signal.SIGHUP)
    wait_until(lambda: sandbox.nginx.lines("[emerg]"), "the refusal is logged")

    assert sandbox.nginx.workers() == workers
    assert sandbox.status_of(key) == 200


@under_either_consistency
def test_a_worker_that_is_killed_is_replaced_by_one_that_checks(sandboxes, consistency):
    gate = sandboxes(workers=1, consistency=consistency)
    key = gate.key()
    gate.expect("exited on signal 9")
    worker = gate.nginx.worker()

    processes.kill(worker)
    gate.nginx.wait_for_workers({worker})

    assert gate.status_of(key) == 200


def test_a_reload_while_the_store_is_frozen_loses_no_request_for_good(sandboxes):
    # Strict, since the old workers might still have the key cached.
    gate = sandboxes(settings="latchkey_timeout 500ms;", workers=2, consistency=STRICT)
    key = gate.key()
    gate.status_of(key)
    gate.redis.freeze()

    for _ in range(3):
        gate.nginx.reload()
        assert gate.status_of(key) == 503
        assert gate.request("/open").status == 200

    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


@under_either_consistency
def test_a_revocation_between_reloads_holds(sandbox):
    key = sandbox.key()
    sandbox.nginx.reload()
    assert sandbox.status_of(key) == 200

    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)
    sandbox.nginx.reload()

    assert sandbox.status_of(key) == 401


@under_either_consistency
def test_a_graceful_end_lets_a_waiting_check_finish(sandboxes, consistency):
    # Nothing is proxied here: an nginx that ends closes the API's socket, too.
    gate = sandboxes(settings="latchkey_timeout 20s;", workers=1, server="location /api { latchkey_verify; }",
                     consistency=consistency)
    key = gate.key()
    assert gate.status_of(gate.key("umbrella")) == 204
    gate.redis.freeze()

    with gate.connect() as connection:
        connection.send("/api", [("X-API-Key", key)])
        wait_until(connection.is_taken, "nginx has taken the request")
        gate.nginx.process.send_signal(signal.SIGQUIT)
        gate.redis.thaw()
        assert connection.receive().status == 204

    wait_until(lambda: gate.nginx.process.poll() is not None, "nginx ends")
    assert gate.nginx.process.returncode == 0


@under_either_consistency
def test_a_fast_end_with_waiting_checks_is_clean(sandboxes, consistency):
    gate = sandboxes(settings="latchkey_timeout 20s;", workers=1, consistency=consistency)
    key = gate.key()
    assert gate.status_of(gate.key("umbrella")) == 200
    gate.redis.freeze()

    with gate.connect() as connection:
        connection.send("/api", [("X-API-Key", key)])
        wait_until(connection.is_taken, "nginx has taken the request")
        gate.nginx.process.send_signal(signal.SIGTERM)
        wait_until(lambda: gate.nginx.process.poll() is not None, "nginx ends")

    assert gate.nginx.process.returncode == 0
    gate.redis.thaw()
