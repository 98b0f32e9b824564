"""The two ways of being consistent: tests that hold in both run in both."""

import pytest

LEASED, STRICT = "leased", "strict"

in_both_modes = pytest.mark.parametrize("consistency", [LEASED, STRICT], indirect=True)
