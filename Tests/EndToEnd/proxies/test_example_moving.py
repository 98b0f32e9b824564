"""nginx-conf/moving.conf: the plaintext keys of another system stay valid until their lines are removed."""

import re
import subprocess

import pytest

from harness.artefacts import ROOT
from harness.example_server import example
from harness.http_client import bearer
from harness.polling import wait_until

FILE = "moving.conf"
TEXT = (ROOT / "nginx-conf" / FILE).read_text()
OLD_KEYS = {organization: key for key, organization in re.findall(r'^ +"([0-9a-f]{32})" (\w+);$', TEXT, re.MULTILINE)}


def old(organization):
    return [("X-API-Key", OLD_KEYS[organization])]


@pytest.fixture
def gate(sandboxes):
    with example(sandboxes, FILE) as server:
        yield server


def lines(gate, count):
    log = gate.nginx.folder / "old-keys.log"
    wait_until(lambda: log.read_text().count("\n") == count, f"the log has {count} lines")
    return log.read_text().splitlines()


def test_both_kinds_of_keys_are_accepted_and_the_api_sees_neither(gate):
    new = gate.key("acme")

    assert gate.request("/", old("acme")).body == "GET of=acme keys="
    assert gate.request("/", old("umbrella")).body == "GET of=umbrella keys="
    assert gate.request("/", bearer(new)).body == "GET of=acme keys="
    assert gate.request("/", [("X-API-Key", new)]).body == "GET of=acme keys="
    assert gate.request("/", [*old("umbrella"), ("X-Organization", "acme")]).body == "GET of=umbrella keys="


def test_whatever_is_neither_is_refused(gate):
    revoked = gate.key("acme")
    gate.revoke("acme")

    for headers in ([], [("X-API-Key", "0" * 32)], [("X-API-Key", "")], bearer(OLD_KEYS["acme"]), bearer(revoked),
                    [("X-API-Key", revoked)], [("X-Organization", "acme")], [("X-API-Key", OLD_KEYS["acme"] + "0")]):
        assert gate.request("/", headers).status == 401, headers


def counted(gate):
    """What the command in the file says of each organization: how often, and when last."""
    command = re.search(r"^# +(awk .*)$", TEXT, re.MULTILINE)[1]
    shown = subprocess.run(["sh", "-c", command], cwd=gate.nginx.folder, capture_output=True, text=True, check=True).stdout
    return {name: (int(uses), last) for name, uses, last in map(str.split, shown.splitlines())}


def test_each_use_of_an_old_key_is_counted_and_no_key_is_in_the_log(gate):
    new = gate.key("acme")
    for headers in [old("acme")] * 3 + [old("umbrella"), bearer(new), []]:
        gate.request("/page?size=3", headers)

    written = lines(gate, 4)

    last = {organization: time for time, organization, *_ in map(str.split, written)}
    assert counted(gate) == {"acme": (3, last["acme"]), "umbrella": (1, last["umbrella"])}
    assert not any(key in "".join(written) for key in OLD_KEYS.values())


def test_a_client_that_still_sends_its_old_key_beside_the_new_one_is_counted(gate):
    both = [*old("acme"), *bearer(gate.key("acme"))]

    assert gate.request("/", both).body == "GET of=acme keys="

    lines(gate, 1)
    assert counted(gate)["acme"][0] == 1


def test_an_old_key_ends_with_its_line_and_a_reload_while_others_stay_valid(gate):
    new = gate.key("acme")
    gate.nginx.changes = [(f'"{OLD_KEYS["acme"]}" acme;', "")]
    gate.nginx.configure()

    former = gate.nginx.reload()
    wait_until(lambda: not former & gate.nginx.workers(), "the old workers end")

    assert gate.request("/", old("acme")).status == 401
    assert gate.request("/", old("umbrella")).status == 200
    assert gate.request("/", bearer(new)).body == "GET of=acme keys="
