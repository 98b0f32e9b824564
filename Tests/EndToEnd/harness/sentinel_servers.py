"""The servers and the sentinels of a SentinelStore."""

import secrets
import subprocess

from harness import processes
from harness.data_server import DataServer
from harness.listener import Listener, proxy_of
from harness.polling import wait_until
from harness.redis_link import pairs
from harness.redis_process import RedisProcess

NAME = "latchkey"

# Milliseconds between a sentinel's questions to a server, and between its words to others: 10,000 and 2,000 by default.
HASTE = ("info-period", 500, "publish-period", 250)


class WatchedServer(DataServer):
    """A server that sentinels watch: they change its file."""

    def join(self, primary=None, more=()):
        """Writes its file: it is a primary, or a replica of one."""
        replica = [f"replicaof 127.0.0.1 {primary.listener.port}"] if primary else []
        self.configure("replica-announce-ip 127.0.0.1", f"replica-announce-port {self.listener.port}", *more, *replica)


class Sentinel(RedisProcess):
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
        self.listener = Listener(proxy_of(proxied))
        self.id = secrets.token_hex(20)
        self.login = ()
        self.process = None

    def configure(self, primary, replicas, others, quorum, down_after, failover_timeout, more=()):
        """Writes the file of a sentinel that knows the others, as if they had met before."""
        self.config.write_text("\n".join([
            *self.listener.lines(self.secure), f"dir {self.folder}", "logfile sentinel.log",
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

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process:
            assert processes.stop(self.process), "the sentinel does not end"

    def log(self):
        path = self.folder / "sentinel.log"
        return path.read_text() if path.exists() else ""
