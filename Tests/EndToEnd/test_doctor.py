"""The doctor finds what is wrong, says what to do, and is content where all is well."""

import json
import os
import re
import shutil
import time

import pytest

from harness import acl
from harness.artefacts import BUILD, LIBRARY
from harness.executable import DONE, Dialogue, Latchkey
from harness.key_forge import record_key
from harness.old_redis import OldRedis
from harness.polling import wait_until

UNWELL = 1
RELEASE = "0.2.0"


@pytest.fixture
def gate(sandboxes):
    sandbox = sandboxes(workers=1)
    sandbox.wait_for_entries()
    return sandbox


def examine(sandbox, program=None):
    """What the doctor finds wrong: what was looked at, and what is said of it."""
    result = (program or sandbox.latchkey).run("doctor", "--json")
    report = json.loads(result.out)
    faults = {finding["check"]: finding for finding in report["findings"] if finding["level"] == "fault"}
    assert (result.code == DONE) == report["ok"] == (not faults)
    assert result.code in (DONE, UNWELL)
    assert all(finding["remedy"] for finding in faults.values())
    return {check: finding["text"] for check, finding in faults.items()}


def test_where_all_is_well_nothing_is_wrong(gate):
    gate.key()

    assert examine(gate) == {}
    assert "All is well." in gate.latchkey.must("doctor")


def test_with_users_of_their_own_all_is_well(sandboxes):
    sandbox = sandboxes(start=False, workers=1)
    acl.protect(sandbox)
    sandbox.nginx.start()
    sandbox.key()
    sandbox.wait_for_entries()

    assert examine(sandbox) == {}


def test_the_doctor_changes_nothing(gate):
    gate.key()
    before = sorted(gate.redis.cli("KEYS", "latchkey:record:*").splitlines()), gate.redis.hash(record_key("acme"))

    examine(gate)

    assert (sorted(gate.redis.cli("KEYS", "latchkey:record:*").splitlines()), gate.redis.hash(record_key("acme"))) == before
    assert list(gate.redis.hash("latchkey:gateways:silent")) == []
    assert len(gate.redis.hash("latchkey:gateways")) == 1


# Faults, each planted in an installation that is well


def entry(**words):
    known = {"host": "web-9", "pid": 9, "version": RELEASE, "lease": 1000, "grace": 0, "heartbeat": now(), "cached": 0}
    return " ".join(f"{name}={value}" for name, value in {**known, **words}.items())


def now():
    return time.time_ns() // 1_000_000


def enter(gate, **words):
    gate.redis.cli("HSET", "latchkey:gateways", "0123456789abcdef", entry(**words))


def forge_record(gate):
    gate.key()
    gate.redis.cli("HSET", record_key("acme"), "owner", "mallory")


def be_replica(gate):
    gate.redis.cli("REPLICAOF", "127.0.0.1", "1")


def lack(gate, program, right):
    acl.protect(gate)
    acl.give(gate, program, acl.without(program, right))


def wrong_password(gate):
    acl.protect(gate)
    acl.write_credentials(gate, "gateway.auth", "gateway something-else\n")


PLANTED = {
    "configuration": lambda gate: gate.add_settings("latchkey_lease soon;"),
    "pepper": lambda gate: gate.pepper_file.chmod(0o644),
    "pepper.folder": lambda gate: gate.folder.chmod(0o777),
    "credentials.admin": lambda gate: (acl.protect(gate), (gate.folder / "admin.auth").chmod(0o644)),
    "credentials.gateway": lambda gate: (acl.protect(gate), (gate.folder / "gateway.auth").write_text("alone\n")),
    "operators": lambda gate: gate.add_settings("latchkey_operators root nobody-at-all;"),
    "store.role": be_replica,
    "store.persistence": lambda gate: gate.redis.cli("CONFIG", "SET", "appendonly", "no"),
    "store.fsync": lambda gate: gate.redis.cli("CONFIG", "SET", "appendfsync", "no"),
    "store.memory": lambda gate: gate.redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    "store.information": lambda gate: lack(gate, "admin", "+info"),
    "rights.admin": lambda gate: lack(gate, "admin", "+xadd"),
    "rights.admin ": lambda gate: lack(gate, "admin", "+exec"),
    "rights.gateway": lambda gate: lack(gate, "gateway", "+rpush"),
    "gateways.silent": lambda gate: enter(gate, heartbeat=now() - 60_000),
    "gateways.clock": lambda gate: enter(gate, heartbeat=now() + 60_000),
    "gateways.version": lambda gate: enter(gate, version="0.1.9"),
    "gateways.lease": lambda gate: enter(gate, lease=5000),
    "gateways.unreadable": lambda gate: gate.redis.cli("HSET", "latchkey:gateways", "stranger", "lease=soon"),
    "records": forge_record,
    "library": lambda gate: gate.add_settings(f"latchkey_library {gate.folder}/none.so;"),
}


