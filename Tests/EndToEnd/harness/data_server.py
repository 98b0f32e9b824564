"""A Redis with a configuration file of its own, as one of several servers of a store."""

import signal
import subprocess
from contextlib import suppress

from harness.listener import Listener, proxy_of
from harness.polling import wait_until
from harness.redis_link import fields
from harness.redis_process import RedisProcess
from harness.redis_server import RedisServer


class DataServer(RedisProcess, RedisServer):
    """Whoever looks after it changes its file: sentinels, or nobody."""

    def __init__(self, folder, number, options, login, program, tls, proxied):
        super().__init__(folder / f"server-{number}", options=options, login=login, program=program)
        self.number = number
        self.listener = Listener(proxy_of(proxied))
        self.secure = tls
        self.login = login
        self.config = self.folder / "redis.conf"

    @property
    def place(self):
        """Where gateways, sentinels and other servers reach it."""
        return self.listener.address

    def configure(self, *lines):
        """Writes the file of a server that has never run."""
        self.config.write_text("\n".join([
            *self.listener.lines(self.secure), f"dir {self.folder}", "logfile redis.log",
            f"unixsocket {self.socket}", "unixsocketperm 777", "appendonly yes", "appendfsync always", 'save ""',
            "repl-diskless-sync yes", "repl-diskless-sync-delay 0", "repl-backlog-ttl 0", *lines, "",
        ]))

    def launch(self):
        """Starts it, and does not wait."""
        self.listener.start()
        self.process = subprocess.Popen([*self.program, str(self.config), *map(str, self.options)], stdin=subprocess.DEVNULL)

    def start(self):
        self.launch()
        wait_until(self.answers, "Redis answers")
        return self

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

    def online_replicas(self):
        """How many replicas it has that are up to date."""
        told = self.replication()
        return sum(name.startswith("slave") and "state=online" in value for name, value in told.items())

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
