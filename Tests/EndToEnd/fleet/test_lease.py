"""How long a worker trusts its cache without an answer from the store, and what it does after that."""

import time

import pytest

from harness import processes
from harness.http_client import bearer
from harness.key_forge import beside, record_key
from harness.load import at_once
from harness.polling import SLACK, wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER
from harness.topology import behind_a_proxy, versions_outlive_the_store

LEASE = 1.0
GRACE = 2.0



def make(sandboxes, *settings, **options):
    return sandboxes(workers=1, settings="\n".join(settings), **options)


@pytest.fixture
def gate(sandboxes):
    return make(sandboxes)


by_either_socket = pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])


@pytest.fixture
def graceful(sandboxes):
    return make(sandboxes, f"latchkey_outage_grace {int(GRACE)}s;")


def outcomes_until_refused(gate, key):
    """Sends requests until one is not answered with 200; returns the sources before it in order, and the last time."""
    sources, last = [], 0
    while True:
        began = time.monotonic()
        answer = gate.request(key=key)
        if answer.status != 200:
            assert (answer.status, answer.result) == (503, "unavailable")
            return sources, last
        last = began
        if not sources or sources[-1] != answer.source:
            sources.append(answer.source)


# While the store answers


def test_the_lease_is_renewed_without_requests(gate):
    key = gate.key()
    gate.warm(key)
    before = gate.redis.calls("hmget")

    time.sleep(2 * LEASE)

    assert gate.request(key=key).source == "cache"
    assert gate.redis.calls("hmget") == before


def test_a_short_lease_is_renewed_as_well(sandboxes):
    gate = make(sandboxes, "latchkey_lease 100ms;")
    key = gate.key()
    gate.warm(key)
    time.sleep(1)

    gate.warm(key)


# The store is gone


@by_either_socket
def test_without_grace_a_cached_key_is_accepted_for_the_lease_at_most(sandboxes, tcp):
    gate = make(sandboxes, tcp=tcp)
    gate.expect(NO_SOCKET)
    key = gate.key()
    gate.warm(key)
    gate.redis.kill()
    killed = time.monotonic()

    sources, last = outcomes_until_refused(gate, key)

    assert sources == ["cache"]
    assert last < killed + LEASE + SLACK
    assert {gate.status_of(key) for _ in range(20)} == {503}


def test_a_shorter_lease_ends_sooner(sandboxes):
    gate = make(sandboxes, "latchkey_lease 200ms;")
    key = gate.key()
    gate.warm(key)
    gate.redis.kill()
    killed = time.monotonic()

    _, last = outcomes_until_refused(gate, key)

    assert last < killed + 0.2 + SLACK


def test_with_grace_a_cached_key_is_accepted_for_the_grace_and_the_lease_at_most(graceful):
    key = graceful.key()
    graceful.warm(key)
    graceful.redis.kill()
    killed = time.monotonic()

    sources, last = outcomes_until_refused(graceful, key)

    assert sources == ["cache", "grace"]
    assert killed + GRACE < last < killed + LEASE + GRACE + SLACK
    assert {graceful.status_of(key) for _ in range(20)} == {503}


def test_in_the_grace_only_keys_accepted_before_are_accepted(graceful):
    replaced = graceful.key()
    key = graceful.key()
    unknown = graceful.key("umbrella")
    graceful.warm(key)
    graceful.redis.kill()

    wait_until(lambda: graceful.request(key=key).source == "grace", "the lease is over")

    for refused in (unknown, replaced):
        answer = graceful.request(key=refused)
        assert (answer.status, answer.result, answer.source) == (503, "unavailable", None)
    assert graceful.request(key=graceful.forge().forged("acme")).result == "forged"
    assert graceful.request(key=key).status == 200


def test_a_key_expires_in_the_grace(sandboxes):
    gate = make(sandboxes, "latchkey_outage_grace 1m;")
    key = gate.key("acme", "--expires-in", "2s")
    gate.warm(key)
    gate.redis.kill()

    wait_until(lambda: gate.status_of(key) != 200, "the key expires")

    assert gate.request(key=key).result == "unavailable"


