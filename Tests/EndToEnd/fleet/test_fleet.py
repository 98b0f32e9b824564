"""The list of gateways: every worker that lives is in it, and no other for long."""

import re
import socket
from datetime import datetime, timezone

import pytest

from harness import processes
from harness.consistency import under_either_consistency
from harness.executable import DONE, STORE_UNREACHABLE, Dialogue
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET

RELOADS = 50

LEASES = {"leased": 1000, "strict": 0}

HEADER = re.compile(r"HOST +PROCESS +VERSION +TRACKING +LEASE +GRACE +HEARTBEAT +CACHED")


@pytest.fixture
def fleet(sandboxes, consistency):
    return sandboxes(gateways=2, workers=2, consistency=consistency)


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1)


@under_either_consistency
def test_every_worker_of_every_gateway_is_listed_before_anybody_asks_it(fleet, consistency):
    fleet.wait_for_entries()

    listed = fleet.latchkey.gateways()

    assert sorted(each["pid"] for each in listed) == sorted(fleet.workers())
    assert len({each["id"] for each in listed}) == 4
    for each in listed:
        assert each["host"] == socket.gethostname()
        assert (each["lease_ms"], each["grace_ms"]) == (LEASES[consistency], 0)
        age = datetime.now(timezone.utc) - datetime.fromisoformat(each["heartbeat_at"])
        assert age.total_seconds() < 60


def test_the_list_is_a_table_for_people(fleet):
    fleet.wait_for_entries()

    with Dialogue(fleet.latchkey, "gateways") as dialogue:
        assert dialogue.end() == DONE
    header, *rows = dialogue.text.splitlines()

    assert HEADER.fullmatch(header)
    assert sorted(int(row.split()[1]) for row in rows) == sorted(fleet.workers())


def test_elsewhere_the_list_has_a_tab_between_cells_and_no_header(fleet):
    fleet.wait_for_entries()

    rows = [line.split("\t") for line in fleet.latchkey.must("gateways").splitlines()]

    assert sorted(int(row[1]) for row in rows) == sorted(fleet.workers())
    assert {len(row) for row in rows} == {8}


def test_a_lease_and_a_grace_of_ones_own_are_listed(sandboxes):
    gate = sandboxes(workers=1, settings="latchkey_lease 250ms;\nlatchkey_outage_grace 10m;")
    gate.wait_for_entries()

    (listed,) = gate.latchkey.gateways()

    assert (listed["lease_ms"], listed["grace_ms"]) == (250, 600_000)


def test_the_number_of_cached_records_is_listed(gate):
    gate.warm(*(gate.key(name) for name in ("acme", "umbrella", "hooli")))

    wait_until(lambda: gate.latchkey.gateways()[0]["cached_records"] == 3, "the entry is renewed")


def test_without_gateways_the_list_is_empty(sandboxes):
    sandbox = sandboxes(start=False)

    assert sandbox.latchkey.gateways() == []
    assert sandbox.latchkey.must("gateways") == ""
    with Dialogue(sandbox.latchkey, "gateways") as dialogue:
        assert dialogue.end() == DONE
    assert dialogue.text == "No nginx worker is running.\r\n"


def test_the_list_needs_no_owner_and_no_pepper(gate):
    gate.wait_for_entries()
    gate.pepper_file.unlink()

    assert len(gate.latchkey.gateways()) == 1


def test_an_entry_that_nobody_can_read_is_told_of(gate):
    gate.wait_for_entries()
    gate.redis.cli("HSET", "latchkey:gateways", "stranger", "lease=soon")

    result = gate.latchkey.run("gateways")

    assert "stranger" in result.err
    assert str(gate.nginx.worker()) in result.out


def test_the_list_of_a_store_that_is_away_is_not_shown(gate):
    gate.expect(NO_SOCKET)
    gate.redis.stop()

    result = gate.latchkey.run("gateways")

    assert result.code == STORE_UNREACHABLE
    assert result.one_line()


# Coming and going


def test_a_gateway_that_ends_in_order_is_gone_from_the_list_when_it_has_ended(fleet):
    fleet.wait_for_entries()

    assert fleet.gateways[1].stop()

    assert sorted(each["pid"] for each in fleet.latchkey.gateways()) == sorted(fleet.gateways[0].workers())


def test_the_workers_of_fifty_reloads_are_gone_from_the_list(sandboxes):
    gate = sandboxes(workers=2)
    key = gate.key()
    for _ in range(RELOADS):
        gate.nginx.reload()
        assert gate.status_of(key) == 200

    wait_until(lambda: len(gate.nginx.workers()) == 2, "the old workers end", seconds=60)
    gate.wait_for_entries()
    wait_until(lambda: len(gate.redis.clients()) == 4, "the old workers' connections are gone")
    assert gate.revoke().err.count("\n") == 1, "nobody is waited out"


def test_a_worker_that_was_taken_out_of_the_list_comes_back(gate):
    gate.wait_for_entries()

    gate.redis.cli("DEL", "latchkey:gateways")

    gate.wait_for_entries()


def test_a_worker_that_was_taken_out_of_the_list_forgets_what_it_knew(gate):
    """Whoever changed a record in between did not wait for it."""
    key = gate.key()
    gate.warm(key)
    before = gate.redis.calls("hmget")

    gate.redis.cli("DEL", "latchkey:gateways")
    gate.wait_for_entries()

    wait_until(lambda: gate.status_of(key) == 200 and gate.redis.calls("hmget") > before, "the store is asked again")


def test_a_worker_that_was_away_comes_back_under_its_name(gate):
    gate.wait_for_entries()
    (before,) = gate.latchkey.gateways()
    worker = gate.nginx.worker()
    processes.freeze(worker)
    gate.redis.cli("DEL", "latchkey:gateways")
    processes.thaw(worker)

    gate.wait_for_entries()

    assert gate.latchkey.gateways()[0]["id"] == before["id"]


def test_a_worker_that_may_not_enter_itself_reads_the_store_for_every_check_and_says_so(gate):
    key = gate.key()
    gate.redis.cli("SET", "latchkey:gateways", "text")
    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends")

    answers = [gate.request(key=key) for _ in range(20)]

    assert {(answer.status, answer.source) for answer in answers} == {(200, "store")}
    wait_until(lambda: gate.nginx.lines("not in the membership list"), "the error log says so")
