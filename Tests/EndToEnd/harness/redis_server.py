"""A private Redis with an append-only file."""

import re
import socket
import subprocess

from harness import processes
from harness.polling import wait_until


# nginx's own message about a missing unix socket, while no server listens.
NO_SOCKET = r"\[crit\] .* connect\(\) to unix:.*/redis\.sock failed \(2: "


def quoted(word):
    return f'"{word}"'


# While this process holds them, the kernel assigns them to no other; servers that reuse addresses may listen there.
held_ports = []


def free_port():
    """A loopback port for a server of this test; tests that run at the same time get others."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    held_ports.append(holder)
    return holder.getsockname()[1]


class RedisServer:
    """Listens on a unix socket, or with `tcp` on a port of the loopback interface; with `tls`, a StoreTLS, also
    with TLS on another port."""

    def __init__(self, folder, tcp=False, options=(), login=(), program=("redis-server",), tls=None):
        self.folder = folder
        self.program = program
        self.port = free_port() if tcp else None
        self.tls = tls
        self.tls_port = free_port() if tls else None
        self.socket = folder / "redis.sock"
        self.options = options
        self.credentials = []
        self.process = None
        if login:
            self.authenticate(*login)
        folder.mkdir()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}" if self.port else f"unix:{self.socket}"

    @property
    def gateway_url(self):
        """Where gateways reach it: with TLS, if it speaks that."""
        return f"rediss://127.0.0.1:{self.tls_port}" if self.tls else self.url

    @property
    def place(self):
        """The address in what gateways log."""
        return re.sub("^rediss?://", "", self.gateway_url)

    def authenticate(self, user, password):
        """From now on, the tests' own commands run as this user."""
        self.credentials = ["--user", user, "--pass", password, "--no-auth-warning"]

    def start(self):
        address = ["--port", str(self.port or 0), "--bind", "127.0.0.1"]
        if not self.port:
            address += ["--unixsocket", str(self.socket), "--unixsocketperm", "777"]
        if self.tls:
            address += self.tls.options(self.tls_port)
        self.process = subprocess.Popen(
            [*self.program, *address, "--dir", str(self.folder), "--logfile", "redis.log"]
            + ["--appendonly", "yes", "--save", "", *self.options],
            stdin=subprocess.DEVNULL,
        )
        wait_until(self.answers, "Redis answers")
        return self

    def answers(self):
        assert self.process.poll() is None, f"Redis ended: {self.log()}"
        return self.run("PING").stdout == "PONG\n"

    def stop(self):
        if self.process:
            assert processes.stop(self.process), "Redis does not end"

    def end(self):
        """Ends whatever a test has left."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def kill(self):
        """Kills Redis once all that it holds is in its file: a busy disk delays that by up to two seconds."""
        wait_until(lambda: not self.statistic("aof_buffer_length"), "the append-only file is written")
        self.crash()

    def crash(self):
        """Kills Redis, whatever is not yet in its file."""
        self.process.kill()
        self.process.wait()

    def freeze(self):
        processes.freeze(self.process.pid)

    def thaw(self):
        processes.thaw(self.process.pid)

    def end_connections(self):
        """Disconnects all clients but the one that sends this command."""
        return int(self.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))

    def rewrite(self):
        """Rewrites the append-only file and the snapshot, and waits until no rewrite is running."""
        self.cli("BGREWRITEAOF")
        self.wait_for_rewrite()
        self.cli("SAVE")

    def wait_for_rewrite(self):
        wait_until(
            lambda: not self.statistic("aof_rewrite_in_progress") and not self.statistic("aof_rewrite_scheduled"),
            "the append-only file is rewritten",
        )

    @property
    def address(self):
        return ["-p", str(self.port)] if self.port else ["-s", str(self.socket)]

    def run(self, *command):
        return subprocess.run(
            ["redis-cli", *self.address, *self.credentials, *map(str, command)],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )

    def run_as(self, login, *command):
        """Runs a command with other options of redis-cli before it."""
        return self.run(*login, *command)

    def cli(self, *command):
        """What redis-cli prints for a command that must succeed."""
        result = self.run("-e", *command)
        assert result.returncode == 0, f"redis-cli {command[0]}: {result.stdout}{result.stderr}"
        return result.stdout.removesuffix("\n")

    def feed(self, commands):
        """Runs any number of commands at once."""
        text = "".join(" ".join(map(quoted, words)) + "\n" for words in commands)
        result = subprocess.run(
            ["redis-cli", *self.address, *self.credentials, "--pipe"], input=text, capture_output=True, text=True, timeout=600
        )
        assert result.returncode == 0 and "errors: 0," in result.stdout, result.stdout + result.stderr

    def hash(self, key):
        lines = self.cli("HGETALL", key).splitlines()
        return dict(zip(lines[::2], lines[1::2]))

    def calls(self, command):
        """How often a command was carried out."""
        stats = self.cli("INFO", "commandstats")
        found = re.search(rf"^cmdstat_{command}:calls=(\d+),", stats, re.MULTILINE)
        return int(found[1]) if found else 0

    def statistic(self, name):
        return int(re.search(rf"^{name}:(\d+)", self.cli("INFO", "all"), re.MULTILINE)[1])

    def terms(self):
        """The terms of all primaries, as the membership list names them."""
        return re.findall(r"^master_replid:(\w+)", self.cli("INFO", "replication"), re.MULTILINE)

    def clients(self):
        """The connections of all clients but redis-cli, as CLIENT LIST shows them."""
        lines = self.cli("CLIENT", "LIST").splitlines()
        return [line for line in lines if " cmd=client|list " not in line]

    def log(self):
        path = self.folder / "redis.log"
        return path.read_text() if path.exists() else ""
