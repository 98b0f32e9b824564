"""A disk under Redis that can be busy or full, and that loses with its power whatever was not flushed."""

import struct

from harness.libraries import compiled

# Waits while the file "busy" exists, and remembers how much of each file was flushed; writes nothing while "full" exists.
SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int file) {
    const char *folder = getenv("DISK");
    char name[4096];
    struct stat status;
    int result, note;

    snprintf(name, sizeof name, "%s/busy", folder);
    while (access(name, F_OK) == 0) usleep(1000);
    if (fstat(file, &status) != 0) return -1;
    result = syscall(SYS_fdatasync, file);
    snprintf(name, sizeof name, "%s/%lu", folder, (unsigned long) status.st_ino);
    note = open(name, O_WRONLY | O_CREAT, 0666);
    if (result != 0 || note < 0 || pwrite(note, &status.st_size, sizeof status.st_size, 0) < 0) _exit(99);
    close(note);
    return result;
}

ssize_t write(int file, const void *data, size_t length) {
    char name[4096];
    struct stat status;

    snprintf(name, sizeof name, "%s/full", getenv("DISK"));
    if (access(name, F_OK) == 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, file, data, length);
}
"""


class Disk:
    """The disk of a Redis that is started with `program`."""

    def __init__(self, folder):
        self.folder = folder
        library = compiled(folder / "disk.so", SOURCE)
        self.program = ("env", f"LD_PRELOAD={library}", f"DISK={folder}", "redis-server")

    def be_busy(self):
        """From now on, no flush ends."""
        (self.folder / "busy").touch()

    def be_fast(self):
        (self.folder / "busy").unlink(missing_ok=True)

    def be_full(self):
        """From now on, no write to a file succeeds."""
        (self.folder / "full").touch()

    def be_empty(self):
        (self.folder / "full").unlink(missing_ok=True)

    def lose_power(self, redis):
        """Cuts the append-only file of a Redis that has ended to what was flushed."""
        for path in redis.folder.glob("appendonlydir/*.incr.aof"):
            with path.open("r+b") as file:
                file.truncate(min(self.flushed(path.stat().st_ino), path.stat().st_size))

    def flushed(self, number):
        note = self.folder / str(number)
        return struct.unpack("l", note.read_bytes())[0] if note.exists() else 0
