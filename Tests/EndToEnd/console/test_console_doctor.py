"""What `latchkey doctor` says about the console: nothing where there is none, and what is wrong where there is one."""

import grp
import json
import os
import pwd
import re
import shutil

import pytest

from harness import processes
from harness.artefacts import IS_ROOT
from harness.console_server import CONSOLE

pytestmark = [
    pytest.mark.xdist_group("console_doctor"), pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account"),
]

ACCOUNT = "nobody"
WORKERS = "www-data"


def findings(stack):
    """Level and text of each finding about the console."""
    files = ("--console-conf", stack.console.config, "--nginx-conf", stack.sandbox.nginx.folder / "nginx.conf")
    result = stack.sandbox.latchkey.run("doctor", "--json", *files, timeout=90)
    found = [each for each in json.loads(result.out)["findings"] if each["check"].startswith("console")]
    assert all(each["remedy"] for each in found if each["level"] == "fault")
    return {each["check"]: (each["level"], each["text"]) for each in found}


@pytest.fixture
def stack(stacks, sandboxes):
    """A console as it is installed: an account of its own, in the pepper's group, and a socket for nginx's group."""
    sandbox = sandboxes(workers=1, user=WORKERS)
    sandbox.add_settings(f"latchkey_delegates {ACCOUNT};")
    os.chown(sandbox.pepper_file, -1, pwd.getpwnam(ACCOUNT).pw_gid)
    sandbox.pepper_file.chmod(0o640)
    program = shutil.copy(CONSOLE, sandbox.folder / "latchkey-console")
    made = stacks(sandbox, front=False, account=ACCOUNT, program=program, start=False)
    os.chown(made.console.folder, pwd.getpwnam(ACCOUNT).pw_uid, grp.getgrnam(WORKERS).gr_gid)
    made.console.folder.chmod(0o2750)
    (made.console.folder / "log").touch()
    made.console.start()
    return made


def test_a_sound_console(stack):
    found = findings(stack)

    assert {level for level, _ in found.values()} == {"ok"}, found
    assert found["console.account"][1] == f"{ACCOUNT} may manage keys for owners, and nothing else"
    text = found["console.socket"][1]
    assert re.search(rf"the group {WORKERS} \(.*\b{WORKERS}\b.*\) can connect to", text) and text.endswith("act as any owner")
    assert set(found) == {"console.settings", "console.account", "console.files", "console.socket", "console.answer"}


def test_where_there_is_no_console_nothing_is_said(sandbox):
    checks = [each["check"] for each in json.loads(sandbox.latchkey.run("doctor", "--json").out)["findings"]]
    assert checks and not [check for check in checks if check.startswith("console")]


FAULTS = {
    "everyone may connect": (lambda stack: stack.console.socket.chmod(0o666), "console.socket", "every account can connect to"),
    "everyone may replace it": (lambda stack: stack.console.folder.chmod(0o2777), "console.socket", "take the place of the console"),
    "nginx may not connect": (lambda stack: os.chown(stack.console.socket, -1, 0), "console.socket", f"nginx cannot reach the console: {WORKERS} may not connect to"),
    "it is not running": (lambda stack: stack.console.stop(), "console.socket", "does not exist: the console is not running"),
    "it was killed": (lambda stack: (stack.console.process.kill(), stack.console.process.wait()), "console.answer", "does not answer at unix:"),
    "it hangs": (lambda stack: processes.freeze(stack.console.process.pid), "console.answer", "does not answer at unix:"),
    "it cannot read the pepper": (lambda stack: stack.sandbox.pepper_file.chmod(0o600), "console.files", f"{ACCOUNT} may not read"),
    "its account is no delegate": (lambda stack: change(stack.sandbox.config, f"latchkey_delegates {ACCOUNT};", ""), "console.account", "may not act for owners"),
    "its account is an operator": (lambda stack: promote(stack.sandbox.config), "console.account", "also adds, transfers, removes"),
    "a directive is wrong": (lambda stack: change(stack.console.config, "latchkey_console_base", "latchkey_console_bass"), "console.settings", ".conf:6: "),
    "a line has no end": (lambda stack: change(stack.console.config, ";", ""), "console.settings", "console.conf"),
}


def promote(config):
    """Makes the delegates operators."""
    text = re.sub("(?m)^latchkey_operators .*$", "", config.read_text())
    config.write_text(text.replace("latchkey_delegates", "latchkey_operators"))


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("spoil, check, words", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found(stack, spoil, check, words):
    with stack.console.config.open("a") as config:
        config.write("latchkey_console_base /console;\n")
    assert findings(stack)[check][0] == "ok"

    spoil(stack)

    try:
        level, text = findings(stack)[check]
    finally:
        if stack.console.process.poll() is None:
            processes.thaw(stack.console.process.pid)
        elif stack.console.process.returncode:
            stack.console.process = None  # the test has killed it
    assert level == "fault" and words in text


def test_a_store_that_does_not_answer_the_console_is_said(stack):
    stack.sandbox.redis.freeze()
    try:
        assert findings(stack)["console.answer"] == ("fault", "the console answers, but does not reach the store")
    finally:
        stack.sandbox.redis.thaw()


def test_a_configuration_that_is_named_must_be_there(stack):
    stack.console.stop()
    stack.console.config.unlink()
    level, text = findings(stack)["console.settings"]
    assert level == "fault" and str(stack.console.config) in text
