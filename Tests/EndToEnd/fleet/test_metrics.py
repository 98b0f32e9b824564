"""Metrics count exactly, over all workers and through reloads, and name no key and no organization."""

import re
import time
from collections import Counter

import pytest

from harness import processes
from harness.example_server import example
from harness.http_client import Connection, bearer, request
from harness.key_forge import locator, secret_of
from harness.load import at_once, steady_load
from harness.metrics import LOCATION, Metrics, faults, scrape, wait_for
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER, SERVER
from harness.streams import OpenRequest, StreamingUpstream
from harness.topology import PRIMARIES, behind_a_proxy, no_cluster

# A worker that has not reported for this long is not shown.
STALE = 5.0

STREAMS = """
        location /stream/ {
            latchkey on;
            proxy_pass http://unix:stream.sock;
            proxy_buffering off;
        }
"""


@pytest.fixture
def gates(sandboxes):
    return lambda **options: sandboxes(**{"server": SERVER + LOCATION, **options})


@pytest.fixture
def gate(gates):
    """A gateway with two workers that receive invalidations."""
    gate = gates(workers=2)
    gate.wait_for_members()
    return gate


@pytest.fixture
def single(gates):
    gate = gates(workers=1)
    gate.wait_for_members()
    return gate


def found(answer):
    return answer.result, answer.source or "none"


def ask_all_workers(gate, ask):
    """Sends requests until each worker has answered; returns the results, and how often each occurred."""
    counts, workers = Counter(), set()

    def asked():
        for answer in at_once(8, ask):
            counts[found(answer)] += 1
            workers.add(answer.all("X-Worker")[-1])  # the API is an nginx too
        return len(workers) == 2

    wait_until(asked, "both workers have answered")
    return counts


# Checks


def test_checks_are_counted_exactly_over_two_workers(gate):
    revoked, key = gate.key("acme"), gate.key("acme")
    expired = gate.key("late", "--expires-in", "1s")
    wait_until(lambda: time.time() > int(gate.redis.hash(record("late"))["expires_at"]) / 1000, "the key expires")
    requests = [
        bearer(key), [], [*bearer(key), ("X-API-Key", key)], bearer("nonsense"), bearer(gate.forge().forged("acme")),
        bearer(revoked), bearer(expired),
    ]

    counts = Counter()
    for headers in requests:
        counts += ask_all_workers(gate, lambda: gate.request("/api", headers))

    assert {result for result, _ in counts} == {
        "allowed", "missing", "ambiguous", "malformed", "forged", "revoked", "expired"
    }
    assert scrape(gate).checks() == counts


def record(organization):
    return f"latchkey:record:{{{locator(organization)}}}"


def test_checks_during_an_outage_are_counted_by_source(gates):
    gate = gates(workers=1, settings="latchkey_lease 100ms; latchkey_outage_grace 1h;")
    key = gate.key()
    gate.warm(key)
    gate.expect(NO_SOCKET)
    gate.redis.stop()

    wait_until(lambda: gate.request(key=key).source == "grace", "the grace decides")
    before = scrape(gate).checks()
    for _ in range(3):
        gate.request(key=key)
        gate.request(key=gate.forge().issued("nobody"))

    counts = Counter(scrape(gate).checks()) - Counter(before)
    assert counts == {("allowed", "grace"): 3, ("unavailable", "none"): 3}


def test_a_check_for_auth_request_counts_once(single):
    key = single.key()
    for _ in range(5):
        assert single.status_of(key, "/checked") == 200

    assert sum(scrape(single).checks().values()) == 5


