"""Only the owner may see, make and end a key; other members may not, and operators and root only with `--as`."""

import os
import pwd
import re
import shutil
import struct
import subprocess

import pytest

from harness.artefacts import CALLER, EXECUTABLE, IS_ROOT
from harness.executable import BAD_DATA, DONE, NOT_PERMITTED, USAGE, Latchkey, clean_environment
from harness.key_forge import record_key
from harness.sandbox import OWNER

COMMANDS = [["generate", "acme", "--yes"], ["revoke", "acme", "--yes"], ["status", "acme"], ["status", "acme", "--json"]]

OTHER_ACCOUNT = "nobody"


def attempt(latchkey, command, **who):
    """Runs a command that is not permitted; returns the line that says so."""
    result = latchkey.run(*command, **who)
    assert result.code == NOT_PERMITTED, result
    return result.one_line()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("as_", [None, "mallory", "Alice", "alice2"])
def test_a_caller_other_than_the_owner_is_refused_and_changes_nothing(sandbox, command, as_):
    key = sandbox.key("acme", owner=OWNER)
    before = sandbox.redis.hash(record_key("acme"))

    attempt(sandbox.latchkey, command, as_=as_)

    assert sandbox.redis.hash(record_key("acme")) == before
    assert sandbox.status_of(key) == 200


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_refused_caller_learns_nothing_of_the_key(sandbox, command):
    sandbox.add("acme")
    attempts = [attempt(sandbox.latchkey, command, as_="mallory")]
    key = sandbox.key("acme")
    attempts.append(attempt(sandbox.latchkey, command, as_="mallory"))
    sandbox.status_of(key)
    sandbox.latchkey.must("revoke", "acme", "--yes", as_=OWNER)
    attempts.append(attempt(sandbox.latchkey, command, as_="mallory"))

    assert len(set(attempts)) == 1, attempts
    assert OWNER not in attempts[0]


def test_without_as_the_caller_acts_as_its_own_account(sandbox):
    sandbox.add("acme", owner=CALLER)

    key = sandbox.latchkey.generate("acme")

    assert sandbox.status_of(key) == 200
    assert "Active" in sandbox.latchkey.status("acme")
    sandbox.latchkey.must("revoke", "acme", "--yes")
    assert sandbox.status_of(key) == 401


def test_owning_one_organization_opens_no_other(sandbox):
    sandbox.add("acme", owner="alice")
    sandbox.add("umbrella", owner="bob")

    sandbox.latchkey.generate("acme", as_="alice")
    attempt(sandbox.latchkey, ["generate", "umbrella", "--yes"], as_="alice")
    attempt(sandbox.latchkey, ["status", "acme"], as_="bob")


# Other accounts of the machine


@pytest.fixture
def program(sandbox):
    """The executable in a folder from which every account can run it."""
    copy = sandbox.folder / "latchkey"
    shutil.copy(EXECUTABLE, copy)
    return Latchkey(sandbox.config, copy)


def open_to(sandbox, account):
    """Lets an account read the pepper, as a member of an operators' group can."""
    os.chown(sandbox.pepper_file, -1, pwd.getpwnam(account).pw_gid)
    sandbox.pepper_file.chmod(0o640)


needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")


@needs_root
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_another_account_is_refused(sandbox, program, command):
    key = sandbox.key("acme", owner=CALLER)

    attempt(program, command, account=OTHER_ACCOUNT)

    assert sandbox.status_of(key) == 200


@needs_root
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_another_account_that_may_read_the_pepper_is_refused_all_the_same(sandbox, program, command):
    key = sandbox.key("acme", owner=CALLER)
    open_to(sandbox, OTHER_ACCOUNT)

    attempt(program, command, account=OTHER_ACCOUNT)

    assert sandbox.status_of(key) == 200


@needs_root
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_another_account_does_not_learn_whether_there_is_an_organization(sandbox, program, command):
    open_to(sandbox, OTHER_ACCOUNT)

    before = attempt(program, command, account=OTHER_ACCOUNT)
    sandbox.add("acme", owner=CALLER)

    assert attempt(program, command, account=OTHER_ACCOUNT) == before


@needs_root
def test_an_account_owns_what_is_its_own(sandbox, program):
    sandbox.add("acme", owner=OTHER_ACCOUNT)
    open_to(sandbox, OTHER_ACCOUNT)

    key = program.generate("acme", account=OTHER_ACCOUNT)
    sandbox.latchkey.remember(key)

    assert sandbox.status_of(key) == 200
    attempt(sandbox.latchkey, ["status", "acme"])  # root without --as
    assert program.run("revoke", "acme", "--yes", account=OTHER_ACCOUNT).code == DONE
    assert sandbox.status_of(key) == 401


@needs_root
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_account_that_is_no_operator_may_not_act_as_another(sandbox, program, command):
    key = sandbox.key("acme", owner=OWNER)
    open_to(sandbox, OTHER_ACCOUNT)

    attempt(program, command, as_=OWNER, account=OTHER_ACCOUNT)
    attempt(program, command, as_="root", account=OTHER_ACCOUNT)

    assert sandbox.status_of(key) == 200


