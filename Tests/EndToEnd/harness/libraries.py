"""Libraries in the place of Latchkey's: another release of it, and files that are no such library."""

import shutil
import subprocess

from harness.artefacts import EXECUTABLE, LIBRARY

# The library's version as a worker reports it in the membership list.
RELEASE = subprocess.run([EXECUTABLE, "--version"], capture_output=True, text=True).stdout.split()[-1]


def another_release(path):
    """The library as another release would have it; returns that release's version."""
    version = RELEASE[:-1] + ("8" if RELEASE.endswith("9") else "9")
    contents = LIBRARY.read_bytes()
    assert RELEASE.encode() in contents
    path.write_bytes(contents.replace(RELEASE.encode(), version.encode()))
    return version


def compiled(path, source, *options):
    """Compiles a library from C source."""
    command = ["cc", "-shared", "-fPIC", "-o", path, "-x", "c", "-", "-x", "none", *options]
    subprocess.run(command, input=source, text=True, check=True, timeout=60)
    return path


def with_interface(path, number):
    """Latchkey's library as it would be if only the number of its interface were another: it does all the work."""
    source = f"unsigned latchkey_abi_version(void) {{ return {number}; }}"
    return compiled(path, source, f"-Wl,--no-as-needed,-rpath,{LIBRARY.parent}", LIBRARY)


def of_another_interface(path):
    """A library with all the required functions, and another version of the interface."""
    exported = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--format=posix", LIBRARY], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split()[0] for line in exported.splitlines()]
    return compiled(path, "".join(f"unsigned {name}(void) {{ return 999; }}\n" for name in names))


def install(path, make):
    """Installs a library as an installation does: with mv, never by writing into the file."""
    another = path.with_suffix(".new")
    result = make(another)
    another.rename(path)
    return result


def copy(path):
    shutil.copy(LIBRARY, path)
