"""A Redis whose clock can be stepped while it runs."""

import struct

from harness.libraries import compiled

# Adds the number of seconds in a file to the time of day; the monotonic clock is left alone.
SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *step;

__attribute__((constructor)) static void map_step(void) {
    int file = open(getenv("CLOCK_STEP"), O_RDONLY);
    step = mmap(NULL, sizeof *step, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || step == MAP_FAILED) _exit(99);
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += *step;
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    int result = syscall(SYS_gettimeofday, time, zone);
    time->tv_sec += *step;
    return result;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
"""


class SteppedClock:
    """The clock of a Redis that is started with `program`."""

    def __init__(self, folder):
        self.step_file = folder / "step"
        self.step(0)
        library = compiled(folder / "clock.so", SOURCE)
        self.program = ("env", f"LD_PRELOAD={library}", f"CLOCK_STEP={self.step_file}", "redis-server")

    def step(self, seconds):
        """From now on, Redis' clock differs by this from the machine's."""
        with self.step_file.open("r+b" if self.step_file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))