@behind_a_proxy
def test_a_new_key_is_never_refused_by_a_gateway_that_missed_its_invalidation(sandboxes):
    gate = make(sandboxes, "latchkey_outage_grace 1m;", proxied=True)
    key = gate.key()
    gate.warm(key)
    gate.proxy.is_refusing = True
    gate.proxy.cut(listens=True)
    gate.proxy.cut(listens=False)
    new = gate.latchkey.generate("acme", "--no-wait", as_=OWNER)

    answers = []
    while not answers or answers[-1][0].source != "grace":
        answers.append((gate.request(key=key), gate.request(key=new).status))
    assert {old.status for old, _ in answers} == {200}
    assert {status for _, status in answers} == {503}

    gate.proxy.is_refusing = False
    gate.warm(new)
    assert gate.status_of(key) == 401


def test_the_store_is_found_again_in_the_grace_and_after_it(graceful):
    graceful.expect(NO_SOCKET)
    key = graceful.key()
    graceful.warm(key)
    for awaited in (lambda answer: answer.source == "grace", lambda answer: answer.status == 503):
        graceful.redis.kill()
        wait_until(lambda: awaited(graceful.request(key=key)), "the gateway notices that the store is gone")

        graceful.redis.start()

        graceful.warm(key)


def test_a_worker_that_never_reached_the_store_accepts_no_key(sandboxes):
    gate = make(sandboxes, "latchkey_outage_grace 1h;", start=False)
    gate.expect(NO_SOCKET)
    key = gate.key()
    gate.redis.stop()

    gate.nginx.start()

    assert {gate.status_of(key) for _ in range(10)} == {503}


# The store is frozen


def test_a_frozen_store_delays_no_request_with_a_cached_key(sandboxes):
    gate = make(sandboxes, "latchkey_outage_grace 1m;", "latchkey_timeout 5s;")
    key = gate.key()
    gate.warm(key)
    gate.redis.freeze()

    with gate.connect() as connection:
        answers = [connection.request("/api", bearer(key)) for _ in range(100)]

    gate.redis.thaw()
    assert {(answer.status, answer.source) for answer in answers} == {(200, "cache")}


def test_a_store_frozen_for_longer_than_the_lease_delays_a_request_by_the_timeout_at_most(graceful):
    key = graceful.key()
    graceful.warm(key)
    graceful.redis.freeze()

    def in_time():
        began = time.monotonic()
        answer = graceful.request(key=key)
        assert time.monotonic() - began < 0.5 + SLACK
        return answer

    wait_until(lambda: in_time().source == "grace", "the lease is over")
    wait_until(lambda: in_time().status == 503, "the grace is over")

    graceful.redis.thaw()
    graceful.warm(key)


def test_a_key_that_is_not_cached_waits_for_the_store_while_cached_keys_pass(sandboxes):
    gate = make(sandboxes, "latchkey_timeout 20s;", "latchkey_lease 10s;")
    known, unknown = gate.key(), gate.key("umbrella")
    gate.warm(known)
    gate.redis.freeze()

    with gate.connect() as waiting, gate.connect() as other:
        waiting.send("/api", bearer(unknown))
        assert {other.request("/api", bearer(known)).source for _ in range(100)} == {"cache"}
        gate.redis.thaw()
        assert waiting.receive().body == "/api organization=umbrella result=allowed\n"


# The connections to the store are lost


@by_either_socket
@pytest.mark.parametrize("kind", ["normal", "pubsub"])
def test_a_lost_connection_fails_no_request(sandboxes, kind, tcp):
    gate = make(sandboxes, tcp=tcp)
    key = gate.key()

    def lose():
        return int(gate.redis.cli("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"))

    for _ in range(20):
        gate.warm(key)
        # The cache may answer while the connection of the last round is still to come back.
        wait_until(lose, "a connection is lost")
        assert gate.status_of(key) == 200


@behind_a_proxy
def test_while_the_invalidation_link_is_down_the_store_is_read_for_every_check(sandboxes):
    # Otherwise a watch of open requests would add reads.
    gate = make(sandboxes, "latchkey_end_streams off;", proxied=True)
    key = gate.key()
    gate.warm(key)

    gate.proxy.is_refusing = True
    gate.proxy.cut(listens=True)
    wait_until(lambda: gate.request(key=key).source == "store", "the loss is noticed")
    before = gate.redis.calls("hmget")
    answers = [gate.request(key=key) for _ in range(20)]

    assert {(answer.status, answer.source) for answer in answers} == {(200, "store")}
    assert gate.redis.calls("hmget") == before + 20
    gate.proxy.is_refusing = False
    gate.warm(key)


