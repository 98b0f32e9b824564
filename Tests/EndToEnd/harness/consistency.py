"""The two consistencies of a check with the store: what must hold in either is tested in both."""

import pytest

from harness.sandbox import LEASED, STRICT

under_either_consistency = pytest.mark.parametrize("consistency", [LEASED, STRICT], indirect=True)
