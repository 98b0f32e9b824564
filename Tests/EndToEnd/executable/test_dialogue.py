"""The questions before a key is ended, and the places where a new one is put."""

import os
import re
import signal
import stat
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

from harness.executable import BAD_DATA, DONE, KEY, USAGE, Dialogue, clean_environment
from harness.polling import wait_until
from harness.redis_server import NO_SOCKET
from harness.sandbox import OWNER


@pytest.mark.parametrize("command", ["generate", "revoke"])
def test_without_a_terminal_and_without_yes_nothing_is_done(sandbox, command):
    key = sandbox.key()

    result = sandbox.latchkey.run(command, "acme", as_=OWNER, stdin="yes\ny\n")

    assert result.code == USAGE
    assert "--yes" in result.one_line()
    assert sandbox.status_of(key) == 200


@pytest.mark.parametrize("command", ["generate", "revoke"])
@pytest.mark.parametrize("answer", ["no", "n", "", "what?"])
def test_an_answer_that_is_not_yes_leaves_the_key_alone(sandbox, command, answer):
    key = sandbox.key()

    with Dialogue(sandbox.latchkey, command, "acme", as_=OWNER) as dialogue:
        dialogue.read_until("?")
        dialogue.answer(answer)
        assert dialogue.end() != DONE

    assert sandbox.status_of(key) == 200


def test_revoke_shows_the_last_use_and_asks(sandbox):
    key = sandbox.key()

    with Dialogue(sandbox.latchkey, "revoke", "acme", as_=OWNER) as dialogue:
        assert "Never" in dialogue.read_until("?")
        assert sandbox.status_of(key) == 200
        dialogue.answer("yes")
        assert dialogue.end() == DONE

    assert sandbox.status_of(key) == 401


def test_generate_asks_before_it_replaces_a_key(sandbox):
    old = sandbox.key()

    with Dialogue(sandbox.latchkey, "generate", "acme", as_=OWNER) as dialogue:
        dialogue.read_until("?")
        assert sandbox.status_of(old) == 200
        dialogue.answer("yes")
        assert dialogue.end() == DONE
        new = sandbox.latchkey.remember(KEY.search(dialogue.text)[0])

    assert sandbox.status_of(old) == 401
    assert sandbox.status_of(new) == 200


def test_the_end_of_the_input_is_not_taken_for_yes(sandbox):
    key = sandbox.key()

    with Dialogue(sandbox.latchkey, "revoke", "acme", as_=OWNER) as dialogue:
        dialogue.read_until("?")
        os.write(dialogue.terminal, b"\x04")
        assert dialogue.end() != DONE

    assert sandbox.status_of(key) == 200


def test_the_consequences_are_shown_before_the_question(sandbox):
    key = sandbox.key()
    sandbox.wait_for_members()
    sandbox.status_of(key)
    wait_until(lambda: sandbox.latchkey.status_json("acme", as_=OWNER)["last_used_at"], "the use is recorded")
    count = len(sandbox.workers())

    for command in ("generate", "revoke"):
        with Dialogue(sandbox.latchkey, command, "acme", as_=OWNER) as dialogue:
            text = dialogue.read_until("?")
        assert f"at {count} nginx worker{'s' if count > 1 else ''} on 1 host." in text
        assert "ago" in text or "just now" in text
    assert sandbox.status_of(key) == 200


def test_a_key_that_stays_valid_is_mentioned_before_it_is_ended(sandbox):
    sandbox.key()
    sandbox.key("acme", "--grace", "1h")

    with Dialogue(sandbox.latchkey, "generate", "acme", as_=OWNER) as dialogue:
        assert "59 minutes, ends too" in dialogue.read_until("?")


