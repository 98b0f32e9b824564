"""Every command printed in README, NGINX, EXECUTABLE, ACCESS and OPERATIONS, in that order, on one Debian.

Those that need the sources or several machines are run by tests of their own, which are named here.
"""

import re

import pytest
from debian_root import ROOT
from printed_commands import blocks

# The beginning of a block, and the test that runs it where it can be run.
ELSEWHERE = {
    "make up ": "Tests/EndToEnd/executable/test_make_up.py",
    "make build && sudo make install": "Tests/EndToEnd/executable/test_install.py",
    "$ sudo rm /etc/nginx/conf.d/api.conf": "Tests/Packages/test_first_hour.py",
    "umask 077\ninstall -o redis -g redis -m 0640 /dev/null /etc/redis/users.acl\ninstall": "Tests/EndToEnd/store/test_access_examples.py",
    "make reloads": "Tests/EndToEnd/nginx/test_many_reloads.py",
    "CRASHES=20": "Tests/EndToEnd/store/test_crash.py",
}

# Output of a store with sentinels; Tests/EndToEnd/store/test_sentinel_failover.py sees it.
SHOWN = "Held by 3 servers."

# Where no systemd runs: the one thing that the documents ask of it. It returns when Redis is ready, as Type=notify does.
SYSTEMCTL = """\
#!/bin/sh
[ "$1" = restart ] || exit 64
service "$2" restart || exit
for try in $(seq 100); do
    redis-cli ping 2>&1 | grep -q -e PONG -e NOAUTH && exit
    sleep 0.1
done
exit 1
"""

# Stands in for a secrets manager: keeps what it is given.
VAULT = '#!/bin/sh\nshift 3\nfor word; do case $word in key=@*) cat "${word#key=@}" ;; key=-) cat ;; esac; done > /root/vault\n'

PREPARATIONS = {
    "$ curl -i": "true",
    "latchkey generate acme --yes --output": "latchkey org transfer acme --owner root && mkdir -p /run/secrets && "
                                             "redis-cli CONFIG SET appendonly yes && redis-cli CONFIG REWRITE",
    "latchkey org add --from": "printf 'umbrella alice\\ninitech bob\\n' > owners.txt",
    "groupadd --force latchkey": "latchkey org transfer acme --owner alice && touch /etc/latchkey/admin.auth",
    "groupadd latchkey-owners": "useradd mallory",
    "latchkey generate acme --yes --as": "useradd portal && usermod -aG latchkey portal && "
                                         "echo 'latchkey_delegates portal;' >> /etc/latchkey/latchkey.conf && "
                                         "latchkey org transfer acme --owner alice@example.com",
    "umask 077\ninstall -o redis": "rm /etc/latchkey/admin.auth && apt-get install --yes openssl",
    "nginx -t\nsystemctl": "printf '%s' '{settings}' >> /etc/latchkey/latchkey.conf",
}

# What a block must have shown or done.
OUTCOMES = {
    "$ curl -i": lambda debian, shown: "Hello, acme" in shown and "401 Unauthorized" in shown,
    "latchkey generate acme --yes --output": lambda debian, shown: debian.must("wc -c < /root/vault").strip() == "64",
    "latchkey init --rotate": lambda debian, shown: "resealed" in shown,
    "latchkey org add --from": lambda debian, shown: debian.must("wc -l < /root/keys.tsv").strip() == "2",
    "$ latchkey revoke": lambda debian, shown: "No gateway accepts the key as of" in shown,
    "groupadd --force": lambda debian, shown: "Active" in debian.must("latchkey generate acme --yes && latchkey status acme", "alice"),
    "groupadd latchkey-owners": lambda debian, shown: debian.run("sudo /etc/latchkey/my-latchkey status acme", "alice").returncode == 0
                                                      and debian.run("sudo -n /etc/latchkey/my-latchkey status acme", "mallory").returncode != 0,
    "latchkey generate acme --yes --as": lambda debian, shown: "portal" in debian.must("latchkey audit acme --as alice@example.com"),
    "kill -USR2": lambda debian, shown: debian.run("for try in $(seq 100); do test -e /run/nginx.pid.oldbin || exit 0; "
                                                        "sleep 0.1; done; exit 1").returncode == 0,
}


