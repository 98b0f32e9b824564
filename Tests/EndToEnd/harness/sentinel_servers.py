"""The servers and the sentinels of a SentinelStore."""

import secrets
import signal
import subprocess
from contextlib import suppress

from harness import processes
from harness.polling import wait_until
from harness.redis_link import RedisLink, fields, pairs
from harness.redis_server import RedisServer, free_port
from harness.tcp_proxy import TCPProxy

NAME = "latchkey"

# Milliseconds between a sentinel's questions to a server, and between its words to others: 10,000 and 2,000 by default.
HASTE = ("info-period", 500, "publish-period", 250)


class Listener:
    """A place on the loopback interface where a server listens, and where others reach it: through a proxy, or not."""

    def __init__(self, proxied):
        self.listening = free_port()
        self.port = free_port() if proxied else self.listening
        self.proxy = TCPProxy(self.port, self.listening) if proxied else None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        if self.proxy and not self.proxy.process:
            self.proxy.start()

    def stop(self):
        if self.proxy:
            self.proxy.stop()


def lines_of(words):
    """The lines of a configuration file for options of a command line."""
    lines = []
    for word in map(str, words):
        if word.startswith("--"):
            lines.append(word[2:])
        else:
            lines[-1] += f" {word}" if word else ' ""'
    return lines


def ports(listener, tls, name):
    """The lines that make a server listen; with `tls` on no other port."""
    if not tls:
        return [f"port {listener.listening}"]
    return ["port 0", *lines_of(tls.options(listener.listening)), "tls-replication yes"]


class DataServer(RedisServer):
    """A Redis with a configuration file, which the sentinels change.

    The tests' own commands reach it on a unix socket, whatever happens to the network.
    """

    def __init__(self, folder, number, options, login, program, tls, proxied):
        super().__init__(folder / f"server-{number}", options=options, login=login, program=program)
        self.number = number
        self.listener = Listener(proxied)
        self.secure = tls
        self.login = login
        self.config = self.folder / "redis.conf"

    @property
    def place(self):
        """Where gateways, sentinels and replicas reach it."""
        return self.listener.address

    def configure(self, primary=None, more=()):
        """Writes the file of a server that has never run."""
        lines = [
            *ports(self.listener, self.secure, "server"), "bind 127.0.0.1", f"dir {self.folder}", "logfile redis.log",
            f"unixsocket {self.socket}", "unixsocketperm 777", "appendonly yes", "appendfsync always", 'save ""',
            "repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-backlog-ttl 0",
            "replica-announce-ip 127.0.0.1", f"replica-announce-port {self.listener.port}", *more,
        ]
        if primary:
            lines.append(f"replicaof 127.0.0.1 {primary.listener.port}")
        self.config.write_text("\n".join(lines) + "\n")

    def launch(self):
        """Starts it, and does not wait."""
        self.listener.start()
        self.process = subprocess.Popen([*self.program, str(self.config), *map(str, self.options)], stdin=subprocess.DEVNULL)

    def start(self):
        self.launch()
        wait_until(self.answers, "Redis answers")
        return self

    def answers(self):
        assert self.process.poll() is None, f"Redis ended: {self.log()}"
        return self.try_ask("PING") == "PONG"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, *words, seconds=2):
        """A command on a connection of its own; its reply, or an OSError."""
        with RedisLink(self.socket, seconds, self.login) as link:
            return link.ask(*words)

    def try_ask(self, *words, seconds=0.5):
        """The reply, or `None` if there is none."""
        try:
            return self.ask(*words, seconds=seconds)
        except OSError:
            return None

    def replication(self):
        """INFO replication; empty if it does not answer."""
        text = self.try_ask("INFO", "replication")
        return fields(text) if isinstance(text, str) else {}

    @property
    def is_primary(self):
        return self.replication().get("role") == "master"

    def is_linked_to(self, primary):
        """Whether it is an up to date replica."""
        told = self.replication()
        return told.get("master_link_status") == "up" and told.get("master_port") == str(primary.listener.port)

    def stop(self):
        """Stops it in order, which it refuses while it writes the file that a replica begins with."""
        def has_ended():
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            return self.process.poll() is not None

        if self.is_running:
            wait_until(has_ended, "Redis ends")

    def end(self):
        if self.is_running:
            self.process.kill()
            self.process.wait()
        self.listener.stop()