@pytest.mark.parametrize("command", ["generate", "revoke"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_question_reports_that_nothing_was_done(sandbox, command, number):
    key = sandbox.key()

    with Dialogue(sandbox.latchkey, command, "acme", as_=OWNER) as dialogue:
        dialogue.read_until("?")
        dialogue.process.send_signal(number)
        assert dialogue.end() == -number
        assert "nothing was done" in dialogue.text

    assert sandbox.status_of(key) == 200


def test_on_a_terminal_the_command_says_where_to_keep_the_key(sandbox):
    sandbox.add()

    with Dialogue(sandbox.latchkey, "generate", "acme", as_=OWNER) as dialogue:
        assert dialogue.end() == DONE
        sandbox.latchkey.remember(KEY.search(dialogue.text)[0])

    assert len(KEY.findall(dialogue.text)) == 1
    assert "secrets manager" in dialogue.text


@pytest.mark.parametrize("environment, coloured", [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, False),
])
def test_colours_are_for_terminals_that_want_them(sandbox, environment, coloured):
    sandbox.key()

    with Dialogue(sandbox.latchkey, "status", "acme", as_=OWNER, environment=environment) as dialogue:
        assert dialogue.end() == DONE

    assert ("\x1b[" in dialogue.text) == coloured
    assert "\x1b" not in sandbox.latchkey.status("acme", as_=OWNER)


# Straight into a file


def test_a_key_is_written_to_a_file_that_only_its_owner_can_read(sandbox, tmp_path):
    sandbox.add()
    file = tmp_path / "key"

    result = sandbox.latchkey.run("generate", "acme", "--yes", "--output", file, as_=OWNER)
    key = sandbox.latchkey.remember(file.read_text().strip())

    assert (result.code, result.out) == (DONE, "")
    assert result.err == f"The key is in {file}, readable only by you.\n"
    assert file.read_text() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sandbox.status_of(key) == 200


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
def test_a_dash_is_standard_output(sandbox, tmp_path, force):
    sandbox.add()
    command = sandbox.latchkey.command("generate", "acme", "--yes", "--output", "-", *force, as_=OWNER)

    result = subprocess.run(
        command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, cwd=tmp_path,
        env=clean_environment(),
    )

    assert result.returncode == DONE and KEY.fullmatch(result.stdout)
    assert list(tmp_path.iterdir()) == []
    assert sandbox.status_of(sandbox.latchkey.remember(result.stdout)) == 200


def test_on_a_terminal_a_key_has_a_line_of_its_own(sandbox):
    sandbox.add()

    with Dialogue(sandbox.latchkey, "generate", "acme", as_=OWNER) as dialogue:
        assert dialogue.end() == DONE
        sandbox.latchkey.remember(KEY.search(dialogue.text)[0])

    assert KEY.fullmatch(dialogue.text.splitlines()[0])


def test_the_output_for_programs_is_the_key_and_nothing_else(sandbox, tmp_path):
    sandbox.add()
    kept = tmp_path / "kept"
    kept.touch(mode=0o600)
    command = sandbox.latchkey.command("generate", "acme", "--yes", as_=OWNER)

    subprocess.run(["bash", "-c", '"$@" | cat > "$0"', kept, *command], check=True, timeout=60, env=clean_environment())

    key = sandbox.latchkey.remember(kept.read_text())
    assert sandbox.request("/api", [("X-API-Key", key)]).status == 200


def test_the_question_names_the_time_at_which_keys_end(sandbox):
    sandbox.key()
    now = datetime.now(timezone.utc)

    options = ["--expires-in", "90d", "--grace", "2d"]
    with Dialogue(sandbox.latchkey, "generate", "acme", *options, as_=OWNER) as dialogue:
        text = dialogue.read_until("?")

    expires, until = (
        datetime.strptime(time, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=timezone.utc)
        for time in re.search(r"stays valid until (.*? UTC)\. The new key expires (.*? UTC)\.", text).groups()[::-1]
    )
    assert timedelta() <= expires - now - timedelta(days=90) + timedelta(seconds=1)
    assert (expires - until) == timedelta(days=88)


def test_a_file_that_cannot_be_written_costs_no_key(sandbox, tmp_path):
    key = sandbox.key()

    result = sandbox.latchkey.run("generate", "acme", "--yes", "--output", tmp_path / "none" / "key", as_=OWNER)

    assert result.code != DONE
    assert result.one_line()
    assert sandbox.status_of(key) == 200


def test_a_key_is_not_written_into_a_file_that_others_may_read(sandbox, tmp_path):
    old = sandbox.key()
    file = tmp_path / "key"
    file.touch()
    file.chmod(0o644)

    result = sandbox.latchkey.run("generate", "acme", "--yes", "--output", file, as_=OWNER)

    if result.code == DONE:
        key = sandbox.latchkey.remember(file.read_text().strip())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert sandbox.status_of(key) == 200
    else:
        assert file.read_text() == ""
        assert sandbox.status_of(old) == 200


def test_a_file_is_replaced_only_on_request(sandbox, tmp_path):
    old = sandbox.key()
    file = tmp_path / "key"
    file.write_text("precious")
    file.chmod(0o644)

    refused = sandbox.latchkey.run("generate", "acme", "--yes", "--output", file, as_=OWNER)
    assert refused.code == BAD_DATA
    assert file.read_text() == "precious"
    assert sandbox.status_of(old) == 200

    sandbox.latchkey.must("generate", "acme", "--yes", "--output", file, "--force", as_=OWNER)
    key = sandbox.latchkey.remember(file.read_text().strip())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sandbox.status_of(key) == 200
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_force_replaces_only_plain_files(sandbox, tmp_path):
    key = sandbox.key()
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "folder").mkdir()

    for name in ("link", "folder"):
        options = ["--output", tmp_path / name, "--force"]
        assert sandbox.latchkey.run("generate", "acme", "--yes", *options, as_=OWNER).code == BAD_DATA
    assert (tmp_path / "target").read_text() == "precious"
    assert sandbox.status_of(key) == 200
    assert sandbox.latchkey.run("generate", "acme", "--yes", "--force", as_=OWNER).code == USAGE


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["new", "force"])
def test_a_full_disk_costs_no_key(sandbox, tmp_path, force):
    key = sandbox.key()
    file = tmp_path / "key"
    command = sandbox.latchkey.command("generate", "acme", "--yes", "--output", file, *force, as_=OWNER)

    result = subprocess.run(
        ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", *command], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, env=clean_environment(),
    )

    assert result.returncode == BAD_DATA
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    assert sandbox.status_of(key) == 200


