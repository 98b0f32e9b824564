"""Many organizations and keys at once: from a file, in batches, and resumable after an interruption."""

import re
import subprocess

import pytest

from harness.executable import BAD_DATA, DONE, KEY, NOT_CONFIRMED, NOT_PERMITTED, USAGE, Dialogue, clean_environment
from harness.key_forge import locator, record_key
from harness.polling import wait_until
from harness.sandbox import CLUSTER, OWNER, TOPOLOGY
from harness.topology import says

NOT_WRITTEN = 74


def file_of(sandbox, lines, name="owners"):
    path = sandbox.folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def names(count):
    return [f"org-{number}" for number in range(count)]


def owners(sandbox, count):
    return file_of(sandbox, [f"{name} {OWNER}" for name in names(count)])


def keys_in(sandbox, out):
    """The keys that were printed, by organization."""
    pairs = [line.split("\t") for line in out.splitlines()]
    assert all(KEY.fullmatch(key) and key.startswith(f"lk_{locator(name)}_") for name, key in pairs)
    for _, key in pairs[:100]:
        sandbox.latchkey.remember(key)
    return dict(pairs)


def in_order(organizations):
    """Keys come in the order of the file; from a cluster, server by server."""
    return sorted(organizations, key=lambda name: (len(name), name)) if TOPOLOGY == CLUSTER else list(organizations)


def has_begun(sandbox):
    """A cluster's first server gets its keys first."""
    return any(sandbox.redis.hash(record_key(name)).get("state") == "active" for name in names(8))


def test_many_organizations_are_added_and_get_keys(sandbox):
    file = owners(sandbox, 700)

    assert "Added 700;" in sandbox.latchkey.run("org", "add", "--from", file).one_line()
    result = sandbox.latchkey.run("generate", "--from", file)

    assert result.code == DONE and says(result.err, "Generated 700; 0 already had a key.\n")
    keys = keys_in(sandbox, result.out)
    assert in_order(keys) == names(700)
    for name in ("org-0", "org-333", "org-699"):
        assert sandbox.request(key=keys[name]).body == f"/api organization={name} result=allowed\n"
    assert sandbox.latchkey.status_json("org-5", as_=OWNER)["created_by"] == OWNER


def test_a_repeated_command_resumes_after_the_finished_organizations(sandbox):
    file = owners(sandbox, 10)
    sandbox.latchkey.must("org", "add", "--from", owners(sandbox, 6))
    assert "Added 4; 6 already existed." in sandbox.latchkey.run("org", "add", "--from", owners(sandbox, 10)).err
    first = sandbox.latchkey.generate("org-3", as_=OWNER)

    result = sandbox.latchkey.run("generate", "--from", file)

    assert "Generated 9; 1 already had a key." in result.err
    assert "org-3" not in keys_in(sandbox, result.out)
    assert sandbox.status_of(first) == 200


def test_keys_are_replaced_only_on_request(sandbox):
    file = owners(sandbox, 3)
    sandbox.latchkey.must("org", "add", "--from", file)
    old = keys_in(sandbox, sandbox.latchkey.must("generate", "--from", file))

    assert sandbox.latchkey.run("generate", "--from", file, "--replace").code == USAGE
    new = keys_in(sandbox, sandbox.latchkey.must("generate", "--from", file, "--replace", "--yes"))

    assert [sandbox.status_of(key) for key in old.values()] == [401] * 3
    assert [sandbox.status_of(key) for key in new.values()] == [200] * 3


def test_the_options_for_one_key_work_for_many(sandbox):
    file = owners(sandbox, 2)
    sandbox.latchkey.must("org", "add", "--from", file)
    old = keys_in(sandbox, sandbox.latchkey.must("generate", "--from", file))
    options = ["--replace", "--yes", "--grace", "1h", "--expires-in", "2d"]
    sandbox.latchkey.must("generate", "--from", file, *options)

    assert [sandbox.status_of(key) for key in old.values()] == [200] * 2
    status = sandbox.latchkey.status_json("org-0", as_=OWNER)
    assert status["expires_at"] and status["previous_key_until"]


def test_standard_input_is_a_file_too(sandbox):
    assert sandbox.latchkey.run("org", "add", "--from", "-", stdin="# who owns what\n\nacme alice\n\tb\tbob \r\n").code == DONE
    listed = sandbox.latchkey.must("org", "list")
    assert listed == "acme\talice\nb\tbob\n"
    assert "Added 0; 2 already existed." in sandbox.latchkey.run("org", "add", "--from", "-", stdin=listed).err
    assert set(keys_in(sandbox, sandbox.latchkey.run("generate", "--from", "-", stdin=listed).out)) == {"acme", "b"}


@pytest.mark.parametrize("line", ["acme", "acme alice bob", "a/b alice", "org-1 alice", "acme \u00fc", "\0 alice"])
def test_a_file_with_a_wrong_line_is_refused_whole(sandbox, line):
    file = file_of(sandbox, ["org-1 alice", line])

    result = sandbox.latchkey.run("org", "add", "--from", file)

    assert result.code == BAD_DATA
    assert f"{file}:2:" in result.one_line()
    assert sandbox.latchkey.must("org", "list") == ""


