"""The doctor finds each fault, says what to do about it, and finds nothing in a sound installation."""

import grp
import json
import os
import pwd
import re
import shutil
import time

import pytest

from harness import acl
from harness.artefacts import BUILD, IS_ROOT, LIBRARY
from harness.executable import DONE, Dialogue, Latchkey
from harness.key_forge import record_key
from harness.membership import MEMBERSHIP
from harness.old_redis import OldRedis
from harness.polling import wait_until

UNWELL = 1
WORKERS = "www-data"  # Debian's account for them
RELEASE = "0.3.0"


@pytest.fixture
def gate(sandboxes):
    sandbox = sandboxes(workers=1)
    sandbox.wait_for_members()
    return sandbox


def examine(sandbox, program=None):
    """The faults that the doctor finds: each check with its text."""
    result = (program or sandbox.latchkey).run("doctor", "--json")
    report = json.loads(result.out)
    faults = {finding["check"]: finding for finding in report["findings"] if finding["level"] == "fault"}
    assert (result.code == DONE) == report["ok"] == (not faults)
    assert result.code in (DONE, UNWELL)
    assert all(finding["remedy"] for finding in faults.values())
    return {check: finding["text"] for check, finding in faults.items()}


def test_a_sound_installation_has_no_faults(gate):
    gate.key()

    assert examine(gate) == {}
    assert "No problems found." in gate.latchkey.must("doctor")


def test_an_installation_with_separate_redis_users_has_no_faults(sandboxes):
    sandbox = sandboxes(start=False, workers=1)
    acl.protect(sandbox)
    sandbox.nginx.start()
    sandbox.key()
    sandbox.wait_for_members()

    assert examine(sandbox) == {}


def test_the_doctor_changes_nothing(gate):
    gate.key()
    before = sorted(gate.redis.cli("KEYS", "latchkey:record:*").splitlines()), gate.redis.hash(record_key("acme"))

    examine(gate)

    assert (sorted(gate.redis.cli("KEYS", "latchkey:record:*").splitlines()), gate.redis.hash(record_key("acme"))) == before
    assert len(gate.members()) == 1
    assert not [field for field in gate.redis.hash(MEMBERSHIP) if field.startswith("silent:")]


# Faults, each planted in a sound installation


def entry(**words):
    known = {"host": "web-9", "pid": 9, "version": RELEASE, "tracking": "on", "lease": 1000, "grace": 0, "token": "3f09c2a71b"}
    return " ".join(f"{name}={value}" for name, value in {**known, **words}.items())


def enter(gate, **words):
    gate.redis.cli("HSET", MEMBERSHIP, "0123456789abcdef", entry(**words))


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
    "delegates": lambda gate: gate.add_settings("latchkey_delegates nobody-at-all;"),
    "store.role": be_replica,
    "store.persistence": lambda gate: gate.redis.cli("CONFIG", "SET", "appendonly", "no"),
    "store.fsync": lambda gate: gate.redis.cli("CONFIG", "SET", "appendfsync", "no"),
    "store.rewrite": lambda gate: gate.redis.cli("CONFIG", "SET", "no-appendfsync-on-rewrite", "yes"),
    "store.memory": lambda gate: gate.redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    "store.information": lambda gate: lack(gate, "admin", "+info"),
    "rights.admin": lambda gate: lack(gate, "admin", "+rpush"),
    "rights.admin ": lambda gate: lack(gate, "admin", "+exec"),
    "rights.gateway": lambda gate: lack(gate, "gateway", "+rpush"),
    "gateways.silent": enter,
    "gateways.version": lambda gate: enter(gate, version="0.1.9"),
    "gateways.lease": lambda gate: enter(gate, lease=5000),
    "gateways.unreadable": lambda gate: gate.redis.cli("HSET", MEMBERSHIP, "stranger", "lease=soon"),
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
    """The doctor's text for every check."""
    findings = json.loads(sandbox.latchkey.run("doctor", "--json").out)["findings"]
    return {finding["check"]: (finding["level"], finding["text"]) for finding in findings}


