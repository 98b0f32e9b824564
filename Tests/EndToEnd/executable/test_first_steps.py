"""README's commands from `init` to a key, exactly as printed, on a system without Latchkey."""

import re
import subprocess

import pytest

from harness.artefacts import EXECUTABLE, IS_ROOT, ROOT
from harness.executable import DONE, KEY

# A network, an /etc and a /usr/local/bin of its own: the lines touch no other places, and leave nothing behind.
FRESH_SYSTEM = """
set -eu
trap 'kill $redis; wait $redis' EXIT
ip link set lo up
cp -a /etc "$1/etc" && mount --bind "$1/etc" /etc && rm -rf /etc/latchkey
mount -t tmpfs none /usr/local/bin && cp "$2" /usr/local/bin/latchkey
useradd admin && useradd alice
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
cd /
redis-server --save '' --dir "$1" >&2 & redis=$!
for try in $(seq 100); do redis-cli ping >&2 2>/dev/null && break; sleep 0.1; done
"""

needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can make accounts and namespaces")


def printed_lines():
    """The commands of Latchkey that README shows after a prompt; Tests/Packages runs all of them."""
    lines = re.findall(r"^\$ (sudo latchkey .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(lines) == 3
    return lines


def run_fresh(folder, *steps):
    """Runs lines on a fresh system, each as the account named before it."""
    script = FRESH_SYSTEM + "".join(f"runuser -u {account} -- bash -c '{line}'\n" for account, line in steps)
    command = ["unshare", "--mount", "--net", "bash", "-c", script, "bash", folder, EXECUTABLE]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


@needs_root
def test_the_commands_in_readme_lead_to_a_key(tmp_path):
    result = run_fresh(tmp_path, *(("admin", line) for line in printed_lines()))

    said = KEY.sub("…", result.stderr[-2000:])
    assert result.returncode == DONE, said
    assert KEY.fullmatch(result.stdout), said
    assert result.stdout not in result.stderr


@needs_root
def test_a_user_without_access_is_shown_a_command_that_works(tmp_path):
    init, add, generate = printed_lines()
    own_way = "latchkey generate acme || echo refused with $?"

    result = run_fresh(tmp_path, ("admin", init), ("admin", add), ("alice", own_way), ("root", own_way), ("admin", generate))

    said = KEY.sub("…", result.stderr[-2000:])
    assert result.returncode == DONE, said
    assert result.stdout.count("refused with 77\n") == 2
    assert sum("--as OWNER" in line for line in result.stderr.splitlines()) == 2, said
    assert KEY.fullmatch(result.stdout.replace("refused with 77\n", ""))
