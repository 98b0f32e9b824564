"""The examples of docs/ACCESS.md work unchanged, except for the system's folders."""

import os
import re
import stat
import subprocess

import pytest

from harness.artefacts import EXECUTABLE, IS_ROOT, ROOT
from harness.executable import DONE, NOT_PERMITTED, USAGE
from harness.key_forge import record_key
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.sentinel_store import STEADY
from harness.topology import one_redis

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="they are for root")


def blocks(section, language):
    text = (ROOT / "docs/ACCESS.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def gate(sandboxes):
    return sandboxes(start=False, workers=1)


# Owners with an account


def test_the_group_can_read_all_that_an_owner_needs_and_nothing_else(gate):
    commands, = blocks("Owners with an account on the machine", "sh")
    for name in ("admin.auth", "gateway.auth"):
        (gate.folder / name).write_text("default nobody-asks\n")
        (gate.folder / name).chmod(0o600)
    loop = commands[commands.index("for "):].replace("/etc/latchkey", str(gate.folder)).replace("chgrp latchkey", "chgrp www-data")

    subprocess.run(["sh", "-euc", loop], check=True)

    gate.redis.cli("CONFIG", "SET", "requirepass", "nobody-asks")
    gate.redis.authenticate("default", "nobody-asks")
    gate.add_settings(f"latchkey_store_auth admin={gate.folder}/admin.auth gateway={gate.folder}/gateway.auth;")
    gate.add(owner="www-data")
    gate.latchkey.generate("acme", account="www-data")
    assert (mode(gate.folder / "gateway.auth"), mode(gate.folder / "admin.auth")) == (0o600, 0o640)


# Owners through sudo


@pytest.fixture
def script(gate):
    text = blocks("Owners through sudo", "sh")[0]
    path = gate.folder / "my-latchkey"
    path.write_text(text.replace("/usr/bin/latchkey", str(EXECUTABLE)))
    path.chmod(0o755)

    def run(*words, user=OWNER):
        environment = {"PATH": os.environ["PATH"], "LATCHKEY_CONFIG": str(gate.config), **({"SUDO_USER": user} if user else {})}
        return subprocess.run([path, *words], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)

    return run


def test_the_script_gives_an_owner_access_to_its_own_organization(gate, script):
    gate.add()

    made = script("generate", "acme")

    assert made.returncode == DONE
    gate.latchkey.remember(made.stdout.strip())
    assert script("status", "acme").returncode == script("audit", "acme").returncode == script("revoke", "acme").returncode == DONE
    assert "root" in script("audit", "acme").stdout and OWNER in script("audit", "acme").stdout


@pytest.mark.parametrize("words, user, code", [
    (["status", "acme"], "mallory", NOT_PERMITTED), (["generate", "acme"], "mallory", NOT_PERMITTED), (["status", "acme"], None, USAGE),
    (["org", "list"], OWNER, USAGE), (["status", "--config=/etc/passwd"], OWNER, None), (["generate", "--output=/tmp/x"], OWNER, None),
    (["status", "acme", "--json"], OWNER, USAGE), (["status"], OWNER, USAGE), ([], OWNER, USAGE),
])
def test_the_script_lets_nothing_else_through(gate, script, words, user, code):
    gate.key()

    result = script(*words, user=user)

    assert result.returncode == code if code else result.returncode != DONE
    assert result.stdout == ""


def test_the_sudoers_line_names_a_script_that_only_root_can_write(tmp_path):
    line, = blocks("Owners through sudo", "sudoers")
    (tmp_path / "latchkey.sudoers").write_text(line)

    result = subprocess.run(["/usr/sbin/visudo", "-cf", tmp_path / "latchkey.sudoers"], capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    commands = blocks("Owners through sudo", "sh")[1]
    path, = re.findall(r"NOPASSWD: (\S+)$", line, re.MULTILINE)
    assert f"install -o root -g root -m 0755 my-latchkey {path}" in commands and not path.startswith("/usr/local")
    assert "install -o root -g root -m 0440 latchkey.sudoers /etc/sudoers.d/latchkey" in commands


# Redis' users

# What CONFIG REWRITE and sentinels write into their files: with an ACL file, neither starts with it.
REWRITTEN = "user default on nopass sanitize-payload ~* &* +@all\n"


@one_redis("the example of servers with sentinels has a test of its own")
def test_the_example_of_redis_users_works_as_printed(gate):
    key = gate.key()
    section = "An example: Redis users on Debian"
    commands, restart = blocks(section, "sh")
    settings, = blocks(section, "nginx")
    here = {"/etc/redis": str(gate.redis.folder), "/etc/latchkey": str(gate.folder)}

    def placed(text):
        return re.sub("|".join(here), lambda found: here[found[0]], text)

    (gate.redis.folder / "redis.conf").write_text(REWRITTEN)
    subprocess.run(["sh", "-euc", placed(commands)], cwd=ROOT, check=True)
    gate.add_settings(placed(settings))
    assert [line.split("#")[0].strip() for line in restart.splitlines()] == [
        "nginx -t", "systemctl restart redis-server", "nginx -s reload", "latchkey doctor",
    ]
    assert gate.nginx.test()[0] == 0
    gate.redis.stop()
    gate.redis.options = ("--include", str(gate.redis.folder / "redis.conf"))
    gate.redis.authenticate(*(gate.folder / "admin.auth").read_text().split())
    gate.redis.start()
    gate.nginx.start()
    gate.wait_for_members()

    wait_until(lambda: gate.status_of(key) == 200, "the key is accepted")
    assert gate.latchkey.run("doctor").code == DONE
    users = gate.redis.folder / "users.acl"
    assert (mode(users), users.owner(), users.group()) == (0o640, "redis", "redis")
    passwords = {(gate.folder / f"{user}.auth").read_text().split()[1] for user in ("default", "gateway", "admin")}
    assert len(passwords) == 3 and all(re.fullmatch("[0-9a-f]{64}", password) for password in passwords)
    assert {mode(gate.folder / f"{user}.auth") for user in ("default", "gateway", "admin")} == {0o600}


def test_the_example_of_users_with_sentinel_works_as_printed(sandboxes, tmp_path):
    section = "An example: users with Sentinel"
    commands, = blocks(section, "sh")
    settings, = blocks(section, "nginx")
    redis, latchkey = tmp_path / "redis", tmp_path / "latchkey"
    here = {"/etc/redis": str(redis), "/etc/latchkey": str(latchkey)}

    def placed(text):
        return re.sub("|".join(here), lambda found: here[found[0]], text)

    for folder in (redis, latchkey):
        folder.mkdir()
    for name in ("redis.conf", "sentinel.conf"):
        (redis / name).write_text(REWRITTEN)
    subprocess.run(["sh", "-euc", placed(commands)], cwd=ROOT, check=True)
    operator, guard = ((latchkey / name).read_text().split() for name in ("default.auth", "sentinel-default.auth"))
    store = sandboxes(
        start=False, redis_options=["--include", str(redis / "redis.conf")], redis_login=operator, tls=None,
        sentinel={**STEADY, "guards": ((redis / "sentinel.conf").read_text().splitlines(), guard)})
    store.add_settings(placed(settings))
    store.nginx.start()
    store.wait_for_members()
    key = store.key()

    store.redis.fail_over()

    wait_until(lambda: store.status_of(key) == 200, "the key is accepted")
    assert "Held by 3 servers." in store.revoke().err
    store.redis.wait_until_whole()
    assert store.latchkey.run("doctor").code == DONE


def test_the_example_of_users_with_a_cluster_works_as_printed(sandboxes, tmp_path):
    commands, = blocks("An example: users with a cluster", "sh")
    settings, = blocks("An example: Redis users on Debian", "nginx")
    redis, latchkey = tmp_path / "redis", tmp_path / "latchkey"
    here = {"/etc/redis": str(redis), "/etc/latchkey": str(latchkey)}

    def placed(text):
        return re.sub("|".join(here), lambda found: here[found[0]], text)

    for folder in (redis, latchkey):
        folder.mkdir()
    (redis / "redis.conf").write_text(REWRITTEN)
    subprocess.run(["sh", "-euc", placed(commands)], cwd=ROOT, check=True)
    operator = (latchkey / "default.auth").read_text().split()
    store = sandboxes(start=False, redis_options=["--include", str(redis / "redis.conf")], redis_login=operator, tls=None, cluster={})
    store.add_settings(placed(settings))
    store.nginx.start()
    store.wait_for_members()
    key = store.key()

    shard = store.redis.shard_of(record_key("acme"))
    former = shard.order_failover()
    wait_until(lambda: shard.primary is not former, "the replica is the primary")

    wait_until(lambda: store.status_of(key) == 200, "the key is accepted")
    assert "Held by 2 servers." in store.revoke().err
    store.redis.wait_until_whole()
    assert store.latchkey.run("doctor").code == DONE
    assert {mode(latchkey / f"{name}.auth") for name in ("default", "gateway", "admin")} == {0o600}
