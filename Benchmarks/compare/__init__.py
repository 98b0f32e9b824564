"""Latchkey beside what people use instead."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "Benchmarks"

# What is made, and is needed in no other run.
MADE = ROOT / "build/bench"

# The end-to-end tests' helpers, which start and end what is measured.
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))
