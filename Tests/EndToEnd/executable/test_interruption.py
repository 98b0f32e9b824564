"""Ctrl-C at every step of `generate` and `revoke`: before and behind each command that is sent to the store."""

import signal

import pytest

from harness.executable import DONE, KEY, NOT_CONFIRMED
from harness.polling import wait_until
from harness.processes import held_back_signals, is_alive
from harness.sandbox import OWNER
from harness.stepping_store import BEFORE, BEHIND, SteppingStore

class Steps:
    """Runs a command again and again, and interrupts it at another step each time."""

    def __init__(self, gate, store):
        self.gate = gate
        self.store = store

    def count(self, *command):
        """The number of commands that it sends without an interruption."""
        running = self.gate.latchkey.start(*command, as_=OWNER)
        assert running.finish().code == DONE
        return self.store.counts[running.process.pid]

    def interrupted(self, step, *command):
        """The result of a command that was interrupted at a step."""
        begun = []

        def interrupt(process, *here):
            running = wait_until(lambda: begun, "the test has the command")[0]
            if process == running.process.pid and here == step:
                running.interrupt()
                wait_until(lambda: has_been_told(running), "the signal has arrived")

        self.store.at_step = interrupt
        begun.append(self.gate.latchkey.start(*command, as_=OWNER))
        result = begun[0].finish()
        self.store.at_step = lambda *_: None
        return result


def has_been_told(running):
    """Whether a signal has ended a process, or is pending in it."""
    process = running.process.pid
    return not is_alive(process) or bool(held_back_signals(process) & 1 << (signal.SIGINT - 1))


@pytest.fixture
def steps(sandbox):
    sandbox.add()
    store = SteppingStore(sandbox.folder / "steps.sock", sandbox.redis)
    (sandbox.folder / "steps.sock").chmod(0o777)
    sandbox.add_settings(f"latchkey_store {store.url};")
    yield Steps(sandbox, store)
    store.stop()


def says_that_the_wait_was_interrupted(result):
    """The change is made; the workers that have not acknowledged it are named."""
    return result.code == NOT_CONFIRMED and "the wait was interrupted" in result.err


def all_steps(count):
    return [(number, place) for number in range(count) for place in (BEFORE, BEHIND)]


def test_a_generate_that_is_interrupted_leaves_the_old_key_or_the_new_one_and_says_which(sandbox, steps):
    count = steps.count("generate", "acme", "--yes")
    key = sandbox.latchkey.generate("acme", as_=OWNER)
    changed = []
    for step in all_steps(count):
        result = steps.interrupted(step, "generate", "acme", "--yes")

        if result.code == -signal.SIGINT:
            assert result.out == ""
            assert "interrupted; nothing was done" in result.err
        else:
            assert result.code == DONE or says_that_the_wait_was_interrupted(result)
            assert KEY.fullmatch(result.out.strip())
            wait_until(lambda: sandbox.status_of(key) == 401, "the previous key is refused")
            key = sandbox.latchkey.remember(result.out.strip())
        assert sandbox.status_of(key) == 200
        assert sandbox.latchkey.verify(key).code == DONE
        changed.append(result.code >= 0)

    # A change that has begun is completed: it is never undone.
    assert changed == sorted(changed)
    assert not changed[0] and changed[-1]


def test_a_revoke_that_is_interrupted_has_been_done_or_has_not_and_says_which(sandbox, steps):
    key = sandbox.latchkey.generate("acme", as_=OWNER)
    count = steps.count("revoke", "acme", "--yes")
    changed = []
    for step in all_steps(count):
        if not changed or changed[-1]:
            key = sandbox.latchkey.generate("acme", as_=OWNER)

        result = steps.interrupted(step, "revoke", "acme", "--yes")

        if result.code == -signal.SIGINT:
            assert "interrupted; nothing was done" in result.err
            assert sandbox.status_of(key) == 200
        else:
            assert result.code == DONE or says_that_the_wait_was_interrupted(result)
            assert "revoked" in result.err.lower()
            wait_until(lambda: sandbox.status_of(key) == 401, "the key is refused")
        changed.append(result.code >= 0)

    assert changed == sorted(changed)
    assert not changed[0] and changed[-1]
