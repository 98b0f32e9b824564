"""make versions: runs the tests with each version and topology, and prints a table; T= chooses versions by name.

Fails where a test fails, or where the package of a version cannot be installed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from harness.redis_wheels import Unavailable, server

FOLDER = Path(__file__).resolve().parents[1]
WORKERS = os.environ.get("WORKERS") or "6"

# Where each server comes from, and its options.
VERSIONS = {
    "Redis 6.2": ("Redis 6.2", ""),
    "Redis 7.0": (None, ""),
    "Redis 8.2": ("Redis 8.2", ""),
    "Redis 8.2, 4 I/O threads": ("Redis 8.2", "--io-threads 4"),
    "Valkey 9.1": ("Valkey 9.1", ""),
}

# Tests of what a version lacks: clusters are supported from Redis 7.0 on, and so are the option that slows loading down, users that may
# read keys and not write them, and the command with which the doctor tries permissions.
LACKING = {"Redis 6.2": "while_a_slot_moves or loads_its_data or cluster or gateways_permissions_do_not_suffice "
                        "or (executable_needs_each_of_its_permissions and not at_a_sentinel)"}

# What a gateway and the executable ask of Redis. The packages' servers are built without TLS; Debian's has it, and `make test` tests it.
FILES = ["keys/test_key_life.py", "keys/test_many.py", "keys/test_last_used.py", "fleet/test_revocation.py",
         "fleet/test_lease.py", "store/test_cache.py", "store/test_invalidations.py", "store/test_store_outage.py",
         "store/test_acl.py", "nginx/test_streams.py"]

TOPOLOGIES = {
    "standalone": FILES,
    "sentinel": [*FILES, "store/test_failover.py", "store/test_sentinel_copies.py", "store/test_sentinel_restart.py",
                 "store/test_sentinel_quorum.py", "store/test_sentinel_witnesses.py", "store/test_sentinel_acl.py"],
    "cluster": [*FILES, "store/test_failover.py", "store/test_cluster_moves.py", "store/test_cluster_copies.py",
                "store/test_cluster_acl.py"],
}


def run(version, topology):
    """The last line of the tests, and whether all passed."""
    package, options = VERSIONS[version]
    left_out = ["-k", f"not ({LACKING[version]})"] if version in LACKING else []
    environment = {
        **os.environ, "TOPOLOGY": topology, "REDIS_SERVER": str(server(package)) if package else "redis-server", "REDIS_OPTIONS": options}
    result = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "--quiet", "--numprocesses", WORKERS, "--dist", "loadgroup", *left_out, *TOPOLOGIES[topology]],
        cwd=FOLDER, env=environment, capture_output=True, text=True)
    summary = re.sub(r" in [\d.]+s.*", "", result.stdout.strip().splitlines()[-1])
    return summary, result.returncode == 0, result.stdout


def main():
    failed = False
    wanted = os.environ.get("T", "")
    print("| version | topology | tests |\n|---|---|---|")
    for version in VERSIONS:
        for topology in TOPOLOGIES:
            if wanted not in version or (version, topology) == ("Redis 6.2", "cluster"):
                continue
            try:
                summary, passed, output = run(version, topology)
            except Unavailable as error:
                summary, passed, output = f"not tested: {error}", False, ""
            print(f"| {version} | {topology} | {summary} |", flush=True)
            if not passed:
                failed = True
                print("\n".join(line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