def test_refused_lines_are_reported_and_the_others_carried_out(sandbox):
    sandbox.add("org-0", owner="bob")
    sandbox.add("org-1")
    before = sandbox.redis.hash(record_key("org-0"))
    file = owners(sandbox, 3)

    result = sandbox.latchkey.run("generate", "--from", file)

    assert result.code == NOT_PERMITTED
    assert list(keys_in(sandbox, result.out)) == ["org-1"]
    assert f"{file}:1: alice is not the owner of org-0" in result.err
    assert f"{file}:3: there is no organization org-2" in result.err
    assert sandbox.redis.hash(record_key("org-0")) == before
    assert '"refused"' in sandbox.latchkey.must("audit", "org-0", "--json", as_="bob")


def test_only_operators_run_bulk_commands(sandboxes):
    sandbox = sandboxes()
    file = owners(sandbox, 2)
    sandbox.add_settings("latchkey_operators root;")
    # An owner who acts without `--as` may make one key, but not many.
    result = sandbox.latchkey.run("generate", "--from", file, as_=OWNER)

    assert result.code == USAGE
    assert "--as" in result.err


@pytest.mark.parametrize("arguments", [
    ("generate",), ("generate", "acme", "--from", "x"), ("generate", "acme", "--replace"), ("org", "add", "acme"),
    ("org", "add", "acme", "--owner", "x", "--from", "x"), ("org", "add"), ("generate", "--from", "x", "--output", "y"),
])
def test_missing_and_conflicting_arguments_are_refused(sandbox, arguments):
    assert sandbox.latchkey.run(*arguments).code == USAGE


def test_a_missing_file_of_organizations_is_reported(sandbox):
    assert sandbox.latchkey.run("org", "add", "--from", "/none").code == BAD_DATA


def test_keys_that_cannot_be_written_are_reported(sandbox):
    file = owners(sandbox, 600)
    sandbox.latchkey.must("org", "add", "--from", file)

    result = subprocess.run(
        ["bash", "-c", 'exec "$@" >/dev/full', "bash", *sandbox.latchkey.command("generate", "--from", file)],
        capture_output=True, text=True, timeout=60, env=clean_environment(), stdin=subprocess.DEVNULL,
    )

    assert result.returncode == NOT_WRITTEN
    count = int(re.search(r"(\d+) organizations have new keys", result.stderr)[1])
    named = set(re.findall(r"org-\d+", result.stderr))
    active = {name for name in names(600) if sandbox.redis.hash(record_key(name))["state"] == "active"}
    assert len(active) == count < 600
    if TOPOLOGY == CLUSTER:
        assert named and named <= active
    else:
        assert (named, active) == ({"org-0", f"org-{count - 1}"}, set(names(count)))


def test_an_interruption_leaves_no_active_key_undelivered(sandbox):
    file = owners(sandbox, 8000)
    sandbox.latchkey.must("org", "add", "--from", file)
    running = sandbox.latchkey.start("generate", "--from", file)
    wait_until(lambda: has_begun(sandbox), "the command has begun")
    running.interrupt()

    result = running.finish()

    keys = keys_in(sandbox, result.out)
    assert result.code == NOT_CONFIRMED
    assert "run the same command to continue" in result.err
    assert 0 < len(keys) < 8000
    rest = keys_in(sandbox, sandbox.latchkey.must("generate", "--from", file))
    assert in_order([*keys, *rest]) == names(8000)
    assert sandbox.status_of(list(keys.values())[0]) == sandbox.status_of(list(rest.values())[-1]) == 200


def test_a_lost_connection_leaves_no_active_key_undelivered(sandbox):
    file = owners(sandbox, 8000)
    sandbox.latchkey.must("org", "add", "--from", file)
    running = sandbox.latchkey.start("generate", "--from", file)
    wait_until(lambda: has_begun(sandbox), "the command has begun")
    sandbox.redis.end_connections()

    keys = keys_in(sandbox, running.finish().out)

    rest = keys_in(sandbox, sandbox.latchkey.must("generate", "--from", file))
    assert in_order([*keys, *rest]) == names(8000)


def test_of_two_commands_the_quicker_one_wins_and_both_report_the_truth(sandbox):
    file = owners(sandbox, 2000)
    sandbox.latchkey.must("org", "add", "--from", file)
    running = [sandbox.latchkey.start("generate", "--from", file) for _ in range(3)]

    keys = [keys_in(sandbox, each.finish().out) for each in running]

    assert sorted(name for part in keys for name in part) == sorted(names(2000))


def test_on_a_terminal_progress_is_shown(sandbox):
    file = owners(sandbox, 2000)

    with Dialogue(sandbox.latchkey, "org", "add", "--from", file) as dialogue:
        assert dialogue.end() == DONE

    assert "Added 250 of 2000" in dialogue.text
    assert dialogue.text.endswith("Added 2000; 0 already existed.\r\n")
