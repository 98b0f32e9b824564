"""A release is installed over another one while nginx runs: each process finds the library of its module."""

import re
import shutil
import signal
from pathlib import Path

import pytest

from harness import libraries, processes
from harness.artefacts import ABI, LIBRARY, MODULE
from harness.checkout import Checkout
from harness.each_worker import connection_to_each
from harness.http_client import bearer
from harness.polling import wait_until
from harness.traffic import kinds_of, traffic

WORKERS = 2


class Release:
    """A release, built for a prefix and yet to be installed there."""

    def __init__(self, checkout, prefix):
        checkout.must_make("build", f"prefix={prefix}")
        (self.library,) = (checkout.root / "build/lib/latchkey").iterdir()
        self.checkout = checkout
        self.prefix = prefix
        self.module = prefix / "lib/nginx/modules" / MODULE.name

    def install(self, library=None):
        """Installs all files, or the same with another build of the library."""
        if library:
            shutil.copy(library, self.library)
        self.checkout.must_make("install", f"prefix={self.prefix}")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    with Checkout() as checkout:
        yield Release(checkout, tmp_path_factory.mktemp("installed") / "usr")


@pytest.fixture(scope="module")
def next_release(tmp_path_factory, release):
    """The same, with another interface between library and module."""
    with Checkout() as checkout:
        header = checkout.root / "CBridge/abi/latchkey.h"
        text, count = re.subn(rf"(#define LATCHKEY_ABI_VERSION) {ABI}\n", rf"\1 {ABI + 1}\n", header.read_text())
        assert count == 1
        header.write_text(text)
        checkout.take_library(libraries.with_interface(tmp_path_factory.mktemp("next") / "next.so", ABI + 1))
        yield Release(checkout, release.prefix)


@pytest.fixture
def gate(sandboxes, release):
    shutil.rmtree(release.prefix, ignore_errors=True)
    release.install(LIBRARY)
    gate = sandboxes(daemon=True, workers=WORKERS, library=None, module=release.module, settings="latchkey_timeout 10s;")
    gate.wait_for_members()
    return gate


def kill_a_worker(gate):
    gate.expect("exited on signal 9")
    old = gate.nginx.workers()
    processes.kill(min(old))
    wait_until(lambda: gate.nginx.workers() - old, "another worker takes its place")


def check_all_workers(gate, key):
    """Each worker accepts the key, and no other."""
    ended = gate.key("umbrella")
    gate.revoke("umbrella")
    with connection_to_each(gate) as connections:
        assert len(connections) == WORKERS
        statuses = {worker: [each.request("/api", bearer(held)).status for held in (key, ended)] for worker, each in connections.items()}
    assert set(map(tuple, statuses.values())) == {(200, 401)}, statuses


def libraries_of(gate):
    """The files that the workers have loaded as their library, those replaced since included."""
    lines = [line for pid in gate.nginx.workers() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    return {line.split()[-1] if line[-1] != ")" else "replaced" for line in lines if "/usr/lib/latchkey/" in line}


def test_the_successor_of_a_worker_finds_its_library_after_a_release_with_another_interface_was_installed(gate, release, next_release):
    key = gate.key()
    before = libraries_of(gate)

    next_release.install()
    kill_a_worker(gate)

    check_all_workers(gate, key)
    assert libraries_of(gate) == before


def test_each_step_of_an_upgrade_to_another_interface_loses_no_request(gate, release, next_release):
    key = gate.key()
    before = libraries_of(gate)

    with traffic(gate.nginx.gate, kinds_of(key)) as load:
        next_release.install()
        old = gate.nginx.reload()
        wait_until(lambda: not old & gate.nginx.workers(), "the old workers end")
        assert libraries_of(gate) == before, "the master has the module that it started with"
        check_all_workers(gate, key)

        gate.nginx.upgrade().send_signal(signal.SIGQUIT)
        wait_until(lambda: len(gate.nginx.workers()) == WORKERS, "the old workers end")
        check_all_workers(gate, key)
        assert libraries_of(gate).isdisjoint(before)

    assert load.asked and load.wrong == []


def test_a_release_with_the_same_interface_is_installed_beside_the_file_that_workers_have_mapped(gate, release, tmp_path):
    key = gate.key()
    another = tmp_path / "another.so"
    version = libraries.another_release(another)

    release.install(another)
    kill_a_worker(gate)

    check_all_workers(gate, key)
    assert libraries_of(gate) == {"replaced", str(release.prefix / "lib/latchkey" / LIBRARY.name)}
    wait_until(lambda: version in {each["version"] for each in gate.latchkey.gateways()}, "the new build is at work")
