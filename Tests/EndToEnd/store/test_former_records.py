"""What a release before 0.3 has stored: keys stay valid, last uses are kept, and `latchkey migrate` converts the rest.

The snapshot was written by the programs of commit ee8b6b3: two workers of nginx, and commands of owners, operators and
a stranger. It holds what Redis held, the pepper, the keys, and what `status` and `audit` said.
"""

import json
import re
import shutil
import threading
import time

import pytest

from harness import acl
from harness.artefacts import IS_ROOT, ROOT
from harness.executable import DONE, NOT_CONFIRMED, NOT_PERMITTED
from harness.traffic import kinds_of, traffic

pytestmark = pytest.mark.one_redis("that release knew no sentinels")

FORMER = json.loads((ROOT / "Tests/EndToEnd/snapshots/records_before_0_3.json").read_text())
KEYS = FORMER["keys"]
OWNERS = {"acme": "alice", "umbrella": "bob", "initech": "carol", "hooli": "carol", "wayne": "erin", "wonka": "alice"}
VALID = ("acme", "umbrella", "umbrella_previous", "initech", "wonka")
ENDED = ("hooli", "stark", "wonka_replaced")


@pytest.fixture
def former(sandboxes):
    """A store as the former release has left it, and a gateway of this one."""
    def make(prepare=lambda gate: None):
        gate = sandboxes(start=False)
        gate.pepper_file.write_text(FORMER["pepper"] + "\n")
        gate.redis.feed(FORMER["commands"])
        for key in KEYS.values():
            gate.latchkey.remember(key)
        prepare(gate)
        gate.nginx.start()
        gate.wait_for_members()
        return gate

    return make


def everything(gate):
    """What the store holds of audits and records."""
    names = sorted(gate.redis.cli("KEYS", "latchkey:*:{*").splitlines())
    return {name: gate.redis.run("--no-raw", "DUMP", name).stdout for name in names if ":ack:" not in name}


def asked(gate, command, organization):
    return json.loads(gate.latchkey.must(command, organization, "--json", as_=OWNERS[organization]))


def check_keys(gate):
    assert {name for name in KEYS if gate.status_of(KEYS[name]) == 200} == set(VALID)
    assert {name for name in KEYS if gate.status_of(KEYS[name]) == 401} == set(ENDED)


def test_keys_and_last_uses_are_as_before(former):
    gate = former()
    before = {name: asked(gate, "status", name) for name in OWNERS}
    for name, told in before.items():
        for word in ("status", "last_used_at", "created_at", "created_by", "expires_at", "previous_key_until", "refused_uses"):
            assert told[word] == FORMER["status"][name][word], (name, word)

    check_keys(gate)
    assert gate.latchkey.run("migrate").code == DONE

    check_keys(gate)
    for name, told in before.items():
        after = asked(gate, "status", name)
        assert (after["created_at"], after["expires_at"]) == (told["created_at"], told["expires_at"])
        assert (after["last_used_at"] or "") >= (told["last_used_at"] or "")


def test_the_audit_says_after_the_migration_what_it_said_before(former):
    gate = former()

    result = gate.latchkey.run("migrate")

    assert (result.code, result.err) == (DONE, "The audit of 7 of 7 organizations was converted.\n")
    for name in OWNERS:
        told = [{**entry, "from": None} for entry in FORMER["audit"][name]]
        assert asked(gate, "audit", name)[:len(told)] == told


def test_changes_are_recorded_only_after_it_and_the_doctor_says_so(former):
    gate = former()
    told = gate.latchkey.run("doctor")
    assert "audit" in told.out and "latchkey migrate" in told.out
    assert gate.latchkey.run("revoke", "acme", "--yes", as_="alice").code == NOT_CONFIRMED
    assert gate.status_of(KEYS["acme"]) == 401

    gate.latchkey.must("migrate")

    assert "latchkey migrate" not in gate.latchkey.run("doctor").out
    assert gate.latchkey.run("revoke", "acme", "--yes", as_="alice").code == DONE
    assert asked(gate, "audit", "acme")[-1]["what"] == "revoke"


def test_it_may_be_repeated(former):
    gate = former()
    gate.latchkey.must("migrate")
    before = everything(gate)

    result = gate.latchkey.run("migrate")

    assert result.err == "The audit of 0 of 7 organizations was converted.\n"
    assert everything(gate) == before


def test_nobody_notices_it_under_traffic_and_changes(former):
    gate = former()
    changes = []

    def change():
        for _ in range(20):
            changes.append(gate.latchkey.run("generate", "wayne", "--yes", as_="erin").code)

    owner = threading.Thread(target=change)
    with traffic(gate.nginx.gate, kinds_of(KEYS["acme"])) as load:
        owner.start()
        gate.latchkey.must("migrate")
        gate.latchkey.must("migrate")
        owner.join()
        assert load.asked
    assert load.wrong == []
    assert changes[-1] == DONE and set(changes) <= {DONE, NOT_CONFIRMED}


def test_entries_that_a_former_command_adds_meanwhile_are_kept(former):
    gate = former()
    locator = KEYS["wonka"].split("_")[1]
    name = f"latchkey:audit:{{{locator}}}"
    before = int(gate.redis.cli("XLEN", name))
    added = []

    def add():
        while True:
            result = gate.redis.run("-e", "XADD", name, "*", "what", "generate", "who", "alice", "via", "alice")
            if result.returncode != 0:
                return
            added.append(result.stdout)

    command = threading.Thread(target=add)
    command.start()
    while len(added) < 3:
        time.sleep(0.001)
    gate.latchkey.must("migrate")
    command.join()

    assert int(gate.redis.cli("LLEN", name)) == before + len(added)


def test_while_a_former_worker_is_alive_its_list_stays_and_the_exit_code_is_75(former):
    gate = former()
    living = f"host=web-9 pid=9 version=0.2.0 lease=1000 grace=0 heartbeat={int(time.time() * 1000)} cached=0"
    gate.redis.cli("HSET", "latchkey:gateways", "0123456789abcdef", living)

    result = gate.latchkey.run("migrate")

    assert result.code == NOT_CONFIRMED and "1 nginx worker of an earlier release may still check keys" in result.err
    gate.redis.cli("HSET", "latchkey:gateways", "0123456789abcdef", living.replace("heartbeat=1", "heartbeat="))
    assert gate.latchkey.run("migrate").code == DONE
    assert gate.redis.cli("EXISTS", "latchkey:gateways", "latchkey:gateways:silent") == "0"


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
def test_only_operators_may_do_it(former):
    gate = former()
    before = everything(gate)
    gate.pepper_file.chmod(0o640)
    shutil.chown(gate.pepper_file, group="www-data")

    assert gate.latchkey.run("migrate", account="www-data").code == NOT_PERMITTED

    assert everything(gate) == before


def test_with_users_of_redis_it_needs_what_the_document_says(former):
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    words = re.findall(r"\(%RW~latchkey:[^)]*\)", text)
    assert len(words) == 2
    gate = former(prepare=acl.protect)

    refused = gate.latchkey.run("migrate")
    assert refused.code == NOT_PERMITTED and "docs/OPERATIONS.md" in refused.err

    acl.give(gate, "admin", [*acl.rules("admin"), *words])
    refusals = acl.refusals(gate)
    gate.latchkey.must("migrate")
    assert acl.refusals(gate) == refusals
