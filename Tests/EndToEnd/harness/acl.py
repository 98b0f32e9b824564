"""The rights that the documents give to the two programs in Redis."""

import re

from harness.artefacts import ROOT

PROGRAMS = ("gateway", "admin")
PASSWORD = {"gateway": "gateway-password-1", "admin": "admin-password-2"}

# Who runs Redis, and may do everything.
OPERATOR = ("operator", "operator-password-3")


def rules(program):
    """The words behind the password in docs/acl."""
    line = (ROOT / f"docs/acl/{program}.acl").read_text()
    name, words = re.fullmatch(r"user (\S+) on >PASSWORD (.*)\n", line).groups()
    assert name == user(program)
    return re.findall(r"\(.*?\)|\S+", words)


def user(program):
    """The name of a program's user in docs/acl."""
    return f"latchkey-{program}"


def line(program):
    """The line of docs/acl, with the password in its place."""
    return (ROOT / f"docs/acl/{program}.acl").read_text().strip().replace("PASSWORD", PASSWORD[program])


def default_line():
    """What docs/acl says of Redis' default user."""
    return (ROOT / "docs/acl/default.acl").read_text().strip()


def write_users(path, default=None):
    """Writes an ACL file with the users of the documents and the operator, and other words of the default user if wanted."""
    users = [default or default_line(), *map(line, PROGRAMS), f"user {OPERATOR[0]} on >{OPERATOR[1]} +@all ~* &*"]
    path.write_text("".join(f"{user}\n" for user in users))


def rights(program):
    """What the rules allow, one by one, each with all the rules but that."""
    words = rules(program)
    for place, rule in enumerate(words):
        before, after = words[:place], words[place + 1 :]
        if rule[0] in "+%~&":
            yield rule, [*before, *after]
        elif rule[0] == "(":
            parts = rule.strip("()").split()
            for part in parts:
                yield f"{part} of {rule}", [*before, f"({' '.join(each for each in parts if each != part)})", *after]


def without(program, right):
    """All of the rules but a right, wherever it stands."""
    return next(others for name, others in rights(program) if name.split(" of ")[0] == right)


def give(sandbox, program, words):
    """Makes a program's user, with these rights and no others."""
    sandbox.redis.cli("ACL", "SETUSER", program, "reset", "on", f">{PASSWORD[program]}", "resetchannels", *words)


def write_credentials(sandbox, name, text, mode=0o600):
    path = sandbox.folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def authenticate(sandbox, name=user):
    """Has both programs come as their users of Redis, which are called so."""
    for program in PROGRAMS:
        write_credentials(sandbox, f"{program}.auth", f"{name(program)} {PASSWORD[program]}\n")
    sandbox.add_settings(
        f"latchkey_store_auth gateway={sandbox.folder}/gateway.auth admin={sandbox.folder}/admin.auth;"
    )


def protect(sandbox, gateway=None, admin=None):
    """Gives each program a user of its own, and takes the rights of all others."""
    for program, words in (("gateway", gateway), ("admin", admin)):
        give(sandbox, program, words or rules(program))
    sandbox.redis.cli("ACL", "SETUSER", "default", "-hmget", "-zrem", "-multi", "-watch")
    authenticate(sandbox, name=str)


def refusals(sandbox):
    """How often Redis has refused a command for lack of a right."""
    found = re.search(r"errorstat_NOPERM:count=(\d+)", sandbox.redis.cli("INFO", "errorstats"))
    return int(found[1]) if found else 0