def test_counts_are_exact_through_reloads(gate):
    key = gate.key()

    with steady_load(lambda: found(gate.request(key=key))) as load:
        for _ in range(3):
            gate.nginx.reload()
    workers = gate.nginx.workers()
    wait_until(lambda: len(gate.nginx.workers()) == 2, "the old workers have ended")

    metrics = wait_for(gate, 2, "workers")
    assert metrics.checks() == Counter(load.outcomes)
    assert metrics.pids() == gate.nginx.workers() <= workers
    # The old workers' own counts have been added.
    wait_for(gate, metrics.value("checks_total", result="allowed", source="store"), "store_wait_seconds_count")
    # A worker that is replaced at once may never have made a connection.
    assert 2 < scrape(gate).value("store_connections_total", link="data") <= 8 * PRIMARIES


# The store


@behind_a_proxy
def test_the_wait_for_the_store_is_measured(sandboxes):
    gate = sandboxes(server=SERVER + LOCATION, workers=1, proxied=True,
                     settings="latchkey_timeout 5s; latchkey_lease 10s;")
    keys = gate.keys_of(["acme", "umbrella", "globex"]).values()
    gate.warm(gate.key("initech"))  # confirmed behind the invalidations of the others, which would cost reads
    before = scrape(gate)

    gate.proxy.delay = 0.3
    for key in [*keys, *keys]:
        assert gate.status_of(key) == 200

    metrics = scrape(gate)

    def waits(longest):
        name = "store_wait_seconds"
        return metrics.histogram(name)[longest] - before.histogram(name)[longest]

    def grown(name):
        return metrics.value(name) - before.value(name)

    assert waits(0.2) == 0
    assert waits(float("inf")) == 3
    assert 0.9 <= grown("store_wait_seconds_sum") < 15
    assert grown("store_reads_total") == 3


def test_checks_that_share_a_read_wait_each_and_read_once(single):
    keys = [single.key("acme")] * 10
    with Connection(single.nginx.gate) as connection:
        assert {answer.status for answer in connection.pipeline([("/api", bearer(key)) for key in keys])} == {200}

    metrics = scrape(single)
    assert metrics.value("store_reads_total") == 1
    assert metrics.value("store_wait_seconds_count") == 1
    assert metrics.checks() == {("allowed", "store"): 1, ("allowed", "cache"): 9}


def test_lost_connections_and_new_ones_are_counted(gate):
    for kind in ("data", "invalidation"):
        wait_for(gate, 2 * PRIMARIES, "store_connections_total", link=kind)
        assert scrape(gate).value("store_losses_total", link=kind) == 0

    # A link for invalidations counts as another kind.
    gate.redis.end_connections()
    gate.redis.cli("CLIENT", "KILL", "TYPE", "pubsub")

    for kind in ("data", "invalidation"):
        wait_for(gate, 2 * PRIMARIES, "store_losses_total", link=kind)
        wait_for(gate, 4 * PRIMARIES, "store_connections_total", link=kind)


@no_cluster("each of its primaries is lost and counted by itself")
def test_a_store_that_stays_away_is_lost_once(gates):
    gate = gates(workers=1)
    gate.wait_for_members()
    gate.expect(NO_SOCKET)
    gate.redis.stop()
    wait_for(gate, 1, "store_losses_total", link="data")
    wait_until(lambda: len(gate.nginx.lines("connect() to ")) > 1, "the gateway tries again")

    metrics = scrape(gate)
    for kind in ("data", "invalidation"):
        assert metrics.value("store_losses_total", link=kind) == 1
        assert metrics.value("store_connections_total", link=kind) == 1
    assert metrics.all("lease_seconds") == {(str(gate.nginx.worker()),): 0}


# The cache


def test_records_and_evictions_are_counted(gates):
    gate = gates(workers=1, settings="latchkey_cache_size 3;")
    gate.wait_for_members()
    for key in gate.keys_of([f"org-{number}" for number in range(5)]).values():
        assert gate.status_of(key) == 200

    metrics = scrape(gate)
    assert metrics.value("cache_records") == 3
    assert metrics.value("cache_evictions_total") == 2


def test_records_are_those_of_all_workers(gate):
    key = gate.key()
    ask_all_workers(gate, lambda: gate.request(key=key))

    wait_for(gate, 2, "cache_records")


