"""`latchkey scan` finds each exposed key, shows none, and reports its validity."""

import itertools
import json
import os
import re
import resource
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest

from harness.artefacts import IS_ROOT, ROOT
from harness.executable import BAD_DATA, DONE, Dialogue, USAGE, clean_environment
from harness.key_forge import KeyForge, locator
from harness.sandbox import OWNER
from harness.topology import AWAY

FOUND = 1
PIECE = 1 << 18  # the amount read at once
MEMORY_MAX = 100 << 20  # of memory that a program writes to


@pytest.fixture
def gate(sandboxes):
    return sandboxes(start=False)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "searched"


@pytest.fixture(autouse=True)
def make(folder):
    folder.mkdir()


def scan(gate, *paths, **options):
    """The findings in JSON, and the exit code."""
    result = gate.latchkey.run("scan", "--json", *paths, **options)
    gate.latchkey.keep_silent_about_keys(result.out)
    return json.loads(result.out), result


def found(gate, *paths):
    """File, line, state and organization of all findings."""
    findings, result = scan(gate, *paths)
    assert result.code == (FOUND if findings else DONE), result.err
    return [(f["file"], f["line"], f["state"], f["organization"]) for f in findings]


def foreign_key(organization="acme", prefix="lk", seed=62):
    """A key of an installation with another pepper."""
    return KeyForge("5a" * 32, prefix, seed).issued(organization)


# Files and folders


def test_without_a_key_nothing_is_found(gate, folder):
    gate.key()
    (folder / "a.txt").write_text("lk_ is what keys begin with\n" * 1000)
    (folder / "empty").touch()

    result = gate.latchkey.run("scan", folder)

    assert (result.code, result.out, result.err) == (DONE, "", "")
    assert found(gate, folder) == []


def test_each_key_is_reported_with_its_place_and_validity(gate, folder):
    replaced = gate.key()
    active = gate.latchkey.generate("acme", as_=OWNER)
    gate.key("bravo")
    revoked = gate.latchkey.generate("bravo", as_=OWNER)
    gate.revoke("bravo")
    expired = gate.key("charlie", "--expires-in", "1ms")
    nobodys = gate.latchkey.remember(gate.forge().issued("nobody"))
    forged = gate.latchkey.remember(foreign_key())
    keys = [replaced, active, revoked, expired, nobodys, forged]
    path = folder / "app.conf"
    path.write_text("# keys\n" + "".join(f"key = '{key}';\n" for key in keys))

    assert found(gate, folder) == [
        (str(path), 2, "revoked", "acme"), (str(path), 3, "active", "acme"), (str(path), 4, "revoked", "bravo"),
        (str(path), 5, "expired", "charlie"), (str(path), 6, "revoked", None), (str(path), 7, "forged", None),
    ]


def test_the_output_shows_no_more_of_a_key_than_its_locator(gate, folder):
    key = gate.key()
    (folder / "a").write_text(f"\n{key}")

    result = gate.latchkey.run("scan", folder)

    assert result.out == f"{folder}/a:2\tlk_{locator('acme')}_…\tactive\tacme\n"
    assert result.err == "latchkey: 1 key was found: replace it if it is active\n"
    with Dialogue(gate.latchkey, "scan", str(folder)) as dialogue:
        assert dialogue.end() == FOUND
    gate.latchkey.keep_silent_about_keys(dialogue.text)


def test_a_key_in_its_grace_is_active(gate, folder):
    before = gate.key()
    gate.latchkey.generate("acme", "--grace", "1h", as_=OWNER)
    (folder / "a").write_text(before)

    assert found(gate, folder) == [(f"{folder}/a", 1, "active", "acme")]


@pytest.mark.parametrize("prefix", ["ab", "sk_live", "abcdefghijkl_test", "a1"])
def test_keys_of_other_prefixes_are_found_too(gate, folder, prefix):
    ours = gate.latchkey.remember(gate.forge(prefix).issued("acme"))
    theirs = gate.latchkey.remember(foreign_key(prefix=prefix))
    (folder / "a").write_text(f"{ours}\n{theirs}\n")

    findings, _ = scan(gate, folder)

    assert [(f["prefix"], f["locator"], f["state"]) for f in findings] == [
        (prefix, locator("acme"), "revoked"), (prefix, locator("acme"), "forged"),
    ]


