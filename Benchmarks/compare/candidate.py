"""A way to check keys: a folder of Benchmarks/candidates, and what runs of it."""

import json
import shutil
import subprocess
import time
from pathlib import Path

from compare import BENCHMARKS, MADE, machine
from compare.keys import write_key_file
from compare.words import Words, with_parts
from harness import processes
from harness.artefacts import IS_ROOT, LIBRARY, MODULE, NGINX
from harness.polling import wait_until
from harness.redis_server import free_port

CANDIDATES = BENCHMARKS / "candidates"
START_SECONDS_MAX = 60

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# These have a master, which listens before those are there that answer.
WITH_MASTER = ("nginx", "haproxy")

REFUSED = {401, 403}
VALID_KINDS = ("valid", "hot")


class Candidate:
    """What the folder says."""

    def __init__(self, folder):
        said = json.loads((folder / "candidate.json").read_text())
        self.folder = folder
        self.name = folder.name
        self.label = said["label"]
        self.description = said["description"]
        self.checks = said.get("checks", True)
        self.is_control = said.get("control", False)
        self.lets_everybody_in = said.get("lets_everybody_in", not self.checks)
        self.form = said.get("keys", "peer")
        self.front = said.get("front", "nginx")
        self.side = said.get("side")
        self.key_file = said.get("key_file")
        self.revocation = said.get("revocation")
        self.revocation_seconds_max = said.get("revocation_seconds_max", 20)
        self.cached_for = said.get("cached_for")
        self.at_rest = said.get("at_rest", "")

    @property
    def keeps_keys(self):
        """Whether it answers faster with a key that it has seen."""
        return self.form == "latchkey" or self.cached_for is not None

    @property
    def is_reference(self):
        """Whether it is what all others are compared with: no check."""
        return not self.checks and not self.is_control

    @property
    def is_nginx(self):
        return self.front == "nginx"

    def lets_in(self, kind):
        """Whether a request with a key of a kind should be accepted."""
        return self.lets_everybody_in or kind in VALID_KINDS

    def notes_uses_of(self, kind):
        """Whether it writes down, a while later, that keys of a kind were used."""
        return self.form == "latchkey" and kind in VALID_KINDS


def all_candidates():
    return [Candidate(path.parent) for path in sorted(CANDIDATES.glob("*/candidate.json"))]


def chosen_candidates(names):
    """The candidates whose names begin with one of the words; all if there are none."""
    return [each for each in all_candidates() if not names or any(each.name.startswith(name) for name in names)]


class Process:
    """A program in the foreground, with what it says in a file."""

    def __init__(self, command, folder, name, environment=None):
        self.log = folder / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], cwd=folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    @property
    def pid(self):
        return self.process.pid

    def family(self):
        return machine.family(self.pid)

    def wait_for_port(self, port, seconds=START_SECONDS_MAX):
        def listens():
            assert self.process.poll() is None, f"{self.process.args[0]} ended: {self.log.read_text()[-500:]}"
            return is_listening(port)

        wait_until(listens, f"{self.process.args[0]} listens", seconds)

    def stop(self):
        others = self.family()[1:]
        if not processes.stop(self.process):
            for pid in filter(processes.is_alive, others):
                processes.kill(pid)


def free_ports(*names):
    """A port for each name, none of them twice."""
    return {name: free_port() for name in names}


def is_listening(port):
    """Whether somebody listens on a port of the loopback interface, without a connection that would be counted."""
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in lines)


class Running:
    """A candidate's processes: the front, which clients talk to, and its side process where it has one.

    With `workers=0`, nginx is one process, without a master.  `form` says whose keys clients send, where it does not
    matter; `suffix` is for a second one of the same.
    """

    def __init__(self, candidate, stack, workers=1, program=(NGINX,), settings="", form=None, suffix=""):
        self.candidate = candidate
        self.keys = stack.keys[form or candidate.form]
        self.names = stack.names
        self.folder = stack.run_folder / (candidate.name + suffix)
        self.program = program
        self.has_master = workers > 0
        self.settings = settings
        self.ports = free_ports("own", "upstream", "tls", "side")
        self.words = Words({
            **stack.words, **sizes(len(stack.names)),
            "FOLDER": self.folder, "WORKERS": max(1, workers), "MODULE": MODULE, "LIBRARY": LIBRARY,
            **{f"{name.upper()}_PORT": port for name, port in self.ports.items()},
        })
        self.side = self.front = None

    def start(self):
        """Starts all; notes how long it took until the front listened."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.write_files()
        if self.candidate.side:
            program = MADE / self.candidate.side
            self.side = Process(
                [program, "-listen", f"127.0.0.1:{self.ports['side']}", "-redis", self.words.words["REDIS_SOCKET"]],
                self.folder, "side",
            )
            self.side.wait_for_port(self.ports["side"])
        began = time.monotonic()
        self.front = Process(self.command(), self.folder, "front", {"HOME": str(self.folder), "PATH": SYSTEM_PATH})
        self.front.wait_for_port(self.ports["own"])
        if self.candidate.front in WITH_MASTER:
            wait_until(self.workers, "there are workers", START_SECONDS_MAX)
        self.start_seconds = time.monotonic() - began
        return self

    def stop(self):
        for process in filter(None, (self.front, self.side)):
            process.stop()

    def write_files(self):
        for path in self.candidate.folder.iterdir():
            (self.folder / path.name).write_text(self.words.put_into(path.read_text()))
        if self.candidate.is_nginx:
            text = with_parts((CANDIDATES / "nginx.conf").read_text(), self.candidate.folder)
            text = text.replace("    upstream api {", self.settings + "\n    upstream api {")
            (self.folder / "nginx.conf").write_text(self.words.put_into(text))
        self.write_keys(self.keys.valid)

    def write_keys(self, keys):
        """Writes the file of keys, where the candidate has one; without those that are `None`."""
        if self.candidate.key_file:
            known = [(key, name) for key, name in zip(keys, self.names) if key]
            path = self.folder / self.candidate.key_file["name"]
            write_key_file(path, self.candidate.key_file["format"], *zip(*known))

    def command(self):
        if self.candidate.front == "haproxy":
            return ["haproxy", "-W", "-db", "-f", "haproxy.cfg"]
        if self.candidate.front == "caddy":
            return ["caddy", "run", "--adapter", "caddyfile", "--config", "Caddyfile"]
        alone = () if self.has_master else ("-g", "master_process off;")
        return [*self.program, "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", f"{self.folder}/error.log", *alone]

    def workers(self):
        """The processes of nginx or HAProxy that answer."""
        family = self.front.family()
        return family[1:] if self.has_master else family

    def groups(self):
        """The processes whose use is counted, by their part in it."""
        return {"front": self.front.family(), "side": self.side.family() if self.side else []}


def sizes(count):
    """Sizes that fit a number of organizations."""
    return {
        "MAP_HASH_MAX_SIZE": max(262144, 3 * count),
        "L1_ENTRIES": max(1000, count * 3 // 2),
        "SHARED_DICT_SIZE": f"{max(64, count // 1500)}m",
    }


def user():
    return "user root;" if IS_ROOT else ""