# Changes


def test_changes_are_counted_by_each_worker(gate):
    gate.key("acme")
    wait_for(gate, 2, "barriers_acknowledged_total")
    before = scrape(gate)

    gate.latchkey.generate("acme", as_=OWNER)
    gate.revoke("acme")

    wait_for(gate, before.value("barriers_acknowledged_total") + 4, "barriers_acknowledged_total")
    metrics = wait_for(gate, before.value("invalidations_total") + 4, "invalidations_total")
    assert metrics.histogram("change_delay_seconds")[float("inf")] == metrics.value("barriers_acknowledged_total")
    assert metrics.value("flushes_total") == 0

    gate.redis.cli("FLUSHALL")
    wait_for(gate, 2 * PRIMARIES, "flushes_total")


@behind_a_proxy
def test_a_late_change_is_counted_with_its_delay(sandboxes):
    gate = sandboxes(server=SERVER + LOCATION, workers=1, proxied=True, settings="latchkey_lease 5s;")
    gate.wait_for_members()
    gate.key("acme")
    before = scrape(gate).histogram("change_delay_seconds")

    gate.proxy.delay = 0.3
    gate.revoke("acme")

    counts = scrape(gate).histogram("change_delay_seconds")
    assert counts[0.2] == before[0.2]
    assert counts[float("inf")] == before[float("inf")] + 1, "the repeated message counts once"


def test_open_requests_and_ended_ones_are_counted(gates):
    gate = gates(workers=2, server=SERVER + LOCATION + STREAMS)
    gate.wait_for_members()
    key = gate.key("acme")

    with StreamingUpstream(gate.nginx.folder / "stream.sock"):
        requests = [OpenRequest(gate.nginx.gate, "/stream/events", bearer(key)) for _ in range(4)]
        wait_for(gate, 4, "streams_open")
        gate.revoke("acme")

        metrics = wait_for(gate, 4, "streams_ended_total")
        assert metrics.value("streams_open") == 0
        for each in requests:
            each.wait_until_closed()


# Workers


def test_a_lease_is_shown_as_long_as_it_lasts(gate):
    metrics = wait_for(gate, 2, "workers")
    assert metrics.pids() == gate.nginx.workers()

    def leases():
        return scrape(gate).all("lease_seconds").values()

    wait_until(lambda: all(0 < lease <= 1 for lease in leases()), "both workers have their lease")
    gate.redis.freeze()
    wait_until(lambda: set(leases()) == {0}, "the leases are over")
    gate.redis.thaw()
    wait_until(lambda: all(0 < lease <= 1 for lease in leases()), "both workers have their lease again")


def test_a_frozen_worker_is_not_shown_for_long(gate):
    wait_for(gate, 2, "workers")
    with gate.connect() as connection:
        other = connection.request("/open").worker
        (frozen,) = gate.nginx.workers() - {other}
        processes.freeze(frozen)

        def pids():
            return Metrics(connection.request("/metrics").body).pids()

        assert pids() == {frozen, other}
        wait_until(lambda: pids() == {other}, "only the other one is shown", seconds=3 * STALE)
        processes.thaw(frozen)
        wait_until(lambda: pids() == {frozen, other}, "both are shown")


def test_a_killed_worker_is_replaced_by_its_successor(gate):
    key = gate.key()
    counts = ask_all_workers(gate, lambda: gate.request(key=key))
    killed = gate.request("/open").worker
    gate.expect(rf"worker process {killed} exited on signal 9")

    processes.kill(killed)

    wait_until(lambda: len(gate.nginx.workers() - {killed}) == 2, "there is another worker")
    wait_until(lambda: scrape(gate).pids() == gate.nginx.workers(), "the live workers are shown", seconds=3 * STALE)
    assert scrape(gate).checks() == counts


# The answer


