"""Keys that stand where none should be are found, and never shown whole."""

import json
import os
import subprocess

import pytest

from harness.executable import BAD_DATA, DONE, KEY, Latchkey
from harness.key_forge import locator, secret_of
from harness.sandbox import OWNER

FOUND = 1


@pytest.fixture
def attic(sandboxes, tmp_path):
    """An installation, and a folder in which things are left lying about."""
    return sandboxes(start=False), tmp_path


def scan(sandbox, *arguments, latchkey=None, **options):
    """What is found: the exit code and the findings. No key is shown whole."""
    result = (latchkey or sandbox.latchkey).run("scan", "--json", *arguments, **options)
    text = (latchkey or sandbox.latchkey).run("scan", *arguments, **options)
    assert result.code == text.code
    for output in (result.out, result.err, text.out, text.err):
        assert not KEY.search(output)
        sandbox.latchkey.keep_silent_about_keys(output)
    found = json.loads(result.out)
    assert len(text.out.splitlines()) == len(found)
    return result.code, found


def states(found):
    return [(each["state"], each["organization"]) for each in found]


def test_each_key_is_found_with_its_place_and_what_it_is_worth(attic):
    sandbox, folder = attic
    old = sandbox.key("acme")
    new = sandbox.key("acme")
    foreign = sandbox.forge().made_up("acme")
    (folder / "a.env").write_text(f"# nothing\n\nAPI_KEY={new}\nOLD='{old}'\n")
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/b.bin").write_bytes(b"\0\xff" * 100 + foreign.encode() + b"\0")

    code, found = scan(sandbox, folder)

    assert code == FOUND
    assert states(found) == [("active", "acme"), ("revoked", None), ("foreign", None)]
    assert [(each["path"], each["line"]) for each in found] == [
        (f"{folder}/a.env", 3), (f"{folder}/a.env", 4), (f"{folder}/deep/er/b.bin", 1),
    ]
    assert {each["key"] for each in found} == {f"lk_{locator('acme')}_…"}


def test_where_there_is_none_nothing_is_found(attic):
    sandbox, folder = attic
    key = sandbox.key()
    (folder / "near").write_text(f"{key[:-1]} {key[:-1]}{'a' if key[-1] != 'a' else 'b'} {key.lower()} lk_{locator('acme')}_…")

    assert scan(sandbox, folder) == (DONE, [])


@pytest.mark.parametrize("prefix", ["lk", "ab", "acme_live", "abcdefghijkl_test"])
def test_keys_of_any_prefix_are_found(sandboxes, tmp_path, prefix):
    sandbox = sandboxes(start=False, settings=f"latchkey_prefix {prefix};")
    (tmp_path / "file").write_text(f"x{'_'}{sandbox.key()}")

    code, found = scan(sandbox, tmp_path)

    assert (code, states(found)) == (FOUND, [("active", "acme")])


@pytest.mark.parametrize("before", [0, 1, (1 << 20) - 80, (1 << 20) - 30, (1 << 20) - 1, 1 << 20, 3_000_000])
def test_a_key_is_found_once_wherever_it_stands(attic, before):
    sandbox, folder = attic
    key = sandbox.key()
    (folder / "file").write_text("\n" * before + key + "\n" * 100)

    code, found = scan(sandbox, folder / "file")

    assert (code, [each["line"] for each in found]) == (FOUND, [before + 1])


def test_standard_input_is_looked_through(attic):
    sandbox, _ = attic

    code, found = scan(sandbox, "-", stdin=f"+key = {sandbox.key()}\n")

    assert (code, found[0]["path"]) == (FOUND, "standard input")


def test_links_are_not_followed_and_no_pipe_holds_it_up(attic):
    sandbox, folder = attic
    (folder / "outside").write_text(sandbox.key())
    inside = folder / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(folder / "outside")
    (inside / "loop").symlink_to(inside)
    os.mkfifo(inside / "pipe")

    assert scan(sandbox, inside) == (DONE, [])


def test_what_is_not_there_is_told(attic):
    sandbox, folder = attic

    result = sandbox.latchkey.run("scan", folder / "none")

    assert result.code == BAD_DATA
    assert "none" in result.err


def test_without_pepper_or_store_keys_are_found_and_that_is_said(attic):
    sandbox, folder = attic
    (folder / "file").write_text(sandbox.key())
    sandbox.redis.stop()

    code, found = scan(sandbox, folder)
    assert (code, states(found)) == (FOUND, [("unknown", None)])
    assert "not known" in sandbox.latchkey.run("scan", folder).err

    nobody = Latchkey(folder / "no.conf", sandbox.latchkey.program)
    assert states(scan(sandbox, folder, latchkey=nobody)[1]) == [("unknown", None)]
    sandbox.redis.start()


def test_a_name_that_holds_a_key_is_not_shown(attic):
    sandbox, folder = attic
    key = sandbox.key()
    (folder / key).write_text(key)

    assert scan(sandbox, folder)[0] == FOUND


# git


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    result = subprocess.run(
        ["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture
def repository(attic):
    sandbox, folder = attic
    git(folder, "init", "-q")
    (folder / "README").write_text("Nothing here.\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return sandbox, folder


def test_a_key_that_was_removed_is_found_in_the_history(repository):
    sandbox, folder = repository
    (folder / "conf").mkdir()
    (folder / "conf/prod.env").write_text(f"A=1\nKEY={sandbox.key()}\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Add")
    commit = git(folder, "rev-parse", "HEAD")
    git(folder, "rm", "-q", "-r", "conf")
    git(folder, "commit", "-q", "-m", "Remove")

    assert scan(sandbox, folder) == (DONE, [])
    code, found = scan(sandbox, "--git", folder)

    assert (code, states(found)) == (FOUND, [("active", "acme")])
    assert (found[0]["path"], found[0]["line"]) == ("conf/prod.env", 2)
    assert found[0]["commit"] in (commit, git(folder, "rev-parse", "HEAD"))


def test_a_key_on_another_branch_in_a_message_and_in_a_packed_object_is_found(repository):
    sandbox, folder = repository
    keys = [sandbox.key(name) for name in ("acme", "umbrella", "initech")]
    git(folder, "checkout", "-q", "-b", "other")
    (folder / "x").write_text(keys[0])
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", f"Uses {keys[1]}")
    git(folder, "tag", "-a", "v1", "-m", keys[2])
    git(folder, "checkout", "-q", "main")
    git(folder, "gc", "-q")

    code, found = scan(sandbox, "--git", folder)

    assert code == FOUND
    assert {each["organization"] for each in found} == {"acme", "umbrella", "initech"}


def test_what_is_no_repository_is_told(attic):
    sandbox, folder = attic

    result = sandbox.latchkey.run("scan", "--git", folder)

    assert result.code == BAD_DATA
    assert "git" in result.err


def test_the_documented_patterns_find_keys(attic):
    import re

    from harness.artefacts import ROOT

    sandbox, _ = attic
    text = (ROOT / "docs/EXECUTABLE.md").read_text()
    patterns = re.findall(r"^(?:regex = '''|pattern: )(.*?)(?:''')?$", text, re.MULTILINE)
    assert len(patterns) == 2
    for key in (sandbox.key(), "acme_live" + sandbox.forge().made_up("acme")[2:]):
        for pattern in patterns:
            assert re.search(pattern, f"KEY={key}\n")
            assert not re.search(pattern, f"KEY={key[:-1]}\n")
    assert secret_of(sandbox.key("acme", owner=OWNER)) not in text
