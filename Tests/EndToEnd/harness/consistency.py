"""The two ways in which checks relate to the store: what holds in either is tested in both."""

import pytest

from harness.sandbox import LEASED, STRICT

under_either_consistency = pytest.mark.parametrize("consistency", [LEASED, STRICT], indirect=True)
