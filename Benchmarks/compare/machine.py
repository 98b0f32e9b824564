"""What processes and the machine as a whole have used so far."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        for task in tasks(found[-1]):
            waiting += [int(child) for child in read(task / "children").split()]
    return found


def tasks(pid):
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return []


def read(path):
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cpu_seconds(pids):
    """Time on a processor, in user space and in the kernel, to the nanosecond."""
    spent = [read(task / "schedstat").split()[:1] for pid in pids for task in tasks(pid)]
    return sum(int(*each) for each in spent if each) / 1e9


def memory(pids, kind="Pss"):
    """Bytes of memory; Pss: pages that processes share count once, in parts."""
    texts = (read(Path(f"/proc/{pid}/smaps_rollup")) for pid in pids)
    return 1024 * sum(int(size) for text in texts for size in re.findall(rf"^{kind}: +(\d+) kB", text, re.MULTILINE))


@dataclass(frozen=True)
class Processors:
    """Seconds of all processors together since the machine was started."""

    busy: float
    stolen: float  # by other guests of the same host

    @staticmethod
    def now():
        fields = [int(field) / TICKS_A_SECOND for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        user, nice, system, idle, wait, irq, softirq, steal = fields[:8]
        return Processors(user + nice + system + irq + softirq, steal)

    def __sub__(self, other):
        return Processors(self.busy - other.busy, self.stolen - other.stolen)


def description():
    """The machine and the versions of what runs on it, for those who read the results."""
    model = re.search(r"^model name\s+: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    programs = (
        "nginx", "redis-server", "libnginx-mod-http-lua", "libnginx-mod-http-js", "haproxy", "caddy", "golang-go", "wrk"
    )
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "packages": package_versions(*programs),
    }


def package_versions(*names):
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${Version}\n", *names], capture_output=True, text=True
    )
    return dict(line.split() for line in shown.stdout.splitlines() if len(line.split()) == 2)