def test_prometheus_finds_nothing_wrong_and_no_name_is_in_it(gate):
    key = gate.key("acme")
    ask_all_workers(gate, lambda: gate.request(key=key))
    gate.revoke("acme")
    ask_all_workers(gate, lambda: gate.request(key=key))

    text = scrape(gate).text
    assert faults(text) == ""
    for secret in ("acme", OWNER, locator("acme"), secret_of(key), str(gate.folder)):
        assert secret not in text


def test_promtool_finds_faults_if_there_are_any(gate):
    assert faults(scrape(gate).text.replace("# HELP latchkey_workers", "# HELPS latchkey_workers"))


def test_the_answer_is_text_that_must_not_be_cached(single):
    answer = single.request("/metrics")
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"
    head = single.request("/metrics", method="HEAD")
    assert (head.status, head.body) == (200, "")
    assert single.request("/metrics", method="POST", body="x").status == 405


def test_the_location_can_ask_for_a_key_itself(gates):
    gate = gates(server="location = /metrics { latchkey on; latchkey_metrics; }", workers=1)
    assert gate.request("/metrics").status == 401
    assert gate.request("/metrics", key=gate.key()).status == 200


def test_the_location_inherits_the_check_as_any_other_does(gates):
    server = "latchkey on; location = /metrics { latchkey_metrics; } location = /open { latchkey off; latchkey_metrics; }"
    gate = gates(server=server, workers=1)
    key = gate.key()

    assert [gate.request("/metrics").status, gate.request("/metrics", key=key).status] == [401, 200]
    assert [gate.request("/open").status, gate.request("/open", key="nonsense").status] == [200, 200]


def test_without_checks_nothing_is_counted(gates):
    gate = gates(server=LOCATION, library=None, workers=1)
    metrics = scrape(gate)
    assert set(metrics.samples.values()) == {0}
    assert faults(metrics.text) == ""


def test_a_worker_without_the_library_shows_the_remaining_metrics(gates):
    gate = gates(workers=1, start=False)
    library = gate.folder / "liblatchkey.so"
    # It checks the configuration, and fails in the worker.
    library.symlink_to(gate.nginx.values["library"].split()[1].rstrip(";"))
    gate.nginx.configure(library=f"latchkey_library {library};")
    gate.nginx.start()
    key = gate.key()
    assert gate.status_of(key) == 200
    library.unlink()
    killed = gate.nginx.worker()
    gate.expect(rf"worker process {killed} exited on signal 9", "no key can be checked")
    processes.kill(killed)
    wait_until(lambda: gate.nginx.workers() - {killed}, "there is another worker")

    assert gate.status_of(key) == 503
    metrics = scrape(gate)
    assert metrics.checks() == {("allowed", "store"): 1, ("unavailable", "none"): 1}
    assert metrics.all("lease_seconds")[(str(gate.request("/open").worker),)] == 0


@pytest.mark.parametrize("line, fault", [
    ("latchkey_metrics on;", 'invalid number of arguments in "latchkey_metrics" directive'),
    ("latchkey_metrics; latchkey_metrics;", '"latchkey_metrics" directive is duplicate'),
])
def test_a_wrong_directive_is_refused(gates, line, fault):
    gate = gates(server=f"location /metrics {{ {line} }}", start=False)
    gate.expect("latchkey_metrics")
    code, output = gate.nginx.test()
    assert code != 0 and fault in output


def test_the_example_shows_metrics_on_a_port_of_their_own(sandboxes):
    with example(sandboxes, "metrics.conf") as gate:
        assert gate.request("/", key=gate.key("acme")).body == "GET of=acme keys="
        assert gate.request("/metrics").status == 401
        metrics = Metrics(request(gate.nginx.folder / "metrics.sock", "/metrics").body)

    assert metrics.checks() == {("allowed", "store"): 1, ("missing", "none"): 1}
    assert re.search(r"^latchkey_workers 1$", metrics.text, re.MULTILINE)
