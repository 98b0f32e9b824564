"""A new library needs no restart: it is put into its place, and a reload brings it in, or refuses it."""

import signal

import pytest

from harness import libraries, processes
from harness.consistency import assert_nobody_is_waited_out, under_either_consistency
from harness.polling import wait_until
from harness.traffic import kinds_of, traffic


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "liblatchkey.so"
    libraries.copy(path)
    tmp_path.chmod(0o755)
    return path


@pytest.fixture
def gate(sandboxes, library, consistency):
    gate = sandboxes(workers=2, library=library, consistency=consistency, settings="latchkey_timeout 10s;")
    gate.wait_for_members()  # all have loaded the library before another takes its place
    return gate


def versions(gate):
    gate.wait_for_members()
    return {each["version"] for each in gate.latchkey.gateways()}


def wait_for_lines(gate, mark, count):
    wait_until(lambda: len(gate.nginx.lines(mark)) >= count, f"{mark} is in the error log")


@under_either_consistency
def test_a_reload_brings_in_the_new_library_and_loses_no_request(gate, library):
    key = gate.key()
    assert versions(gate) == {libraries.RELEASE}

    with traffic(gate.nginx.gate, kinds_of(key)) as load:
        version = libraries.install(library, libraries.another_release)
        assert versions(gate) == {libraries.RELEASE}, "nothing changes before the reload"
        old = gate.nginx.reload()
        wait_until(lambda: not old & gate.nginx.workers(), "the old workers end")
        assert versions(gate) == {version}
        count = len(load.asked)
        wait_until(lambda: len(load.asked) > count + 50, "requests are still answered")

    assert load.wrong == []
    assert_nobody_is_waited_out(gate, gate.revoke())
    assert gate.status_of(key) == 401


def test_the_successor_of_a_dead_worker_loads_the_new_library_too(gate, library):
    """The master has none of its own: a mixture of releases may serve for a while."""
    gate.expect("exited on signal 9")
    gate.wait_for_members()
    version = libraries.install(library, libraries.another_release)
    old = gate.nginx.workers()

    dead = min(old)
    processes.kill(dead)
    wait_until(lambda: gate.nginx.workers() - old, "another worker takes its place")

    wait_until(lambda: {each["version"] for each in gate.latchkey.gateways() if each["pid"] != dead}
               == {libraries.RELEASE, version}, "both releases are at work")
    key = gate.key()
    assert gate.status_of(key) == 200


WRONG = {
    "another interface": (libraries.of_another_interface, "install both from one release"),
    "no Latchkey library": (lambda path: libraries.compiled(path, "int answer(void) { return 42; }"),
                            'set "latchkey_library" to one'),
    "no library": (lambda path: path.write_text("text"), 'set "latchkey_library" to its file'),
    "half of one": (lambda path: path.write_bytes(libraries.LIBRARY.read_bytes()[:100_000]),
                    "install the library and the module anew"),
    "one that fails": (lambda path: libraries.compiled(
        path, "#include <stdlib.h>\nunsigned latchkey_abi_version(void) { abort(); }"),
        "install the library and the module anew"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_reload_with_a_wrong_library_is_refused_and_the_old_workers_stay(gate, library, kind):
    make, advice = WRONG[kind]
    key = gate.key()
    workers = gate.nginx.workers()
    gate.expect("liblatchkey.so")
    libraries.install(library, make)

    gate.nginx.process.send_signal(signal.SIGHUP)
    wait_for_lines(gate, "[emerg]", 1)

    (line,) = gate.nginx.lines("[emerg]")
    assert str(library) in line and advice in line
    assert line.endswith(f"in {gate.nginx.folder}/nginx.conf:{directive_line(gate)}")
    assert gate.nginx.workers() == workers
    assert gate.status_of(key) == 200
    gate.revoke()
    assert gate.status_of(key) == 401
    assert versions(gate) == {libraries.RELEASE}


@pytest.mark.parametrize("kind", [*WRONG, "none"])
def test_nginx_t_names_the_line_of_a_wrong_library_and_what_to_do(gate, library, kind):
    make, advice = WRONG.get(kind, (lambda path: None, 'set "latchkey_library" to its file'))
    gate.expect("liblatchkey.so")
    library.unlink()
    make(library)

    code, output = gate.nginx.test()

    assert code != 0
    (line,) = [each for each in output.splitlines() if "[emerg]" in each]
    assert str(library) in line and advice in line
    assert line.endswith(f"in {gate.nginx.folder}/nginx.conf:{directive_line(gate)}")


def directive_line(gate):
    lines = (gate.nginx.folder / "nginx.conf").read_text().splitlines()
    return 1 + next(number for number, line in enumerate(lines) if "latchkey_library" in line)


def test_after_a_wrong_library_the_right_one_is_taken(gate, library):
    gate.expect("liblatchkey.so")
    libraries.install(library, libraries.of_another_interface)
    gate.nginx.process.send_signal(signal.SIGHUP)
    wait_for_lines(gate, "[emerg]", 1)

    version = libraries.install(library, libraries.another_release)
    old = gate.nginx.reload()
    wait_until(lambda: not old & gate.nginx.workers(), "the old workers end")

    assert versions(gate) == {version}
