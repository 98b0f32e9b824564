"""Resident memory of a worker for each record that it keeps."""

import os
import re
from pathlib import Path

from gateways import gateway
from harness.http_client import bearer

RECORDS = int(os.environ.get("RECORDS", 100_000))
DEPTH = 200  # requests in one piece


def resident_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def use(gate, keys):
    """Uses every key once, on one connection."""
    with gate.connect() as connection:
        for start in range(0, len(keys), DEPTH):
            requests = [("/checked", bearer(key)) for key in keys[start : start + DEPTH]]
            assert {answer.status for answer in connection.pipeline(requests)} == {200}


def main():
    with gateway(f"latchkey_timeout 30s; latchkey_cache_size {RECORDS};") as gate:
        keys = list(gate.keys_of(f"org-{number:07}" for number in range(RECORDS + 2000)).values())
        worker = gate.nginx.worker()
        use(gate, keys[RECORDS:])  # what every worker needs, however few records it keeps
        before = resident_bytes(worker)
        use(gate, keys[: RECORDS - 2000])
        grown = (resident_bytes(worker) - before) / (RECORDS - 2000)
        use(gate, keys[: RECORDS])
        print(f"Resident memory of a worker for each of {RECORDS:,} records: {grown:.0f} bytes")
    return grown <= 160


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