@pytest.mark.parametrize("check", PLANTED)
def test_a_fault_is_found(gate, check):
    gate.expect("was altered", "NOPERM")

    PLANTED[check](gate)

    found = examine(gate)
    assert check.strip() in found, found
    gate.folder.chmod(0o755)


def report(sandbox):
    """What the doctor says of all that it looked at."""
    findings = json.loads(sandbox.latchkey.run("doctor", "--json").out)["findings"]
    return {finding["check"]: (finding["level"], finding["text"]) for finding in findings}


def test_what_redis_default_user_may_do_is_told_of_and_is_no_fault(gate):
    found = report(gate)

    for program in ("admin", "gateway"):
        level, text = found[f"rights.{program}.excess"]
        assert level == "note" and "delete" in text and "default user" in text


def test_programs_with_the_documented_rights_may_do_nothing_else(gate):
    acl.protect(gate)
    gate.expect("NOPERM")

    found = report(gate)

    assert {found[f"rights.{program}.excess"][0] for program in acl.PROGRAMS} == {"ok"}


EXCESS = {
    "+get ~*": "read what is not Latchkey's", "+del ~*": "delete", "+config|get": "configuration", "+acl|whoami": "users",
    "+lastsave": "administrators", "+eval": "scripts",
}


@pytest.mark.parametrize("program", acl.PROGRAMS)
def test_a_right_that_goes_too_far_is_told_of(gate, program):
    acl.protect(gate)
    gate.expect("NOPERM")
    for right, words in EXCESS.items():
        acl.give(gate, program, [*acl.rules(program), *right.split()])

        level, text = report(gate)[f"rights.{program}.excess"]

        assert level == "note" and words in text, right
        assert "," not in text, right


def test_a_gateway_that_may_change_records_is_told_of(gate):
    acl.protect(gate, gateway=[*acl.rules("gateway"), "(%W~latchkey:* +hset +expire)", "+scan"])
    gate.expect("NOPERM")

    assert report(gate)["rights.gateway.excess"] == (
        "note", "the gateway may also: change records, delete last uses and the list of gateways, list all keys"
    )


def test_the_age_of_the_pepper_is_told(gate):
    day = 86_400
    os.utime(gate.pepper_file, (time.time() - 3 * day - 60,) * 2)

    level, text = report(gate)["pepper"]

    assert level == "ok" and text.endswith("holds 1 pepper, written 3 days ago")


def test_a_wrong_password_of_the_gateways_is_found(gate):
    wrong_password(gate)

    assert "rights.gateway" in examine(gate)