def test_binary_files_are_searched(gate, folder):
    key = gate.key()
    (folder / "program").write_bytes(os.urandom(5000).replace(b"\n", b"x") + b"\0" + key.encode() + os.urandom(5000))

    assert found(gate, folder) == [(f"{folder}/program", 1, "active", "acme")]


def test_keys_across_the_boundaries_of_reads_are_found(gate, folder):
    key = gate.key()
    for place in range(PIECE - len(key) - 1, PIECE + 2):
        (folder / f"{place}").write_bytes(b"\n" * place + key.encode())

    assert {(line, state) for _, line, state, _ in found(gate, folder)} == {
        (place + 1, "active") for place in range(PIECE - len(key) - 1, PIECE + 2)
    }


def test_a_text_that_only_looks_like_a_key_is_not_reported(gate, folder):
    key = foreign_key()
    (folder / "a").write_text("\n".join([
        key[:-1], key[:-1] + ("0" if key[-1] != "0" else "1"), key[1:], key.upper(), key.replace("_", "-"),
        "x" * 500, "ab_" + "0" * 14 + "_" + "0" * 46, "_".join(["a" * 14] * 50),
    ]))

    assert found(gate, folder) == []


def test_a_large_file_is_searched_with_little_memory(gate, folder):
    key = gate.key()
    with (folder / "large").open("wb") as file:
        file.seek(400 << 20)
        file.write(key.encode())
    result = subprocess.run(
        gate.latchkey.command("scan", folder), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MAX, MEMORY_MAX)),
    )

    assert "active" in result.stdout
    assert result.returncode == FOUND


def test_links_and_pipes_in_folders_are_skipped(gate, folder, tmp_path):
    (tmp_path / "elsewhere").write_text(gate.key())
    (folder / "there").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(folder)
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")

    assert found(gate, folder) == []


def test_a_link_that_is_named_is_followed(gate, folder, tmp_path):
    (folder / "a").write_text(gate.key())
    (tmp_path / "link").symlink_to(folder)

    assert [state for _, _, state, _ in found(gate, tmp_path / "link")] == ["active"]


def test_standard_input_is_searched(gate):
    findings, result = scan(gate, "-", stdin="\n" + gate.key())

    assert (findings[0]["file"], findings[0]["line"], result.code) == ("standard input", 2, FOUND)


def test_a_key_in_the_name_of_a_file_is_found_and_not_shown(gate, folder):
    key = gate.key()
    (folder / key).touch()

    findings, _ = scan(gate, folder)

    assert [(f["line"], f["state"]) for f in findings] == [(None, "active")]
    gate.latchkey.keep_silent_about_keys(gate.latchkey.run("scan", folder).out)


def test_file_names_are_escaped_on_the_terminal(gate, folder):
    (folder / "\x1b[2Ja\nb").write_text(gate.key())

    out = gate.latchkey.run("scan", folder).out

    assert "\x1b" not in out and out.count("\n") == 1


# The text around keys in logs, in addresses and on terminals.
SURROUNDINGS = [
    ("", ""), ('key="', '"'), ("Bearer ", "\n"), ("https://x:", "@example.com/"), ("token%20", "%20x"), ("key%3D", "%26x"),
    ("key%3d", ""), ("?a=%2520", "&b"), ("\x1b[31m", "\x1b[0m"), ("\x1b[1;38;5;208m", "\x1b[m"), (r"\u001b[31m", r"\u001b[0m"),
    (r"line\n", r"\n"), (r"\t", r"\r"), (r"\x20", ""), (r"a\u003d", r"\u0026"), ("[", "]"), ("<b>", "</b>"), ("A", "-old"),
    ("9", "_backup"), ("_", "_"),
]


