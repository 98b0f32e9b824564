"""Last uses: recorded in batches, never lost in an orderly shutdown, never set back."""

import re
import time
from datetime import datetime

import pytest

from harness.cluster_store import STEADY
from harness.consistency import LEASED, STRICT
from harness.http_client import bearer
from harness.key_forge import locator, record_key, used_key
from harness.polling import wait_until
from harness.processes import ending, freeze, is_alive, thaw
from harness.sandbox import OWNER
from harness.slot_moves import move_of
from harness.topology import behind_a_proxy

LAST_USED_NEVER = re.compile(r"^Last used: +Never$", re.MULTILINE)


@pytest.fixture(params=[LEASED, STRICT])
def gate(request, sandboxes):
    return sandboxes(workers=1, consistency=request.param)


def now():
    return time.time() * 1000


def last_use(gate, organization="acme"):
    """The time of the last use in milliseconds, 0 if there is none."""
    return float(gate.redis.cli("ZSCORE", used_key(organization), locator(organization)) or 0)


def status(gate, organization="acme"):
    return gate.latchkey.status_json(organization, as_=OWNER)


def shown_use(gate, organization="acme"):
    """The last use as `status` shows it to the owner."""
    return use_in(status(gate, organization))


def use_in(status):
    return datetime.fromisoformat(status["last_used_at"]).timestamp() * 1000


def exact_use(gate):
    """The same in a status that all workers have answered: on a busy machine they may take longer than it waits."""
    def answered():
        told = status(gate)
        return told if told["last_used_delay_seconds"] == 0 else None

    return use_in(wait_until(answered, "all workers answer"))


def test_a_use_is_recorded_within_a_few_seconds(gate):
    key = gate.key()
    before = now()
    assert gate.status_of(key) == 200
    after = now()

    wait_until(lambda: last_use(gate), "the use is recorded")

    assert before - 1 <= last_use(gate) <= after + 1
    assert not LAST_USED_NEVER.search(gate.latchkey.status("acme", as_=OWNER))


def test_a_use_of_a_cached_key_is_recorded(gate):
    key = gate.key()
    gate.warm(key)
    before = now()

    assert gate.status_of(key) == 200

    wait_until(lambda: last_use(gate) >= before - 1, "the use is recorded")


def test_the_status_shows_a_use_at_once(gate):
    key = gate.key()
    for _ in range(10):
        before = now()
        assert gate.status_of(key) == 200
        assert exact_use(gate) >= before - 1


def test_the_status_shows_a_use_at_any_worker(sandboxes):
    gate = sandboxes(workers=4)
    key = gate.key()
    with gate.connect() as first, gate.connect() as second, gate.connect() as third:
        for connection in (first, second, third) * 5:
            before = now()
            assert connection.request("/api", bearer(key)).status == 200
            assert exact_use(gate) >= before - 1


def test_a_frozen_worker_does_not_block_the_status(gate):
    key = gate.key()
    gate.warm(key)
    first = shown_use(gate)
    assert gate.status_of(key) == 200
    freeze(gate.nginx.worker())
    try:
        told = status(gate)
    finally:
        thaw(gate.nginx.worker())

    assert use_in(told) >= first
    assert told["last_used_delay_seconds"] is None
    wait_until(lambda: shown_use(gate) > first, "the use is shown")


def test_many_uses_are_recorded_in_few_commands(gate):
    keys = [gate.key(name) for name in ("acme", "umbrella", "hooli")]
    began = time.monotonic()
    with gate.connect() as connection:
        for _ in range(300):
            assert all(connection.request("/api", bearer(key)).status == 200 for key in keys)
    sent_until = now()

    wait_until(lambda: last_use(gate, "hooli") > sent_until - 1000, "the last batch is recorded")
    assert gate.redis.calls("zadd") <= len(keys) * (time.monotonic() - began + 2)


def test_a_later_use_raises_the_time(gate):
    key = gate.key()
    gate.status_of(key)
    first = wait_until(lambda: last_use(gate), "the use is recorded")

    gate.status_of(key)

    wait_until(lambda: last_use(gate) > first, "the later use is recorded")


