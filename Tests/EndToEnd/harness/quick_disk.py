"""A place for the files of tests that is never busy: servers that wait for a disk look like servers that failed.

The disk of a machine whose other tests write and flush all the time keeps a server waiting for seconds.
"""

import os
import tempfile
from pathlib import Path

# A file system in memory, on Linux.
MEMORY = Path("/dev/shm")

# What all tests together may need, in bytes; and how a file system may be mounted on which programs cannot run.
ENOUGH = 4 << 30
UNSUITABLE = os.ST_NOEXEC | os.ST_RDONLY


def choose():
    """Has temporary files of this process and its children in memory, where there is room, and nobody has chosen yet."""
    if "TMPDIR" not in os.environ and is_suitable(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def is_suitable(folder):
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    system = os.statvfs(folder)
    return not system.f_flag & UNSUITABLE and system.f_bavail * system.f_frsize >= ENOUGH