@needs_root
def test_an_account_that_is_an_operator_may_act_as_the_owner(sandbox, program):
    sandbox.key("acme", owner=OWNER)
    sandbox.add_settings(f"latchkey_operators root {OTHER_ACCOUNT};")
    open_to(sandbox, OTHER_ACCOUNT)

    key = program.generate("acme", as_=OWNER, account=OTHER_ACCOUNT)
    sandbox.latchkey.remember(key)

    assert sandbox.status_of(key) == 200
    attempt(program, ["status", "acme"], account=OTHER_ACCOUNT)  # an operator is not the owner


@needs_root
def test_only_an_operator_adds_organizations(sandbox, program):
    open_to(sandbox, OTHER_ACCOUNT)

    result = program.run("org", "add", "own", "--owner", OTHER_ACCOUNT, account=OTHER_ACCOUNT)

    assert result.code == NOT_PERMITTED
    assert result.one_line()
    assert sandbox.redis.cli("EXISTS", record_key("own")) == "0"


@needs_root
def test_a_login_name_in_the_environment_does_not_change_the_caller(sandbox, program):
    sandbox.key("acme", owner=CALLER)
    open_to(sandbox, OTHER_ACCOUNT)
    names = {name: CALLER for name in ("USER", "LOGNAME", "SUDO_USER", "USERNAME")}

    result = subprocess.run(
        ["setpriv", "--reuid", OTHER_ACCOUNT, "--regid", str(pwd.getpwnam(OTHER_ACCOUNT).pw_gid), "--clear-groups", *program.command("status", "acme")],
        capture_output=True, text=True, env={**names, "PATH": "/usr/bin:/bin"}, cwd="/",
    )

    assert result.returncode == NOT_PERMITTED
    assert result.stdout == ""


# Ways for the pepper's group to impersonate another account

MEMBER = "games"

BORROWED = {
    "set-group-ID": lambda program, group: (os.chown(program, -1, group), program.chmod(0o2755)),
    "set-user-ID": lambda program, group: program.chmod(0o4755),
    # cap_dac_read_search, in the form of the kernel's vfs_cap_data.
    "capabilities": lambda program, group: os.setxattr(
        program, "security.capability", struct.pack("<5I", 0x02000001, 1 << 2, 0, 0, 0)),
}


def own_configuration(sandbox):
    """A configuration of the member's own, which makes the member an operator."""
    own = sandbox.folder / "own.conf"
    own.write_text(sandbox.config.read_text())
    own.chmod(0o644)
    shutil.chown(own, MEMBER)
    settings = re.sub("(?m)^latchkey_operators .*;", f"latchkey_operators {MEMBER};", own.read_text())
    own.write_text(settings)
    return own


@needs_root
@pytest.mark.parametrize("kind", BORROWED)
def test_a_privileged_copy_of_the_executable_lends_its_privileges_to_no_caller(sandbox, program, kind):
    key = sandbox.key("acme", owner=OWNER)
    open_to(sandbox, MEMBER)
    BORROWED[kind](program.program, pwd.getpwnam(MEMBER).pw_gid)
    program.config = own_configuration(sandbox)

    for command in COMMANDS:
        assert "privileges" in attempt(program, command, account=OTHER_ACCOUNT, as_=OWNER)
    assert sandbox.status_of(key) == 200


@needs_root
def test_a_configuration_of_the_callers_own_makes_no_operator(sandbox, program):
    key = sandbox.key("acme", owner=OWNER)
    open_to(sandbox, MEMBER)
    program.config = own_configuration(sandbox)

    for command in COMMANDS:
        assert str(program.config) in attempt(program, command, account=MEMBER, as_=OWNER)
    assert sandbox.status_of(key) == 200


NAMESPACES = {
    "root there": ["unshare", "--map-root-user"],
    "nobody there": ["unshare", "--user"],
    "the owner by /etc/passwd": [
        "unshare", "--map-root-user", "--mount", "bash", "-c",
        'mount --bind "$0" /etc/passwd && exec "$@"',
    ],
}


@needs_root
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_user_namespace_does_not_change_the_caller(sandbox, program, namespace):
    key = sandbox.key("acme", owner=OWNER)
    open_to(sandbox, MEMBER)
    words = NAMESPACES[namespace]
    if "--mount" in words:
        passwd = sandbox.folder / "passwd"
        passwd.write_text(f"{OWNER}:x:0:0::/:/bin/sh\n")
        passwd.chmod(0o644)
        words = [*words, str(passwd)]
        as_ = None
    else:
        as_ = OWNER

    result = subprocess.run(
        ["setpriv", "--reuid", MEMBER, "--regid", MEMBER, "--clear-groups", *words, *program.command("generate", "acme", "--yes", as_=as_)],
        capture_output=True, text=True, env=clean_environment(), cwd="/",
    )

    assert (result.returncode, result.stdout) == (NOT_PERMITTED, "")
    assert "namespace" in result.stderr
    assert sandbox.status_of(key) == 200


@needs_root
def test_root_is_told_that_it_may_act_for_the_owner(sandbox):
    sandbox.key("acme", owner=OWNER)

    assert "--as" in attempt(sandbox.latchkey, ["status", "acme"])
    assert sandbox.latchkey.run("status", "acme", as_=OWNER).code == DONE


def test_the_name_of_nobody_is_refused(sandbox):
    sandbox.key("acme")

    for name in ("", "a b", "x" * 129):
        assert sandbox.latchkey.run("status", "acme", "--as", name).code in (USAGE, BAD_DATA)
