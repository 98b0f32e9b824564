"""A fresh copy of the sources, in which `make` is run as a newcomer would run it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.artefacts import EXECUTABLE, LIBRARY, ROOT
from harness.console_server import CONSOLE

# Compiling Swift takes minutes and has been done before: this installs the existing build.
SWIFT = f"""\
#!/bin/sh
set -e
[ "$1" != --version ] || exec echo "Swift version 6.3"
mkdir -p .build/release
cp '{EXECUTABLE}' .build/release/latchkey
[ ! -e '{CONSOLE}' ] || cp '{CONSOLE}' .build/release/latchkey-console
cp '{{library}}' .build/release/libLatchkeyABI.so
"""


class Checkout:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="latchkey-"))
        self.folder.chmod(0o755)
        self.root = self.folder / "checkout"
        self.swift = self.folder / "swift"

    def __enter__(self):
        for name in source_files():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        self.take_library(LIBRARY)
        self.swift.chmod(0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def take_library(self, library):
        """From now on Swift "compiles" this library."""
        self.swift.write_text(SWIFT.format(library=library))

    def make(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(
            ["make", *map(str, arguments), f"SWIFT={self.swift}"], cwd=self.root, env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        )

    def must_make(self, *arguments):
        result = self.make(*arguments)
        assert result.returncode == 0, f"make {arguments[0]}:\n{result.stdout}{result.stderr}"
        return result.stdout


def source_files():
    """The files that git would commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