def test_workers_that_come_and_go_are_seen_in_the_list_that_is_watched(sandbox):
    sandbox.wait_for_members()
    with Dialogue(sandbox.latchkey, "gateways", "--watch") as dialogue:
        dialogue.read_until("2 nginx workers on 1 host")

        old = sandbox.nginx.reload()

        for worker in sandbox.workers() - old:
            wait_until(lambda: dialogue.take() and re.search(rf"new +\S+ +{worker} ", dialogue.text), "the new worker is marked")
        for worker in old:
            wait_until(lambda: dialogue.take() and re.search(rf"gone +\S+ +{worker} ", dialogue.text), "the old worker is marked")
        dialogue.process.send_signal(signal.SIGINT)
        assert dialogue.end() == -signal.SIGINT


def test_a_list_that_is_watched_goes_on_when_the_store_is_back(sandbox):
    sandbox.expect(NO_SOCKET)
    with Dialogue(sandbox.latchkey, "gateways", "--watch") as dialogue:
        dialogue.read_until(" nginx workers")

        sandbox.redis.stop()
        dialogue.read_until("not up to date: ")
        sandbox.redis.start()

        seen = len(dialogue.text)
        wait_until(lambda: dialogue.take() and " nginx workers" in dialogue.text[seen:], "the list is read again")


@pytest.mark.parametrize("options", [["--watch", "--json"], ["--watch", "--forget", "9f86d081884c7d65"]])
def test_what_is_watched_is_a_table_alone(sandbox, options):
    assert sandbox.latchkey.run("gateways", *options).code == USAGE
