"""Every command printed in README, NGINX, EXECUTABLE, ACCESS and OPERATIONS, in that order, on one Debian.

Those that need the sources or several machines are run by tests of their own, which are named here. A command that stands in
a sentence is run in its place, too, or is named here as one that is only spoken of.
"""

import re

import pytest
from debian_root import ROOT
from printed_commands import blocks, printed, sentences

# The beginning of a block, and the test that runs it where it can be run.
ELSEWHERE = {
    "make up ": "Tests/EndToEnd/executable/test_make_up.py",
    "make build && sudo make install": "Tests/EndToEnd/executable/test_install.py",
    "$ sudo rm /etc/nginx/conf.d/api.conf": "Tests/Packages/test_first_hour.py",
    "umask 077\ninstall -o redis -g redis -m 0640 /dev/null /etc/redis/users.acl\ninstall": "Tests/EndToEnd/store/test_access_examples.py",
    "umask 077\ninstall -o redis -g redis -m 0640 /dev/null /etc/redis/users.acl\nfor user in default.acl":
        "Tests/EndToEnd/store/test_access_examples.py",
    "make reloads": "Tests/EndToEnd/nginx/test_many_reloads.py",
    "CRASHES=20": "Tests/EndToEnd/store/test_crash.py",
}

# Commands in sentences that are typed in their place: the account, what comes before, and what is typed if not the words as they stand.
OPERATOR = "export REDISCLI_AUTH=$(cut -d ' ' -f 2 /etc/latchkey/default.auth); "
TYPED = {
    "sudo latchkey doctor": ("admin", "true", "! sudo latchkey doctor"),  # Redis keeps only snapshots yet
    "latchkey migrate": (
        "root", "test ! -e /etc/latchkey/default.auth || { " + OPERATOR + "redis-cli ACL SETUSER latchkey-admin {permissions}; }", None),
    "redis-cli HDEL latchkey:{gateways} NAME": (
        "root", "redis-cli HSET latchkey:{gateways} 000000000000abcd unreadable", "redis-cli HDEL latchkey:{gateways} 000000000000abcd"),
    "sudo /etc/latchkey/my-latchkey generate acme": ("alice", "true", None),
    "redis-cli --user NAME --askpass BGREWRITEAOF": ("root", "true", "redis-cli --user default --askpass BGREWRITEAOF"),
    "redis-cli --user NAME --askpass ACL LOAD": ("root", "true", "redis-cli --user default --askpass ACL LOAD"),
    "nginx -t && nginx -s reload": ("root", "true", None),
    "kill -HUP $(cat /run/nginx.pid.oldbin)": (
        "root", "kill -USR2 $(cat /run/nginx.pid); until test -s /run/nginx.pid.oldbin -a -s /run/nginx.pid; do sleep 0.1; done; "
                "kill -WINCH $(cat /run/nginx.pid.oldbin)", None),
    "kill -QUIT $(cat /run/nginx.pid)": ("root", "true", None),
    "redis-cli CONFIG GET '*append*'": ("root", "true", OPERATOR + "redis-cli CONFIG GET '*append*'"),
    "redis-cli CONFIG SET appendonly yes": ("root", "true", OPERATOR + "redis-cli CONFIG SET appendonly yes"),
    "redis-cli CONFIG REWRITE": ("root", "true", OPERATOR + "redis-cli CONFIG REWRITE"),
}

# What they show.
SHOWS = {
    "sudo latchkey doctor": "FAULT  store.persistence",
    "redis-cli HDEL latchkey:{gateways} NAME": "1",
    "sudo /etc/latchkey/my-latchkey generate acme": "lk_",
    "redis-cli --user NAME --askpass BGREWRITEAOF": "append only file rewriting",
    "redis-cli --user NAME --askpass ACL LOAD": "OK",
    "redis-cli CONFIG GET '*append*'": "appendonly",
    "redis-cli CONFIG SET appendonly yes": "OK",
    "redis-cli CONFIG REWRITE": "OK",
}

# Names of programs, and what is said of commands that nobody is asked to type there, or that need a cluster.
SPOKEN_OF = {"latchkey", "latchkey COMMAND --help", "redis-cli", "redis-cli --cluster", "redis-cli --cluster fix", "kill -9", "nginx -s stop"}

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
    left_out = [block.text for block in blocks() if which(block, ELSEWHERE) or SHOWN in block.text]
    assert len(left_out) == len(ELSEWHERE) + 1, "an entry stands for one block"


def test_each_command_in_a_sentence_is_typed_or_only_spoken_of():
    texts = {sentence.text for sentence in sentences()}
    assert TYPED.keys() - texts == set() and SPOKEN_OF - texts == set()
    lines = {line.partition("#")[0].strip() for block in blocks() for line in block.commands.splitlines()}
    rest = texts - TYPED.keys() - SPOKEN_OF - lines
    assert [text for text in rest if not re.match("latchkey |(sudo )?make ", text)] == []


def test_each_make_target_in_a_sentence_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for sentence in sentences() for word in re.findall(r"\bmake ([a-z-]+(?: [a-z-]+)*)", sentence.text)}
    assert len(named) > 8 and {word for words in named for word in words.split()} <= targets


def test_each_subcommand_and_option_in_a_sentence_exists(debian):
    debian.must("apt-get install --yes --no-install-recommends ./latchkey_*.deb", folder="/home/admin")
    checked = 0
    for text in sorted({sentence.text for sentence in sentences() if re.match("latchkey [a-z]", sentence.text)}):
        command = re.match("latchkey(?: [a-z]+)+", text)[0]
        options = re.findall(r"--[a-z-]+", text.replace("--[no-]", "--"))
        shown = debian.must(f"{command} --help")
        assert [option for option in options if not re.search(rf"{option}\b", shown)] == [], text
        checked += 1 + len(options)
    assert checked > 30


def test_a_printed_command_that_fails_is_noticed_wherever_it_stands(debian):
    for text in ("false\ntrue\n", "false && true\ntrue\n", "false | true\ntrue\n", "true &&\n    false\ntrue\n"):
        with pytest.raises(AssertionError):
            debian.type(text)
    debian.type("true && true\n")


def test_all_printed_commands_work_in_their_order(debian):
    debian.copy_text("/usr/local/bin/systemctl", SYSTEMCTL, mode=0o755)
    debian.copy_text("/usr/local/bin/vault", VAULT, mode=0o755)
    for block in printed():
        if which(block, ELSEWHERE) or SHOWN in block.text or block.is_sentence and block.text not in TYPED:
            continue
        if block.is_sentence:
            type_sentence(debian, block)
        elif block.text.startswith("#!/bin/sh"):
            script_of_sudo(debian, block)
        elif block.text.startswith("# Every change is written down"):
            settings_of_redis(debian, block)
        else:
            run(debian, block)


def type_sentence(debian, sentence):
    account, before, text = TYPED[sentence.text]
    debian.must(before.replace("{permissions}", permissions_to_migrate()))
    shown = debian.type((text or sentence.text) + "\n", account, "/")
    assert SHOWS.get(sentence.text, "") in shown, f"{sentence.document}: {sentence.text}\n{shown}"


def permissions_to_migrate():
    """What OPERATIONS.md says that the executable's user needs besides, as words for a shell."""
    found, = re.findall(r"also needs `(\(.*?\))`", (ROOT / "docs/OPERATIONS.md").read_text())
    return " ".join(f"'{part}'" for part in re.findall(r"\(.*?\)", found))


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