@pytest.mark.parametrize("before, behind", SURROUNDINGS)
def test_a_key_is_found_whatever_surrounds_it(gate, folder, before, behind):
    (folder / "log").write_text(f"{before}{gate.key()}{behind}")

    assert found(gate, folder) == [(f"{folder}/log", 1, "active", "acme")]


# What cannot be read


def test_a_path_that_cannot_be_searched_is_reported_and_fails_the_scan(gate, folder):
    result = gate.latchkey.run("scan", folder, folder / "none")

    assert result.code == BAD_DATA
    assert f"{folder}/none could not be searched" in result.err


@pytest.mark.skipif(not IS_ROOT, reason="only root can be somebody else")
def test_another_accounts_file_is_reported(gate, folder):
    (folder / "closed").write_text("x")
    (folder / "closed").chmod(0)
    for path in itertools.takewhile(lambda path: path != Path(tempfile.gettempdir()), (folder, *folder.parents)):
        path.chmod(0o755)

    result = gate.latchkey.run("scan", folder, account="nobody")

    assert result.code == BAD_DATA
    assert "closed could not be searched: Permission denied" in result.err


def test_a_found_key_outranks_a_path_that_could_not_be_searched(gate, folder):
    (folder / "a").write_text(gate.key())

    _, result = scan(gate, folder / "none", folder)

    assert result.code == FOUND
    assert "could not be searched" in result.err


def test_scan_needs_a_path(gate):
    assert gate.latchkey.run("scan").code == USAGE


@pytest.mark.parametrize("spoil, mark", [
    (lambda gate: gate.pepper_file.unlink(), "pepper"),
    (lambda gate: gate.config.unlink(), "latchkey.conf"),
    (lambda gate: gate.redis.stop(), AWAY),
])
def test_keys_are_listed_even_if_their_organization_cannot_be_determined(gate, folder, spoil, mark):
    (folder / "a").write_text(f"{gate.key()}\n{gate.key('bravo')}\n")
    spoil(gate)

    findings, result = scan(gate, folder)

    assert [(f["line"], f["state"], f["organization"]) for f in findings] == [(1, "unknown", None), (2, "unknown", None)]
    assert result.code == FOUND
    assert mark in result.err and "unknown" in result.err
    assert len(result.err.splitlines()) == 2


def test_without_the_store_a_forged_key_is_still_recognized(gate, folder):
    (folder / "a").write_text(gate.latchkey.remember(foreign_key()))
    gate.redis.stop()

    assert found(gate, folder) == [(f"{folder}/a", 1, "forged", None)]


def test_a_record_that_was_altered_proves_nothing(gate, folder):
    (folder / "a").write_text(gate.key())
    gate.redis.cli("HSET", f"latchkey:record:{{{locator('acme')}}}", "owner", "mallory")

    findings, result = scan(gate, folder)

    assert findings[0]["state"] == "unknown"
    assert "cannot be trusted" in result.err


# The history of git