class Sentinel:
    """A sentinel, with a configuration file that outlives it, as it has to."""

    def __init__(self, folder, number, program, tls, proxied, is_hurried):
        self.folder = folder / f"sentinel-{number}"
        self.folder.mkdir()
        self.number = number
        self.program = program
        self.is_hurried = is_hurried
        self.secure = tls
        self.socket = self.folder / "sentinel.sock"
        self.config = self.folder / "sentinel.conf"
        self.listener = Listener(proxied)
        self.id = secrets.token_hex(20)
        self.login = ()
        self.process = None

    def configure(self, primary, replicas, others, quorum, down_after, failover_timeout, more=()):
        """Writes the file of a sentinel that knows the others, as if they had met before."""
        self.config.write_text("\n".join([
            *ports(self.listener, self.secure, "sentinel"), "bind 127.0.0.1", f"dir {self.folder}", "logfile sentinel.log",
            f"unixsocket {self.socket}", "unixsocketperm 777",
            f"sentinel myid {self.id}",
            "sentinel announce-ip 127.0.0.1", f"sentinel announce-port {self.listener.port}",
            f"sentinel monitor {NAME} 127.0.0.1 {primary.listener.port} {quorum}",
            f"sentinel down-after-milliseconds {NAME} {down_after}", f"sentinel failover-timeout {NAME} {failover_timeout}",
            *(f"sentinel known-replica {NAME} 127.0.0.1 {each.listener.port}" for each in replicas),
            *(f"sentinel known-sentinel {NAME} 127.0.0.1 {each.listener.port} {each.id}" for each in others),
            *more, "",
        ]))

    def launch(self):
        self.listener.start()
        self.process = subprocess.Popen([*self.program, str(self.config), "--sentinel"], stdin=subprocess.DEVNULL)

    def start(self):
        self.launch()
        wait_until(self.answers, "the sentinel answers")
        self.make_haste()
        return self

    def make_haste(self):
        """Makes it ask and tell more often, if it is to; one that is older than 7.0 refuses."""
        if self.is_hurried:
            self.ask("SENTINEL", "DEBUG", *HASTE)

    def answers(self):
        assert self.process.poll() is None, f"the sentinel ended: {self.log()}"
        return self.try_ask("PING") == "PONG"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, *words, seconds=2):
        with RedisLink(self.socket, seconds, self.login) as link:
            return link.ask(*words)

    def try_ask(self, *words, seconds=0.5):
        try:
            return self.ask(*words, seconds=seconds)
        except OSError:
            return None

    def named_port(self):
        """The port of the server that it names as the primary; `None` if it does not answer."""
        reply = self.try_ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
        return int(reply[1]) if isinstance(reply, list) else None

    def report(self):
        """What it knows of the primary."""
        reply = self.try_ask("SENTINEL", "MASTER", NAME)
        return pairs(reply) if isinstance(reply, list) else {}

    def reports_of(self, what):
        """What it knows of each replica, or each other sentinel: `replicas`, `sentinels`."""
        reply = self.try_ask("SENTINEL", what, NAME)
        return [pairs(each) for each in reply] if isinstance(reply, list) else []

    def freeze(self):
        processes.freeze(self.process.pid)

    def thaw(self):
        processes.thaw(self.process.pid)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process:
            assert processes.stop(self.process), "the sentinel does not end"

    def end(self):
        if self.is_running:
            self.process.kill()
            self.process.wait()
        self.listener.stop()

    def log(self):
        path = self.folder / "sentinel.log"
        return path.read_text() if path.exists() else ""
