"""Random faults under traffic and changes of keys, for a few seconds; `make trials` runs for longer.

Before that, the judge is shown invented histories, and a gateway that no command waits for.
"""

import os
import random
import time

import pytest

from harness.executable import DONE, NOT_CONFIRMED, STORE_UNREACHABLE
from harness.hammer import Answer
from harness.polling import wait_until
from harness.topology import behind_a_proxy
from trials.administrators import GENERATE, REVOKE
from trials.figures import table
from trials.judge import (
    DEAD_ACCEPTED, ENDED, FORGED_ACCEPTED, STREAM_OUTLIVES, UNKNOWN, VALID, VALID_REFUSED, Change, Judge,
)
from trials.trial import Trial

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
SECONDS = int(os.environ.get("SECONDS") or 10)

LEASE = 1

# Settings with which a gateway keeps answering without invalidations for long.
BRIDGED = {"bridged": "latchkey_lease 1s;\nlatchkey_outage_grace 10m;\nlatchkey_consistency leased;"}


class History:
    """Changes of keys and answers to requests, as they could have been."""

    def __init__(self, **options):
        self.judge = Judge(LEASE, **options)

    def begin(self, began, kind=GENERATE, **options):
        change = Change(kind, "acme", began, **options)
        self.judge.begins(change)
        return change

    def change(self, began, ended, code=DONE, key=None, kind=GENERATE, **options):
        self.judge.ends(self.begin(began, kind, **options), ended, code, key)

    def answer(self, key, began, status):
        for answers in ([Answer(0, 0, began, began + 0.1, status, "", "")], []):
            self.judge.take(answers, lambda _: key)
        return self.judge.faults

    def states(self, key, *moments):
        return [self.judge.state_of(key, moment) for moment in moments]


@pytest.fixture
def history():
    history = History()
    history.change(10, 11, key="first")
    return history


@pytest.mark.parametrize("kind", [GENERATE, REVOKE])
def test_a_key_accepted_in_a_request_begun_after_exit_0_is_reported(history, kind):
    history.change(20, 21, kind=kind)

    assert not history.answer("first", 20.9, 200)
    assert not history.answer("first", 30, 401)
    assert history.answer("first", 21.1, 200) == {DEAD_ACCEPTED: 1}


def test_a_401_for_a_valid_key_is_reported(history):
    assert not history.answer("first", 10.9, 401)
    assert not history.answer("first", 12, 503)
    assert history.answer("first", 12, 401) == {VALID_REFUSED: 1}


def test_a_401_while_a_change_is_under_way_is_not_reported(history):
    history.begin(20)

    assert not history.answer("first", 19.95, 401)


def test_a_forged_key_that_is_accepted_is_reported(history):
    assert history.answer("nobody's", 12, 200) == {FORGED_ACCEPTED: 1}


@pytest.mark.parametrize("code", [NOT_CONFIRMED, -9, 1])
def test_nothing_is_certain_after_an_unconfirmed_change_until_the_next_confirmed_one(history, code):
    history.change(20, 21, code, "second")
    assert history.states("first", 19, 20.5, 22) == [VALID, UNKNOWN, UNKNOWN]
    assert history.states("second", 22) == [UNKNOWN]

    history.change(30, 31, key="third")
    assert [history.states(key, 32) for key in ("first", "second", "third")] == [[ENDED], [ENDED], [VALID]]


def test_a_key_that_has_ended_stays_so_whatever_comes_of_the_next_change(history):
    history.change(20, 21, key="second")
    history.change(30, 31, NOT_CONFIRMED)

    assert history.states("first", 22, 30.5, 32) == [ENDED, ENDED, ENDED]


def test_a_change_that_was_not_made_leaves_what_was_certain(history):
    history.change(20, 21, STORE_UNREACHABLE)

    assert history.states("first", 19, 20.5, 22) == [VALID, UNKNOWN, VALID]


def test_of_two_changes_at_the_same_time_either_may_have_been_the_last(history):
    one = history.begin(20)
    history.change(20.5, 21, key="second")
    history.judge.ends(one, 22, DONE, "third")

    assert [history.states(key, 23) for key in ("first", "second", "third")] == [[ENDED], [UNKNOWN], [UNKNOWN]]


def test_the_previous_key_stays_valid_for_the_grace_and_then_ends(history):
    history.change(20, 21, key="second", keeps=5)

    assert history.states("first", 22, 25.5, 27) == [VALID, UNKNOWN, ENDED]
    assert history.states("second", 22) == [VALID]


def test_a_key_that_expires_ends_without_a_command(history):
    history.change(20, 21, key="second", expires=5)

    assert history.states("second", 22, 25.5, 27) == [VALID, UNKNOWN, ENDED]


def test_a_change_without_a_wait_makes_a_valid_key_and_ends_none_for_certain(history):
    history.change(20, 21, key="second", waits=False)

    assert history.states("second", 21.5, 22.5) == [UNKNOWN, VALID]
    assert history.states("first", 22.5) == [UNKNOWN]


def test_a_key_that_no_replica_may_hold_is_not_certain_before_the_next_confirmed_change():
    history = History(is_replicated=True)
    history.change(20, 21, key="first", waits=False)
    history.change(30, 31, key="second")

    assert history.states("first", 22.5, 32) == [UNKNOWN, ENDED]
    assert history.states("second", 32) == [VALID]


def test_what_a_crash_may_have_lost_is_not_certain_and_all_before_is(history):
    history.change(20, 21, key="second")
    history.change(30, 31, key="third")
    history.judge.may_be_lost(30.5, 32, 40)

    assert history.states("first", 33) == [ENDED]
    assert history.states("second", 31.5, 33) == [ENDED, UNKNOWN]
    assert history.states("third", 33) == [UNKNOWN]

    history.change(35, 36, key="fourth")
    assert history.states("third", 37) == [UNKNOWN]
    history.change(41, 42, key="fifth")
    assert history.states("third", 43) == [ENDED]


@behind_a_proxy
def test_the_judge_sees_requests_admitted_by_a_gateway_that_no_command_waited_for():
    """Requests and open streams whose keys were revoked while the gateway could receive no invalidations."""
    trial = Trial(SEED, BRIDGED)
    with trial.traffic():
        administrators, (gateway,) = trial.administrators, trial.world.gateways
        assert administrators.change(trial.world.programs[0], "org-0", GENERATE, {}).code == DONE
        seen = []
        wait_until(lambda: seen.extend(trial.report()) or (200, "(stream)") in {(a.status, a.result) for a in seen},
                   "a stream is open")
        gateway.proxy.is_stalled = True
        change = Change(REVOKE, "org-0", time.monotonic())
        trial.judge.begins(change)
        result = administrators.run(trial.world.programs[0], "revoke", "org-0", "--yes", "--no-wait", as_="alice")
        trial.judge.ends(change, result.ended, result.code)

        wait_until(lambda: trial.report() is not None and trial.judge.faults.keys() == {DEAD_ACCEPTED, STREAM_OUTLIVES},
                   "the judge has seen it")
        gateway.proxy.is_stalled = False


@behind_a_proxy
def test_whatever_fails_no_ended_key_is_accepted_and_no_valid_key_is_refused(capsys):
    trial = Trial(SEED)
    trial.run(SECONDS)
    with capsys.disabled():
        print("\n" + table(trial).splitlines()[0])
    assert not trial.judge.faults, table(trial)