def test_the_default_users_permissions_are_reported_and_are_no_fault(gate):
    found = report(gate)

    for program in ("admin", "gateway"):
        level, text = found[f"rights.{program}.excess"]
        assert level == "note" and "delete" in text and "default user" in text


def test_programs_with_the_documented_permissions_may_do_nothing_else(gate):
    acl.protect(gate)
    gate.expect("NOPERM")

    found = report(gate)

    assert {found[f"rights.{program}.excess"][0] for program in acl.PROGRAMS} == {"ok"}


EXCESS = {
    "+get ~*": "read data that is not Latchkey's", "+del ~*": "delete", "+config|get": "configuration", "+acl|whoami": "users",
    "+lastsave": "administrative", "+eval": "scripts",
}


@pytest.mark.parametrize("program", acl.PROGRAMS)
def test_an_excess_permission_is_reported(gate, program):
    acl.protect(gate)
    gate.expect("NOPERM")
    for right, words in EXCESS.items():
        acl.give(gate, program, [*acl.rules(program), *right.split()])

        level, text = report(gate)[f"rights.{program}.excess"]

        assert level == "note" and words in text, right
        assert "," not in text, right


def test_a_gateway_that_may_change_records_is_reported(gate):
    acl.protect(gate, gateway=[*acl.rules("gateway"), "(%W~latchkey:* +hset +expire)", "+scan"])
    gate.expect("NOPERM")

    assert report(gate)["rights.gateway.excess"] == (
        "note", "the gateway user may also: change records, delete last uses and the membership list, list all Redis keys"
    )


# What a crash of Redis undoes

DURABLE = {
    "appendfsync": "always", "no-appendfsync-on-rewrite": "no", "save": "3600 1", "stop-writes-on-bgsave-error": "no",
    "repl-backlog-ttl": "0",
}


def set_up(gate, **settings):
    for name, value in {**DURABLE, **{name.replace("_", "-"): value for name, value in settings.items()}}.items():
        gate.redis.cli("CONFIG", "SET", name, value)


def remarks(gate):
    """The level and text of each remark about the store; permissions are another matter."""
    return {check: found for check, found in report(gate).items() if check.startswith("store.") and found[0] != "ok"}


def test_a_store_that_undoes_no_confirmed_change_gets_no_remark(gate):
    set_up(gate)

    assert remarks(gate) == {}


@pytest.mark.parametrize("setting, value, check, level, words", [
    ("appendfsync", "everysec", "store.fsync", "note", "last two seconds"),
    ("appendfsync", "no", "store.fsync", "fault", "half a minute"),
    ("no-appendfsync-on-rewrite", "yes", "store.rewrite", "fault", "while it rewrites its file"),
    ("stop-writes-on-bgsave-error", "yes", "store.snapshots", "note", "revocations included"),
])
def test_what_a_setting_costs_is_said_with_the_command_that_changes_it(gate, setting, value, check, level, words):
    set_up(gate, **{setting: value})

    found = remarks(gate)

    assert list(found) == [check]
    assert found[check][0] == level and words in found[check][1]
    assert f"redis-cli CONFIG SET {setting} {DURABLE[setting]}" in gate.latchkey.run("doctor").out


@pytest.mark.parametrize("save, words", [("", "writes nothing to its disk"), ("3600 1", "writes only snapshots")])
def test_without_an_append_only_file_it_is_said_what_a_restart_undoes(gate, save, words):
    set_up(gate, appendonly="no", save=save)

    level, text = report(gate)["store.persistence"]

    assert level == "fault" and words in text and "brings revoked keys back" in text


@pytest.mark.parametrize("rights, words", [([], "may not read appendfsync"), (["+config|get"], "half a minute")])
def test_a_user_of_its_own_sees_the_settings_only_with_the_permission(gate, rights, words):
    set_up(gate, appendfsync="no")
    acl.protect(gate, admin=[*acl.rules("admin"), *rights])
    gate.expect("NOPERM")

    assert words in report(gate)["store.fsync"][1]


