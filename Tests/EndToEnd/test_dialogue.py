"""What is asked before a key is ended, and where a new one is put."""

import os
import stat

import pytest

from harness.executable import DONE, KEY, USAGE, Dialogue
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


def test_the_end_of_the_input_is_no_yes(sandbox):
    key = sandbox.key()

    with Dialogue(sandbox.latchkey, "revoke", "acme", as_=OWNER) as dialogue:
        dialogue.read_until("?")
        os.write(dialogue.terminal, b"\x04")
        assert dialogue.end() != DONE

    assert sandbox.status_of(key) == 200


# Straight into a file


def test_a_key_goes_into_a_file_of_its_owner_alone(sandbox, tmp_path):
    sandbox.add()
    file = tmp_path / "key"

    result = sandbox.latchkey.run("generate", "acme", "--yes", "--output", file, as_=OWNER)
    key = sandbox.latchkey.remember(file.read_text().strip())

    assert (result.code, result.out) == (DONE, "")
    assert key not in result.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sandbox.status_of(key) == 200


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
