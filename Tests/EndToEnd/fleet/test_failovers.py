"""The failovers of `make failovers`: two of them, and what the figures say of invented ones."""

import time

import pytest

from failovers.figures import EXCUSED, STRAY, TOO_LONG, UNSEEN, counts_that_must_be_zero, nonzero, table, wrong_answers
from failovers.naming import NamingBySentinels
from failovers.run import NOTICE, RECOVERY, Failover, Run
from harness.executable import DONE
from trials.judge import DEAD_ACCEPTED, ENDED, VALID


def test_two_failovers_pass_without_a_wrong_answer():
    """How long they take is up to the machine; `make failovers` measures it."""
    run = Run(seed=4)

    run.run(2)

    assert not nonzero(wrong_answers(run)), table(run)
    assert {failover.kind for failover in run.failovers} == {"killed", "stopped"}


@pytest.fixture
def invented():
    """A failover at 10 s, named at 12 s, with the first gateway cut off until 20 s, in a minute that saw everything; no refusals yet."""
    run = Run(seed=1)
    run.began = time.monotonic() - 60
    run.judge.figures.update({f"requests with keys that are {state}": 1 for state in (VALID, ENDED)})
    run.judge.changes.update({("generate", DONE): 1, ("revoke", DONE): 1})
    run.failovers = [Failover("cut_off", began=10, company=(0,), named=12, healed=20, until=40)]
    return run


@pytest.mark.parametrize("refusals, found", [
    ([], []),
    ([(11, 1), (12 + RECOVERY, 1)], []),
    ([(12 + RECOVERY + 0.1, 1)], [TOO_LONG]),
    ([(20 + RECOVERY, 0)], []),
    ([(20 + RECOVERY + 0.1, 0)], [TOO_LONG]),
    ([(9, 0)], [STRAY]),
])
def test_refusals_beyond_what_is_promised_are_found(invented, refusals, found):
    invented.refusals = refusals

    assert nonzero(counts_that_must_be_zero(invented)) == found


def test_what_nobody_ordered_is_excused(invented):
    invented.refusals = [(30, 1), (31, 1)]
    assert nonzero(counts_that_must_be_zero(invented)) == [TOO_LONG]

    invented.stalls = [(29, 29.5)]
    invented.naming = NamingBySentinels(None)
    invented.naming.changes = [(0, (1,)), (12, None), (12, (2,)), (31 + NOTICE, (3,))]
    assert nonzero(counts_that_must_be_zero(invented)) == []


def test_too_much_that_is_excused_shows_nothing(invented):
    invented.stalls = [(29, 40)]

    assert nonzero(counts_that_must_be_zero(invented)) == [EXCUSED]


@pytest.mark.parametrize("missing", [("revoke", DONE), ("generate", DONE), VALID, ENDED])
def test_a_run_that_saw_too_little_shows_nothing(invented, missing):
    invented.judge.changes.pop(missing, None)
    invented.judge.figures.pop(f"requests with keys that are {missing}", None)

    assert nonzero(counts_that_must_be_zero(invented)) == [UNSEEN]


def test_the_faults_of_the_judge_are_faults(invented):
    invented.judge.figures[DEAD_ACCEPTED] = 1

    assert nonzero(counts_that_must_be_zero(invented)) == [DEAD_ACCEPTED]
