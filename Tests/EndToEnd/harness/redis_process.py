"""What Redis servers and sentinels of a store with several processes have in common."""

from harness import processes
from harness.redis_link import RedisLink


class RedisProcess:
    """A process with a unix socket, on which the tests' own commands reach it, whatever happens to the network.

    Whoever inherits this has `socket`, `login` (the user and password of these commands, or nothing), `listener`, `process` and `log()`.
    """

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def answers(self):
        assert self.process.poll() is None, f"Redis ended: {self.log()}"
        return self.try_ask("PING") == "PONG"

    def ask(self, *words, seconds=30):
        """A command on a connection of its own; its reply, or an OSError."""
        with RedisLink(self.socket, seconds, self.login) as link:
            return link.ask(*words)

    def try_ask(self, *words, seconds=0.5):
        """The reply, or `None` if there is none."""
        try:
            return self.ask(*words, seconds=seconds)
        except OSError:
            return None

    def freeze(self):
        processes.freeze(self.process.pid)

    def thaw(self):
        processes.thaw(self.process.pid)

    def end(self):
        """Ends whatever a test has left."""
        if self.is_running:
            self.process.kill()
            self.process.wait()
        self.listener.stop()