def test_a_replication_id_that_is_going_to_change_is_reported(sandboxes):
    replica = sandboxes(gateways=0, tcp=True)
    master = sandboxes(gateways=0, tcp=True)
    set_up(master, repl_backlog_ttl="3600")
    assert remarks(master) == {}

    replica.redis.cli("REPLICAOF", "127.0.0.1", master.redis.port)

    wait_until(lambda: "store.backlog" in remarks(master), "the replica has come")
    assert "3600 seconds after its last replica has left" in remarks(master)["store.backlog"][1]
    replica.redis.cli("REPLICAOF", "NO", "ONE")


def test_the_age_of_the_pepper_is_shown(gate):
    day = 86_400
    os.utime(gate.pepper_file, (time.time() - 3 * day - 60,) * 2)

    level, text = report(gate)["pepper"]

    assert level == "ok" and text.endswith("holds 1 pepper, written 3 days ago")


def test_a_wrong_password_of_the_gateways_is_found(gate):
    wrong_password(gate)

    assert "rights.gateway" in examine(gate)


def test_an_unreachable_store_is_found(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.redis.stop()

    assert "store.reachable" in examine(sandbox)
    sandbox.redis.start()


def test_a_lost_pepper_is_found(sandboxes):
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
def test_clocks_that_differ_are_found(sandboxes, behind, is_found):
    sandbox = sandboxes(start=False)
    with OldRedis(sandbox.folder / "old.sock", "7.0.15", behind):
        sandbox.add_settings(f"latchkey_store unix:{sandbox.folder}/old.sock;")
        assert ("clock" in examine(sandbox)) == is_found


def test_replicas_are_reported_and_are_no_fault(gate, sandboxes):
    replica = sandboxes(start=False, tcp=True)
    master = sandboxes(start=False, tcp=True)
    replica.redis.cli("REPLICAOF", "127.0.0.1", str(master.redis.port))
    wait_until(lambda: "1 replica" in master.latchkey.run("doctor").out, "the replica is reported")
    assert examine(master) == {}


# What workers need once they are no longer root


as_root = pytest.mark.skipif(not IS_ROOT, reason="only root gives workers to another account")


def doctor(sandbox, *options):
    """The doctor's findings about the workers of this nginx: level and text of each."""
    options = options or ("--nginx-conf", sandbox.nginx.folder / "nginx.conf")
    result = sandbox.latchkey.run("doctor", "--json", *options)
    findings = [each for each in json.loads(result.out)["findings"] if each["check"].startswith("workers")]
    assert result.code == (UNWELL if any(each["level"] == "fault" for each in findings) else DONE)
    return {each["check"]: (each["level"], each["text"]) for each in findings}


@pytest.fixture
def unprivileged(sandboxes):
    """Workers under Debian's account for them, which is not in Redis' group."""
    return sandboxes(workers=1, user=WORKERS)


@as_root
def test_workers_that_cannot_connect_to_a_socket_are_found_though_root_can(unprivileged):
    unprivileged.expect("Permission denied")
    key = unprivileged.key()
    unprivileged.redis.socket.chmod(0o700)
    unprivileged.nginx.reload()
    wait_until(lambda: unprivileged.status_of(key) == 503, "workers do not reach the store")

    level, text = doctor(unprivileged)["workers.store"]

    assert level == "fault"
    assert f"{WORKERS} may not connect to {unprivileged.redis.socket} (mode 700, root:root)" in text

    unprivileged.redis.socket.chmod(0o777)
    unprivileged.nginx.reload()
    wait_until(lambda: unprivileged.status_of(key) == 200, "workers reach the store")
    assert doctor(unprivileged) == {"workers": ("ok", f"nginx workers reach the store and the library as {WORKERS}")}


@as_root
@pytest.mark.parametrize("depth", [0, 1])
def test_a_folder_that_workers_may_not_enter_is_named(sandboxes, depth):
    sandbox = sandboxes(start=False, user=WORKERS)
    folder = [sandbox.redis.socket.parent, sandbox.folder][depth]
    folder.chmod(0o750)

    assert f"may not enter {folder} (mode 750" in doctor(sandbox)["workers.store"][1]

    folder.chmod(0o751)
    assert doctor(sandbox)["workers"][0] == "ok"
    folder.chmod(0o755)


@as_root
def test_a_folder_behind_a_link_is_named(sandboxes, tmp_path):
    sandbox = sandboxes(start=False, user=WORKERS)
    link = sandbox.folder / "link"
    link.symlink_to(sandbox.redis.socket)
    sandbox.add_settings(f"latchkey_store unix:{link};")
    sandbox.redis.socket.parent.chmod(0o700)

    assert f"may not enter {sandbox.redis.socket.parent} " in doctor(sandbox)["workers.store"][1]


@as_root
def test_groups_of_the_workers_account_count(sandboxes):
    """man and its group stand for an account that was put into Redis' group; root's own groups must not count."""
    sandbox = sandboxes(start=False, user=f"{WORKERS} man")
    os.chown(sandbox.redis.socket, 0, grp.getgrnam("man").gr_gid)
    sandbox.redis.socket.chmod(0o770)
    assert doctor(sandbox)["workers"][0] == "ok"

    sandbox.nginx.configure(user=f"user {WORKERS};")
    assert "may not connect" in doctor(sandbox)["workers.store"][1]

    os.chown(sandbox.redis.socket, 0, pwd.getpwnam(WORKERS).pw_gid)
    assert doctor(sandbox)["workers"][0] == "ok"


@as_root
@pytest.mark.parametrize("spoil, words", [
    (lambda file: file.chmod(0o700), "may not read"), (lambda file: file.parent.chmod(0o700), "may not enter"),
])
def test_a_library_that_workers_cannot_load_is_found(sandboxes, spoil, words):
    sandbox = sandboxes(start=False, user=WORKERS, library=None)
    library = sandbox.folder / "lib/liblatchkey.so"
    library.parent.mkdir()
    shutil.copy(LIBRARY, library)
    library.chmod(0o755)
    sandbox.add_settings(f"latchkey_library {library};")
    assert doctor(sandbox)["workers"][0] == "ok"

    spoil(library)

    assert sandbox.nginx.test()[0] == 0, "nginx -t runs as root, and finds nothing"
    assert words in doctor(sandbox)["workers.library"][1]
    library.parent.chmod(0o755)


@as_root
def test_files_that_root_reads_for_the_workers_may_be_readable_by_root_alone(unprivileged):
    acl.protect(unprivileged)
    unprivileged.config.chmod(0o600)
    unprivileged.nginx.reload()
    key = unprivileged.key()

    wait_until(lambda: unprivileged.status_of(key) == 200, "the key is accepted")
    assert doctor(unprivileged)["workers"][0] == "ok"


@as_root
def test_without_a_user_directive_the_workers_are_the_account_that_nginx_was_built_for(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.nginx.configure(user="")
    sandbox.redis.socket.chmod(0o700)

    assert "nobody may not connect" in doctor(sandbox)["workers.store"][1]


@as_root
def test_a_user_directive_in_an_included_file_counts(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.nginx.configure(user="include more.d/*.conf;")
    (sandbox.nginx.folder / "more.d").mkdir()
    (sandbox.nginx.folder / "more.d/user.conf").write_text(f"user {WORKERS};\n")

    assert doctor(sandbox)["workers"] == ("ok", f"nginx workers reach the store and the library as {WORKERS}")


@as_root
def test_an_unknown_account_is_reported(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.nginx.configure(user="user nobody-at-all;")

    assert "nobody-at-all" in doctor(sandbox)["workers"][1]


def test_a_missing_nginx_configuration_is_no_fault(gate):
    level, text = doctor(gate, "--nginx-conf", gate.folder / "none.conf")["workers"]

    assert level == "note" and "none.conf" in text


@as_root
def test_without_root_the_doctor_says_that_this_cannot_be_checked(sandboxes):
    sandbox = sandboxes(start=False)
    sandbox.pepper_file.chmod(0o640)
    os.chown(sandbox.pepper_file, 0, pwd.getpwnam(WORKERS).pw_gid)

    result = sandbox.latchkey.run(
        "doctor", "--json", "--nginx-conf", sandbox.nginx.folder / "nginx.conf", account=WORKERS
    )

    found = {each["check"]: each for each in json.loads(result.out)["findings"]}
    assert found["workers"]["level"] == "note" and "as root" in found["workers"]["remedy"]


# Artefacts that do not match


@pytest.fixture
def installed(gate):
    """A copy of the installed files, to be damaged."""
    root = gate.folder / "usr"
    for name in ("bin/latchkey", f"lib/latchkey/{LIBRARY.name}", "lib/nginx/modules/ngx_http_latchkey_module.so"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / name, root / name)
        (root / name).chmod(0o755)
    return root


def copy_of(gate, installed):
    return Latchkey(gate.config, installed / "bin/latchkey")


def test_an_intact_copy_has_no_faults(gate, installed):
    assert examine(gate, copy_of(gate, installed)) == {}


def test_a_module_of_another_interface_is_found(gate, installed):
    module = installed / "lib/nginx/modules/ngx_http_latchkey_module.so"
    text, count = re.subn(rb"latchkey interface \d+\n", lambda found: found[0].replace(found[0][-2:-1], b"9"), module.read_bytes())
    assert count == 1
    module.write_bytes(text)

    assert "interface 9" in examine(gate, copy_of(gate, installed))["module"]


def test_an_invalid_library_is_found(gate, installed):
    (installed / "lib/latchkey" / LIBRARY.name).write_bytes(b"nothing")

    assert "cannot be loaded" in examine(gate, copy_of(gate, installed))["library"]


def test_a_library_that_others_may_write_is_not_loaded(gate, installed):
    (installed / "lib/latchkey" / LIBRARY.name).chmod(0o777)

    assert "other accounts can write" in examine(gate, copy_of(gate, installed))["library"]


@pytest.mark.parametrize("name", ["lib/latchkey", "lib"])
def test_a_folder_in_which_others_may_put_another_library_is_named(gate, installed, name):
    """As on some Debian systems, where the group staff may write to /usr/local."""
    folder = installed / name
    os.chown(folder, -1, grp.getgrnam("staff").gr_gid)
    folder.chmod(0o2775)

    found = examine(gate, copy_of(gate, installed))

    assert f"other accounts can write to {folder} and replace the library" in found["library"]
    assert ("module" in found) == (name == "lib")


def test_a_module_in_another_folder_is_no_fault(gate, installed):
    (installed / "lib/nginx/modules/ngx_http_latchkey_module.so").unlink()

    assert examine(gate, copy_of(gate, installed)) == {}


def test_faults_are_shown_with_what_to_do(gate):
    gate.redis.cli("CONFIG", "SET", "appendonly", "no")

    with Dialogue(gate.latchkey, "doctor") as dialogue:
        assert dialogue.end() == UNWELL

    assert "FAULT" in dialogue.text and "appendonly yes" in dialogue.text
    assert "1 problem found." in dialogue.text
    assert LIBRARY.name in dialogue.text


# What the configuration includes


def test_included_files_are_read_as_nginx_reads_them(gate):
    (gate.folder / "more.d").mkdir()
    (gate.folder / "more.d/lease.conf").write_text("latchkey_lease 5s;\n")
    gate.add_settings(f"include {gate.folder}/more.d/*.conf;\ninclude {gate.folder}/none.d/*.conf;")

    assert "gateways.lease" in examine(gate)

    gate.nginx.reload()
    wait_until(lambda: examine(gate) == {}, "the doctor finds no fault")


@pytest.mark.parametrize("line, mark", [
    ("include more.conf;", "absolute"), ("include /none/more.conf;", "/none/more.conf"), ("include;", "one file"),
])
def test_a_broken_include_is_reported(gate, line, mark):
    gate.config.write_text(gate.config.read_text() + line + "\n")

    assert mark in examine(gate)["configuration"]


def test_a_fault_in_an_included_file_is_reported_with_its_place(gate):
    (gate.folder / "more.conf").write_text("\nlatchkey_lease soon;\n")
    gate.add_settings(f"include {gate.folder}/more.conf;")

    assert f"{gate.folder}/more.conf:2:" in examine(gate)["configuration"]
