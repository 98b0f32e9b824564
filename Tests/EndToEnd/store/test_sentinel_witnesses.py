"""A gateway that asks other sentinels than the executable does: its silence is no proof that it accepts nothing."""

import re

from harness import processes
from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.failovers import cut_off
from harness.nginx_server import NginxServer
from harness.polling import wait_until
from harness.sandbox import SERVER
from harness.sentinel_store import STEADY


def gateway_with_other_sentinels(fleet):
    """Asks the first sentinel alone."""
    first = fleet.redis.sentinels[0].listener.address
    settings = fleet.folder / "other.conf"
    settings.write_text(re.sub(r"(sentinels?://)[^/]+/", rf"\g<1>{first}/", fleet.config.read_text()))
    gateway = NginxServer(fleet.folder / "nginx-other", settings, SERVER, workers=1)
    fleet.gateways.append(gateway)
    return gateway.start()


def test_a_gateway_that_asks_a_minority_goes_on_with_a_primary_that_was_cut_off(sandboxes):
    """Which is why it has to be named, and why all hosts need the same sentinels."""
    fleet = sandboxes(workers=1, sentinel={"proxied": True}, settings="latchkey_copies 1;")
    other = gateway_with_other_sentinels(fleet)
    key = fleet.key()
    fleet.warm(key)

    def revoked():
        """The result of a command that has found the new primary."""
        result = fleet.latchkey.run("revoke", "acme", "--yes", as_="alice", timeout=120)
        return result.code != STORE_UNREACHABLE and result

    with cut_off(fleet.redis, company={other.worker(), fleet.redis.sentinels[0]}):
        assert wait_until(revoked, "the command finds the new primary", 60).code == NOT_CONFIRMED
        assert fleet.request(key=key, at=other).status == 200
    wait_until(lambda: fleet.request(key=key, at=other).status == 401, "it follows the new primary")


def test_a_silent_worker_with_other_sentinels_is_not_counted_as_expired_until_it_is_forgotten(sandboxes):
    fleet = sandboxes(workers=1, sentinel=STEADY)
    other = gateway_with_other_sentinels(fleet)
    key = fleet.key()
    fleet.warm(key)
    fleet.wait_for_members()
    pid = other.worker()
    (id_,) = [member["id"] for member in fleet.latchkey.gateways() if member["pid"] == pid]

    assert fleet.latchkey.run("generate", "acme", "--yes", as_="alice").code == DONE, "it acknowledges as any other"
    processes.freeze(pid)
    result = fleet.latchkey.run("revoke", "acme", "--yes", as_="alice", timeout=120)
    processes.kill(pid)

    assert result.code == NOT_CONFIRMED
    assert id_ in result.err and "gateways --forget" in result.err
    fleet.latchkey.must("gateways", "--forget", id_, "--yes")
    fleet.expect("exited on signal 9")
    wait_until(lambda: fleet.latchkey.run("revoke", "acme", "--yes", as_="alice").code == DONE, "the change is confirmed")
