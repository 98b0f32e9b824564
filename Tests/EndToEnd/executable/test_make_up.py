"""The two commands of the README, in a fresh copy of the sources."""

import os
import pwd
import re
import socket
import subprocess

import pytest

from harness import processes
from harness.artefacts import IS_ROOT
from harness.executable import KEY, NOT_PERMITTED
from harness.key_forge import secret_of
from harness.polling import wait_until
from harness.redis_server import free_port

pytestmark = pytest.mark.xdist_group("checkout")


class Demonstration:
    """The demonstration that `make up` has started."""

    def __init__(self, checkout):
        self.checkout = checkout
        self.port = free_port()
        self.here = checkout.root / ".latchkey"
        self.keys = []

    def up(self):
        return self.remember(self.checkout.must_make("up", f"PORT={self.port}"))

    def remember(self, printed):
        self.keys += [found[0] for found in KEY.finditer(printed)]
        return printed

    def latchkey(self, *arguments, account=None):
        identity = {"user": pwd.getpwnam(account).pw_uid, "extra_groups": []} if account else {}
        return subprocess.run(
            [self.here / "bin/latchkey", *arguments], capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL, cwd="/", **identity,
        )

    def must(self, *arguments):
        result = self.latchkey(*arguments)
        assert result.returncode == 0, result.stderr
        return self.remember(result.stdout)

    def ask(self, target="/graphql", key=None):
        """The status and the body that curl receives."""
        lines = [f'header = "Authorization: Bearer {key}"'] if key else []
        answer = subprocess.run(
            ["curl", "--silent", "--max-time", "30", "--config", "-", "--write-out", "\n%{http_code}",
             "--data", "{}", f"http://127.0.0.1:{self.port}{target}"],
            input="\n".join(lines), capture_output=True, text=True, timeout=60,
        ).stdout
        body, _, status = answer.rpartition("\n")
        return int(status), body

    def pids(self):
        return {name: (self.here / name / f"{name}.pid").read_text() for name in ("nginx", "redis")}


@pytest.fixture(scope="module")
def demonstration(checkout):
    started = Demonstration(checkout)
    started.printed = started.up()
    yield started
    checkout.must_make("down")


def printed_commands(text):
    return re.findall(r"^\s*(curl .*)$", text, re.MULTILINE)


def run_printed(command):
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60).stdout


def test_the_printed_lines_do_what_they_say(demonstration):
    with_key, without_key = printed_commands(demonstration.printed)

    answer = run_printed(with_key)
    assert answer.startswith("HTTP/1.1 200 ")
    assert '"organization":"acme"' in answer
    assert run_printed(without_key).startswith("HTTP/1.1 401 ")


def test_the_life_of_a_key_as_the_readme_shows_it(demonstration):
    old = demonstration.must("generate", "acme", "--yes").strip()
    assert demonstration.ask(key=old) == (200, '{"data":{"viewer":{"organization":"acme"}}}\n')
    wait_until(lambda: "ago" in demonstration.must("status", "acme"), "the last use is shown")
    assert "Active" in demonstration.must("status", "acme")

    new = demonstration.must("generate", "acme", "--yes").strip()
    assert demonstration.ask(key=old)[0] == 401
    assert demonstration.ask(key=new)[0] == 200
    assert demonstration.ask("/auth-request/graphql", key=new) == demonstration.ask(key=new)
    assert demonstration.ask("/auth-request/graphql", key=old)[0] == 401

    demonstration.must("revoke", "acme", "--yes")
    assert demonstration.ask(key=new)[0] == 401
    assert demonstration.ask("/auth-request/graphql", key=new)[0] == 401
    assert "No API key generated" in demonstration.must("status", "acme")


def test_other_pages_need_no_key(demonstration):
    assert demonstration.ask("/")[0] == 200