@behind_a_proxy
@pytest.mark.parametrize("listens", [True, False], ids=["invalidation", "data"])
def test_a_silently_lost_connection_is_given_up_and_replaced(sandboxes, listens):
    gate = make(sandboxes, proxied=True)
    key = gate.key()
    gate.warm(key)
    (lost,) = gate.proxy.silence(listens)

    def replaced():
        assert gate.request(key=key).status in (200, 503)
        return gate.proxy.open(listens)

    wait_until(replaced, "another connection is made")
    gate.warm(key)
    assert lost.is_silent


@behind_a_proxy
@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_silently_lost_invalidations_admit_no_request_once_the_command_has_ended(sandboxes, command):
    gate = make(sandboxes, proxied=True)
    key = gate.key()
    gate.warm(key)
    gate.proxy.is_refusing = True
    gate.proxy.silence(listens=True)

    gate.latchkey.must(command, "acme", "--yes", as_=OWNER)

    assert gate.request(key=key).result == "revoked"


@behind_a_proxy
@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_a_worker_that_receives_invalidations_again_has_an_empty_cache(sandboxes, command):
    """No request comes between the lost invalidations and the next connection: only the latter empties the cache."""
    gate = make(sandboxes, proxied=True)
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key)
    gate.proxy.silence(listens=True)

    gate.latchkey.must(command, "acme", "--yes", as_=OWNER)
    gate.warm(other)

    assert gate.request(key=key).result == "revoked"


def test_invalidations_sent_to_a_frozen_worker_and_then_lost_are_not_missed(gate):
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key)
    worker = gate.nginx.worker()
    processes.freeze(worker)
    gate.redis.cli("CLIENT", "KILL", "TYPE", "pubsub")
    gate.revoke("acme", "--no-wait")
    processes.thaw(worker)

    wait_until(lambda: gate.redis.cli("CLIENT", "LIST", "TYPE", "pubsub"), "the worker receives invalidations again")
    gate.warm(other)

    assert gate.request(key=key).result == "revoked"


@behind_a_proxy
@pytest.mark.parametrize("command", ["revoke", "generate"])
def test_a_gateway_that_is_cut_off_with_a_grace_is_waited_out(sandboxes, command):
    gate = make(sandboxes, f"latchkey_outage_grace {int(GRACE)}s;", proxied=True)
    key, other = gate.key(), gate.key("umbrella")
    gate.warm(key, other)
    gate.proxy.is_refusing = True
    gate.proxy.cut(listens=True)
    gate.proxy.cut(listens=False)
    wait_until(lambda: gate.request(key=key).source == "grace", "the lease is over")

    result = gate.latchkey.run(command, "acme", "--yes", as_=OWNER)

    assert result.code == 0
    assert f"process {gate.nginx.worker()}) did not acknowledge the change; its lease has ended." in result.err
    assert {gate.status_of(each) for each in (key, other)} == {503}
    gate.proxy.is_refusing = False
    gate.warm(other)
    assert gate.request(key=key).result == "revoked"


# When the store is full


def test_no_memory_for_writes_does_not_stop_checks(gate):
    key = gate.key()
    gate.warm(key)
    gate.redis.cli("CONFIG", "SET", "maxmemory", "1")

    assert {gate.status_of(key) for _ in range(20)} == {200}

    gate.redis.cli("CONFIG", "SET", "maxmemory", "0")
    gate.warm(key)


def test_many_clients_in_an_outage_are_all_answered(graceful):
    graceful.expect(NO_SOCKET)
    key = graceful.key()
    graceful.warm(key)
    graceful.redis.kill()

    outcomes = at_once(16, lambda: [graceful.status_of(key) for _ in range(20)])

    assert {status for each in outcomes for status in each} == {200}
    graceful.redis.start()
    graceful.warm(key)


@versions_outlive_the_store
def test_the_versions_that_a_worker_has_seen_outlive_an_outage(gate):
    """An administrator starts the store from an old copy."""
    gate.expect(NO_SOCKET)
    record = record_key("acme")
    old = gate.key()
    gate.redis.cli("COPY", record, beside("acme", "backup"))
    key = gate.key()
    gate.warm(key)

    gate.redis.cli("COPY", beside("acme", "backup"), record, "REPLACE")
    gate.redis.stop()
    gate.redis.start()

    wait_until(lambda: gate.nginx.lines("is older than a version seen before") or gate.status_of(old) == 200,
               "the old record is read")
    assert gate.request(key=old).result == "unavailable"