def test_a_refused_key_counts_as_no_use(gate):
    replaced = gate.key()
    key = gate.key("umbrella")
    gate.key()
    assert gate.status_of(replaced) == 401
    assert gate.status_of(gate.forge().forged("acme")) == 401
    assert gate.status_of(key) == 200

    wait_until(lambda: last_use(gate, "umbrella"), "the use of another key is recorded")

    assert last_use(gate) == 0
    assert LAST_USED_NEVER.search(gate.latchkey.status("acme", as_=OWNER))


def test_a_use_is_never_set_back(gate):
    key = gate.key()
    tomorrow = now() + 86_400_000
    gate.redis.cli("ZADD", used_key("acme"), tomorrow, locator("acme"))
    assert gate.status_of(key) == 200
    other = gate.key("umbrella")
    gate.status_of(other)

    wait_until(lambda: last_use(gate, "umbrella"), "the batch is recorded")

    assert last_use(gate) == pytest.approx(tomorrow, abs=1)


def test_a_use_just_before_a_graceful_end_is_not_lost(gate):
    key = gate.key()
    gate.warm(key)
    before = now()

    assert gate.status_of(key) == 200
    assert gate.nginx.stop()

    assert last_use(gate) >= before - 1


def test_a_use_just_before_a_reload_is_not_lost(gate):
    key = gate.key()
    for _ in range(5):
        gate.warm(key)
        before = now()
        assert gate.status_of(key) == 200
        gate.nginx.reload()
        wait_until(lambda: last_use(gate) >= before - 1, "the use is recorded")


@behind_a_proxy
@pytest.mark.parametrize("consistency", [LEASED, STRICT])
def test_a_use_just_before_an_end_is_written_when_the_store_can_be_reached_again(sandboxes, consistency):
    gate = sandboxes(workers=1, proxied=True, consistency=consistency)
    key = gate.key()
    gate.warm(key)
    before = now()
    assert gate.status_of(key) == 200

    with ending(gate.nginx.worker()) as worker:
        gate.proxy.is_refusing = True
        for listens in (True, False):
            gate.proxy.cut(listens)
    wait_until(lambda: gate.proxy.refused, "the worker tries to connect")
    gate.proxy.is_refusing = False

    wait_until(lambda: not is_alive(worker), "the worker ends")
    assert last_use(gate) >= before - 1


def test_uses_during_an_outage_of_the_store_are_recorded_after_it(gate):
    key = gate.key()
    gate.warm(key)
    before = now()
    assert gate.status_of(key) == 200

    gate.redis.kill()
    gate.redis.start()

    wait_until(lambda: last_use(gate) >= before - 1, "the use is recorded")


def test_a_store_that_accepts_no_uses_fails_no_request(gate):
    key = gate.key()
    gate.redis.cli("SET", used_key("acme"), "a text")
    for _ in range(20):
        assert gate.status_of(key) == 200

    wait_until(lambda: gate.redis.calls("zadd"), "the use is sent")
    wait_until(lambda: gate.nginx.lines("[warn]"), "the error log says so")

    assert gate.status_of(key) == 200


def test_a_check_by_a_subrequest_is_a_use(gate):
    key = gate.key()

    assert gate.status_of(key, "/checked") == 200

    wait_until(lambda: last_use(gate), "the use is recorded")


def test_verify_counts_as_no_use(gate):
    gate.latchkey.verify(gate.key())
    other = gate.key("umbrella")
    gate.status_of(other)

    wait_until(lambda: last_use(gate, "umbrella"), "the use of another key is recorded")

    assert last_use(gate) == 0


@pytest.mark.parametrize("moved", [used_key, record_key])
@pytest.mark.parametrize("consistency", [LEASED, STRICT])
def test_the_status_is_exact_while_a_slot_moves(sandboxes, consistency, moved):
    gate = sandboxes(workers=2, cluster=STEADY, consistency=consistency)
    key = gate.key()
    move = move_of(gate.redis, moved("acme"))

    def move_again():
        move_of(gate.redis, moved("acme")).run()

    for step in (move.begin, move.move_keys, move.end, move_again):
        step()
        # The first use in a second is written at once.
        for _ in range(3):
            before = now()
            assert gate.status_of(key) == 200
            assert exact_use(gate) >= before - 1
