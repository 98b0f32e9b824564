"""The program: its start, its end, a store that hangs, too many requests, and clients that go away."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import time

import pytest

from harness import processes
from harness.artefacts import IS_ROOT, ROOT
from harness.console_server import CONSOLE, OWNER, SAME_ORIGIN, ConsoleServer, who
from harness.executable import CONFIGURATION, DONE, USAGE
from harness.http_client import Connection
from harness.key_forge import audit_key
from harness.polling import wait_until

pytestmark = pytest.mark.xdist_group("console_process")

WAITING_MAX = 64
THREADS = 4


@pytest.fixture
def stack(stacks):
    made = stacks(front=False)
    made.add()
    return made


def test_the_configuration_is_checked_with_file_and_line(sandbox):
    console = ConsoleServer(sandbox)
    assert console.check().returncode == DONE
    text = console.config.read_text()
    for wrong in (
        "latchkey_console_listen 127.0.0.1:8080;", "latchkey_console_base console;", "latchkey_console_x y;",
        "latchkey_timeout soon;", "latchkey_console_languages fr;", "{",
    ):
        lines = [each for each in text.splitlines() if each and each.split()[0] != wrong.split()[0]]
        console.config.write_text("\n".join([*lines, wrong]))
        result = console.check()
        assert result.returncode == CONFIGURATION
        assert f"{console.config}:{len(lines) + 1}: " in result.stderr, result.stderr
    for name in ("identity", "origin"):
        console.config.write_text("\n".join(each for each in text.splitlines() if name not in each))
        result = console.check()
        assert result.returncode == CONFIGURATION and f"latchkey_console_{name}" in result.stderr
    assert subprocess.run([CONSOLE, "--key", "x"], capture_output=True, timeout=60).returncode == USAGE


def test_a_pepper_that_cannot_be_read_is_noticed_before_an_owner_needs_it(sandbox):
    console = ConsoleServer(sandbox)
    sandbox.pepper_file.rename(sandbox.folder / "moved")
    assert console.check().returncode != DONE
    (sandbox.folder / "moved").rename(sandbox.pepper_file)


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
def test_an_account_that_is_no_delegate_serves_nobody(sandbox, stacks):
    account = "nobody"
    os.chown(sandbox.pepper_file, -1, pwd.getpwnam(account).pw_gid)
    sandbox.pepper_file.chmod(0o640)
    program = shutil.copy(CONSOLE, sandbox.folder / "latchkey-console")
    stack = stacks(sandbox, front=False, account=account, program=program, start=False)
    shutil.chown(stack.console.folder, account)
    result = stack.console.check()
    assert result.returncode == CONFIGURATION and "latchkey_delegates" in result.stderr

    sandbox.add_settings(f"latchkey_delegates {account};")
    sandbox.nginx.reload()
    stack.add()
    stack.console.start()
    key, = stack.console.remember(stack.console.api("POST", "*").body)
    assert sandbox.status_of(key) == 200
    audit = json.loads(stack.console.api(of="audit").body)
    assert [entry["via"] for entry in audit if entry["what"] == "generate"] == [account]


def test_the_socket_is_for_its_owner_and_group(stack):
    assert stack.console.socket.stat().st_mode & 0o777 == 0o660


def test_a_store_that_hangs_is_said_in_time_and_hurts_no_other_page(stack):
    stack.sandbox.redis.freeze()
    began = time.monotonic()
    answer = stack.console.page()
    assert answer.status == 503 and time.monotonic() - began < 10
    assert "not available at the moment" in answer.body and answer.header("Retry-After") == "1"
    assert stack.console.ask("/readyz").status == 503
    stack.sandbox.redis.thaw()
    wait_until(lambda: stack.console.page().status == 200, "the page is there again")
    line = next(each for each in stack.console.log_lines() if each.get("status") == 503 and each.get("note"))
    assert line["request"] in answer.body and "store" in line["note"]


def test_sixty_four_wait_and_the_next_is_told_to_come_back(stack):
    stack.sandbox.add_settings("latchkey_timeout 10s;")
    stack.console.stop()
    stack.console.start()
    stack.sandbox.redis.freeze()
    waiting = [Connection(stack.console.socket) for _ in range(THREADS + WAITING_MAX)]
    try:
        for connection in waiting:
            connection.send("/console/acme", who(OWNER))
        full = f"latchkey_console_pool_waiting {WAITING_MAX}"
        wait_until(lambda: full in stack.console.ask("/metrics").body, "all wait")
        refused = stack.console.api()
        assert refused.status == 503 and "urn:latchkey:problem:busy" in refused.body
        assert stack.console.ask("/healthz").status == 204
        stack.sandbox.redis.thaw()
        assert {connection.receive().status for connection in waiting} == {200}
    finally:
        stack.sandbox.redis.thaw()
        for connection in waiting:
            connection.close()
    assert stack.console.page().status == 200


def frozen_worker(stack):
    """A gateway that does not acknowledge: changes wait until its lease has ended."""
    stack.sandbox.wait_for_members()
    worker = stack.sandbox.nginx.worker()
    processes.freeze(worker)
    return worker


def generate_in_hand(stack):
    """A change that waits for a gateway: its connection and what the store had before."""
    before = stack.sandbox.redis.calls("exec")
    connection = Connection(stack.console.socket)
    fields = [*who(OWNER), *SAME_ORIGIN, ("Content-Type", "application/json"), ("If-Match", "*")]
    connection.send("/console/api/v1/organizations/acme/key", fields, method="POST", body=b"{}")
    wait_until(lambda: stack.sandbox.redis.calls("exec") > before, "the change is written")
    return connection


def test_a_change_in_hand_is_answered_before_the_program_ends(stack):
    worker = frozen_worker(stack)
    try:
        with generate_in_hand(stack) as connection:
            stack.console.process.send_signal(signal.SIGTERM)
            answer = connection.receive("POST")
    finally:
        processes.thaw(worker)
    assert answer.status == 201
    key, = stack.console.remember(answer.body)
    assert stack.console.process.wait(20) == 0
    wait_until(lambda: stack.sandbox.status_of(key) == 200, "the key is accepted")
    assert not stack.console.socket.exists()


def test_a_client_that_goes_away_takes_nothing_back(stack):
    worker = frozen_worker(stack)
    try:
        generate_in_hand(stack).close()
        assert stack.sandbox.latchkey.must("audit", "acme", as_=OWNER).count("generate") == 1
    finally:
        processes.thaw(worker)
    wait_until(lambda: any(line.get("method") == "POST" for line in stack.console.log_lines()), "the change is answered")
    assert json.loads(stack.console.api().body)["status"] == "active"


@pytest.mark.parametrize("path, kind", [
    ("/console/api/v1/organizations/acme/key", "application/json"), ("/console/acme/generate", "application/x-www-form-urlencoded"),
])
def test_a_key_that_could_not_be_handed_over_is_in_the_log(stack, path, kind):
    """A client that has gone away while its change waited for a gateway: without the line, nobody would know why the old key ended."""
    body = b"{}" if kind == "application/json" else f"version={stack.console.version()}".encode()
    worker = frozen_worker(stack)
    try:
        before = stack.sandbox.redis.calls("exec")
        with Connection(stack.console.socket) as connection:
            fields = [*who(OWNER), *SAME_ORIGIN, ("Content-Type", kind), ("If-Match", "*")]
            connection.send(path, fields, method="POST", body=body)
            wait_until(lambda: stack.sandbox.redis.calls("exec") > before, "the change is written")
    finally:
        processes.thaw(worker)
    line, = wait_until(lambda: [each for each in stack.console.log_lines() if "not delivered" in each.get("note", "")], "it is said")
    request = next(each for each in stack.console.log_lines() if each.get("method") == "POST")
    assert line["level"] == "warning" and line["request"] == request["request"]
    assert "lk_" not in json.dumps(line)


def test_a_key_that_was_handed_over_is_no_matter_for_the_log(stack):
    stack.console.remember(stack.console.api("POST", "*").body)
    stack.console.stop()
    assert not [each for each in stack.console.log_lines() if "delivered" in each.get("note", "")]
    stack.console.start()


@pytest.mark.parametrize("length", ["Content-Length: 20", "Transfer-Encoding: chunked"])
def test_a_body_that_does_not_arrive_is_not_waited_for(stack, length):
    head = f"POST /console/acme/revoke HTTP/1.1\r\nHost: console\r\nX-Latchkey-User: {OWNER}\r\nSec-Fetch-Site: same-origin\r\n{length}\r\n\r\n"
    with Connection(stack.console.socket) as connection:
        connection.socket.sendall(head.encode() + b"1")
        answer = connection.receive("POST")
        assert answer.status == 408 and "did not arrive in time" in answer.body
        assert connection.peek() == b"", "the connection ends"
    assert stack.console.page().status == 200


def test_a_doubt_is_said_and_the_key_is_handed_over(stack):
    """An audit that cannot be written, because its Redis key has another type."""
    stack.sandbox.redis.cli("DEL", audit_key("acme"))
    stack.sandbox.redis.cli("SET", audit_key("acme"), "something else")

    made = stack.console.api("POST", "*")
    shown = stack.console.post("generate", stack.console.version())
    gone = stack.console.post("revoke", stack.console.version())

    body = json.loads(made.body)
    assert made.status == 201 and body["confirmation"]["state"] == "unconfirmed"
    assert body["confirmation"]["detail"] == "The new key has been created, but the change is missing in the audit."
    stack.console.remember(made.body)
    key, = stack.console.remember(shown.body)
    assert shown.status == 200 and 'role="alert"' in shown.body
    assert gone.status == 200 and "The key has been revoked, but the change is missing in the audit." in gone.body
    assert stack.sandbox.status_of(key) == 401
    notes = [line["note"] for line in stack.console.log_lines() if "note" in line and line.get("method") == "POST"]
    assert len(notes) == 3 and all("not in the audit" in note for note in notes)


def test_ten_changes_an_hour_and_then_a_time_to_wait(stack):
    keys = [stack.console.remember(stack.console.api("POST", "*").body) for _ in range(10)]
    refused = stack.console.api("POST", "*")
    assert all(keys) and refused.status == 429
    assert 300 < int(refused.header("Retry-After")) <= 360
    assert stack.console.api("DELETE", "*", user="bob").status == 404, "another cannot use up what is the owner's"


# What is installed


def test_the_unit_is_correct_and_has_few_rights(tmp_path):
    unit = (ROOT / "systemd/latchkey-console.service").read_text()
    path = tmp_path / "latchkey-console.service"
    path.write_text(unit.replace("/usr/bin/latchkey-console", str(CONSOLE)))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0 and "latchkey-console" not in verified.stderr, verified.stderr
    report = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", path],
        capture_output=True, text=True, timeout=60,
    )
    assert report.returncode == 0, report.stdout[-300:]


@pytest.mark.skipif(not IS_ROOT, reason="only root can make accounts")
def test_the_account_is_in_the_group_of_the_pepper(tmp_path):
    (tmp_path / "etc").mkdir()
    lines = [line for line in (ROOT / "systemd/latchkey-console.sysusers").read_text().splitlines() if not line.startswith("#")]
    result = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", "--inline", *lines], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "latchkey-console:" in (tmp_path / "etc/passwd").read_text()
    assert any(line.startswith("latchkey:") and line.endswith(":latchkey-console")
               for line in (tmp_path / "etc/group").read_text().splitlines())


def test_the_folder_gives_the_socket_the_group_of_nginx():
    kind, path, mode, user, group, _ = (ROOT / "systemd/latchkey-console.tmpfiles").read_text().splitlines()[-1].split()
    assert (kind, path, user, group) == ("d", "/run/latchkey-console", "latchkey-console", "www-data")
    assert int(mode, 8) & 0o2007 == 0o2000
