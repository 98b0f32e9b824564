"""nginx is replaced on the fly, and back: two masters side by side, and no request is lost, no key forgotten."""

import shutil
import signal
from pathlib import Path

import pytest

from harness import metrics
from harness.artefacts import MODULE
from harness.consistency import said_besides_the_late, under_either_consistency
from harness.each_worker import connection_to_each
from harness.http_client import bearer
from harness.polling import wait_until
from harness.sandbox import OWNER, SERVER
from harness.topology import REVOKED
from harness.traffic import kinds_of, traffic

WORKERS = 2


@pytest.fixture
def gate(sandboxes, consistency):
    return sandboxes(daemon=True, workers=WORKERS, server=SERVER + metrics.LOCATION, consistency=consistency,
                     settings="latchkey_timeout 10s;")


def wait_for_workers(gate, count):
    wait_until(lambda: len(gate.nginx.workers()) == count, f"there are {count} workers")
    gate.wait_for_members()


def revoke_at_once(gate):
    """Ends a key while all workers live: each of them acknowledges, and none accepts the key afterwards."""
    key = gate.key("umbrella")
    with connection_to_each(gate) as connections:
        assert statuses(connections, key) == {200}
        assert REVOKED.fullmatch(said_besides_the_late(gate, gate.revoke("umbrella"))), "no worker is waited out"
        assert statuses(connections, key) == {401}


def statuses(connections, key):
    return {connection.request("/api", bearer(key)).status for connection in connections.values()}


def finish(gate, load):
    """Checks the outcome of the traffic once no request is in flight."""
    wait_until(lambda: len(gate.nginx.workers()) == WORKERS, "the other workers have ended")
    assert load.asked, "somebody has asked"
    wait_until(lambda: not load.faults(gate.nginx.access_log()), "all requests are in the access log")


@under_either_consistency
def test_another_master_takes_over_under_load_and_loses_no_request(gate):
    key = gate.key()
    with traffic(gate.nginx.gate, kinds_of(key)) as load:
        first = gate.nginx.workers()
        old = gate.nginx.upgrade()
        wait_for_workers(gate, 2 * WORKERS)
        revoke_at_once(gate)

        old.send_signal(signal.SIGWINCH)
        wait_until(lambda: not first & gate.nginx.workers(), "the old workers end")
        assert old.poll() is None, "the old master waits in case it is needed again"
        wait_for_workers(gate, WORKERS)
        revoke_at_once(gate)

        old.send_signal(signal.SIGQUIT)
        old.wait()
        count = len(load.asked)
        wait_until(lambda: len(load.asked) > count + 100, "requests are still answered")
        revoke_at_once(gate)

    assert load.wrong == []
    finish(gate, load)
    assert gate.nginx.reload() and gate.status_of(key) == 200


@under_either_consistency
def test_the_old_master_takes_back_what_it_gave_and_loses_no_request(gate):
    key = gate.key()
    with traffic(gate.nginx.gate, kinds_of(key)) as load:
        first = gate.nginx.workers()
        old = gate.nginx.upgrade()
        old.send_signal(signal.SIGWINCH)
        wait_until(lambda: not first & gate.nginx.workers(), "the old workers end")
        second = gate.nginx.workers()

        old.send_signal(signal.SIGHUP)
        wait_for_workers(gate, 2 * WORKERS)
        revoke_at_once(gate)
        new = gate.nginx.go_back()
        new.send_signal(signal.SIGQUIT)
        new.wait()
        wait_for_workers(gate, WORKERS)
        assert not second & gate.nginx.workers()
        revoke_at_once(gate)

    assert load.wrong == []
    finish(gate, load)
    wait_until(lambda: gate.nginx.pid() == old.pid, "the pid file names the master that is left")
    assert gate.nginx.reload() and gate.status_of(key) == 200


def test_a_module_that_was_replaced_is_in_use_after_an_upgrade_and_not_after_a_reload(sandboxes, tmp_path):
    module = tmp_path / MODULE.name
    shutil.copy(MODULE, module)
    gate = sandboxes(daemon=True, workers=1, module=module)
    key = gate.key()
    before = module.stat().st_ino
    replace(module)

    def mapped():
        return {inode(pid, module) for pid in gate.nginx.workers()}

    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old worker ends")
    assert mapped() == {before}

    gate.nginx.upgrade().send_signal(signal.SIGQUIT)
    wait_until(lambda: mapped() == {module.stat().st_ino}, "the new module is in use")
    assert gate.status_of(key) == 200


def replace(module):
    """As an installation does: another file takes over the name."""
    another = module.with_suffix(".new")
    shutil.copy(module, another)
    another.rename(module)


def inode(pid, path):
    """The file that a process has mapped under a name, deleted or not."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if str(path) in line:
            return int(line.split()[4])


def test_each_master_counts_for_itself(gate):
    key = gate.key()
    assert gate.status_of(key) == 200
    gate.nginx.upgrade().send_signal(signal.SIGQUIT)
    wait_for_workers(gate, WORKERS)

    assert metrics.scrape(gate).checks() == {}
    assert gate.status_of(key) == 200
    assert sum(metrics.scrape(gate).checks().values()) == 1


def test_a_program_that_does_not_start_leaves_the_old_one_at_work(gate):
    """The pepper went away in the meantime: nginx -t would have said so."""
    key = gate.key()
    workers = gate.nginx.workers()
    gate.expect("pepper")
    aside = gate.pepper_file.rename(gate.folder / "aside")
    gate.expect(str(aside))

    gate.nginx.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: gate.nginx.lines("[emerg]"), "the refusal is logged")
    wait_until(lambda: not gate.nginx.pid("nginx.pid.oldbin"), "the pid file is put back")

    aside.rename(gate.pepper_file)
    assert gate.nginx.workers() == workers
    assert gate.status_of(key) == 200
    assert gate.latchkey.run("revoke", "acme", "--yes", as_=OWNER).code == 0
    assert gate.status_of(key) == 401
