"""The two ways in which checks relate to the store: what holds in either is tested in both."""

import pytest

LEASED, STRICT = "leased", "strict"

under_either_consistency = pytest.mark.parametrize("consistency", [LEASED, STRICT], indirect=True)
