"""The two consistencies of a check with the store: what must hold in either is tested in both."""

import re

import pytest

from harness.sandbox import LEASED, STRICT

under_either_consistency = pytest.mark.parametrize("consistency", [LEASED, STRICT], indirect=True)

LATE = re.compile(r"nginx worker \S+ \(process \d+\) did not acknowledge the change; its lease has ended\.\n")


def said_besides_the_late(gate, result):
    """What the command has said, without the workers that were late, where it may be through before them: a strict one has
    no lease that it waits for."""
    return LATE.sub("", result.err) if gate.consistency == STRICT else result.err


def assert_nobody_is_waited_out(gate, result):
    assert said_besides_the_late(gate, result).count("\n") == 1, result.err
