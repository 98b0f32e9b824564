"""A Debian with systemd as its process 1, in namespaces and a control group of its own."""

import os
import subprocess
import time

# Becomes systemd; the group is there before its namespace is, so that systemd sees nothing above it.
BOOT = """
set -eu
mkdir -p "$2"
mount -t cgroup2 none "$2"
mkdir "$2/$3"
echo $$ > "$2/$3/cgroup.procs"
exec unshare --mount --pid --fork --kill-child --net --uts --ipc --cgroup bash -c '
    set -eu
    ip link set lo up
    hostname debian
    mount --bind "$1" "$1"
    cd "$1"
    mount -t proc none proc
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys  # the settings of the machine
    mount -t sysfs -o ro none sys
    mount -t cgroup2 none sys/fs/cgroup
    mount -t tmpfs -o mode=755 none run
    mount -t tmpfs -o mode=755 none dev
    mkdir run/lock dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
    mount -t tmpfs -o mode=1777 none dev/shm
    for device in null zero full random urandom tty; do cp -a "/dev/$device" dev; done
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    ln -s fd/0 dev/stdin
    ln -s fd/1 dev/stdout
    ln -s fd/2 dev/stderr
    pivot_root . mnt
    umount -l /mnt
    echo ready
    exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 /lib/systemd/systemd >/dev/null 2>&1
' bash "$1"
"""

# The group stays when its processes have ended.
REMOVE = """
mount -t cgroup2 none "$1"
for try in $(seq 100); do
    find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null && exit
    sleep 0.1
done
"""


class Boot:
    """The processes of a root that has been booted."""

    def __init__(self, root):
        self.groups = root.parent / "groups"
        self.name = f"latchkey-{root.parent.name}-{os.getpid()}"
        self.process = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", BOOT, "bash", root, self.groups, self.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )

    def is_ready(self):
        return self.process.stdout.readline() == "ready\n"

    def kill(self):
        self.process.kill()

    def wait(self):
        self.process.wait()
        subprocess.run(["unshare", "--mount", "bash", "-c", REMOVE, "bash", self.groups, self.name], check=False, timeout=60)


def wait_for_systemd(debian):
    """Returns when the units of the start have come up."""
    for _ in range(300):
        if debian.run("systemctl is-system-running").stdout.strip() in ("running", "degraded"):
            return
        time.sleep(0.2)
    raise AssertionError("systemd does not come up\n" + debian.run("systemctl list-jobs; systemctl --failed").stdout)
