"""The Redis permissions that the documents give to the two programs."""

import functools
import re
import subprocess

from harness.artefacts import ROOT
from harness.sandbox import REDIS, SENTINEL, TOPOLOGY

PROGRAMS = ("gateway", "admin")
PASSWORD = {
    "gateway": "gateway-password-1", "admin": "admin-password-2", "default": "default-password-4", "sentinel": "sentinel-password-5",
}

# The operator of Redis may do everything.
OPERATOR = ("operator", "operator-password-3")


def source(program, topology=TOPOLOGY):
    """The file in docs/acl for a program or the default user, with a store of this kind."""
    special = ROOT / f"docs/acl/{topology}/{program}.acl"
    return special if special.exists() else ROOT / f"docs/acl/{program}.acl"


def rules(program, topology=TOPOLOGY):
    """The rules that follow the password in docs/acl."""
    line = source(program, topology).read_text()
    name, text = re.fullmatch(r"user (\S+) on >PASSWORD (.*)\n", line).groups()
    assert name == user(program)
    words = re.findall(r"\(.*?\)|\S+", text)
    return without_selectors(words) if version() < (7, 0) else with_waitaof(words) if version() >= (7, 2) else words


@functools.cache
def version():
    """That of the tests' servers, in Redis' numbers: Valkey began with 7.2."""
    text = subprocess.run([*REDIS, "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(map(int, re.search(r"\bv=(\d+)\.(\d+)", text).groups()))


def without_selectors(words):
    """The rules as docs/ACCESS.md has them written for Redis 6.2."""
    words = [re.sub(r"^(%\w+)?~.*", "~latchkey:*", word) for rule in words for word in rule.strip("()").split()]
    return list(dict.fromkeys(words))


def with_waitaof(words):
    """The rules as docs/ACCESS.md has them written for Redis 7.2 and Valkey: who may wait for replicas may wait for their disks."""
    return [*words, *(["+waitaof"] if "+wait" in words else [])]


def user(program):
    """A program's user name in docs/acl."""
    return f"latchkey-{program}"


def line(program, topology=TOPOLOGY):
    """The line of docs/acl for a program or the default user, with the password in its place."""
    return source(program, topology).read_text().strip().replace("PASSWORD", PASSWORD[program])


def write_users(path, default=None, topology=TOPOLOGY):
    """Writes an ACL file with the documents' users and the operator; `default` replaces the default user's line."""
    programs = [line(program, topology) for program in PROGRAMS]
    users = [default or line("default"), *programs, f"user {OPERATOR[0]} on >{OPERATOR[1]} +@all ~* &*"]
    path.write_text("".join(f"{user}\n" for user in users))


def guarded_sentinels():
    """Options of a SentinelStore with the documents' users: replicas and sentinels log in as the default user."""
    default = "default", PASSWORD["default"]
    lines = [line("default"), line("sentinel", topology=SENTINEL),
             f"sentinel sentinel-user {default[0]}", f"sentinel sentinel-pass {default[1]}"]
    return {"auth": default, "guards": (lines, default)}


def guarded_servers():
    """Options of a ClusterStore with the documents' users: replicas log in as the default user."""
    return {"auth": ("default", PASSWORD["default"])}


def rights(program, topology=TOPOLOGY):
    """Each permission that the rules grant, with the rules that grant all but that one."""
    words = rules(program, topology)
    for place, rule in enumerate(words):
        before, after = words[:place], words[place + 1 :]
        if rule[0] in "+%~&":
            yield rule, [*before, *after]
        elif rule[0] == "(":
            parts = rule.strip("()").split()
            for part in parts:
                yield f"{part} of {rule}", [*before, f"({' '.join(each for each in parts if each != part)})", *after]


def without(program, right, topology=TOPOLOGY):
    """The rules without one permission, wherever it appears."""
    return next(others for name, others in rights(program, topology) if name.split(" of ")[0] == right)


def give(sandbox, program, words):
    """Creates a program's user with exactly these permissions, at each server."""
    for server in servers(sandbox):
        server.cli("ACL", "SETUSER", program, "reset", "on", f">{PASSWORD[program]}", "resetchannels", *words)


def servers(sandbox):
    return sandbox.redis.servers if sandbox.has_failover else [sandbox.redis]


def write_credentials(sandbox, name, text, mode=0o600):
    path = sandbox.folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def authenticate(sandbox, name=user):
    """Makes both programs log in to Redis as their own users; `name` maps a program to its user name."""
    programs = [*PROGRAMS, *(["sentinel"] if sandbox.has_sentinels and sandbox.redis.are_sentinels_guarded else [])]
    for program in programs:
        write_credentials(sandbox, f"{program}.auth", f"{name(program)} {PASSWORD[program]}\n")
    files = " ".join(f"{program}={sandbox.folder}/{program}.auth" for program in programs)
    sandbox.add_settings(f"latchkey_store_auth {files};")


def protect(sandbox, gateway=None, admin=None):
    """Gives each program a user of its own, and takes all permissions from the default user."""
    for program, words in (("gateway", gateway), ("admin", admin)):
        give(sandbox, program, words or rules(program))
    # Sentinels are the default user, and use transactions.
    missing = ["-hmget", "-zrem", "-watch", *([] if sandbox.has_sentinels else ["-multi"])]
    for server in servers(sandbox):
        server.cli("ACL", "SETUSER", "default", *missing)
    authenticate(sandbox, name=str)


def refusals(sandbox):
    """How often Redis has refused a command for lack of permission, or a transaction with such a command."""
    counts = re.findall(r"errorstat_(?:NOPERM|EXECABORT):count=(\d+)", sandbox.redis.cli("INFO", "errorstats"))
    return sum(map(int, counts))
