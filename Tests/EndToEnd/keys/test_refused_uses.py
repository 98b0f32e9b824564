"""Refused uses of earlier keys are counted and shown to the owner."""

from datetime import datetime, timezone

import pytest

from harness.consistency import under_either_consistency
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import OWNER

USES = 14


@pytest.fixture
def gate(sandboxes, consistency):
    return sandboxes(workers=1, consistency=consistency)


def refuse(gate, key, times, target="/api"):
    with gate.connect() as connection:
        assert {connection.request(target, bearer(key)).status for _ in range(times)} == {401}


def wait_for_count(gate, count, organization="acme"):
    wait_until(lambda: gate.latchkey.status_json(organization, as_=OWNER)["refused_uses"] == count, "all are counted")


@under_either_consistency
def test_the_status_shows_how_often_earlier_keys_were_refused(gate):
    replaced = gate.key()
    key = gate.key()
    before = datetime.now(timezone.utc)

    refuse(gate, replaced, USES)

    wait_for_count(gate, USES)
    told = datetime.fromisoformat(gate.latchkey.status_json("acme", as_=OWNER)["last_refused_at"])
    assert abs((told - before).total_seconds()) < 60
    assert f"Earlier keys were refused {USES} times, last " in gate.latchkey.status("acme", as_=OWNER)
    assert gate.status_of(key) == 200


def test_one_use_is_shown_in_the_singular(gate):
    replaced = gate.key()
    gate.key()

    refuse(gate, replaced, 1)

    wait_for_count(gate, 1)
    assert "Earlier keys were refused once, " in gate.latchkey.status("acme", as_=OWNER)


@under_either_consistency
def test_uses_of_a_revoked_key_without_a_successor_are_counted(gate):
    key = gate.key()
    gate.revoke()

    refuse(gate, key, USES)

    wait_for_count(gate, USES)
    status = gate.latchkey.status("acme", as_=OWNER)
    assert "No API key generated" in status
    assert f"Earlier keys were refused {USES} times" in status


def test_without_refused_uses_none_are_shown(gate):
    key = gate.key()
    gate.status_of(key)

    status = gate.latchkey.status_json("acme", as_=OWNER)

    assert (status["refused_uses"], status["last_refused_at"]) == (0, None)
    assert "refused" not in gate.latchkey.status("acme", as_=OWNER)


def test_counts_add_up_separately_for_each_organization(gate):
    replaced = {name: gate.key(name) for name in ("acme", "umbrella")}
    for name in replaced:
        gate.key(name)

    for round_ in range(1, 4):
        refuse(gate, replaced["acme"], 5)
        wait_for_count(gate, 5 * round_)
    refuse(gate, replaced["umbrella"], 2)

    wait_for_count(gate, 2, "umbrella")
    wait_for_count(gate, 15)


def test_both_workers_of_two_gateways_count(sandboxes):
    fleet = sandboxes(gateways=2, workers=2)
    replaced = fleet.key()
    fleet.key()
    for gateway in fleet.gateways:
        for _ in range(20):
            assert fleet.request(key=replaced, at=gateway).status == 401

    wait_for_count(fleet, 40)


def test_forged_keys_and_accepted_keys_are_not_counted(gate):
    replaced = gate.key()
    key = gate.key()
    for other in (gate.forge().forged("acme"), "nonsense"):
        refuse(gate, other, 5)
    assert gate.status_of(key) == 200
    assert gate.latchkey.verify(replaced).code == 1

    refuse(gate, replaced, 1)

    wait_for_count(gate, 1)


@pytest.mark.parametrize("how", ["stop", "reload"])
def test_refused_uses_just_before_an_orderly_end_are_counted(gate, how):
    replaced = gate.key()
    gate.key()

    refuse(gate, replaced, USES)
    getattr(gate.nginx, how)()

    wait_for_count(gate, USES)


def test_only_the_owner_sees_refused_uses(gate):
    replaced = gate.key()
    gate.key()
    refuse(gate, replaced, USES)
    wait_for_count(gate, USES)

    result = gate.latchkey.run("status", "acme", as_="mallory")

    assert str(USES) not in result.out + result.err


def test_a_count_written_by_another_program_is_not_repeated(gate):
    replaced = gate.key()
    gate.key()
    refuse(gate, replaced, 1)
    wait_for_count(gate, 1)
    (shard,) = gate.redis.cli("KEYS", "latchkey:refused:*").split()
    (member,) = gate.redis.cli("ZRANGE", shard, "0", "-1").split()

    for number in ("-5", "1.5", "1e30", "inf", "-inf"):
        gate.redis.cli("ZADD", shard, number, member)
        assert gate.latchkey.run("status", "acme", as_=OWNER).code == 0
