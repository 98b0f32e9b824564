"""The store freezes, goes away, comes back: which requests are refused, and for how long.

Under strict consistency, every check waits for the store; fleet/test_lease.py tests what a lease allows.
"""

import re
import time

import pytest

from harness import processes
from harness.consistency import STRICT
from harness.executable import STORE_UNREACHABLE
from harness.http_client import bearer
from harness.load import at_once
from harness.polling import SLACK, wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.topology import behind_a_proxy



@pytest.fixture(params=[False, True], ids=["unix", "tcp"])
def gate(request, sandboxes):
    return sandboxes(tcp=request.param, workers=1, consistency=STRICT)


def test_a_frozen_store_delays_a_request_by_the_timeout_at_most(gate):
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    for _ in range(3):
        began = time.monotonic()
        answer = gate.request(key=key)
        assert (answer.status, answer.result) == (503, "unavailable")
        assert time.monotonic() - began < 0.5 + SLACK

    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_the_timeout_can_be_set(sandboxes):
    gate = sandboxes(settings="latchkey_timeout 1500ms;", workers=1, consistency=STRICT)
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    began = time.monotonic()
    assert gate.status_of(key) == 503
    assert 1.5 <= time.monotonic() - began < 1.5 + SLACK

    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_other_requests_of_the_worker_continue_while_checks_wait(sandboxes):
    gate = sandboxes(settings="latchkey_timeout 3s;", workers=1, consistency=STRICT)
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    with gate.connect() as waiting, gate.connect() as other:
        waiting.send("/api", bearer(key))
        for _ in range(200):
            assert other.request("/open").status == 200
            assert other.request("/api").status == 401
        waiting.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            waiting.socket.recv(1)  # 400 answers later it still waits
        waiting.socket.settimeout(60)
        assert waiting.receive().status == 503

    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_waiting_checks_are_answered_when_the_store_continues(sandboxes):
    gate = sandboxes(settings="latchkey_timeout 20s;", workers=1, consistency=STRICT)
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    with gate.connect() as first, gate.connect() as second:
        first.send("/api", bearer(key))
        second.send("/checked", bearer(key))
        gate.redis.thaw()
        assert first.receive().status == 200
        assert second.receive().status == 200


def test_a_late_reply_is_given_to_no_other_request(gate):
    acme, umbrella = gate.key("acme"), gate.key("umbrella")
    gate.status_of(acme)
    gate.redis.freeze()
    assert at_once(4, lambda: gate.status_of(acme)) == [503] * 4
    gate.redis.thaw()

    wait_until(lambda: gate.status_of(umbrella) == 200, "the gateway finds the store again")

    for _ in range(20):
        assert "organization=umbrella " in gate.request(key=umbrella).body
        assert "organization=acme " in gate.request(key=acme).body


def test_a_store_that_was_killed_and_is_started_again_is_found_within_two_seconds(gate):
    key = gate.key()
    assert gate.status_of(key) == 200
    workers = gate.nginx.workers()
    gate.redis.kill()
    wait_until(lambda: gate.status_of(key) == 503, "the gateway notices that the store is gone")

    gate.redis.start()
    began = time.monotonic()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")

    assert time.monotonic() - began < 2 + SLACK
    assert gate.nginx.workers() == workers


def test_a_gateway_may_be_started_before_its_store(gate):
    gate.expect(NO_SOCKET)
    key = gate.key()
    gate.nginx.stop()
    gate.redis.stop()
    gate.nginx.start()
    assert gate.status_of(key) == 503

    gate.redis.start()

    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store")


def test_a_restarted_store_is_found_again(gate):
    gate.expect(NO_SOCKET)
    key = gate.key()
    assert gate.status_of(key) == 200

    gate.redis.stop()
    gate.redis.start()

    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_connections_that_the_store_closes_are_replaced_and_no_request_fails(gate):
    key = gate.key()
    for _ in range(20):
        assert gate.status_of(key) == 200
        wait_until(gate.redis.end_connections, "a connection is closed")
        assert gate.status_of(key) == 200


def test_a_store_that_loads_its_data_is_waited_for(sandboxes):
    slow = ["--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024"]
    gate = sandboxes(workers=1, consistency=STRICT, redis_options=slow)
    key = gate.key()
    for number in range(100):
        gate.redis.cli("SET", f"other:{number}", "x" * 2000)
    gate.redis.rewrite()
    gate.redis.kill()

    gate.redis.start()

    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_no_memory_for_writes_does_not_stop_checks(gate):
    key = gate.key()
    gate.redis.cli("CONFIG", "SET", "maxmemory", "1")

    for _ in range(5):
        assert gate.status_of(key) == 200

    gate.redis.cli("CONFIG", "SET", "maxmemory", "0")


def test_clients_that_leave_while_their_checks_wait_do_no_harm(gate):
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()
    for target in ("/api", "/checked") * 25:
        with gate.connect() as connection:
            connection.send(target, bearer(key))
    gate.redis.thaw()

    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_a_worker_that_ends_while_checks_wait_answers_them_first(sandboxes):
    gate = sandboxes(settings="latchkey_timeout 1s;", workers=1, consistency=STRICT)
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.freeze()

    with gate.connect() as connection:
        connection.send("/api", bearer(key))
        worker = gate.nginx.worker()
        wait_until(connection.is_taken, "nginx has received the request")
        gate.nginx.reload()
        assert connection.receive().status == 503
    wait_until(lambda: not processes.is_alive(worker), "the old worker ends")

    gate.redis.thaw()
    wait_until(lambda: gate.status_of(key) == 200, "the gateway finds the store again")


def test_the_error_log_says_once_a_second_at_most_that_the_store_is_away(gate):
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.redis.kill()
    began = time.monotonic()
    while time.monotonic() - began < 2:
        gate.status_of(key)

    lines = gate.nginx.lines("[error]")
    seconds = time.monotonic() - began + 1
    for mark in (r"the store at \S+: not connected", "does not send invalidations"):
        assert 1 <= sum(bool(re.search(mark, line)) for line in lines) <= seconds, "\n".join(lines)
    # nginx itself logs each attempt to connect, of which there are more at first.
    assert len(lines) <= 6 * seconds, "\n".join(lines)
    assert any(gate.redis.place in line for line in lines)


@behind_a_proxy
def test_the_error_log_ends_with_the_true_state_of_invalidations_when_they_come_and_go_quickly(sandboxes):
    gate = sandboxes(workers=1, proxied=True)
    for _ in range(3):
        gate.proxy.wait_for(1, listens=True)
        gate.proxy.cut(listens=True)
    gate.proxy.wait_for(1, listens=True)
    gate.wait_for_members()

    def last():
        return gate.nginx.lines("invalidations")[-1]

    wait_until(lambda: "sends invalidations" in last(), "the log says that invalidations arrive again")


# The executable


@pytest.mark.parametrize("command", [["generate", "--yes"], ["revoke", "--yes"], ["status"]])
def test_the_executable_says_that_the_store_is_away(gate, command):
    gate.key()
    gate.redis.kill()

    result = gate.latchkey.run(command[0], "acme", *command[1:], as_=OWNER)

    assert result.code == STORE_UNREACHABLE
    assert result.one_line()


def test_the_executable_does_not_wait_for_ever(sandbox):
    sandbox.key()
    sandbox.redis.freeze()

    assert sandbox.latchkey.run("status", "acme", as_=OWNER).code == STORE_UNREACHABLE
    sandbox.redis.thaw()
