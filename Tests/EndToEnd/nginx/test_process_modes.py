"""nginx in the foreground and in the background, with a master and without one: keys are checked, and the end is clean."""

import signal
from contextlib import ExitStack

import pytest

from harness.consistency import STRICT, assert_nobody_is_waited_out, under_either_consistency
from harness.http_client import bearer
from harness.open_streams import MAP, SERVER, Streams
from harness.polling import wait_until
from harness.single_process import single_process

FOREGROUND, BACKGROUND, SINGLE = "foreground", "background", "single process"


@pytest.fixture(params=[FOREGROUND, BACKGROUND, SINGLE])
def start(sandboxes, consistency, request):
    """Starts nginx in one of its modes."""
    def started(**options):
        if request.param == SINGLE:
            return single_process(sandboxes, **options)
        return sandboxes(workers=2, daemon=request.param == BACKGROUND, **options)

    return started


def end(gate, how):
    """Ends nginx; the end of the test checks that its log holds no alert."""
    gate.nginx.process.send_signal(how)
    gate.nginx.process.wait(60)
    assert gate.nginx.process.returncode == 0
    assert gate.nginx.lines("open socket") == []
    assert not gate.nginx.workers()


@under_either_consistency
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_keys_are_checked_and_ended_and_the_end_is_clean(start, consistency, how):
    gate = start(consistency=consistency)
    gate.wait_for_members()
    key = gate.key()
    assert [gate.status_of(key), gate.status_of(key, "/checked"), gate.request().status] == [200, 200, 401]
    assert_nobody_is_waited_out(gate, gate.revoke())
    assert gate.status_of(key) == 401

    end(gate, how)

    assert gate.members() == []
    wait_until(lambda: gate.redis.clients() == [], "no connection is left")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_quick_end_with_open_streams_and_checks_that_wait_is_clean(start, how):
    gate = start(settings="latchkey_timeout 20s;", http=MAP, server=SERVER)
    with ExitStack() as stack:
        streams = Streams(stack, gate)
        key = gate.key()
        stream = streams.open("websocket", key)
        unknown = gate.key("umbrella")
        gate.redis.freeze()
        connection = stack.enter_context(gate.connect())
        connection.send("/api", bearer(unknown))
        wait_until(connection.is_taken, "nginx has taken the request")

        end(gate, how)

        stream.wait_until_closed()
        gate.redis.thaw()


def test_in_the_foreground_nginx_cannot_be_replaced_on_the_fly(sandboxes):
    """This is nginx's behaviour, and documented."""
    gate = sandboxes(workers=1)
    gate.expect("the changing binary signal is ignored")
    key = gate.key()
    worker = gate.nginx.worker()

    gate.nginx.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: gate.nginx.lines("(SIGUSR2) received"), "nginx has received the signal")
    gate.nginx.process.send_signal(signal.SIGWINCH)
    wait_until(lambda: gate.nginx.lines("(SIGWINCH) received"), "nginx has received the signal")

    assert "ignoring" in gate.nginx.lines("(SIGUSR2) received")[0]
    assert not gate.nginx.lines("start new binary") and not gate.nginx.lines("gracefully")
    assert gate.nginx.worker() == worker
    assert gate.status_of(key) == 200


def test_a_single_process_that_quits_waits_for_nothing(sandboxes):
    """That is nginx: without a master QUIT is as quick as TERM, for requests without a key too."""
    gate = single_process(sandboxes, settings="latchkey_timeout 20s;", consistency=STRICT,
                          server="        location /api { latchkey_verify; }\n")
    key = gate.key()
    assert gate.status_of(key) == 204
    gate.redis.freeze()
    with gate.connect() as connection:
        connection.send("/api", bearer(key))
        wait_until(connection.is_taken, "nginx has taken the request")
        end(gate, signal.SIGQUIT)
        assert connection.peek() == b""
    gate.redis.thaw()


def test_a_single_process_finds_its_store_again(sandboxes):
    gate = single_process(sandboxes)
    key = gate.key()
    assert gate.status_of(key) == 200

    gate.redis.end_connections()

    wait_until(lambda: gate.status_of(key) == 200, "keys are checked")
    gate.wait_for_members()
    gate.revoke()
    assert gate.status_of(key) == 401


def test_a_reloaded_single_process_answers_no_request_and_ends_cleanly(sandboxes):
    """That is nginx, with the module or without: it has no connections left, and its log goes to who asks."""
    gate = single_process(sandboxes)
    gate.expect("worker_connections are not enough")
    key = gate.key()
    assert gate.status_of(key) == 200

    gate.nginx.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(gate.nginx.lines('using the "epoll" event method')) == 2, "nginx has reloaded")

    for headers in [], bearer(key):
        assert not raw_answer(gate, headers).startswith(b"HTTP/")
    end(gate, signal.SIGTERM)


def raw_answer(gate, headers):
    with gate.connect() as connection:
        try:
            connection.send("/api", headers)
            return connection.socket.recv(1000)
        except (BrokenPipeError, ConnectionResetError):
            return b""
