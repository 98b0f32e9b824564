"""Runs nginx's own tests without the module, with it loaded, and with it in use, and compares them test by test.

    compare.py DIR [NAME.t …]

DIR is a checkout of nginx-tests that fits the nginx that is installed.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "EndToEnd"))

from harness.artefacts import IS_ROOT, LIBRARY, MODULE, NGINX  # noqa: E402
from harness.sandbox import Sandbox  # noqa: E402

AT_ONCE = 2
SECONDS_MAX = 300
ATTEMPTS = 3

# Test::Nginx takes a dynamic module that nginx was configured with for one that is installed and loaded.
WRAPPER = f"""\
#!/bin/sh
if [ "$1" = -V ]; then
    {NGINX} -V 2>&1 | sed 's/ --with-[a-z_]*=dynamic//g' >&2
else
    exec {NGINX} "$@"
fi
"""

# Every request of every test is checked, and let in; one server of its own asks for keys.
IN_USE = """
    latchkey_library {library};
    include {settings};
    latchkey dry_run;
    server {{
        listen unix:%%TESTDIR%%/latchkey.sock;
        location / {{ latchkey on; empty_gif; }}
    }}
"""

# Files that say something else where the module is in use, and why they may.
EXPLAINED = {
    "split_clients.t": "it counts numbers of connections, and those to the store have numbers, too",
    "ssl_password_file.t": "the server beside inherits a key, and no password for it; it does so without the module, too",
}

DIFFERS = "DIFFERS"

LINE = re.compile(r"^(not )?ok (\d+)(?: - )?(.*)$")
PLAN = re.compile(r"^1\.\.\d+.*$")
TODO = re.compile(r"# TODO\b", re.IGNORECASE)


class Setting:
    """One way to run the suite."""

    def __init__(self, name, main="", http=""):
        self.name = name
        user = "user root; " if IS_ROOT else ""
        self.is_in_use = bool(http)
        self.environment = {"TEST_NGINX_GLOBALS": user + main, "TEST_NGINX_GLOBALS_HTTP": http}


class Suite:
    def __init__(self, folder, nginx):
        self.folder = folder
        self.nginx = nginx

    def names(self):
        return sorted(path.name for path in self.folder.glob("*.t"))

    def outcome(self, setting, name):
        """What each test of a file said, by its number and name, and how the file ended."""
        environment = {**os.environ, **setting.environment, "TEST_NGINX_BINARY": str(self.nginx)}
        try:
            result = subprocess.run(
                ["perl", "-Ilib", name], cwd=self.folder, env=environment, timeout=SECONDS_MAX,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace",
            )
        except subprocess.TimeoutExpired:
            return {"the file": "does not end"}
        return {**verdicts(result.stdout), "the file": f"exit code {result.returncode}"}

    def run(self, setting, names):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(names, pool.map(lambda name: self.outcome(setting, name), names)))


def verdicts(output):
    """Each line of TAP: the words of a test to what it said."""
    found = {}
    for line in output.splitlines():
        if test := LINE.match(line):
            bad, number, words = test.groups()
            found[f"{number} {words}"] = "todo" if TODO.search(words) else "failed" if bad else "passed"
        elif PLAN.match(line):
            found["plan"] = line
    return found


def counts(outcomes):
    said = [each for outcome in outcomes.values() for each in outcome.values()]
    skipped = sum(outcome.get("plan", "").startswith("1..0") for outcome in outcomes.values())
    return f"{len(outcomes)} files ({skipped} skip themselves, {len(broken_off(outcomes))} break off), " + ", ".join(
        f"{said.count(word)} tests {word}" for word in ("passed", "failed", "todo")
    )


def broken_off(outcomes):
    """Files that ended badly although no test of theirs failed: of what they did not come to, nothing is known."""
    return sorted(
        name for name, outcome in outcomes.items() if outcome["the file"] != "exit code 0" and "failed" not in outcome.values()
    )


def failures(outcomes):
    return {f"{name}: {test}" for name, outcome in outcomes.items() for test, said in outcome.items() if said == "failed"}


def differences(before, after):
    """The files that say something else, with the tests that do."""
    return {
        name: sorted(test for test in before[name].keys() | after[name].keys()
                     if before[name].get(test) != after[name].get(test))
        for name in before if before[name] != after[name]
    }


def lasting(suite, plain, setting, found):
    """Those differences that are there in each of some further attempts: the suite has tests that fail now and then."""
    for _ in range(ATTEMPTS):
        names = sorted(found)
        found = differences(suite.run(plain, names), suite.run(setting, names))
    return found


def compare(suite, names, settings):
    plain = settings[0]
    before = None
    faults = 0
    for setting in settings:
        began = time.monotonic()
        outcomes = suite.run(setting, names)
        print(f"{setting.name}: {counts(outcomes)}; {time.monotonic() - began:.0f} s", flush=True)
        if before is None:
            before = outcomes
            if broken_off(outcomes):
                print(f"  break off: {', '.join(broken_off(outcomes))}")
            for line in sorted(failures(outcomes)):
                print(f"  fails without the module: {line}")
            continue
        once = differences(before, outcomes)
        found = lasting(suite, plain, setting, once)
        for name, tests in once.items():
            print(f"  {kind(setting, name, found)}: {name}: {'; '.join(tests)}", flush=True)
            faults += kind(setting, name, found) == DIFFERS
    return faults


def kind(setting, name, found):
    """What is to be thought of a file that says something else."""
    if name not in found:
        return "differs once, not when repeated"
    if setting.is_in_use and name in EXPLAINED:
        return f"differs, and may ({EXPLAINED[name]})"
    return DIFFERS


def main(folder, *names):
    suite_folder = Path(folder).resolve()
    if not (suite_folder / "lib/Test/Nginx.pm").exists():
        sys.exit(f"{folder} is no checkout of nginx-tests: it has no lib/Test/Nginx.pm")
    with tempfile.TemporaryDirectory() as own, Sandbox(start=False) as store:
        wrapper = Path(own) / "nginx"
        wrapper.write_text(WRAPPER)
        wrapper.chmod(0o755)
        suite = Suite(suite_folder, wrapper)
        loaded = f"load_module {MODULE};"
        settings = [
            Setting("without the module"),
            Setting("loaded, and off", loaded),
            Setting("in use", loaded, IN_USE.format(library=LIBRARY, settings=store.config)),
        ]
        faults = compare(suite, list(names) or suite.names(), settings)
    sys.exit(f"{faults} files behave otherwise with the module" if faults else 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
