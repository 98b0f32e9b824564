"""The membership list: every live worker is in it, and no other stays for long."""

import re
import socket

import pytest

from harness import processes
from harness.consistency import under_either_consistency
from harness.executable import DONE, STORE_UNREACHABLE, Dialogue
from harness.membership import MEMBERSHIP
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.topology import COPIES, LINKS

RELOADS = 50

# Where another server may become the primary, strict workers trust the one that was named for as long as leased ones.
LEASES = {"leased": 1000, "strict": 1000 if COPIES else 0}

HEADER = re.compile(r"HOST +PROCESS +VERSION +TRACKING +LEASE +GRACE +ID")


@pytest.fixture
def fleet(sandboxes, consistency):
    return sandboxes(gateways=2, workers=2, consistency=consistency)


@pytest.fixture
def gate(sandboxes):
    return sandboxes(workers=1)


@under_either_consistency
def test_every_worker_of_every_gateway_is_listed_before_its_first_request(fleet, consistency):
    fleet.wait_for_members()

    listed = fleet.latchkey.gateways()

    assert sorted(each["pid"] for each in listed) == sorted(fleet.workers())
    assert len({each["id"] for each in listed}) == 4
    for each in listed:
        assert each["host"] == socket.gethostname()
        assert (each["lease_ms"], each["grace_ms"]) == (LEASES[consistency], 0)


def test_on_a_terminal_the_list_is_a_table(fleet):
    fleet.wait_for_members()

    with Dialogue(fleet.latchkey, "gateways") as dialogue:
        assert dialogue.end() == DONE
    header, *rows = dialogue.text.splitlines()

    assert HEADER.fullmatch(header)
    assert sorted(int(row.split()[1]) for row in rows) == sorted(fleet.workers())


def test_in_a_pipe_the_list_has_tabs_between_cells_and_no_header(fleet):
    fleet.wait_for_members()

    rows = [line.split("\t") for line in fleet.latchkey.must("gateways").splitlines()]

    assert sorted(int(row[1]) for row in rows) == sorted(fleet.workers())
    assert {len(row) for row in rows} == {7}


def test_a_configured_lease_and_grace_are_listed(sandboxes):
    gate = sandboxes(workers=1, settings="latchkey_lease 250ms;\nlatchkey_outage_grace 10m;")
    gate.wait_for_members()

    (listed,) = gate.latchkey.gateways()

    assert (listed["lease_ms"], listed["grace_ms"]) == (250, 600_000)


def test_without_gateways_the_list_is_empty(sandboxes):
    sandbox = sandboxes(start=False)

    assert sandbox.latchkey.gateways() == []
    assert sandbox.latchkey.must("gateways") == ""
    with Dialogue(sandbox.latchkey, "gateways") as dialogue:
        assert dialogue.end() == DONE
    assert dialogue.text == "No nginx worker is running.\r\n"


def test_the_list_needs_no_owner_and_no_pepper(gate):
    gate.wait_for_members()
    gate.pepper_file.unlink()

    assert len(gate.latchkey.gateways()) == 1


def test_an_unreadable_member_is_reported(gate):
    gate.wait_for_members()
    gate.redis.cli("HSET", MEMBERSHIP, "stranger", "lease=soon")

    result = gate.latchkey.run("gateways")

    assert "stranger" in result.err
    assert str(gate.nginx.worker()) in result.out


def test_no_list_is_shown_while_the_store_is_unreachable(gate):
    gate.expect(NO_SOCKET)
    gate.redis.stop()

    result = gate.latchkey.run("gateways")

    assert result.code == STORE_UNREACHABLE
    assert result.one_line()


# Joining and leaving


def test_a_gateway_that_stops_in_order_has_left_the_list(fleet):
    fleet.wait_for_members()

    assert fleet.gateways[1].stop()

    assert sorted(each["pid"] for each in fleet.latchkey.gateways()) == sorted(fleet.gateways[0].workers())


def test_the_workers_of_fifty_reloads_have_left_the_list(sandboxes):
    gate = sandboxes(workers=2)
    key = gate.key()
    for _ in range(RELOADS):
        gate.nginx.reload()
        assert gate.status_of(key) == 200

    wait_until(lambda: len(gate.nginx.workers()) == 2, "the old workers end", seconds=60)
    gate.wait_for_members()
    wait_until(lambda: len(gate.redis.clients()) == 2 * LINKS, "the old workers' connections are gone")
    assert gate.revoke().err.count("\n") == 1, "no worker is waited out"


def test_a_worker_removed_from_the_list_joins_again(gate):
    gate.wait_for_members()

    gate.redis.cli("DEL", MEMBERSHIP)

    gate.wait_for_members()


def test_a_worker_removed_from_the_list_empties_its_cache(gate):
    """A command that changed a record in the meantime did not wait for this worker."""
    key = gate.key()
    gate.warm(key)
    before = gate.redis.calls("hmget")

    gate.redis.cli("DEL", MEMBERSHIP)
    gate.wait_for_members()

    wait_until(lambda: gate.status_of(key) == 200 and gate.redis.calls("hmget") > before, "the store is asked again")


def test_a_worker_that_was_cut_off_joins_again_under_its_name(gate):
    gate.wait_for_members()
    (before,) = gate.latchkey.gateways()
    worker = gate.nginx.worker()
    processes.freeze(worker)
    gate.redis.cli("DEL", MEMBERSHIP)
    processes.thaw(worker)

    gate.wait_for_members()

    assert gate.latchkey.gateways()[0]["id"] == before["id"]


def test_a_worker_that_may_not_join_reads_the_store_for_every_check_and_logs_it(gate):
    key = gate.key()
    gate.redis.cli("SET", MEMBERSHIP, "text")
    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends")

    answers = [gate.request(key=key) for _ in range(20)]

    assert {(answer.status, answer.source) for answer in answers} == {(200, "store")}
    wait_until(lambda: gate.nginx.lines("not in the membership list"), "the error log says so")