def which(block, table):
    return next((value for start, value in table.items() if block.text.startswith(start)), None)


def script_of_sudo(debian, block):
    """ACCESS.md's script and the line of sudoers, as files in the current folder."""
    (debian.path / "root/my-latchkey").write_text(block.text)
    text = (ROOT / "docs/ACCESS.md").read_text()
    line, = re.findall(r"^```sudoers\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (debian.path / "root/latchkey.sudoers").write_text(line)


def settings_of_redis(debian, block):
    """OPERATIONS.md's settings, in a Redis that is new to them as the document says."""
    debian.must("redis-cli --user default -a $(cut -d ' ' -f 2 /etc/latchkey/default.auth) CONFIG SET appendonly yes")
    debian.copy_text("/etc/redis/latchkey.conf", block.text)
    debian.must("echo 'include /etc/redis/latchkey.conf' >> /etc/redis/redis.conf && systemctl restart redis-server")


def adapted(block, debian):
    """A block with the key and the ID of this machine in the place of those that are printed."""
    text = re.sub(r"\bapt-get (install|remove|purge)\b", r"apt-get \1 --yes", block.commands)
    change = "latchkey generate acme --yes --as alice@example.com > /dev/null"
    text = re.sub(r"(?m)^(latchkey doctor) .*after the next change of a key$", rf"{change}\n\1", text)
    # Whoever types is slower than nginx.
    text = text.replace("kill -WINCH", "until test -s /run/nginx.pid.oldbin -a -s /run/nginx.pid; do sleep 0.1; done; kill -WINCH")
    if "lk_…" in text:
        text = text.replace("lk_…", debian.key)
    if "--forget" in text:
        listed = debian.must("latchkey gateways --json")
        text = re.sub(r"[0-9a-f]{16}", re.search(r'"id":"([0-9a-f]{16})"', listed)[1], text)
    return text


def test_each_block_is_run_here_or_by_a_test_that_exists():
    assert all((ROOT / test).exists() for test in ELSEWHERE.values())
    starts = [start for table in (ELSEWHERE, PREPARATIONS, OUTCOMES) for start in table]
    unused = [start for start in starts if not any(block.text.startswith(start) for block in blocks())]
    assert unused == []


def test_all_printed_commands_work_in_their_order(debian):
    debian.copy_text("/usr/local/bin/systemctl", SYSTEMCTL, mode=0o755)
    debian.copy_text("/usr/local/bin/vault", VAULT, mode=0o755)
    for block in blocks():
        if which(block, ELSEWHERE) or SHOWN in block.text:
            continue
        if block.text.startswith("#!/bin/sh"):
            script_of_sudo(debian, block)
        elif block.text.startswith("# Every change is written down"):
            settings_of_redis(debian, block)
        else:
            run(debian, block)


def settings_in(block):
    """The directives that a document gives in the section of a block."""
    section = (ROOT / block.document).read_text().partition(f"# {block.heading}\n")[2].partition("\n## ")[0]
    return "".join(re.findall(r"^```nginx\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


def run(debian, block):
    is_admins = block.document == "README.md"
    debian.must((which(block, PREPARATIONS) or "true").replace("{settings}", settings_in(block)), folder="/root")
    account = "admin" if is_admins else "portal" if "# as portal" in block.text else "root"
    folder = {"admin": "/home/admin", "portal": "/", "root": "/usr/share/doc/latchkey" if "docs/acl" in block.text else "/root"}[account]
    shown = debian.type(adapted(block, debian), account, folder)
    found = re.search(r"lk_[0-9A-Za-z]{14}_[0-9A-Za-z]{46}", shown)
    if found:
        debian.key = found[0]
    check = which(block, OUTCOMES)
    assert check is None or check(debian, shown), f"{block.document}: {block.heading}\n{shown}"


@pytest.fixture(autouse=True)
def latest_key(debian):
    debian.key = None