class Repository:
    """A repository to which a key was committed."""

    def __init__(self, folder, is_new=True):
        self.folder = folder
        if is_new:
            self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments, at=None):
        names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
        environment = {**clean_environment(), "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
        if at:
            environment["GIT_COMMITTER_DATE"] = f"{at} +0000"
        return subprocess.run(
            ["git", "-C", self.folder, *arguments], env={**environment, **dict.fromkeys(names, "alice@example.com")},
            check=True, capture_output=True, text=True,
        ).stdout.strip()

    def commit(self, message="A change", at=None, **files):
        """Writes files, removes those whose content is None, and commits; returns the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message, at=at)
        return self.git("rev-parse", "HEAD")

    def forget_reflogs(self):
        self.git("reflog", "expire", "--expire=now", "--all")


@pytest.fixture
def repository(folder):
    return Repository(folder)


def in_history(gate, *paths):
    findings, _ = scan(gate, *paths)
    return [(f["commit"], f["file"], f["line"], f["state"]) for f in findings if f["commit"]]


def test_a_key_that_was_removed_again_is_found_in_the_commit_that_brought_it(gate, folder, repository):
    repository.commit(readme="hello\n")
    commit = repository.commit(env=f"\nKEY={gate.key()}\n")
    repository.commit(env="KEY=\n")
    repository.commit(env=None)

    assert in_history(gate, folder) == [(commit, "env", 2, "active")]
    out = gate.latchkey.run("scan", folder).out
    assert out.split("\t")[0] == f"{commit[:12]}:env:2"


def test_a_key_is_reported_once_for_a_file_however_often_the_file_changed(gate, folder, repository):
    key = gate.key()
    first = repository.commit(env=f"KEY={key}\n")
    for number in range(5):
        repository.commit(env=f"KEY={key}\nN={number}\n")
    elsewhere = repository.commit(copy=f"copied\nKEY={key}\n")

    assert in_history(gate, folder) == [(first, "env", 1, "active"), (elsewhere, "copy", 2, "active")]


def test_the_first_commit_is_named_whatever_the_clocks_said(gate, folder, repository):
    key = gate.key()
    first = repository.commit(at=1_700_000_300, env=f"KEY={key}\n")
    for age in (200, 100, 0):
        repository.commit(at=1_700_000_000 + age, env=f"KEY={key}\nAGE={age}\n")

    assert in_history(gate, folder) == [(first, "env", 1, "active")]


def test_a_key_on_a_branch_that_is_not_checked_out_is_found(gate, folder, repository):
    keys = [gate.key(name) for name in ("acme", "bravo", "charlie", "delta")]
    repository.commit(readme="hello\n")
    repository.git("checkout", "--quiet", "-b", "side")
    side = repository.commit(a=keys[0])
    repository.git("checkout", "--quiet", "--detach", "main")
    tagged = repository.commit(b=keys[1])
    repository.git("tag", "--annotate", "--message", f"mind {keys[2]}", "v1")
    repository.git("checkout", "--quiet", "main")
    amended = repository.commit(c=keys[3])
    repository.git("reset", "--quiet", "--hard", "HEAD~1")

    assert {found[:2] for found in in_history(gate, folder)} == {
        (side, "a"), (tagged, "b"), (repository.git("rev-parse", "v1"), None), (amended, "c"),
    }


def test_a_key_in_the_message_of_a_commit_is_found(gate, folder, repository):
    commit = repository.commit(f"Use {gate.key()}")
    repository.forget_reflogs()

    assert [(found[0], found[1]) for found in in_history(gate, folder)] == [(commit, None)]


def test_a_bare_repository_is_searched(gate, folder, repository, tmp_path):
    commit = repository.commit(env=gate.key())
    subprocess.run(["git", "clone", "--quiet", "--bare", folder, tmp_path / "bare"], check=True)

    assert in_history(gate, tmp_path / "bare") == [(commit, "env", 1, "active")]


def test_repositories_within_a_folder_are_searched(gate, folder, repository):
    commit = repository.commit(env=gate.key())
    repository.commit(env=None)

    assert in_history(gate, folder.parent) == [(commit, "env", 1, "active")]


def test_a_key_that_is_staged_and_nowhere_else_is_found(gate, folder, repository):
    (folder / "env").write_text(f"\nKEY={gate.key()}\n")
    repository.git("add", "env")
    (folder / "env").unlink()

    findings, _ = scan(gate, folder)

    assert [(f["repository"], f["commit"], f["file"], f["line"], f["state"]) for f in findings] == [
        (str(folder), None, "env", 2, "active"),
    ]
    assert gate.latchkey.run("scan", folder).out.startswith("index:env:2\t")


def test_a_staged_key_is_reported_without_a_commit(gate, folder, repository):
    committed, staged = gate.key(), gate.key("bravo")
    commit = repository.commit(readme="hello\n", env=committed)
    (folder / "env").write_text(staged)
    repository.git("add", "env")
    (folder / "env").write_text("")

    assert {(f["commit"], f["file"], f["organization"]) for f in scan(gate, folder)[0]} == {
        (commit, "env", "acme"), (None, "env", "bravo"),
    }


def test_the_index_and_the_head_of_another_work_tree_are_searched(gate, folder, repository, tmp_path):
    keys = [gate.key(), gate.key("bravo")]
    repository.commit(readme="hello\n")
    repository.git("worktree", "add", "--quiet", "--detach", tmp_path / "other")
    other = Repository(tmp_path / "other", is_new=False)
    commit = other.commit(env=keys[0])
    (other.folder / "env").write_text(keys[1])
    other.git("add", "env")

    assert {(f["commit"], f["organization"]) for f in scan(gate, folder)[0]} == {(commit, "acme"), (None, "bravo")}


def test_the_history_that_work_trees_share_is_reported_once(gate, folder, repository):
    commit = repository.commit(env=gate.key())
    repository.commit(env=None)
    repository.git("worktree", "add", "--quiet", "--detach", folder / "inner")

    assert in_history(gate, folder, folder / "inner", folder / ".git") == [(commit, "env", 1, "active")]


def test_a_key_reachable_only_from_a_stash_or_a_note_is_found(gate, folder, repository):
    keys = [gate.key(name) for name in ("acme", "bravo", "charlie")]
    repository.commit(a="x\n")
    repository.git("notes", "add", "--message", f"Works with {keys[0]}", "HEAD")
    for key in keys[1:]:  # the second stash hides the first
        (folder / "a").write_text(key)
        repository.git("stash")
    repository.git("pack-refs", "--all")

    assert {f["organization"] for f in scan(gate, folder)[0]} == {"acme", "bravo", "charlie"}


def test_a_file_reachable_only_from_a_tag_is_found(gate, folder, repository):
    (folder / "a").write_text(gate.key())
    blob = repository.git("hash-object", "-w", "a")
    repository.commit(a="")
    repository.git("tag", "kept", blob)

    assert in_history(gate, folder) == [(blob, None, 1, "active")]


@pytest.mark.parametrize("is_there", [True, False])
def test_the_history_of_a_submodule_is_found_once_and_also_when_its_folder_is_gone(gate, folder, repository, tmp_path, is_there):
    (tmp_path / "part").mkdir()
    part = Repository(tmp_path / "part")
    commit = part.commit(env=gate.key())
    part.commit(env=None)
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", tmp_path / "part", "part")
    repository.commit()
    if not is_there:
        repository.git("rm", "--quiet", "--force", "part")

    assert in_history(gate, folder) == [(commit, "env", 1, "active")]


def test_files_of_large_file_storage_are_searched(gate, folder, repository):
    stored = folder / ".git/lfs/objects/ab/cd/abcd"
    stored.parent.mkdir(parents=True)
    stored.write_text(gate.key())

    assert found(gate, folder) == [(str(stored), 1, "active", "acme")]


def test_an_unreachable_object_is_found_once_git_fsck_has_written_it_out(gate, folder, repository):
    (folder / "env").write_text(gate.key())
    repository.git("add", "env")
    (folder / "env").write_text("")
    repository.git("add", "env")
    assert found(gate, folder) == []

    repository.git("fsck", "--lost-found")

    assert [state for _, _, state, _ in found(gate, folder)] == ["active"]


def test_git_searches_the_history_around_a_folder_and_no_git_none(gate, folder, repository):
    (folder / "inner").mkdir()
    (folder / "inner/a").touch()
    commit = repository.commit(env=gate.key())

    assert in_history(gate, folder / "inner") == []
    assert in_history(gate, "--git", folder / "inner") == [(commit, "env", 1, "active")]
    assert in_history(gate, "--no-git", folder) == []


def test_a_missing_history_is_reported(gate, folder):
    result = gate.latchkey.run("scan", "--git", folder)

    assert result.code == BAD_DATA
    assert "history" in result.err


def test_a_damaged_history_is_reported(gate, folder, repository):
    repository.commit(env="x")
    tree = repository.git("rev-parse", "HEAD^{tree}")
    (folder / ".git/objects" / tree[:2] / tree[2:]).unlink()

    result = gate.latchkey.run("scan", folder)

    assert result.code == BAD_DATA
    assert "history" in result.err


def test_nothing_is_fetched_and_no_program_run_for_a_history_that_lacks_files(gate, folder, repository, tmp_path):
    repository.commit(env=gate.key())
    repository.git("config", "uploadpack.allowFilter", "true")
    part, mark = tmp_path / "part", tmp_path / "mark"
    repository.git("clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{folder}", part)
    Repository(part).git("config", "remote.origin.uploadpack", f"touch {mark}; git-upload-pack")

    result = gate.latchkey.run("scan", part)

    assert result.code == BAD_DATA
    assert "history" in result.err
    assert not mark.exists()


def test_without_git_the_files_are_searched_and_the_gap_is_reported(gate, folder, repository):
    repository.commit(env=gate.key())

    result = subprocess.run(
        gate.latchkey.command("scan", folder), capture_output=True, text=True, env={"PATH": "/nonexistent"}
    )

    assert result.returncode == FOUND
    assert "env:1" in result.stdout
    assert "git cannot be run" in result.stderr


def test_as_a_hook_git_is_asked_for_the_repository_that_was_named(gate, folder, repository, tmp_path):
    commit = repository.commit(env=gate.key())
    environment = {**clean_environment(), "GIT_DIR": str(tmp_path / "other"), "GIT_INDEX_FILE": "x"}

    result = subprocess.run(gate.latchkey.command("scan", folder), capture_output=True, text=True, env=environment)

    assert commit[:12] in result.stdout
    assert "could not be searched" not in result.stderr


def test_many_objects_are_all_read(gate, folder, repository):
    for number in range(500):
        (folder / f"file-{number}").write_text(f"{number}\n")
    commit = repository.commit(last=gate.key(), **{f"large-{n}": f"{n}" * 300_000 for n in range(3)})

    assert in_history(gate, folder) == [(commit, "last", 1, "active")]


# Other scanners


def rule():
    rules = tomllib.loads((ROOT / "docs/gitleaks.toml").read_text())["rules"]
    assert [rule["id"] for rule in rules] == ["latchkey-api-key"]
    return rules[0]


@pytest.mark.parametrize("prefix", ["lk", "sk_live", "abcdefghijkl_test", "a1"])
def test_the_rule_for_gitleaks_finds_keys_whatever_surrounds_them(prefix):
    for seed in range(20):
        key = foreign_key(f"org-{seed}", prefix, seed)
        for before, behind in SURROUNDINGS:
            text = before + key + behind
            assert re.findall(rule()["regex"], text) == [key], text
            assert any(keyword in text for keyword in rule()["keywords"])


def test_the_rule_for_gitleaks_finds_nothing_else():
    key = foreign_key()
    for text in (key[:-1], key + "x", key.upper(), key.replace("_", "-"), "x" + key.replace("_", ""), "a" * 70):
        assert not re.search(rule()["regex"], text)


def test_the_rule_for_gitleaks_needs_no_syntax_that_go_lacks():
    """RE2 lacks look-around, references and possessive or atomic groups; all else means the same in Python."""
    assert not re.search(r"\(\?(?!:)|\\[1-9zZ]|[*+?}][+]", rule()["regex"])
    assert re.compile(rule()["regex"]).groups == rule()["secretGroup"] == 1


def documented(field):
    text = (ROOT / "docs/SCANNING.md").read_text()
    return re.search(rf"^\| {field} \| `(.*)` \|$", text, re.MULTILINE)[1].replace("\\|", "|")


def test_the_documented_pattern_is_that_of_the_rule():
    assert f"({documented('Secret format')})" in rule()["regex"]


@pytest.mark.parametrize("before, behind", SURROUNDINGS)
def test_the_documented_patterns_find_a_key_whatever_surrounds_it(before, behind):
    """GitHub reports a secret wherever the text before it matches, including overlapping ones."""
    key = foreign_key()
    text = before + key + behind
    ends = {found.end() for found in re.finditer(documented("Before secret"), text)} | {
        at for at in range(len(text) + 1) if re.search(f"(?:{documented('Before secret')})$", text[:at])
    }
    pattern = re.compile(f"({documented('Secret format')})(?:{documented('After secret')})".replace(r"\z", r"\Z"))

    assert key in {found[1] for at in ends if (found := pattern.match(text, at))}
