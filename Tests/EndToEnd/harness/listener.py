"""Where a server of a store listens, and where others reach it."""

from harness.redis_server import free_port
from harness.tcp_proxy import TCPProxy


class Listener:
    """A place on the loopback interface where a server listens, and where others reach it.

    proxy   what stands between, made from the two ports; nothing, if it is None
    """

    def __init__(self, proxy=None):
        self.listening = free_port()
        self.port = free_port() if proxy else self.listening
        self.proxy = proxy(self.port, self.listening) if proxy else None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        if self.proxy:
            self.proxy.start()

    def stop(self):
        if self.proxy:
            self.proxy.stop()

    def lines(self, tls):
        """The lines of a configuration file that make a server listen; with `tls`, a StoreTLS, on no other port."""
        if not tls:
            return [f"port {self.listening}", "bind 127.0.0.1"]
        return ["port 0", "bind 127.0.0.1", *lines_of(tls.options(self.listening)), "tls-replication yes"]


def proxy_of(proxied):
    """What `proxied` asks for: True is a network that can be parted, anything else makes a proxy by itself."""
    return TCPProxy if proxied is True else proxied or None


def lines_of(words):
    """The lines of a configuration file for options of a command line."""
    lines = []
    for word in map(str, words):
        if word.startswith("--"):
            lines.append(word[2:])
        else:
            lines[-1] += f" {word}" if word else ' ""'
    return lines
