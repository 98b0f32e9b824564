"""Requests that stay open end with their key: WebSockets, event streams, downloads and uploads."""

import time
from contextlib import ExitStack

import pytest

from harness import processes
from harness.consistency import under_either_consistency
from harness.http_client import bearer
from harness.open_streams import KINDS, MAP, SERVER, Streams, go_on
from harness.polling import SLACK, wait_until
from harness.sandbox import OWNER
from harness.topology import behind_a_proxy

# An open request ends within a second of the command's end.
PROMISE = 1.0


@pytest.fixture
def open_streams(sandboxes):
    """Makes a gateway for requests that stay open."""
    with ExitStack() as stack:
        yield lambda **options: Streams(stack, sandboxes(**{"workers": 1, "http": MAP, "server": SERVER, **options}))


@pytest.fixture
def streams(open_streams, consistency):
    return open_streams(consistency=consistency)


def end(gate, command, *options, organization="acme"):
    return gate.latchkey.run(command, organization, "--yes", *options, as_=OWNER)


def ends(request, result):
    """Checks that an open request ends as soon after a command as promised."""
    assert result.code == 0, result.err
    request.wait_until_closed(max(0.1, result.ended + PROMISE + SLACK - time.monotonic()))
    return not request.is_complete()


@under_either_consistency
@pytest.mark.parametrize("command", ["revoke", "generate"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_open_request_ends_with_its_key(streams, kind, command):
    key = streams.gate.key()
    request = streams.open(kind, key)
    go_on(request, kind)

    assert ends(request, end(streams.gate, command))

    streams.upstream.wait_until_idle()
    assert streams.gate.request(key=key).result == "revoked"
    assert streams.gate.nginx.lines("request ended: its key was replaced or revoked, or has expired")


@under_either_consistency
def test_a_request_admitted_by_a_subrequest_ends_with_its_key(streams):
    request = streams.open("events", streams.gate.key(), place="checked")
    go_on(request, "events")

    assert ends(request, end(streams.gate, "revoke"))
    streams.upstream.wait_until_idle()


@under_either_consistency
def test_open_requests_of_others_continue(streams):
    gate = streams.gate
    other = gate.key("umbrella")
    revoked = [streams.open("websocket", gate.key()) for _ in range(3)]
    others = {kind: streams.open(kind, other) for kind in KINDS}

    result = end(gate, "revoke")

    assert all(ends(request, result) for request in revoked[-1:])
    for kind, request in others.items():
        go_on(request, kind)
    assert streams.open("websocket", other).echoes("another one")


def test_all_open_requests_of_a_key_end(open_streams):
    streams = open_streams(workers=2)
    key, other = streams.gate.key(), streams.gate.key("umbrella")
    requests = [streams.open("websocket", each) for _ in range(50) for each in (key, other)]

    result = end(streams.gate, "revoke")

    assert all(ends(request, result) for request in requests[::2])
    assert all(request.echoes("still here") for request in requests[1::2])


@under_either_consistency
def test_open_requests_with_the_next_key_continue(streams):
    old = streams.open("websocket", streams.gate.key())
    new = streams.gate.key("acme", "--grace", "1h")
    requests = [streams.open("websocket", new), streams.open("events", new)]

    result = end(streams.gate, "generate", "--grace", "1h")

    assert ends(old, result)
    assert requests[0].echoes("still here") and requests[1].read_next()
    result = end(streams.gate, "generate")
    assert all(ends(request, result) for request in requests)


# Ends without a command


@under_either_consistency
@pytest.mark.parametrize("kind", ["websocket", "events"])
def test_an_open_request_ends_when_its_key_expires(streams, kind):
    key = streams.gate.key("acme", "--expires-in", "1500ms")
    request = streams.open(kind, key)
    go_on(request, kind)

    request.wait_until_closed()

    assert streams.gate.request(key=key).result == "expired"
    streams.upstream.wait_until_idle()


@under_either_consistency
def test_an_open_request_continues_until_the_grace_of_its_key_is_over(streams):
    gate = streams.gate
    old = gate.key()
    request = streams.open("websocket", old)

    new = gate.key("acme", "--grace", "2s")

    assert request.echoes("in the grace")
    assert gate.status_of(old) == 200
    request.wait_until_closed()
    assert gate.status_of(old) == 401
    assert gate.status_of(new) == 200


def test_a_grace_that_is_taken_back_ends_open_requests(streams):
    request = streams.open("websocket", streams.gate.key())
    streams.gate.key("acme", "--grace", "1h")
    assert request.echoes("in the grace")

    assert ends(request, end(streams.gate, "revoke"))


# Requests that continue


@pytest.mark.parametrize("kind", ["websocket", "events"])
def test_with_end_streams_off_open_requests_continue(streams, kind):
    key = streams.gate.key()
    request = streams.open(kind, key, place="alone")
    ended = streams.open("websocket", key)

    assert ends(ended, end(streams.gate, "revoke"))

    go_on(request, kind)
    assert streams.gate.status_of(key, "/alone/other") == 401


def test_an_open_request_continues_while_its_record_is_missing(streams):
    """As in an outage: nobody knows whether its key was revoked."""
    key = streams.gate.key()
    request = streams.open("websocket", key)

    streams.gate.redis.cli("FLUSHALL")

    wait_until(lambda: streams.gate.request("/alone/other", key=key).result == "unavailable", "the record is missed")
    assert request.echoes("still here")


def test_requests_that_have_ended_are_released(streams):
    key = streams.gate.key()
    for kind in KINDS * 3:
        streams.open(kind, key).connection.close()
    streams.upstream.wait_until_idle()

    end(streams.gate, "revoke")

    assert not streams.gate.nginx.lines("the request is ended")


def test_open_requests_continue_while_the_store_comes_and_goes(streams):
    gate = streams.gate
    key = gate.key()
    requests = [streams.open("websocket", key) for _ in range(5)]

    gate.redis.kill()
    wait_until(lambda: gate.status_of(key) == 503, "the gateway notices that the store is gone")
    assert all(request.echoes("without the store") for request in requests)
    gate.redis.start()
    gate.warm(key)

    assert all(request.echoes("with it again") for request in requests)


# When invalidations are late


@behind_a_proxy
@under_either_consistency
def test_an_end_that_a_gateway_missed_comes_when_invalidations_arrive_again(open_streams, consistency):
    streams = open_streams(proxied=True, consistency=consistency)
    gate = streams.gate
    key, other = gate.key(), gate.key("umbrella")
    request, goes_on = streams.open("websocket", key), streams.open("websocket", other)
    gate.proxy.is_refusing = True
    gate.proxy.cut(listens=True)
    gate.proxy.cut(listens=False)
    assert end(gate, "revoke").code == 0
    assert goes_on.echoes("still here")

    gate.proxy.is_refusing = False

    request.wait_until_closed()
    assert goes_on.echoes("still here")


@behind_a_proxy
def test_a_silently_lost_end_comes_when_the_loss_is_noticed(open_streams):
    streams = open_streams(proxied=True)
    key, other = streams.gate.key(), streams.gate.key("umbrella")
    request, goes_on = streams.open("websocket", key), streams.open("websocket", other)
    streams.gate.proxy.silence(listens=True)

    assert end(streams.gate, "revoke").code == 0

    request.wait_until_closed()
    assert goes_on.echoes("still here")


def test_a_store_that_was_started_again_without_the_key_ends_its_requests(streams):
    gate = streams.gate
    request, goes_on = streams.open("websocket", gate.key()), streams.open("websocket", gate.key("umbrella"))
    worker = gate.nginx.worker()
    processes.freeze(worker)
    end(gate, "revoke")
    gate.redis.stop()
    gate.redis.start()
    processes.thaw(worker)

    request.wait_until_closed()
    assert goes_on.echoes("still here")


def test_a_thawed_worker_ends_requests_whose_keys_have_ended(streams):
    gate = streams.gate
    request = streams.open("websocket", gate.key())
    processes.freeze(gate.nginx.worker())
    assert end(gate, "revoke").code == 0

    processes.thaw(gate.nginx.worker())

    request.wait_until_closed(PROMISE + SLACK)


@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_a_worker_that_is_shutting_down_ends_open_requests_with_their_key(streams, command):
    gate = streams.gate
    request, goes_on = streams.open("websocket", gate.key()), streams.open("websocket", gate.key("umbrella"))
    worker = gate.nginx.worker()
    gate.nginx.reload()
    assert request.echoes("in the old worker") and goes_on.echoes("in the old worker")

    assert ends(request, end(gate, command))

    assert goes_on.echoes("still here")
    assert processes.is_alive(worker)
    end(gate, command, organization="umbrella")
    wait_until(lambda: not processes.is_alive(worker), "the old worker has no open requests left")
    gate.wait_for_members()


# HTTP/2


@under_either_consistency
@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_an_http_2_stream_ends_with_its_key_and_the_others_continue(streams, command):
    gate = streams.gate
    key, other = gate.key(), gate.key("umbrella")
    connection = streams.connect_http2()
    opened = connection.open([("/stream/events", bearer(each)) for each in (key, other) * 3])
    assert connection.wait_for_answers(opened) == [200] * 6

    result = end(gate, command)
    connection.wait_for_resets(opened[::2])

    assert time.monotonic() < result.ended + PROMISE + SLACK
    for stream in opened[1::2]:
        connection.wait_for_more(stream)
    again = connection.open([("/api", bearer(other)), ("/api", bearer(key))])
    assert connection.wait_for_answers(again) == [200, 401]
    assert set(connection.resets) == set(opened[::2])


def test_with_end_streams_off_an_http_2_stream_continues(streams):
    key = streams.gate.key()
    connection = streams.connect_http2()
    alone, ended = connection.open([("/alone/events", bearer(key)), ("/stream/events", bearer(key))])
    connection.wait_for_answers([alone, ended])

    end(streams.gate, "revoke")
    connection.wait_for_resets([ended])

    connection.wait_for_more(alone)
