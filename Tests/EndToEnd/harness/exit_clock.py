"""When a command had the store's reply to its change, and when it exited: by its own process, not by a test that is woken later."""

from harness.libraries import compiled

# Writes two times of CLOCK_MONOTONIC at exit: of the reply to the transaction, and of exit().
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static int asked = -1;
static double replied;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

ssize_t send(int socket, const void *bytes, size_t length, int flags) {
    static ssize_t (*real)(int, const void *, size_t, int);
    if (!real) real = dlsym(RTLD_NEXT, "send");
    if (replied == 0 && memmem(bytes, length, "\r\nEXEC\r\n", 8)) asked = socket;
    return real(socket, bytes, length, flags);
}

ssize_t recv(int socket, void *bytes, size_t length, int flags) {
    static ssize_t (*real)(int, void *, size_t, int);
    ssize_t count;
    if (!real) real = dlsym(RTLD_NEXT, "recv");
    count = real(socket, bytes, length, flags);
    if (socket == asked && count > 0) replied = now(), asked = -1;
    return count;
}

__attribute__((destructor)) static void note(void) {
    double exited = now();
    FILE *file = fopen(getenv("EXIT_CLOCK"), "w");
    if (!file) return;
    fprintf(file, "%.6f %.6f", replied, exited);
    fclose(file);
}
"""


class ExitClock:
    """Measures the commands of a `Latchkey` one at a time."""

    def __init__(self, folder, latchkey):
        self.path = folder / "exit-clock"
        library = compiled(folder / "exit-clock.so", SOURCE)
        latchkey.prefix = ("env", f"LD_PRELOAD={library}", f"EXIT_CLOCK={self.path}")

    def reply_to_exit(self):
        """Seconds from the reply to the last command's change to its exit."""
        replied, ended = map(float, self.path.read_text().split())
        return ended - replied
