"""What the doctor says of sentinels and of servers that they watch: each fault is planted in a sound fleet."""

import json

import pytest

from harness.polling import wait_until
from harness.sentinel_servers import NAME
from harness.sentinel_store import STEADY


@pytest.fixture
def gates(sandboxes):
    return lambda settings="": sandboxes(workers=1, sentinel=STEADY, settings=settings)


def findings(gate):
    report = json.loads(gate.latchkey.run("doctor", "--json").out)
    return [(finding["check"], finding["level"], finding["text"]) for finding in report["findings"]]


def is_found(gate, check, level, words):
    return any((check, level) == found[:2] and words in found[2] for found in findings(gate))


def set_at(*servers, **settings):
    for server in servers:
        for name, value in settings.items():
            server.ask("CONFIG", "SET", name.replace("_", "-"), value)


def at_sentinels(gate, name, value):
    for sentinel in gate.redis.sentinels:
        sentinel.ask("SENTINEL", "SET", NAME, name, value)


def without_candidates(gate):
    set_at(*gate.redis.replicas, replica_priority="0")
    for sentinel in gate.redis.sentinels:
        wait_until(lambda: all(each["slave-priority"] == "0" for each in sentinel.reports_of("replicas")), "the sentinels know")


PLANTED = {
    "no candidate": (without_candidates, "store.priority", "fault", "no replica may become the primary"),
    "everysec": (lambda gate: set_at(*gate.redis.servers, appendfsync="everysec"), "store.fsync", "fault",
                 "undoes the last changes at all servers"),
    "a backlog that ends": (lambda gate: set_at(gate.redis.primary, repl_backlog_ttl="60"), "store.backlog", "note", "60 seconds after"),
    "replicas that writes need": (lambda gate: set_at(gate.redis.primary, min_replicas_to_write="1"), "store.minimum", "note",
                                  "fewer than 1 linked replicas"),
    "a long failover": (lambda gate: at_sentinels(gate, "failover-timeout", "60000"), "sentinels.timeout", "note", "may take 60 s"),
    "a lost sentinel": (lambda gate: gate.redis.sentinels[2].stop(), "sentinels.reachable", "fault", ""),
    "a lost replica": (lambda gate: gate.redis.replicas[1].stop(), "store.reachable", "fault", ""),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_wrong_with_a_fleet_is_found(gates, planted):
    plant, *expected = PLANTED[planted]
    gate = gates()
    assert not is_found(gate, *expected)

    plant(gate)

    wait_until(lambda: is_found(gate, *expected), "it is found", 30)


@pytest.mark.parametrize("copies, level, words", [(2, "note", "2 of 3 servers"), (4, "fault", "no change is ever confirmed")])
def test_copies_that_are_too_few_or_too_many_are_found(gates, copies, level, words):
    assert is_found(gates(f"latchkey_copies {copies};"), "store.copies", level, words)


def test_a_sound_fleet_has_no_finding(gates):
    gate = gates()
    gate.key()

    assert [found for found in findings(gate) if found[1] == "fault"] == []
