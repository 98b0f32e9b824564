"""Gateways to be measured, built with the end-to-end tests' harness."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from harness.sandbox import Sandbox  # noqa: E402

# Answers that cost nginx next to nothing; `return` would come before any check.
SERVER = """
        location = /open {
            access_log off;
            empty_gif;
        }

        location = /checked {
            latchkey on;
            access_log off;
            empty_gif;
        }
"""


def gateway(settings="", **options):
    """One worker in front of nothing but nginx itself."""
    return Sandbox(settings=settings, workers=1, server=SERVER, **options)