def test_a_second_up_is_harmless(demonstration):
    key = demonstration.must("generate", "acme", "--yes").strip()
    before = demonstration.pids()

    printed = demonstration.up()

    assert demonstration.pids() == before
    assert demonstration.ask(key=key)[0] == 200
    assert len(printed_commands(printed)) == 2


def test_a_server_is_found_whether_its_process_is_listed_first_or_last(demonstration):
    """The search continues after a match: it must not be cut off."""
    slow = 'pids_of() { echo "$1"; sleep 0.2; echo "$2"; }'
    pid = demonstration.pids()["nginx"].strip()

    for found, answer in [((pid, 999999999), 0), ((999999999, pid), 0), ((pid + "0", 999999999), 1)]:
        definition = slow.replace("$1", str(found[0])).replace("$2", str(found[1]))
        assert ask_processes(demonstration, f"{definition}; is_running nginx") == answer, found
    assert ask_processes(demonstration, "is_running nginx && is_running redis") == 0


def ask_processes(demonstration, command):
    """The exit code of a command that uses the process functions of `up` and `down`."""
    script = demonstration.checkout.root / "scripts/demo/processes.sh"
    return subprocess.run(
        ["bash", "-c", f"set -uo pipefail; . {script}; {command}"], timeout=60, stdin=subprocess.DEVNULL
    ).returncode


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
@pytest.mark.parametrize("command", [["generate", "acme", "--yes"], ["revoke", "acme", "--yes"], ["status", "acme"]])
def test_another_account_is_refused_and_learns_nothing(demonstration, command):
    key = demonstration.must("generate", "acme", "--yes").strip()

    result = demonstration.latchkey(*command, account="nobody")

    assert (result.returncode, result.stdout) == (NOT_PERMITTED, "")
    assert len(result.stderr.splitlines()) == 1
    assert demonstration.ask(key=key)[0] == 200


def test_it_listens_only_on_the_loopback_interface(demonstration):
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", demonstration.port))


def test_its_files_hold_no_key(demonstration):
    secrets = [secret_of(key).encode() for key in demonstration.keys]
    assert secrets

    for path in demonstration.here.rglob("*"):
        if path.is_file():
            contents = path.read_bytes()
            assert not any(secret in contents for secret in secrets), path


def test_only_the_caller_can_read_its_secrets(demonstration):
    for name in ("pepper", "redis", "nginx"):
        status = (demonstration.here / name).stat()
        assert status.st_mode & 0o077 == 0, name
        assert status.st_uid == os.getuid()


def test_its_error_log_holds_nothing_grave(demonstration):
    log = (demonstration.here / "nginx/logs/error.log").read_text()

    assert not re.search(r"\[(alert|emerg|crit)\]|exited on signal|Fatal error", log)


def test_a_port_in_use_is_named(checkout, demonstration):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = checkout.make("up", f"PORT={port}")

    assert result.returncode != 0
    assert str(port) in result.stderr
    demonstration.up()


def test_up_console_adds_the_page_of_the_owner_and_down_ends_it(checkout, demonstration):
    demonstration.must("generate", "acme", "--yes")

    printed = checkout.must_make("up-console", f"PORT={demonstration.port}")

    of_owner, of_member = re.findall(r"^ +(http://\S+)$", printed, re.MULTILINE)
    page = run_printed(f"curl -i {of_owner}")
    assert page.startswith("HTTP/1.1 200 ") and "acme" in page and "Active" in page
    assert run_printed(f"curl -i {of_member}").startswith("HTTP/1.1 404 ")
    console = int((demonstration.here / "console/console.pid").read_text())
    checkout.must_make("down")
    assert not processes.is_alive(console)
    demonstration.up()


def test_down_stops_both_and_keeps_what_was_stored(checkout, demonstration):
    key = demonstration.must("generate", "acme", "--yes").strip()
    pids = [int(pid) for pid in demonstration.pids().values()]

    checkout.must_make("down")

    assert not any(map(processes.is_alive, pids))
    checkout.must_make("down")
    demonstration.up()
    assert demonstration.ask(key=key)[0] == 200
