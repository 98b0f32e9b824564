"""Schemathesis: whatever it asks through nginx, the answer is one that the API's description has.

`make fuzz-console` asks EXAMPLES= questions for each operation; SEED= repeats a run.
"""

import os
import subprocess

import pytest

from harness.artefacts import BUILD, ROOT
from harness.console_server import OWNER

pytestmark = pytest.mark.xdist_group("console_schemathesis")

EXAMPLES = int(os.environ.get("EXAMPLES") or 15)
SEED = os.environ.get("SEED") or ""

# It ends by itself long before, but for a defect.
SECONDS = 600 + 4 * EXAMPLES

PROGRAMS = BUILD / "schemathesis/environment/bin"

SETTINGS = """
latchkey_console_expiry none 90d;
latchkey_console_grace none 10m;
latchkey_console_changes 10000/h;
"""

# Most questions are about the organization that there is, and about whatever key it has.
PARAMETERS = """
[parameters]
"path.organization" = "acme"
"header.If-Match" = "*"
"""

# nginx itself answers TRACE, with a page and without Allow.
HOOKS = """
import schemathesis

@schemathesis.hook
def filter_case(context, case):
    return case.method.upper() != "TRACE"
"""


def test_no_answer_differs_from_the_description(stacks, tmp_path):
    subprocess.run(
        [ROOT / "scripts/python-packages", BUILD / "schemathesis", ROOT / "scripts/schemathesis-packages.txt"], check=True, timeout=300,
    )
    stack = stacks(settings=SETTINGS)
    stack.add()
    (tmp_path / "schemathesis.toml").write_text(PARAMETERS)
    (tmp_path / "hooks.py").write_text(HOOKS)
    origin = stack.front.origin
    command = [
        PROGRAMS / "schemathesis", "run", f"{origin}/console/api/v1/openapi.json", "--max-examples", str(EXAMPLES),
        "--header", f"Cookie: user={OWNER}", "--header", f"Origin: {origin}", "--continue-on-failure", "--generation-database", "none",
        *(["--seed", SEED] if SEED else []),
    ]

    result = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path), "NO_COLOR": "1"},
    )

    stack.console.remember(result.stdout)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert stack.console.page().status == 200
    statuses = {line["status"] for line in stack.console.log_lines() if "status" in line}
    assert {200, 201, 400, 404, 405, 415} <= statuses, "it has asked for much"
    assert not [line for line in stack.console.log_lines() if line["level"] == "error"]
