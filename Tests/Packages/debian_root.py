"""A fresh Debian in namespaces of its own: files, processes, network. Nothing of it is left behind."""

import os
import pty
import shutil
import subprocess
import tempfile
from pathlib import Path

from booting import Boot, wait_for_systemd

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build/packages"
TARBALL = PACKAGES / "debian-12.tar"

# Stays as process 1 of the root, with a loopback interface, until it is ended.
INIT = """
set -eu
ip link set lo up
hostname debian
mount -t proc none "$1/proc"
mount -t sysfs none "$1/sys"
mount --bind /dev "$1/dev"
mount -t devpts -o newinstance,ptmxmode=0666 none "$1/dev/pts"
mount -t tmpfs none "$1/run"
mkdir -p "$1/run/lock"
echo ready
exec chroot "$1" sleep infinity
"""


VARIABLES = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8", "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
}


class DebianRoot:
    def __init__(self, tarball=TARBALL):
        self.folder = Path(tempfile.mkdtemp(prefix="latchkey-root-"))
        self.path = self.folder / "root"
        self.path.mkdir()
        subprocess.run(["tar", "-xf", tarball, "-C", self.path, "--exclude=./dev/*"], check=True, timeout=300)
        self.init = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--uts", "bash", "-c", INIT, "bash", self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        self.inner = self.path
        if self.init.stdout.readline() != "ready\n":
            self.close()
            raise AssertionError("the namespaces cannot be made")
        self.pid = children(self.init.pid)[0]
        self.copy_text("/etc/hosts", "127.0.0.1 localhost debian\n")
        self.must("useradd --create-home admin && useradd alice")
        self.copy_text("/etc/sudoers.d/admin", "Defaults env_keep += DEBIAN_FRONTEND\nadmin ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        self.copy_text("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n", mode=0o755)  # without systemd, packages start nothing otherwise

    def boot(self):
        """Starts the root once more, with systemd as process 1; returns False where that is not possible."""
        self.must("apt-get install --yes --no-install-recommends systemd systemd-sysv dbus")
        self.init.kill()
        self.init.wait()
        self.init = Boot(self.path)
        if not self.init.is_ready():
            return False
        self.inner = "/"
        self.pid = children(self.init.process.pid)[0]
        wait_for_systemd(self)
        return True

    def words(self, command, account):
        """The command line that runs a command in the root, without the network of the machine."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--uts", "chroot", str(self.inner),
                "runuser", "-u", account, "--", "bash", "-c", command]

    def run(self, command, account="root", folder="/", environment=()):
        """Runs a command in the root's shell as an account."""
        return subprocess.run(
            self.words(f"cd {folder} && {command}", account), env={**VARIABLES, **dict(environment)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
        )

    def must(self, command, account="root", **options):
        result = self.run(command, account, **options)
        assert result.returncode == 0, f"{command}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        return result.stdout

    def type(self, commands, account="root", folder="/"):
        """Types commands at a terminal; returns what was shown. Answers are yes, and the password of Redis' default user.

        A command that fails ends it, and fails the test: of `a && b`, and of a pipeline, each part.
        """
        self.copy_text("/tmp/typed", f"set -euo pipefail\ncd {folder}\n" + "".join(
            f"{command}[ $? = 0 ] || exit 1\n" for command in complete_commands(commands)))
        process, terminal = pty.fork()
        if process == 0:
            os.execvpe("nsenter", self.words("bash /tmp/typed", account), VARIABLES)
        shown = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the terminal was closed
                piece = b""
            if not piece:
                break
            shown += piece
            if shown.endswith(b"[y/N] "):
                os.write(terminal, b"y\n")
            elif shown.endswith(b"password: "):
                os.write(terminal, (self.path / "etc/latchkey/default.auth").read_bytes().split()[1] + b"\n")
        os.close(terminal)
        text = shown.decode(errors="replace").replace("\r\n", "\n")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0, f"{commands}\n{text[-4000:]}"
        return text

    def copy_text(self, target, text, mode=0o644):
        """Writes a file into the root."""
        place = self.path / target.lstrip("/")
        place.write_text(text)
        place.chmod(mode)

    def copy(self, source, target):
        """Copies a file or a folder to a path in the root."""
        place = self.path / str(target).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place)

    def close(self):
        self.init.kill()
        self.init.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def complete_commands(text):
    """The commands of a shell script, each with all its lines."""
    commands, begun = [], ""
    for line in text.splitlines(keepends=True):
        begun += line
        is_whole = subprocess.run(["bash", "-n"], input=begun, text=True, capture_output=True, timeout=60).returncode == 0
        if is_whole and not begun.endswith("\\\n"):
            commands.append(begun)
            begun = ""
    assert begun.strip() == "", f"not a whole command: {begun}"
    return commands


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_root():
    return os.getuid() == 0
