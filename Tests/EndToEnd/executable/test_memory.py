"""No other process of the same account can read the memory of a process that holds the pepper or a key."""

import subprocess
import sys

from harness import processes
from harness.artefacts import EXECUTABLE, IS_ROOT
from harness.executable import identity
from harness.polling import wait_until

ACCOUNT = "www-data"

# Tries both ways to read processes' memory; the first is a child of its own, which it must be able to read.
THIEF = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
PTRACE_SEIZE = 0x4206
child = os.fork()
if child == 0:
    signal.pause()
try:
    for pid in [child, *map(int, sys.argv[1:])]:
        try:
            os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
            print("read")
        except FileNotFoundError:
            continue
        except PermissionError:
            print("traced" if libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0 else "refused")
finally:
    os.kill(child, signal.SIGKILL)
"""

CACHE = "proxy_cache_path cache keys_zone=pages:1m;"


def steal(pids, account=ACCOUNT):
    """What a process of an account gets of others that live; that it got at its own was seen."""
    thief = subprocess.run([sys.executable, "-c", THIEF, *map(str, pids)], capture_output=True, text=True, timeout=60,
                           check=True, **identity(account if IS_ROOT else None))
    own, *others = thief.stdout.split()
    assert own == "read"
    return others


def start_with_a_cache(sandboxes):
    return sandboxes(workers=2, user=f"{ACCOUNT} {ACCOUNT}", http=CACHE)


def of_nginx(gate):
    """The master and all its descendants."""
    return sorted({gate.nginx.process.pid, *processes.children(gate.nginx.process.pid)})


def assert_refused(gate):
    """A process is readable until it has protected itself."""
    wait_until(lambda: set(steal(of_nginx(gate))) == {"refused"}, "no process reads the memory of nginx")


def test_no_process_reads_the_memory_of_nginx_processes(sandboxes):
    gate = start_with_a_cache(sandboxes)
    wait_until(lambda: gate.nginx.lines("start cache loader process"), "nginx has started all")
    assert len(of_nginx(gate)) >= 4

    assert_refused(gate)


def test_no_process_reads_it_after_a_reload(sandboxes):
    gate = start_with_a_cache(sandboxes)
    old = gate.nginx.reload()
    wait_until(lambda: not gate.nginx.workers() & old, "the old workers have ended")

    assert_refused(gate)


def test_no_process_reads_it_after_a_binary_upgrade(sandboxes):
    gate = sandboxes(workers=1, user=f"{ACCOUNT} {ACCOUNT}", daemon=True)
    old = gate.nginx.upgrade()

    assert_refused(gate)

    old.send_signal(3)
    wait_until(lambda: old.poll() is not None, "the old master has ended")


def test_no_process_reads_the_memory_of_the_executable():
    with subprocess.Popen([EXECUTABLE, "scan", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          **identity(ACCOUNT if IS_ROOT else None)) as command:
        wait_until(lambda: steal([command.pid]) == ["refused"], "it protects its memory")
        assert command.poll() is None
        command.stdin.close()


def test_nginx_warns_that_requested_core_dumps_are_disabled(sandboxes):
    gate = sandboxes(start=False, main="worker_rlimit_core 100m;")

    code, said = gate.nginx.test()

    assert code == 0
    assert '"worker_rlimit_core" has no effect: a core dump would hold the pepper' in said
