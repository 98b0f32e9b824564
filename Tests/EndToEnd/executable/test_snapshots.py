"""The output of each command: standard output, standard error, exit code; in a pipe and on a terminal.

`UPDATE=1` rewrites the files in snapshots/: read the changes before you commit them.
"""

import pytest

from harness.executable import KEY
from harness.polling import wait_until
from harness.sandbox import OWNER
from harness.snapshots import Snapshots


@pytest.fixture
def gate(sandboxes):
    gate = sandboxes(workers=1)
    gate.wait_for_members()
    return gate


@pytest.fixture
def snapshots(gate, request):
    snapshots = Snapshots(gate, request.node.name.removeprefix("test_") + ".txt")
    yield snapshots
    snapshots.compare()


def use(gate, key):
    """Uses a key, and waits until the use is recorded."""
    assert gate.status_of(key) == 200
    wait_until(lambda: gate.latchkey.status_json("acme", as_=OWNER)["last_used_at"], "the use is recorded")


def test_the_life_of_a_key_in_a_pipe(gate, snapshots):
    run = snapshots.run
    run("org", "add", "acme", "--owner", OWNER)
    run("org", "add", "acme", "--owner", OWNER)
    run("status", "acme", as_=OWNER)
    run("generate", "acme", as_=OWNER)
    key = gate.latchkey.remember(run("generate", "acme", "--yes", as_=OWNER).out.strip())
    use(gate, key)
    run("status", "acme", as_=OWNER)
    run("status", "acme", "--json", as_=OWNER)
    run("verify", stdin=key + "\n")
    run("verify", "--json", stdin=key + "\n")
    run("generate", "acme", "--yes", "--expires-in", "90d", "--grace", "10m", as_=OWNER)
    run("status", "acme", as_=OWNER)
    run("verify", stdin=key[:-1] + "\n")
    run("generate", "acme", "--yes", "--output", gate.folder / "key", as_=OWNER)
    run("generate", "acme", "--yes", "--output", gate.folder / "key", as_=OWNER)
    run("generate", "acme", "--yes", "--output", gate.folder / "key", "--force", as_=OWNER)
    run("revoke", "acme", as_=OWNER)
    run("revoke", "acme", "--yes", as_=OWNER)
    run("revoke", "acme", "--yes", as_=OWNER)
    run("verify", stdin=key + "\n")
    run("status", "acme", as_=OWNER)
    run("audit", "acme", as_=OWNER)
    run("audit", "acme", "--json", as_=OWNER)


def test_what_operators_do_in_a_pipe(gate, snapshots):
    run = snapshots.run
    run("org", "list")
    run("org", "add", "--from", "-", stdin="acme alice\numbrella bob\n")
    run("org", "list")
    run("org", "list", "--json")
    run("org", "transfer", "umbrella", "--owner", "carol")
    run("generate", "--from", "-", stdin="acme alice\numbrella carol\ninitech dave\n")
    run("org", "remove", "umbrella", "--yes")
    run("status", "umbrella", as_="carol")
    run("gateways", "--json")
    run("scan", gate.folder / "latchkey.conf")
    run("init", "--config", gate.folder / "latchkey.conf")


def test_what_is_refused_in_a_pipe(gate, snapshots):
    run = snapshots.run
    gate.key()
    run("generate")
    run("status", "acme")
    run("status", "acme", as_="bob")
    run("status", "acmee", as_=OWNER)
    run("org", "transfer", "acmee", "--owner", "bob")
    run("generate", "acme", "--yes", "--expires-in", "soon", as_=OWNER)
    run("org", "add", "a b", "--owner", OWNER)
    run("generate", "--from", "-", stdin="acme\n")
    run("scan", gate.folder / "nothing-here")


def test_people_at_a_terminal(gate, snapshots):
    show = snapshots.show
    gate.add()
    show("status", "acme", as_=OWNER)
    key = gate.latchkey.remember(key_in(show("generate", "acme", as_=OWNER)))
    use(gate, key)
    show("status", "acme", as_=OWNER)
    show("status", "acme", as_=OWNER, colours=True)
    show("org", "list")
    show("generate", "acme", as_=OWNER, answers=["no"])
    gate.latchkey.remember(key_in(show("generate", "acme", "--grace", "10m", as_=OWNER, answers=["yes"])))
    show("revoke", "acme", as_=OWNER, answers=["no"])
    show("revoke", "acme", as_=OWNER, answers=["yes"])
    show("revoke", "acme", as_=OWNER)
    show("audit", "acme", as_=OWNER)
    show("generate")


def key_in(text):
    return KEY.search(text)[0]