def test_a_store_that_is_away_is_found(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.redis.stop()

    assert "store.reachable" in examine(sandbox)
    sandbox.redis.start()


def test_a_pepper_that_is_lost_is_found(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.pepper_file.unlink()

    assert "pepper" in examine(sandbox)


@pytest.mark.parametrize("version, is_old", [("6.0.16", True), ("6.2.0", False), ("5.0", True), ("10.0.1", False), ("?", True)])
def test_an_old_redis_is_found(sandboxes, version, is_old):
    sandbox = sandboxes(start=False)
    with OldRedis(sandbox.folder / "old.sock", version):
        sandbox.add_settings(f"latchkey_store unix:{sandbox.folder}/old.sock;")
        assert ("store.version" in examine(sandbox)) == is_old


@pytest.mark.parametrize("behind, is_found", [(0, False), (60, True), (-60, True)])
def test_clocks_that_are_apart_are_found(sandboxes, behind, is_found):
    sandbox = sandboxes(start=False)
    with OldRedis(sandbox.folder / "old.sock", "7.0.15", behind):
        sandbox.add_settings(f"latchkey_store unix:{sandbox.folder}/old.sock;")
        assert ("clock" in examine(sandbox)) == is_found


def test_replicas_are_told_of_and_are_no_fault(gate, sandboxes):
    replica = sandboxes(start=False, tcp=True)
    master = sandboxes(start=False, tcp=True)
    replica.redis.cli("REPLICAOF", "127.0.0.1", str(master.redis.port))
    wait_until(lambda: "1 replica" in master.latchkey.run("doctor").out, "the replica is told of")
    assert examine(master) == {}


# Artefacts that do not fit


@pytest.fixture
def installed(gate):
    """A copy of what is installed, to be spoilt."""
    root = gate.folder / "usr"
    for name in ("bin/latchkey", "lib/latchkey/liblatchkey.so", "lib/nginx/modules/ngx_http_latchkey_module.so"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / name, root / name)
        (root / name).chmod(0o755)
    return root


def copy_of(gate, installed):
    return Latchkey(gate.config, installed / "bin/latchkey")


def test_a_copy_that_is_whole_is_well(gate, installed):
    assert examine(gate, copy_of(gate, installed)) == {}


def test_a_module_of_another_interface_is_found(gate, installed):
    module = installed / "lib/nginx/modules/ngx_http_latchkey_module.so"
    text, count = re.subn(rb"latchkey interface \d+\n", lambda found: found[0].replace(found[0][-2:-1], b"9"), module.read_bytes())
    assert count == 1
    module.write_bytes(text)

    assert "interface 9" in examine(gate, copy_of(gate, installed))["module"]


def test_a_library_that_is_none_is_found(gate, installed):
    (installed / "lib/latchkey/liblatchkey.so").write_bytes(b"nothing")

    assert "cannot be loaded" in examine(gate, copy_of(gate, installed))["library"]


def test_a_library_that_others_may_write_is_not_loaded(gate, installed):
    (installed / "lib/latchkey/liblatchkey.so").chmod(0o777)

    assert "others may write" in examine(gate, copy_of(gate, installed))["library"]


def test_a_module_that_is_elsewhere_is_no_fault(gate, installed):
    (installed / "lib/nginx/modules/ngx_http_latchkey_module.so").unlink()

    assert examine(gate, copy_of(gate, installed)) == {}


def test_faults_are_shown_with_what_to_do(gate):
    gate.redis.cli("CONFIG", "SET", "appendonly", "no")

    with Dialogue(gate.latchkey, "doctor") as dialogue:
        assert dialogue.end() == UNWELL

    assert "FAULT" in dialogue.text and "appendonly yes" in dialogue.text
    assert "1 thing is wrong." in dialogue.text
    assert LIBRARY.name in dialogue.text


# What the configuration includes


def test_what_is_included_is_read_as_nginx_reads_it(gate):
    (gate.folder / "more.d").mkdir()
    (gate.folder / "more.d/lease.conf").write_text("latchkey_lease 5s;\n")
    gate.add_settings(f"include {gate.folder}/more.d/*.conf;\ninclude {gate.folder}/none.d/*.conf;")

    assert "gateways.lease" in examine(gate)

    gate.nginx.reload()
    wait_until(lambda: examine(gate) == {}, "all is well")


@pytest.mark.parametrize("line, mark", [
    ("include more.conf;", "absolute"), ("include /none/more.conf;", "/none/more.conf"), ("include;", "one file"),
])
def test_an_include_that_does_not_work_is_told(gate, line, mark):
    gate.config.write_text(gate.config.read_text() + line + "\n")

    assert mark in examine(gate)["configuration"]


def test_a_fault_in_an_included_file_is_told_with_its_place(gate):
    (gate.folder / "more.conf").write_text("\nlatchkey_lease soon;\n")
    gate.add_settings(f"include {gate.folder}/more.conf;")

    assert f"{gate.folder}/more.conf:2:" in examine(gate)["configuration"]
